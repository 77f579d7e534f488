use super::*;

const SIGNER: Address = Address::new([7; 20]);

fn asked(path: Path, query: &str) -> Result<Ask, Refusal> {
    parse(path, &Query::new(query), &SIGNER)
}

fn bound(path: Path, query: &str) -> Result<Binding, Refusal> {
    asked(path, query).map(|ask| ask.binding)
}

#[test]
fn bindings_follow_their_precedence_and_never_contradict() {
    use Binding::{DstackV1, DstackV2, JuratV1};
    for (path, query, binding) in [
        (Path::Bare, "", Ok(JuratV1)),
        (Path::V1, "", Ok(DstackV1)),
        (Path::V1, "version=2", Ok(DstackV2)),
        (Path::V1, "include_tls_fingerprint=true", Ok(DstackV2)),
        (Path::V1, "include_tls_fingerprint=false&model=a/b:c", Ok(DstackV1)),
        (Path::V1, "binding=jurat-v1", Ok(JuratV1)),
        (Path::Bare, "binding=dstack-v1", Ok(DstackV1)),
        (Path::Bare, "binding=dstack-v2&version=2&include_tls_fingerprint=true", Ok(DstackV2)),
        (Path::Bare, "binding=jurat-v1&version=2", Err(Refusal::BindingConflict)),
        (Path::V1, "version=1&include_tls_fingerprint=true", Err(Refusal::BindingConflict)),
        (Path::V1, "binding=jurat-v2", Err(Refusal::InvalidBinding)),
        (Path::V1, "binding=", Err(Refusal::InvalidBinding)),
    ] {
        assert_eq!(bound(path, query), binding, "{query}");
    }
}

#[test]
fn nonces_are_32_bytes_or_refused() {
    let hex = "aB".repeat(32);
    let nonce = Some(Nonce::new([0xab; 32]));
    assert_eq!(asked(Path::Bare, &format!("nonce={hex}")).unwrap().nonce, nonce);
    assert_eq!(asked(Path::Bare, &format!("model=x&nonce=0x{hex}")).unwrap().nonce, nonce);
    assert_eq!(asked(Path::Bare, "").unwrap().nonce, None);
    for bad in
        ["nonce=", "nonce=ab", &format!("nonce={hex}00"), "nonce=%zz", &format!("nonce={}", "zz".repeat(32))]
    {
        assert_eq!(asked(Path::Bare, bad), Err(Refusal::InvalidNonce), "{bad}");
    }
}

#[test]
fn another_signer_is_not_ours() {
    let ours = SIGNER.to_string();
    for query in [format!("signing_address={ours}"), format!("signing_address={}", ours[2..].to_uppercase())]
    {
        assert!(asked(Path::V1, &query).is_ok(), "{query}");
    }
    for query in [
        "signing_address=",
        "signing_address=0x00",
        "signing_address=0x0000000000000000000000000000000000000000",
    ] {
        assert_eq!(asked(Path::V1, query), Err(Refusal::SignerUnknown), "{query}");
    }
    assert_eq!(asked(Path::V1, "signing_algo=ed25519"), Err(Refusal::InvalidSigningAlgo));
}

#[test]
fn a_shared_report_is_written_once_until_it_changes() {
    let written = WrittenReports::default();
    let body: Arc<ReportBody> = Arc::new(serde_json::from_str(r#"{"report_age_seconds":0}"#).unwrap());
    let json = |body: &Arc<ReportBody>, form| written.json(Arc::clone(body), form).unwrap();
    let first = json(&body, EventLogForm::Text);
    assert_eq!(first.as_ptr(), json(&body, EventLogForm::Text).as_ptr());
    let _ = json(&body, EventLogForm::Array);
    let mut older = Arc::clone(&body);
    Arc::make_mut(&mut older).report_age_seconds = Some(1);
    let second = json(&older, EventLogForm::Text);
    assert!(String::from_utf8_lossy(&second).contains(r#""report_age_seconds":1"#));
    assert_eq!(written.0.borrow().len(), 2, "one a form");
}

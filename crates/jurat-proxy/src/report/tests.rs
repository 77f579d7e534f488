use super::*;

const SIGNER: Address = Address::new([7; 20]);
const CLAIMS: Digest = Digest::new([8; 32]);

fn asked(path: Path, query: &str) -> Result<Ask, Refusal> {
    parse(path, &Query::new(query), &(SIGNER, CLAIMS))
}

fn bound(path: Path, query: &str) -> Result<Binding, Refusal> {
    asked(path, query).map(|ask| match ask.of {
        Of::Now { binding, .. } => binding,
        Of::Then { .. } => panic!("{query}: not the live report"),
    })
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
    let live = |nonce| Of::Now { binding: Binding::JuratV1, nonce };
    assert_eq!(asked(Path::Bare, &format!("nonce={hex}")).unwrap().of, live(nonce));
    assert_eq!(asked(Path::Bare, &format!("model=x&nonce=0x{hex}")).unwrap().of, live(nonce));
    assert_eq!(asked(Path::Bare, "").unwrap().of, live(None));
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
    for query in ["signing_address=", "signing_address=0x00"] {
        assert_eq!(asked(Path::V1, query), Err(Refusal::SignerUnknown), "{query}");
    }
    assert_eq!(asked(Path::V1, "signing_algo=ed25519"), Err(Refusal::InvalidSigningAlgo));
}

#[test]
fn the_past_is_asked_for_by_signer_or_claims_and_answers_no_challenge() {
    let other = Address::new([9; 20]);
    let then = |query: &str| asked(Path::V1, query).map(|ask| ask.of);
    assert_eq!(
        then(&format!("signing_address={other}")),
        Ok(Of::Then { key: ReportKey::Signer(other), signer: Some(other) })
    );
    let claims = Digest::new([1; 32]);
    for query in [format!("claims_hash={claims}"), format!("claims_hash=0x{claims}&binding=jurat-v1")] {
        assert_eq!(then(&query), Ok(Of::Then { key: ReportKey::Claims(claims), signer: None }));
    }
    assert!(matches!(
        then(&format!("claims_hash={CLAIMS}&signing_address={SIGNER}")),
        Ok(Of::Now { binding: Binding::DstackV1, nonce: None })
    ));
    let nonce = "ab".repeat(32);
    for query in [
        format!("signing_address={other}&nonce={nonce}"),
        format!("signing_address={other}&binding=dstack-v1"),
        format!("claims_hash={claims}&version=2"),
    ] {
        assert_eq!(then(&query), Err(Refusal::SignerUnknown), "{query}");
    }
    assert_eq!(then("claims_hash=00"), Err(Refusal::InvalidClaimsHash));
}

fn report(age: u64) -> Arc<ReportBody> {
    let json = format!(r#"{{"event_log":"[1]","report_age_seconds":{age}}}"#);
    Arc::new(serde_json::from_str(&json).unwrap())
}

#[test]
fn a_shared_report_is_written_once() {
    let prepared = Prepared::default();
    let young = report(0);
    let text = prepared.bytes(&young, EventLogForm::Text).unwrap();
    assert_eq!(text, render(&young, EventLogForm::Text).unwrap());
    assert_eq!(prepared.bytes(&young, EventLogForm::Text).unwrap().as_ptr(), text.as_ptr(), "the same bytes");
    let array = prepared.bytes(&young, EventLogForm::Array).unwrap();
    assert_eq!(array, render(&young, EventLogForm::Array).unwrap());
    assert_ne!(array, text);
    for age in 1..20 {
        let older = report(age);
        assert_eq!(
            prepared.bytes(&older, EventLogForm::Text).unwrap(),
            render(&older, EventLogForm::Text).unwrap()
        );
    }
    assert_ne!(
        prepared.bytes(&young, EventLogForm::Text).unwrap().as_ptr(),
        text.as_ptr(),
        "it was given up"
    );
}

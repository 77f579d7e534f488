use super::*;
use crate::samples::nanogpt_payload;

#[test]
fn a_genuine_report_names_its_manifests() {
    let Some(payload) = nanogpt_payload() else { return };
    let wanted = WantedOfNvidia::of(&payload);
    let names: Vec<_> = wanted.rims.iter().map(RimId::as_str).collect();
    assert_eq!(names, ["NV_GPU_DRIVER_GH100_570.172.08", "NV_GPU_VBIOS_G520_0280_895_9600D00003"]);
    assert_eq!(wanted.certificates.len(), 4, "each certificate but the root's");
}

#[test]
fn names_can_do_no_harm_in_a_path() {
    for text in ["", "../up", "a b", "a/b", "a?b", "ä", "a\0", &"A".repeat(129)] {
        assert_eq!(RimId::new(text.to_owned()), None, "{text:?}");
    }
    assert!(RimId::new("NV_GPU_DRIVER_GH100_570.172.08".into()).is_some());
}

#[test]
fn what_is_not_legible_asks_for_nothing() {
    for payload in ["", "{}", "nonsense", r#"{"nonce":"","evidence_list":[]}"#] {
        let wanted = WantedOfNvidia::of(payload);
        assert!(!wanted.evidence && wanted.rims.is_empty() && wanted.certificates.is_empty(), "{payload}");
    }
    let junk = format!(
        r#"{{"nonce":"{}","evidence_list":[{{"certificate":"AAAA","evidence":"AAAA"}}]}}"#,
        "00".repeat(32)
    );
    let wanted = WantedOfNvidia::of(&junk);
    assert!(wanted.evidence && wanted.rims.is_empty() && wanted.certificates.is_empty());
}

/// serde would take them by their order.
#[test]
fn answers_are_objects() {
    assert_eq!(read_rim_answer(br#"{"id":"x","rim":"eA=="}"#), Ok("x".to_owned()));
    assert!(matches!(read_rim_answer(br#"["eA=="]"#), Err(RimAnswerError::Json(_))));
    let eat = br#"[["JWT","a.b.c"],{"GPU-0":"a.b.c"}]"#;
    assert!(nras_shape(eat, br#"{"keys":[]}"#).is_ok());
    assert!(nras_shape(eat, b"[[]]").is_err());
    assert!(nras_shape(b"{}", br#"{"keys":[]}"#).is_err());
}

#[test]
fn a_request_is_der() {
    let question =
        CertificateQuestion { cert_id: tlv(SEQUENCE, &[SHA384.to_vec(), tlv(INTEGER, &[7])].concat()) };
    let request = question.request(&[9; 32]);
    der::asn1::AnyRef::from_der(&request).expect("one value, of the length that it says");
    let nonce_at = request.len() - 34;
    assert_eq!(&request[nonce_at..nonce_at + 2], [OCTET_STRING, 32]);
    assert_eq!(tlv(OCTET_STRING, &[0; 200])[..3], [OCTET_STRING, 0x81, 200]);
    assert_eq!(tlv(OCTET_STRING, &[0; 300])[..4], [OCTET_STRING, 0x82, 1, 44]);
}

use super::*;

#[test]
fn names_read_back_and_are_listed_once() {
    for (at, id) in CheckId::ALL.iter().enumerate() {
        assert_eq!(id.as_str().parse(), Ok(*id));
        assert_eq!(serde_json::to_string(id).unwrap(), format!("\"{id}\""));
        assert!(!CheckId::ALL[..at].contains(id));
    }
    assert_eq!("tdx".parse::<CheckId>(), Err(UnknownCheck));
    assert!(CheckId::ReceiptEnd.is_about_receipts() && !CheckId::GpuNras.is_about_receipts());
}

#[test]
fn each_check_has_its_anchor_in_the_manual() {
    let manual = include_str!("../../../../docs/verify.md");
    for id in CheckId::ALL {
        let anchor = format!("<a id=\"{id}\"></a>");
        assert_eq!(manual.matches(&anchor).count(), 1, "{anchor}");
    }
    assert_eq!(manual.matches("<a id=").count(), CheckId::ALL.len());
}

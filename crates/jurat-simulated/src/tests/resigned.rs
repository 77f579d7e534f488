use jurat_attest::{GpuEvidence, GpuProvider};
use jurat_proto::Nonce;

use super::quoted;
use crate::{MintError, QuoteForm};

const ENCLAVE_REPORT: usize = 770;

#[test]
fn what_was_not_edited_is_signed_as_it_was() {
    for form in [QuoteForm::V4, QuoteForm::V5, QuoteForm::V5Td15] {
        let (tee, quote) = quoted(|blueprint| blueprint.quote = form);
        let mut again = quote.clone();
        tee.resign_quote(&mut again).unwrap();
        tee.resign_enclave_report(&mut again).unwrap();
        assert_eq!(again, quote, "{form:?}: signatures are deterministic");
    }
    let (tee, _) = quoted(|_| ());
    let gpus = tee.gpu_provider().evidence(&Nonce::new([1; 32])).unwrap();
    let [GpuEvidence { report, .. }] = gpus.as_slice() else { panic!("one GPU") };
    let mut again = report.clone();
    tee.resign_gpu_report(0, &mut again).unwrap();
    assert_eq!(again, *report);
}

#[test]
fn an_edit_changes_its_own_signature_and_no_other() {
    let (tee, quote) = quoted(|_| ());
    let mut edited = quote.clone();
    edited[184] ^= 1;
    tee.resign_quote(&mut edited).unwrap();
    assert_ne!(edited[636..700], quote[636..700]);
    assert_eq!(edited[700..], quote[700..]);

    let mut edited = quote.clone();
    edited[ENCLAVE_REPORT] ^= 1;
    tee.resign_enclave_report(&mut edited).unwrap();
    assert_eq!(edited[..ENCLAVE_REPORT], quote[..ENCLAVE_REPORT]);
    assert_ne!(edited[ENCLAVE_REPORT + 384..][..64], quote[ENCLAVE_REPORT + 384..][..64]);
    assert_eq!(edited[ENCLAVE_REPORT + 448..], quote[ENCLAVE_REPORT + 448..]);
}

#[test]
fn what_is_too_short_is_not_signed() {
    let (tee, quote) = quoted(|_| ());
    for length in [0, 48, 632, 1100] {
        let mut cut = quote[..length].to_vec();
        assert!(matches!(tee.resign_enclave_report(&mut cut), Err(MintError::Encoding { .. })), "{length}");
    }
    assert!(tee.resign_quote(&mut quote[..640].to_vec()).is_err());
    assert!(tee.resign_gpu_report(0, &mut [0; 95]).is_err());
    assert!(tee.resign_gpu_report(1, &mut [0; 200]).is_err());
}

//! Over responses of the look-alike responder, altered: what is read is not yet believed, so no signature need hold.

use std::num::NonZeroU32;

use der::Encode;
use jurat_attest::GpuProvider as _;
use jurat_proto::Nonce;
use jurat_simulated::{Blueprint, Ocsp};
use x509_cert::ext::Extension;

use super::*;
use crate::{Roots, gpu::certificates, roots};

const NOW: UnixSeconds = UnixSeconds(1_790_000_000);

/// About a certificate above a GPU's own.
fn response() -> Vec<u8> {
    let tee = Blueprint::new(NOW, NonZeroU32::MIN).mint().unwrap();
    let all = tee.ocsp(Ocsp::Good).unwrap();
    all.into_iter().find(|der| Response::read(der).unwrap().is_some()).unwrap()
}

fn basic(der: &[u8]) -> BasicResponse {
    let body = OcspResponse::from_der(der).unwrap().body.unwrap();
    BasicResponse::from_der(body.response.as_bytes()).unwrap()
}

fn edited(der: &[u8], edit: impl FnOnce(&mut BasicResponse)) -> Vec<u8> {
    let mut outer = OcspResponse::from_der(der).unwrap();
    let mut inner = basic(der);
    edit(&mut inner);
    let response = OctetString::new(inner.to_der().unwrap()).unwrap();
    outer.body = Some(ResponseBytes { kind: BASIC, response });
    outer.to_der().unwrap()
}

pub(in crate::gpu::ocsp) fn without_certificates(der: &[u8]) -> Vec<u8> {
    edited(der, |basic| basic.certificates = None)
}

fn error(der: &[u8]) -> ResponseError {
    Response::read(der).err().unwrap()
}

#[test]
fn answers_and_certificates_are_bounded() {
    let whole = response();
    let answers = |count: usize| {
        edited(&whole, |basic_| {
            basic_.data.answers = (0..count).map(|_| basic(&whole).data.answers.remove(0)).collect();
        })
    };
    assert_eq!(Response::read(&answers(8)).unwrap().unwrap().answers.len(), 8);
    assert_eq!(error(&answers(9)), ResponseError::Answers);
    let certificates = |count: usize| {
        edited(&whole, |basic| {
            let one = basic.certificates.take().unwrap().remove(0);
            basic.certificates = Some(vec![one; count]);
        })
    };
    assert_eq!(Response::read(&certificates(4)).unwrap().unwrap().certificates.len(), 4);
    assert_eq!(error(&certificates(5)), ResponseError::Certificates);
}

#[test]
fn what_is_no_basic_response_is_refused() {
    let whole = response();
    for (status, said) in [(1_u8, false), (6, false), (0, true)] {
        let mut outer = OcspResponse::from_der(&whole).unwrap();
        outer.status = OcspStatus::from_der(&[0x0a, 1, status]).unwrap();
        assert_eq!(Response::read(&outer.to_der().unwrap()).unwrap().is_some(), said, "status {status}");
    }
    let mut outer = OcspResponse::from_der(&whole).unwrap();
    outer.body.as_mut().unwrap().kind = NONCE;
    assert_eq!(error(&outer.to_der().unwrap()), ResponseError::Kind);
    assert!(matches!(error(&vec![0x30; 64 << 10]), ResponseError::Der(_)));
    assert_eq!(error(&vec![0x30; (64 << 10) + 1]), ResponseError::TooLong);
}

fn extension(id: ObjectIdentifier, critical: bool, value: &[u8]) -> Extension {
    let value = OctetString::new(value).unwrap().to_der().unwrap();
    Extension { extn_id: id, critical, extn_value: OctetString::new(value).unwrap() }
}

#[test]
fn critical_extensions_are_known_or_refused() {
    let whole = response();
    for (id, critical, fits) in [(NONCE, true, true), (SHA256, false, true), (SHA256, true, false)] {
        let overall = edited(&whole, |basic| {
            basic.data.extensions = Some(vec![extension(id, critical, &[7])]);
        });
        let single = edited(&whole, |basic| {
            basic.data.answers[0].extensions = Some(vec![extension(id, critical, &[7])]);
        });
        for der in [overall, single] {
            match Response::read(&der) {
                Ok(response) => assert!(fits && response.is_some()),
                Err(error) => assert!(!fits && error == ResponseError::Critical(id), "{error}"),
            }
        }
    }
}

fn at(seconds: u64) -> GeneralizedTime {
    GeneralizedTime::from_unix_duration(std::time::Duration::from_secs(seconds)).unwrap()
}

#[test]
fn a_window_is_that_of_every_answer() {
    let whole = response();
    let window = |times: &[(u64, Option<u64>)]| {
        let der = edited(&whole, |basic_| {
            let one = |(this, next): &(u64, Option<u64>)| {
                let mut single = basic(&whole).data.answers.remove(0);
                (single.this_update, single.next_update) = (at(*this), next.map(at));
                single
            };
            basic_.data.answers = times.iter().map(one).collect();
        });
        ocsp_window(&der, None).unwrap().map(|window| (window.start().0, window.end().0))
    };
    assert_eq!(window(&[(1_000, Some(9_000))]), Some((700, 9_000)));
    assert_eq!(window(&[(1_000, Some(9_000)), (2_000, Some(8_000)), (1_500, None)]), Some((1_700, 8_000)));
    assert_eq!(window(&[(200, None)]), Some((0, 0)), "of no end it holds never");
    assert_eq!(window(&[]), Some((0, 0)));
    assert_eq!(ocsp_window(&[0x30, 0x03, 0x0a, 0x01, 0x06], None), Ok(None), "nobody answered");
    assert!(matches!(ocsp_window(&[1], None), Err(OcspAnswerError::Illegible(_))));
}

#[test]
fn an_answer_repeats_the_nonce_of_its_request() {
    let whole = response();
    let named = edited(&whole, |basic| {
        basic.data.extensions = Some(vec![extension(SHA256, false, &[9]), extension(NONCE, false, &[7; 32])]);
    });
    assert!(ocsp_window(&named, Some(&[7; 32])).unwrap().is_some());
    assert_eq!(ocsp_window(&named, Some(&[8; 32])), Err(OcspAnswerError::Nonce));
    assert_eq!(ocsp_window(&whole, Some(&[7; 32])), Err(OcspAnswerError::Nonce));
    assert!(ocsp_window(&named, None).unwrap().is_some());
}

#[test]
fn an_answer_is_about_one_certificate() {
    let tee = Blueprint::new(NOW, NonZeroU32::MIN).mint().unwrap();
    let pem = tee.gpu_provider().evidence(&Nonce::new([1; 32])).unwrap().remove(0).certificate_chain;
    let chain = certificates::verify(&pem, &roots::nvidia(Roots::Simulated), NOW).unwrap();
    let (certificate, issuer) = (chain.certificate(1).unwrap(), chain.certificate(2).unwrap());
    let tbs = issuer.tbs_certificate();
    let (name, key) = (tbs.subject().to_der().unwrap(), tbs.subject_public_key_info());
    let key = key.subject_public_key.raw_bytes();
    let id = |oid: ObjectIdentifier, name: &[u8], key: &[u8]| CertId {
        algorithm: AlgorithmIdentifierOwned { oid, parameters: None },
        issuer_name: OctetString::new(name).unwrap(),
        issuer_key: OctetString::new(key).unwrap(),
        serial_number: certificate.tbs_certificate().serial_number().clone(),
    };
    let single = |id| SingleResponse {
        id,
        status: CertStatus::Good(Null),
        this_update: at(1_000),
        next_update: Some(at(2_000)),
        extensions: None,
    };
    let sha384 = id(SHA384, &Sha384::digest(&name), &Sha384::digest(key));
    let sha256 = id(SHA256, &Sha256::digest(&name), &Sha256::digest(key));
    for id in [sha384, sha256] {
        let single = single(id);
        assert!(single.is_about(certificate, issuer));
        // another certificate of the same issuer's name and key, another issuer of the same certificate
        assert!(!single.is_about(&chain.leaf, issuer) && !single.is_about(certificate, &chain.leaf));
    }
    for other in [
        id(SHA256, &Sha384::digest(&name), &Sha384::digest(key)),
        id(NONCE, &Sha384::digest(&name), &Sha384::digest(key)),
        id(SHA384, &Sha384::digest([]), &Sha384::digest(key)),
        id(SHA384, &Sha384::digest(&name), &Sha384::digest([])),
    ] {
        assert!(!single(other).is_about(certificate, issuer));
    }

    let mut single = single(id(SHA384, &[], &[]));
    let current = |single: &SingleResponse, now| single.is_current(UnixSeconds(now));
    assert!(current(&single, 700) && current(&single, 2_000));
    assert!(!current(&single, 699) && !current(&single, 2_001));
    single.next_update = None;
    assert!(!current(&single, 1_500), "it does not say until when");
}

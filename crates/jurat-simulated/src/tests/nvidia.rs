use std::num::NonZeroU32;

use der::{Decode, DecodePem, Encode};
use jurat_attest::{GpuArchitecture, GpuEvidence, GpuProvider};
use jurat_proto::{Nonce, sha256};
use p384::ecdsa::{DerSignature, Signature, VerifyingKey, signature::Verifier};
use x509_cert::{Certificate, ext::pkix::BasicConstraints};

use super::{NOW, blueprint};
use crate::{Blueprint, GpuChain, GpuFirmware, GpuNonce, NVIDIA_ROOT_PEM, ProtectedPcie, Roots};

const NONCE: Nonce = Nonce::new([0x42; 32]);

fn evidence(change: impl FnOnce(&mut Blueprint)) -> Vec<GpuEvidence> {
    let mut blueprint = blueprint();
    change(&mut blueprint);
    blueprint.mint().unwrap().gpu_provider().evidence(&NONCE).unwrap()
}

fn certificates(evidence: &GpuEvidence) -> Vec<Certificate> {
    Certificate::load_pem_chain(&evidence.certificate_chain).unwrap()
}

fn key(certificate: &Certificate) -> VerifyingKey {
    let spki = certificate.tbs_certificate().subject_public_key_info();
    VerifyingKey::from_sec1_bytes(spki.subject_public_key.raw_bytes()).unwrap()
}

/// The leaf's key, if every certificate is signed by the next one and the last is `root`.
fn verified_leaf(chain: &[Certificate], root: &Certificate) -> Option<VerifyingKey> {
    for (at, certificate) in chain.iter().enumerate() {
        let issuer = chain.get(at + 1).unwrap_or(certificate);
        let (tbs, above) = (certificate.tbs_certificate(), issuer.tbs_certificate());
        let signature = DerSignature::from_der(certificate.signature().raw_bytes()).ok()?;
        key(issuer).verify(&tbs.to_der().ok()?, &signature).ok()?;
        let (_, constraints) = tbs.get_extension::<BasicConstraints>().ok()??;
        let known = tbs.issuer() == above.subject() && constraints.ca == (at > 0);
        known.then_some(())?;
    }
    (chain.last() == Some(root)).then(|| key(&chain[0]))
}

fn fixed_root() -> Certificate {
    Certificate::from_pem(NVIDIA_ROOT_PEM).unwrap()
}

/// What lies where in a report, by DSP0274 1.1 and the shape that Hopper sends.
struct Reading<'a> {
    nonce: &'a [u8],
    blocks: Vec<&'a [u8]>,
    responder_nonce: &'a [u8],
    opaque: Vec<(u16, &'a [u8])>,
    signed: &'a [u8],
    signature: Signature,
}

fn read(report: &[u8]) -> Reading<'_> {
    assert_eq!(report[..4], [0x11, 0xe0, 0x01, 0xff]);
    assert_eq!(report[36..43], [0, 0x11, 0x60, 0, 0, 64, 0xc0]);
    assert_eq!(report[43..45], [0x0d, 0], "64 blocks of 55 bytes");
    let (record, rest) = report[45..].split_at(64 * 55);
    let (responder_nonce, rest) = rest.split_at(32);
    let length = usize::from(u16::from_le_bytes([rest[0], rest[1]]));
    let (mut members, signature) = rest[2..].split_at(length);
    let mut opaque = Vec::new();
    while !members.is_empty() {
        let tag = u16::from_le_bytes([members[0], members[1]]);
        let length = usize::from(u16::from_le_bytes([members[2], members[3]]));
        opaque.push((tag, &members[4..4 + length]));
        members = &members[4 + length..];
    }
    Reading {
        nonce: &report[4..36],
        blocks: record.chunks(55).collect(),
        responder_nonce,
        opaque,
        signed: &report[..report.len() - 96],
        signature: Signature::from_slice(signature).unwrap(),
    }
}

fn member<'a>(reading: &Reading<'a>, tag: u16) -> Option<&'a [u8]> {
    reading.opaque.iter().find(|(at, _)| *at == tag).map(|(_, value)| *value)
}

#[test]
fn every_gpu_signs_the_nonce_under_the_fixed_root() {
    let gpus = evidence(|blueprint| blueprint.gpus = NonZeroU32::new(3).unwrap());
    assert_eq!(gpus.len(), 3);
    let mut serials = Vec::new();
    let mut responder_nonces = Vec::new();
    for gpu in &gpus {
        assert_eq!(gpu.architecture, GpuArchitecture::Hopper);
        assert!(!gpu.certificate_chain.contains(&0));
        let chain = certificates(gpu);
        assert_eq!(chain.len(), 5);
        let reading = read(&gpu.report);
        verified_leaf(&chain, &fixed_root()).unwrap().verify(reading.signed, &reading.signature).unwrap();
        assert_eq!(reading.nonce, NONCE.as_bytes());
        for certificate in &chain {
            let subject = certificate.tbs_certificate().subject().to_string();
            assert!(subject.contains("SIMULATED - NOT NVIDIA"), "{subject}");
        }
        serials.push(chain[0].tbs_certificate().serial_number().clone());
        responder_nonces.push(reading.responder_nonce);
    }
    for list in [serials.iter().map(|serial| serial.as_bytes()).collect::<Vec<_>>(), responder_nonces] {
        assert!(list[0] != list[1] && list[1] != list[2] && list[0] != list[2]);
    }
}

#[test]
fn a_report_has_the_shape_of_hoppers() {
    let gpus = evidence(|_| ());
    // as long as the report of a real H100 under a driver with a version of ten characters
    assert_eq!(gpus[0].report.len(), 4118);
    let reading = read(&gpus[0].report);
    for (at, block) in reading.blocks.iter().enumerate() {
        assert_eq!(block[..7], [at as u8 + 1, 1, 51, 0, 1, 48, 0]);
        assert!(block[7..].starts_with(b"SIMULATED - NOT NVIDIA"));
    }
    let tags: Vec<_> = reading.opaque.iter().map(|(tag, _)| *tag).collect();
    assert_eq!(tags, [6, 14, 15, 16, 17, 18, 19, 3, 4, 12, 13, 11, 20, 21]);
    assert_eq!(member(&reading, 3), Some(&b"000.000.00\0"[..]));
    assert_eq!(member(&reading, 21), Some(&[0x55][..]));

    let chain = certificates(&gpus[0]);
    let leaf = chain[0].tbs_certificate();
    let firmware = leaf
        .extensions()
        .unwrap()
        .iter()
        .find(|extension| extension.extn_id.to_string() == "2.23.133.5.4.1")
        .unwrap();
    assert!(firmware.extn_value.as_bytes().ends_with(member(&reading, 20).unwrap()));
    assert!(leaf.subject().to_string().contains("CN=GH100 A01 GSP FMC LF"));
}

#[test]
fn a_flipped_bit_anywhere_in_a_report_breaks_its_signature() {
    let gpus = evidence(|_| ());
    let key = verified_leaf(&certificates(&gpus[0]), &fixed_root()).unwrap();
    let end = gpus[0].report.len() - 96;
    let signature = Signature::from_slice(&gpus[0].report[end..]).unwrap();
    for at in (0..end).step_by(97) {
        let mut signed = gpus[0].report[..end].to_vec();
        signed[at] ^= 1 << (at % 8);
        assert!(key.verify(&signed, &signature).is_err(), "byte {at}");
    }
}

#[test]
fn each_deviation_shows() {
    let other = Nonce::new([0x43; 32]);
    let gpus = evidence(|blueprint| blueprint.gpu_nonce = GpuNonce::Other(other));
    let reading = read(&gpus[0].report);
    assert_eq!(reading.nonce, other.as_bytes());
    verified_leaf(&certificates(&gpus[0]), &fixed_root())
        .unwrap()
        .verify(reading.signed, &reading.signature)
        .unwrap();

    let gpus = evidence(|blueprint| blueprint.gpu_chain = GpuChain::Strangers);
    let reading = read(&gpus[0].report);
    let strangers = verified_leaf(&certificates(&gpus[0]), &fixed_root()).unwrap();
    assert!(strangers.verify(reading.signed, &reading.signature).is_err());

    let gpus = evidence(|blueprint| blueprint.gpu_firmware = GpuFirmware::Other);
    assert_eq!(member(&read(&gpus[0].report), 20), Some(&[0xe8; 48][..]));
    let gpus = evidence(|blueprint| blueprint.gpu_firmware = GpuFirmware::Unnamed);
    assert_eq!(member(&read(&gpus[0].report), 20), None);

    let gpus = evidence(|blueprint| blueprint.protected_pcie = ProtectedPcie::On);
    assert_eq!(member(&read(&gpus[0].report), 21), Some(&[0xaa][..]));

    let gpus = evidence(|blueprint| blueprint.gpus_valid_until = Some(NOW));
    let end = certificates(&gpus[0])[0].tbs_certificate().validity().not_after;
    assert_eq!(end.to_unix_duration().as_secs(), NOW.0);
}

#[test]
fn an_impostor_of_the_same_name_is_not_under_the_fixed_root() {
    let mut impostor = blueprint();
    impostor.roots = Roots::Fresh;
    let tee = impostor.mint().unwrap();
    let gpus = tee.gpu_provider().evidence(&NONCE).unwrap();
    let chain = certificates(&gpus[0]);
    assert!(verified_leaf(&chain, &fixed_root()).is_none());
    let own = Certificate::from_der(tee.nvidia_root_der()).unwrap();
    assert!(verified_leaf(&chain, &own).is_some());
    let spki = own.tbs_certificate().subject_public_key_info().to_der().unwrap();
    assert_eq!(tee.nvidia_root_spki_sha256(), sha256(&spki));
}

#[test]
fn the_count_is_that_of_the_evidence() {
    let mut provider = Blueprint::new(NOW, NonZeroU32::new(8).unwrap()).mint().unwrap().gpu_provider();
    assert_eq!(provider.count().unwrap(), 8);
    assert_eq!(provider.evidence(&NONCE).unwrap().len(), 8);
    assert_eq!(provider.name(), "simulated");
}

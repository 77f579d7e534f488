use super::*;
use crate::GpuArchitecture;

fn gpu(members: &[(u16, &[u8])]) -> GpuEvidence {
    let mut opaque = Vec::new();
    for (tag, value) in members {
        opaque.extend_from_slice(&tag.to_le_bytes());
        opaque.extend_from_slice(&u16::try_from(value.len()).unwrap().to_le_bytes());
        opaque.extend_from_slice(value);
    }
    let mut report = vec![0; 37];
    report.extend_from_slice(&[0x11, 0x60, 0, 0, 1, 5, 1, 0]);
    report.extend_from_slice(&[7; 0x105 + 32]);
    report.extend_from_slice(&u16::try_from(opaque.len()).unwrap().to_le_bytes());
    report.extend_from_slice(&opaque);
    report.extend_from_slice(&[9; 96]);
    GpuEvidence { certificate_chain: Vec::new(), report, architecture: GpuArchitecture::Hopper }
}

#[test]
fn the_mode_is_read_from_the_evidence() {
    let on = gpu(&[(3, b"570.172.08\0"), (21, &[0xaa]), (22, &[0; 144])]);
    let off = gpu(&[(3, b"570.172.08\0"), (21, &[0x55])]);
    let silent = gpu(&[(3, b"545.00\0")]);
    assert!(is_plain(std::slice::from_ref(&on)));
    assert!(is_plain(&[off.clone(), on.clone()]), "one is enough");
    assert!(!is_plain(&[off, silent]));
    assert!(!is_plain(&[]));
}

#[test]
fn evidence_that_is_cut_anywhere_does_no_harm() {
    let on = gpu(&[(21, &[0xaa])]);
    for end in 0..on.report.len() {
        let cut = GpuEvidence { report: on.report[..end].to_vec(), ..on.clone() };
        assert_eq!(is_plain(&[cut]), end >= on.report.len() - 96, "{end}");
    }
    let endless = GpuEvidence { report: vec![0xff; 4000], ..on };
    assert!(!is_plain(&[endless]));
}

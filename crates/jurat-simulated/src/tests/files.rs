use std::path::Path;

use der::{Decode, DecodePem, Encode};
use jurat_proto::sha256;
use x509_cert::Certificate;

use super::blueprint;
use crate::{INTEL_ROOT_KEY_PEM, INTEL_ROOT_PEM, NVIDIA_ROOT_KEY_PEM, NVIDIA_ROOT_PEM, Roots};

#[test]
fn the_readme_lists_every_file_with_its_hash() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../attestation/insecure");
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name == "README.md" {
            continue;
        }
        let hash = sha256(&std::fs::read(&path).unwrap());
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{name}`")));
        assert!(row.is_some_and(|row| row.ends_with(&format!("| `{hash}` |"))), "{name} {hash}");
        files += 1;
    }
    assert_eq!(files, 4);
}

#[test]
fn the_fixed_roots_say_what_they_are() {
    for (pem, key, vendor) in [
        (INTEL_ROOT_PEM, INTEL_ROOT_KEY_PEM, "SIMULATED - NOT INTEL"),
        (NVIDIA_ROOT_PEM, NVIDIA_ROOT_KEY_PEM, "SIMULATED - NOT NVIDIA"),
    ] {
        let root = Certificate::from_pem(pem).unwrap();
        let tbs = root.tbs_certificate();
        assert_eq!(tbs.subject(), tbs.issuer());
        assert!(tbs.subject().to_string().contains(vendor), "{}", tbs.subject());
        assert!(key.starts_with("-----BEGIN PRIVATE KEY-----"));
    }
}

#[test]
fn a_fixed_stage_stands_under_the_files_and_a_fresh_one_under_impostors() {
    let fixed = blueprint().mint().unwrap();
    let intel = Certificate::from_pem(INTEL_ROOT_PEM).unwrap();
    let nvidia = Certificate::from_pem(NVIDIA_ROOT_PEM).unwrap();
    assert_eq!(fixed.intel_root_der(), intel.to_der().unwrap());
    assert_eq!(fixed.nvidia_root_der(), nvidia.to_der().unwrap());
    let spki = nvidia.tbs_certificate().subject_public_key_info().to_der().unwrap();
    assert_eq!(fixed.nvidia_root_spki_sha256(), sha256(&spki));

    let mut other = blueprint();
    other.roots = Roots::Fresh;
    let fresh = other.mint().unwrap();
    for (der, fixed) in [(fresh.intel_root_der(), intel), (fresh.nvidia_root_der(), nvidia)] {
        let impostor = Certificate::from_der(der).unwrap();
        let (impostor, fixed) = (impostor.tbs_certificate(), fixed.tbs_certificate());
        assert_eq!(impostor.subject(), fixed.subject());
        assert_ne!(impostor.subject_public_key_info(), fixed.subject_public_key_info());
    }
    assert_ne!(fresh.nvidia_root_spki_sha256(), fixed.nvidia_root_spki_sha256());
}

#[test]
fn debug_output_has_no_key() {
    let text = format!("{:?}", blueprint().mint().unwrap());
    assert_eq!(text, "SimulatedTee { gpus: 1, .. }");
}

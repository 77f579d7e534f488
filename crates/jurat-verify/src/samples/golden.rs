//! NVIDIA's one complete published set: a report with the manifests of its driver and its VBIOS.

use super::{vendors::question, *};
use crate::{Roots, gpu, roots};

/// When the manifests' signers were still valid.
const THEN: u64 = 1_749_600_000;
const DRIVER: &str = "nv-wheel-2.1.0-golden/Driver_RIM_test_no_gpu.swidtag";
const VBIOS: &str = "nv-wheel-2.1.0-golden/1010_0200_882_96005E0001_test_no_gpu.swidtag";

/// Every manifest of the package: the driver's and 25 of VBIOSes.
fn manifests() -> Option<Vec<(String, String)>> {
    let folder = samples().join("nv-wheel-2.1.0-golden");
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) => {
            eprintln!("skipped: {}: {error}", folder.display());
            return None;
        }
    };
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "swidtag"))
        .map(|path| {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
        })
        .collect();
    found.sort();
    Some(found)
}

/// What becomes of gpu.measurements.
fn measured(rims: &[String], now: u64) -> Option<(Status, String)> {
    let payload = vendors::payload("nv-wheel-2.1.0-golden/evidence.json")?;
    let question = gpu::Question { rims, now: UnixSeconds(now), ..question(&payload) };
    let found = vendors::judge(&question);
    let check = found.check(CheckId::GpuMeasurements).unwrap();
    Some((check.status, check.reason.clone()))
}

#[test]
fn all_measurements_equal_their_manifests() {
    let (Some(driver), Some(vbios)) = (sample(DRIVER), sample(VBIOS)) else { return };
    let found = measured(&[vbios.clone(), driver.clone()], THEN).unwrap();
    assert_eq!(
        found,
        (Status::Pass, "32 measurements equal NVIDIA's for driver and VBIOS".into()),
        "21 of the driver, 12 of the VBIOS, less one of a decoder that is off"
    );

    let refused = |rims: &[&str], now, reason: &str| {
        let rims: Vec<String> = rims.iter().map(|rim| (*rim).to_owned()).collect();
        let (status, found) = measured(&rims, now).unwrap();
        assert_eq!(status, Status::Fail, "{found}");
        assert!(found.contains(reason), "{found}");
    };
    refused(
        &[&driver, &vbios],
        1_750_950_000,
        "manifest 0: its signer's certificate 0 is not valid at 1750950000",
    );
    // the VBIOS's signer ends first
    refused(&[&driver, &vbios], 1_750_700_000, "manifest 1: its signer's certificate 0 is not valid");
    refused(
        &[&driver, &vbios.replace("96.00.5E.00.01", "96.00.5E.00.02")],
        THEN,
        "manifest 1: it was edited",
    );
    let digest = "0e0ee161b59bf124ce6b6dca6efa7616";
    assert!(driver.contains(digest));
    refused(&[&driver.replace(digest, &digest.replace("0e0e", "0e0f")), &vbios], THEN, "it was edited");
    refused(&[&driver.replace("active=\"True\"", "active=\"False\""), &vbios], THEN, "it was edited");
    refused(&[&driver, &vbios.replacen("</ds:SignatureValue>", "</ds:SignatureValu>", 1)], THEN, "end tag");

    let (status, reason) = measured(std::slice::from_ref(&driver), THEN).unwrap();
    assert_eq!(status, Status::Skip);
    assert_eq!(reason, "GPU 0: no manifest of VBIOS 96.00.5E.00.01 of GH100");
}

#[test]
fn a_manifest_of_another_version_is_refused_by_name() {
    let (Some(driver), Some(all)) = (sample(DRIVER), manifests()) else { return };
    let other = all.iter().find(|(name, _)| name == "1010_0200_882_96005E0003_PROD.swidtag").unwrap();
    let (status, reason) = measured(&[driver, other.1.clone()], THEN).unwrap();
    assert_eq!(status, Status::Fail);
    assert_eq!(
        reason,
        "GPU 0: no manifest of VBIOS 96.00.5E.00.01 of GH100; there is one of GH100 96.00.5E.00.03"
    );
}

#[test]
fn every_published_manifest_is_authentic_while_its_signer_is_valid() {
    let Some(all) = manifests() else { return };
    assert_eq!(all.len(), 26);
    for (name, text) in all {
        let read = gpu::rim(&text, &roots::nvidia_rim(Roots::Production), UnixSeconds(1_719_800_000));
        assert!(read.is_ok(), "{name}: {read:?}");
    }
}

//! Intel's library against all that can happen to it: each cell the right quote or the failure by name, asked for as
//! the product does, in a process of its own, as the stand-in is told by the environment how to behave.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use dcap_qvl::{QuoteCollateralV3, QuotePolicy, configs::RustCryptoConfig, verify::QuoteVerifier};
use jurat_proto::{ReportData, UnixSeconds};
use jurat_standin_tdx::Stage;

const NOW: u64 = 1_790_000_000;
const ASKED: ReportData = ReportData::new([0xa5; 64]);

/// The stand-in: cargo leaves it where it leaves the tests.
fn library() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let beside = this.parent().unwrap().join("libtdx_attest_standin.so");
    assert!(beside.is_file(), "no stand-in at {}", beside.display());
    beside
}

/// One line a time. Also sees that the process ended well: the stand-in aborts it over a pointer given back wrongly.
fn ask(source: &str, times: u32, knobs: &[(&str, &str)]) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jurat-standin-ask"));
    command.args([source, &ASKED.to_string(), &times.to_string()]).stdin(Stdio::null());
    command.envs([("TDX_STANDIN_SEED", "7"), ("TDX_STANDIN_NOW", &NOW.to_string())]);
    command.envs(knobs.iter().map(|(name, value)| (format!("TDX_STANDIN_{name}"), *value)));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn once(knobs: &[(&str, &str)]) -> String {
    let source = format!("library:{}", library().display());
    ask(&source, 1, knobs).concat()
}

#[track_caller]
fn fails(said: &str, name: &str, word: &str) {
    assert!(said.starts_with(&format!("{name} ")) && said.contains(word), "wanted {name}, {word:?}: {said}");
}

/// What a relying party asks of a cloud's host.
fn policy() -> QuotePolicy {
    QuotePolicy::strict(NOW).allow_dynamic_platform(true).allow_cached_keys(true).allow_smt(true)
}

#[track_caller]
fn verifies(said: &str) {
    let quote = hex::decode(said.strip_prefix("quote ").unwrap_or_else(|| panic!("{said}"))).unwrap();
    let stage = Stage::new(7, UnixSeconds(NOW));
    let collateral: QuoteCollateralV3 = serde_json::from_str(stage.collateral()).unwrap();
    let claims = QuoteVerifier::new(stage.root().to_vec())
        .with_config::<RustCryptoConfig>()
        .verify_with_policy(&quote, collateral, NOW, &policy())
        .unwrap();
    assert_eq!(claims.report.as_td10().unwrap().report_data, *ASKED.as_bytes());
}

#[test]
fn ok() {
    verifies(&once(&[]));
}

/// As the dynamic linker finds it on a real machine; and by looking, where there is no configfs.
#[test]
fn found_under_its_own_name() {
    let folder = std::env::temp_dir().join(format!("jurat-standin-soname-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(library(), folder.join("libtdx_attest.so.1")).unwrap();
    let ask = |source: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jurat-standin-ask"));
        command.args([source, &ASKED.to_string()]).env("LD_LIBRARY_PATH", &folder);
        command.envs([("TDX_STANDIN_SEED", "7"), ("TDX_STANDIN_NOW", &NOW.to_string())]);
        String::from_utf8(command.output().unwrap().stdout).unwrap().trim().to_owned()
    };
    verifies(&ask("library"));
    if Path::new("/sys/kernel/config/tsm/report").exists() {
        eprintln!("skipped: this machine has configfs-tsm, which comes first");
    } else {
        verifies(&ask("auto"));
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The stand-in lends no more than eight at once, so a ninth shows that all before were given back.
#[test]
fn every_quote_is_given_back() {
    let source = format!("library:{}", library().display());
    for (knobs, word) in
        [(&[][..], "quote "), (&[("QUOTE", "empty")], "failed "), (&[("QUOTE", "long")], "failed ")]
    {
        let said = ask(&source, 20, knobs);
        assert_eq!(said.len(), 20);
        assert!(said.iter().all(|line| line.starts_with(word)), "{said:?}");
        assert!(said.iter().all(|line| !line.contains("OUT_OF_MEMORY")), "{said:?}");
    }
}

#[test]
fn absent() {
    let nowhere = ask("library:/nonexistent/libtdx_attest.so.1", 1, &[]).concat();
    fails(&nowhere, "unavailable", "libtdx-attest installs it");
    // Without TDX the real one fails so, and is passed over before a quote is ever asked for.
    fails(&once(&[("REPORT_CODE", "10")]), "unavailable", "TDX_ATTEST_ERROR_DEVICE_FAILURE");
    fails(&once(&[("CODE", "10")]), "unavailable", "/dev/tdx_guest");
    fails(&once(&[("CODE", "7")]), "unavailable", "TDX_ATTEST_ERROR_NOT_SUPPORTED");
    fails(&once(&[("CODE", "12")]), "unavailable", "TDX_ATTEST_ERROR_UNSUPPORTED_ATT_KEY_ID");
}

#[test]
fn busy() {
    fails(&once(&[("CODE", "9")]), "busy", "TDX_ATTEST_ERROR_BUSY");
}

/// The library can't be interrupted: its caller is let go, and others are turned away until it has returned.
#[test]
fn timeout() {
    let begun = Instant::now();
    let said = ask(&format!("late:{}", library().display()), 3, &[("DELAY_MS", "5000")]);
    fails(&said[0], "timed-out", "libtdx_attest");
    fails(&said[1], "busy", "has not returned");
    fails(&said[2], "busy", "has not returned");
    assert!(begun.elapsed() < Duration::from_secs(5), "nobody waited for it");
}

#[test]
fn empty() {
    fails(&once(&[("QUOTE", "empty")]), "failed", "empty quote");
    fails(&once(&[("QUOTE", "null")]), "failed", "null pointer");
}

/// Intel's library keeps the kernel's generation itself and reports a second writer so.
#[test]
fn conflict() {
    fails(&once(&[("CODE", "8")]), "failed", "TDX_ATTEST_ERROR_QUOTE_FAILURE");
}

#[test]
fn wrong_report_data() {
    fails(&once(&[("QUOTE", "other")]), "wrong", "report data");
}

#[test]
fn garbage() {
    for (knobs, name, word) in [
        ([("QUOTE", "garbage")], "wrong", "TEE type"),
        ([("QUOTE", "cut")], "wrong", "cut short"),
        ([("QUOTE", "debug")], "debug", "DEBUG"),
        ([("QUOTE", "long")], "failed", "65537 bytes"),
        ([("CODE", "1")], "failed", "TDX_ATTEST_ERROR_UNEXPECTED"),
        ([("CODE", "4")], "failed", "TDX_ATTEST_ERROR_VSOCK_FAILURE"),
        ([("CODE", "77777")], "failed", "the unknown code 0x12fd1"),
    ] {
        fails(&once(&knobs), name, word);
    }
}

//! Finds the program under test, and builds it if nobody has.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    sync::OnceLock,
};

use crate::workspace;

/// Those of `scripts/check`.
const FEATURES: &str = "jurat/simulated-tee,jurat/otlp";

/// The program with the features `simulated-tee` and `otlp`: what every end-to-end test drives.
///
/// `JURAT_BIN` names it; otherwise cargo is asked to build it, which costs a second if it is built already.
pub fn simulated() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| find("JURAT_BIN", "jurat-simulated-tee", &["--features", FEATURES]))
}

/// The program as a release has it, without the features. `JURAT_PLAIN_BIN` names it.
pub fn plain() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| find("JURAT_PLAIN_BIN", "jurat-plain", &[]))
}

/// The library that makes a disk fail (`tests/standins/faulty-disk`). `JURAT_FAULTY_DISK` names it.
pub fn faulty_disk() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        if let Some(path) = named("JURAT_FAULTY_DISK") {
            return path;
        }
        build(&["--package", "faulty-disk"]).join("libfaulty_disk.so")
    })
}

/// The stand-in of NVIDIA's library (`tests/standins/nvml`). `JURAT_NVML_STANDIN` names it.
pub fn nvml_standin() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        if let Some(path) = named("JURAT_NVML_STANDIN") {
            return path;
        }
        build(&["--package", "jurat-standin-nvml"]).join("libnvidia_ml_standin.so")
    })
}

/// The stand-in of configfs-tsm and of dstack's agent (`tests/standins/tdx`). `JURAT_TDX_STANDIN` names it.
pub fn tdx_standin() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        if let Some(path) = named("JURAT_TDX_STANDIN") {
            return path;
        }
        build(&["--package", "jurat-standin-tdx", "--bins"]).join("jurat-standin-tdx")
    })
}

/// The stand-in of Intel's and NVIDIA's services (`tests/standins/vendors`). `JURAT_VENDORS_STANDIN` names it.
pub fn vendors_standin() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        if let Some(path) = named("JURAT_VENDORS_STANDIN") {
            return path;
        }
        // With the whole workspace's features: it shares its dependencies with the program under test.
        let _held = ONE_AT_A_TIME.lock();
        build(&["--workspace", "--bins", "--features", FEATURES]).join("jurat-standin-vendors")
    })
}

/// Both builds of the program leave it under one name, so each is copied aside at once.
static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn find(variable: &str, copy: &str, features: &[&str]) -> PathBuf {
    if let Some(path) = named(variable) {
        return path;
    }
    let _held = ONE_AT_A_TIME.lock();
    // The whole workspace's features, so that dependencies built for the tests serve here too.
    let profile = build(&[&["--workspace", "--bins"], features].concat());
    let copy = profile.join(format!("{copy}-under-test"));
    // Renamed into place: a copy that another test process runs cannot be written to.
    let fresh = copy.with_extension(std::process::id().to_string());
    std::fs::copy(profile.join("jurat"), &fresh).expect("copy the program under test");
    std::fs::rename(&fresh, &copy).expect("put the copy in its place");
    copy
}

fn named(variable: &str) -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os(variable)?);
    assert!(path.is_file(), "{variable} names no file: {}", path.display());
    Some(path)
}

/// Has cargo build something, by the profile that this test was built by; the folder where it lies.
fn build(what: &[&str]) -> PathBuf {
    let this = std::env::current_exe().expect("a process knows its program");
    // Tests lie in target/PROFILE/deps, programs in target/PROFILE.
    let folder = this.parent().expect("a program lies in a folder");
    let profile =
        if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder }.to_path_buf();
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.current_dir(workspace::root()).args(["build", "--quiet"]).args(what);
    if profile.ends_with("release") {
        build.arg("--release");
    }
    let status = build.stdin(Stdio::null()).status().expect("run cargo");
    assert!(status.success(), "cargo could not build {what:?}");
    profile
}

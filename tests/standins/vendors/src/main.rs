//! Runs the vendors' stand-ins for a test or demonstration of another program, until its standard input ends.
//!
//! ```text
//! jurat-standin-vendors REPORT [COLLATERAL]
//! ```
//!
//! They know the platform and the GPUs of the report in the file REPORT. Intel's says what the file COLLATERAL has, or
//! the report's own collateral. It says `ready http://ADDRESS` when it is; the services hang under that.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{
    fmt::Display,
    fs,
    io::Read,
    num::NonZeroU32,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use jurat_proto::UnixSeconds;
use jurat_simulated::SimulatedTee;
use jurat_standin_vendors::{Subject, Vendors};
use serde_json::Value;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("jurat-standin-vendors: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), String> {
    let (report, collateral) = match *arguments {
        [report] => (report, None),
        [report, collateral] => (report, Some(collateral)),
        _ => return Err("usage: jurat-standin-vendors REPORT [COLLATERAL]".to_owned()),
    };
    let report: Value = serde_json::from_str(&fs::read_to_string(report).map_err(shown)?).map_err(shown)?;
    let collateral = match collateral {
        Some(file) => fs::read_to_string(file).map_err(shown)?,
        None => report["collateral"].as_str().ok_or("the report brings no collateral")?.to_owned(),
    };
    let gpu_evidence = report["nvidia_payload"].as_str().unwrap_or_default().to_owned();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(shown)?.as_secs();
    let tee = SimulatedTee::mint(UnixSeconds(now), NonZeroU32::MIN).map_err(shown)?;
    let vendors = Vendors::start(Subject { tee, collateral, gpu_evidence }).map_err(shown)?;
    println!("ready http://{}", vendors.address());
    // Whoever started this has the other end, so it ends even if that one is killed.
    std::io::stdin().read_to_end(&mut Vec::new()).map(drop).map_err(shown)
}

fn shown(error: impl Display) -> String {
    error.to_string()
}

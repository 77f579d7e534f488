//! What `jurat-attest` makes of a GPU driver in every state that one can be in, through the whole C interface, and
//! what our judge makes of the reports.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "matrix/cell.rs"]
mod cell;
#[path = "matrix/machine.rs"]
mod machine;

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use jurat_attest::{
    GpuArchitecture, GpuFailure, GpuProvider, NotConfidential, Nvml, ReportFailure, StartError, TimelyGpus,
};
use jurat_proto::{Binding, Nonce};
use jurat_verify::{CheckId, Outcome, Status};

use cell::{Ended, crashing, in_child};
use machine::{Machine, library};

const NONCE: Nonce = Nonce::new([0x5a; 32]);

fn evidence() -> Result<Vec<jurat_attest::GpuEvidence>, GpuFailure> {
    Nvml::new(library()).evidence(&NONCE)
}

/// The name of the error, and that the engine does not start with it.
fn refused(wanted: &GpuFailure) {
    assert_eq!(&evidence().unwrap_err(), wanted);
    let error = Machine::start(Nvml::new(library())).err().expect("an engine that cannot prove anything");
    let StartError::Report(ReportFailure::Gpu(failure)) = &error else { panic!("{error}") };
    assert_eq!(failure, wanted);
}

fn not_confidential(why: NotConfidential) {
    refused(&GpuFailure::NotConfidential(why));
}

fn failed_with(word: &str) {
    let failure = evidence().unwrap_err();
    assert!(matches!(&failure, GpuFailure::Failed(text) if text.contains(word)), "wanted {word}: {failure}");
}

fn wrong_with(word: &str) {
    let failure = evidence().unwrap_err();
    assert!(matches!(&failure, GpuFailure::Wrong(text) if text.contains(word)), "wanted {word}: {failure}");
}

/// Under every binding that needs no TLS key, with so many GPUs, our judge trusts the reports.
fn trusted(gpus: u32) -> Machine {
    let machine = Machine::start(Nvml::new(library())).unwrap_or_else(|error| panic!("{error}"));
    let verdict = machine.judge(Binding::JuratV1, &NONCE);
    assert_eq!(verdict.outcome(), Outcome::Trusted, "{verdict}");
    let present = &verdict.check(CheckId::GpuPresent).unwrap().reason;
    assert!(present.starts_with(&format!("evidence of {gpus},")), "{present}");
    for check in [CheckId::GpuChain, CheckId::GpuSignature, CheckId::GpuNonce, CheckId::GpuFirmware] {
        assert_eq!(verdict.check(check).unwrap().status, Status::Pass, "{verdict}");
    }
    machine
}

#[test]
fn one_hopper() {
    in_child("one_hopper", &[], || {
        let machine = trusted(1);
        let gpus = evidence().unwrap();
        assert_eq!((gpus.len(), gpus[0].architecture), (1, GpuArchitecture::Hopper));
        let verdict = machine.judge(Binding::JuratV1, &NONCE);
        assert_eq!(verdict.check(CheckId::GpuMode).unwrap().status, Status::Pass, "{verdict}");
        assert_eq!(machine.report(Binding::JuratV1, &NONCE).nvlink, None);
        let payload = machine.payload(&NONCE);
        assert_eq!(payload["arch"], "HOPPER");
        assert_eq!(payload["evidence_list"][0]["arch"], "HOPPER");
    });
}

#[test]
fn eight_hoppers_in_order() {
    in_child("eight_hoppers_in_order", &[("GPUS", "8")], || {
        let machine = trusted(8);
        let ask = || {
            let payload = machine.payload(&NONCE);
            let list = payload["evidence_list"].as_array().unwrap().clone();
            list.iter().map(|gpu| gpu["certificate"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(ask(), ask(), "index order, every time");
    });
}

#[test]
fn blackwell() {
    in_child("blackwell", &[("ARCHITECTURE", "blackwell"), ("GPUS", "2"), ("MULTI_GPU", "nvle")], || {
        let machine = trusted(2);
        assert_eq!(evidence().unwrap()[1].architecture, GpuArchitecture::Blackwell);
        assert_eq!(machine.payload(&NONCE)["arch"], "BLACKWELL");
    });
}

#[test]
fn an_older_generation() {
    in_child("an_older_generation", &[("ARCHITECTURE", "ada")], || {
        let what = "GPU 0 is Ada, neither Hopper nor Blackwell".to_owned();
        not_confidential(NotConfidential::Unsupported(what));
    });
}

#[test]
fn confidential_computing_off() {
    in_child("confidential_computing_off", &[("CC", "off"), ("ENVIRONMENT", "none")], || {
        not_confidential(NotConfidential::Off);
    });
}

#[test]
fn protected_pcie() {
    let knobs = [("CC", "off"), ("MULTI_GPU", "ppcie"), ("GPUS", "8")];
    in_child("protected_pcie", &knobs, || {
        let machine = trusted(8);
        assert_eq!(machine.report(Binding::JuratV1, &NONCE).nvlink.as_deref(), Some("unattested"));
        let verdict = machine.judge(Binding::JuratV1, &NONCE);
        let mode = verdict.check(CheckId::GpuMode).unwrap();
        assert_eq!(mode.status, Status::Skip, "a skip is no pass");
        let limit = verdict.limits().iter().any(|limit| limit.contains("NVLink fabric unattested"));
        assert!(limit, "{verdict}");
    });
}

#[test]
fn developer_tools() {
    in_child("developer_tools", &[("DEVTOOLS", "on")], || {
        not_confidential(NotConfidential::DeveloperTools);
    });
}

#[test]
fn developer_tools_behind_protected_pcie() {
    let knobs = [("DEVTOOLS", "on"), ("CC", "off"), ("MULTI_GPU", "ppcie")];
    in_child("developer_tools_behind_protected_pcie", &knobs, || {
        not_confidential(NotConfidential::DeveloperTools);
    });
}

#[test]
fn a_simulated_environment() {
    in_child("a_simulated_environment", &[("ENVIRONMENT", "sim")], || {
        not_confidential(NotConfidential::SimulatedEnvironment);
    });
}

#[test]
fn gpus_that_take_no_work() {
    in_child("gpus_that_take_no_work", &[("READY", "no")], || not_confidential(NotConfidential::NotReady));
}

#[test]
fn a_driver_that_knows_no_such_mode() {
    let knobs = [("FAULT", "nvmlSystemGetConfComputeSettings=3")];
    in_child("a_driver_that_knows_no_such_mode", &knobs, || {
        let failure = evidence().unwrap_err();
        let named = matches!(&failure, GpuFailure::NotConfidential(NotConfidential::Unsupported(_)));
        assert!(named, "{failure}");
    });
}

#[test]
fn a_chain_with_nuls_behind_it() {
    in_child("a_chain_with_nuls_behind_it", &[("CHAIN", "padded"), ("GPUS", "2")], || {
        trusted(2);
        for gpu in evidence().unwrap() {
            assert!(gpu.certificate_chain.ends_with(b"-----END CERTIFICATE-----\n"));
        }
    });
    in_child("a_chain_with_nuls_behind_it", &[("CHAIN", "long")], || {
        trusted(1);
    });
}

#[test]
fn no_chain() {
    for chain in ["empty", "text"] {
        in_child("no_chain", &[("CHAIN", chain)], || wrong_with("no PEM chain"));
    }
}

#[test]
fn lengths_beyond_the_buffer() {
    for length in ["chain", "report"] {
        in_child("lengths_beyond_the_buffer", &[("LENGTH", length)], || {
            wrong_with("no valid lengths");
            let mut gpus = Nvml::new(library());
            assert!(gpus.evidence(&NONCE).is_err());
            assert_eq!(gpus.count(), Ok(1), "and it goes on");
        });
    }
}

#[test]
fn a_report_cut_in_half() {
    in_child("a_report_cut_in_half", &[("LENGTH", "short")], || {
        // Its outside is a report's; that it is not signed is for the judge to find.
        let machine = Machine::start(Nvml::new(library())).unwrap_or_else(|error| panic!("{error}"));
        let verdict = machine.judge(Binding::JuratV1, &NONCE);
        assert_eq!(verdict.outcome(), Outcome::Refuted, "{verdict}");
        assert_eq!(verdict.check(CheckId::GpuSignature).unwrap().status, Status::Fail, "{verdict}");
    });
}

#[test]
fn evidence_over_another_nonce() {
    in_child("evidence_over_another_nonce", &[("NONCE", "other")], || wrong_with("does not carry the nonce"));
}

#[test]
fn error_codes() {
    for (function, code, word) in [
        ("nvmlDeviceGetCount_v2", "15", "count the GPUs"),
        ("nvmlDeviceGetHandleByIndex_v2", "4", "open GPU 0"),
        ("nvmlDeviceGetArchitecture", "999", "name GPU 0"),
        ("nvmlSystemGetConfComputeSettings", "999", "confidential-computing settings"),
        ("nvmlSystemGetConfComputeState", "999", "confidential-computing settings"),
        ("nvmlDeviceGetConfComputeGpuCertificate", "999", "certificates of GPU 0"),
        ("nvmlDeviceGetConfComputeGpuAttestationReport", "15", "report from GPU 0"),
        ("nvmlDeviceGetConfComputeGpuAttestationReport", "7", "report from GPU 0"),
    ] {
        in_child("error_codes", &[("FAULT", &format!("{function}={code}"))], || failed_with(word));
    }
    for code in ["9", "999"] {
        in_child("error_codes", &[("FAULT", &format!("nvmlInit_v2={code}"))], || {
            assert!(matches!(evidence(), Err(GpuFailure::Unavailable(_))));
        });
    }
}

#[test]
fn a_driver_that_comes_back() {
    let fault = "nvmlDeviceGetConfComputeGpuAttestationReport=15@0#2";
    // NVML counts calls; the first report is good, those after it are not.
    in_child("a_driver_that_comes_back", &[("FAULT", fault)], || {
        let mut gpus = Nvml::new(library());
        assert!(gpus.evidence(&NONCE).is_ok());
        assert!(matches!(gpus.evidence(&NONCE), Err(GpuFailure::Failed(_))));
        assert_eq!(gpus.count(), Ok(1), "the library was opened anew");
    });
}

#[test]
fn one_of_two_fails() {
    let knobs = [("GPUS", "2"), ("FAULT", "nvmlDeviceGetConfComputeGpuAttestationReport=15@1")];
    in_child("one_of_two_fails", &knobs, || {
        failed_with("GPU 1");
        let error = Machine::start(Nvml::new(library())).err().expect("half a machine proves nothing");
        assert!(matches!(error, StartError::Report(ReportFailure::Gpu(GpuFailure::Failed(_)))), "{error}");
    });
}

#[test]
fn a_count_that_is_not_true() {
    in_child("a_count_that_is_not_true", &[("GPUS", "1"), ("COUNT", "2")], || failed_with("open GPU 1"));
    in_child("a_count_that_is_not_true", &[("GPUS", "2"), ("COUNT", "1")], || wrong_with("opens one more"));
    in_child("a_count_that_is_not_true", &[("GPUS", "2"), ("TWINS", "on")], || {
        let error = Machine::start(Nvml::new(library())).err().expect("one GPU does not stand for two");
        assert!(error.to_string().contains("that of GPU 0"), "{error}");
    });
}

#[test]
fn no_gpu() {
    in_child("no_gpu", &[("GPUS", "0")], || {
        assert_eq!(Nvml::new(library()).count(), Ok(0));
        assert!(matches!(evidence(), Err(GpuFailure::Unavailable(_))));
    });
}

#[test]
fn slower_than_the_deadline() {
    in_child("slower_than_the_deadline", &[("DELAY_MS", "700")], || {
        let nvml = Box::new(Nvml::new(library()));
        let mut gpus = TimelyGpus::new(nvml, Duration::from_millis(200)).unwrap();
        assert!(matches!(gpus.evidence(&NONCE), Err(GpuFailure::TimedOut(_))));
        let other = Nonce::new([1; 32]);
        assert!(matches!(gpus.evidence(&other), Err(GpuFailure::TimedOut(_))), "one question at a time");
        let until = Instant::now() + Duration::from_secs(20);
        while gpus.count().is_err() {
            assert!(Instant::now() < until, "never came back");
            thread::sleep(Duration::from_millis(10));
        }
    });
}

#[test]
fn a_driver_that_never_answers() {
    let knobs = [("FAULT", "nvmlDeviceGetConfComputeGpuAttestationReport=hang#3")];
    in_child("a_driver_that_never_answers", &knobs, || {
        let nvml = Box::new(Nvml::new(library()));
        let gpus = TimelyGpus::new(nvml, Duration::from_secs(2)).unwrap();
        let machine = Machine::start(gpus).unwrap_or_else(|error| panic!("{error}"));
        let ask = |byte| {
            let (tell, told) = mpsc::channel();
            machine.request(Binding::JuratV1, Nonce::new([byte; 32]), move |outcome| {
                let _ = tell.send(outcome.map(drop));
            });
            told.recv_timeout(Duration::from_secs(20)).expect("an answer")
        };
        assert_eq!(ask(1), Ok(()));
        for byte in 2..4 {
            assert!(matches!(ask(byte), Err(ReportFailure::Gpu(GpuFailure::TimedOut(_)))));
        }
    });
}

#[test]
fn many_reports_from_one_library() {
    in_child("many_reports_from_one_library", &[("GPUS", "4")], || {
        let mut gpus = Nvml::new(library());
        for byte in 0..50 {
            let nonce = Nonce::new([byte; 32]);
            for gpu in gpus.evidence(&nonce).unwrap() {
                assert_eq!(&gpu.report[4..36], nonce.as_bytes());
            }
        }
    });
}

/// Nobody survives that; what must survive it must be on the disk by then. Here: that the knob does
/// what it says, so that such a test can rest on it.
#[test]
fn the_end_of_the_process() {
    for (what, ended) in [("abort", Ended::Abort), ("segv", Ended::Fault)] {
        let fault = format!("nvmlDeviceGetConfComputeGpuAttestationReport={what}#2");
        crashing("the_end_of_the_process", &[("FAULT", &fault)], &ended, || {
            let mut gpus = Nvml::new(library());
            assert!(gpus.evidence(&NONCE).is_ok());
            let _ = gpus.evidence(&NONCE);
        });
    }
}

#[test]
fn a_misspelt_knob_is_told() {
    crashing("a_misspelt_knob_is_told", &[("DEVTOOLS", "perhaps")], &Ended::Code(70), || {
        let _ = evidence();
    });
}

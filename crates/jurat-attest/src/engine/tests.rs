use std::{
    sync::{Arc, mpsc::RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jurat_proto::{Binding, Layout, Nonce, Report, ReportBody, gpu_nonce, report_data};
use serde_json::Value;

use super::{compose::nvidia_payload, *};
use crate::{GpuArchitecture, GpuEvidence, QuoteFailure};

mod fakes;
use fakes::{Asked, Conduct, Stage, ask, asked, gpu, identity};

const PATIENCE: Duration = Duration::from_secs(20);

fn nonce(byte: u8) -> Nonce {
    Nonce::new([byte; 32])
}

fn fresh(byte: u8) -> ReportRequest {
    ReportRequest { binding: Binding::JuratV1, nonce: Some(nonce(byte)) }
}

fn shared(binding: Binding) -> ReportRequest {
    ReportRequest { binding, nonce: None }
}

fn answer(attester: &Attester, request: ReportRequest) -> Result<Arc<ReportBody>, ReportFailure> {
    ask(attester, request).recv_timeout(PATIENCE).unwrap()
}

#[test]
fn a_jurat_v1_report_is_whole() {
    let stage = Stage::new();
    let attester = stage.start(Settings::default()).unwrap();
    let body = answer(&attester, fresh(9)).unwrap();

    let key = identity().public_key;
    let inner = gpu_nonce(Binding::JuratV1, &key, &nonce(9));
    let evidence = |index| {
        let gpu = gpu(&inner, index);
        format!(
            r#"{{"certificate":"{}","evidence":"{}","arch":"HOPPER"}}"#,
            STANDARD.encode(gpu.certificate_chain),
            STANDARD.encode(gpu.report)
        )
    };
    let payload =
        format!(r#"{{"nonce":"{inner}","evidence_list":[{},{}],"arch":"HOPPER"}}"#, evidence(1), evidence(2));
    let claims = identity().claims;
    let layout = Layout::JuratV1 { claims: &claims, nvidia_payload: &payload, nvswitch_payload: "" };
    let data = report_data(&key.address(), &nonce(9), layout);

    let json = serde_json::to_value(Report::from((*body).clone())).unwrap();
    let quote = json["quote"].as_str().unwrap();
    assert_eq!(&quote[2 * (48 + 520)..], data.to_string());
    let mut wanted = serde_json::json!({
        "signing_address": key.address().to_string(),
        "signing_public_key": "42".repeat(64),
        "signing_algo": "ecdsa",
        "request_nonce": "09".repeat(32),
        "gpu_nonce": inner.to_string(),
        "intel_quote": quote,
        "quote": quote,
        "nvidia_payload": payload,
        "event_log": "[]",
        "vm_config": "",
        "info": {},
        "claims": claims,
        "binding": "jurat-v1",
        "report_data": data.to_string(),
        "tee": "tdx",
        "report_age_seconds": 0,
    });
    wanted["all_attestations"] = Value::Array(vec![wanted.clone()]);
    assert_eq!(json, wanted);
    // The GPUs are asked first: the quote commits to what they say.
    assert_eq!(asked(&stage.log)[2..], [Asked::Gpus(inner), Asked::Quote(data)]);
}

#[test]
fn the_fields_own_bindings_use_the_nonce_as_it_is() {
    let attester = Stage::new().start(Settings::default()).unwrap();
    let key = identity().public_key;
    let spki = identity().tls_spki.unwrap();
    for (binding, layout, fingerprint) in [
        (Binding::DstackV1, Layout::DstackV1, None),
        (Binding::DstackV2, Layout::DstackV2 { spki: &spki }, Some("77".repeat(32))),
    ] {
        let body = answer(&attester, ReportRequest { binding, nonce: Some(nonce(5)) }).unwrap();
        assert_eq!(body.report_data, Some(report_data(&key.address(), &nonce(5), layout).to_string()));
        assert_eq!((&body.gpu_nonce, &body.claims), (&body.request_nonce, &None));
        assert_eq!(
            (body.binding.as_deref(), &body.tls_cert_fingerprint),
            (Some(binding.as_str()), &fingerprint)
        );
        let payload: Value = serde_json::from_str(&body.nvidia_payload).unwrap();
        assert_eq!(payload["nonce"], "05".repeat(32));
    }
}

#[test]
fn a_binding_that_cannot_be_honoured_is_refused_and_not_weakened() {
    let stage = Stage::new();
    let without = Identity { tls_spki: None, ..identity() };
    let attester = Attester::start(without, stage.quotes(), None, Settings::default()).unwrap();
    let before = asked(&stage.log).len();
    for nonce in [None, Some(nonce(1))] {
        let request = ReportRequest { binding: Binding::DstackV2, nonce };
        assert_eq!(answer(&attester, request).unwrap_err(), ReportFailure::TlsOff);
    }
    assert_eq!(asked(&stage.log).len(), before);
    // The same machine has no GPU, and its report says so.
    let body = answer(&attester, fresh(1)).unwrap();
    assert_eq!(body.nvidia_payload, "");
}

#[test]
fn what_the_platform_says_is_passed_on() {
    let log = r#"[{"imr":3,"event":"x"}]"#;
    let stage = Stage {
        tee: Tee::Simulated,
        event_log: Some(log.to_owned()),
        info: Some(r#"{"b": 1, "a":2}"#.to_owned()),
        ..Stage::new()
    };
    let attester = stage.start(Settings::default()).unwrap();
    let body = answer(&attester, fresh(1)).unwrap();
    let text = |raw: &Option<Box<serde_json::value::RawValue>>| raw.as_ref().unwrap().get().to_owned();
    assert_eq!(serde_json::from_str::<String>(&text(&body.event_log)).unwrap(), log);
    assert_eq!(serde_json::from_str::<String>(&text(&body.vm_config)).unwrap(), r#"{"num_gpus":2}"#);
    assert_eq!(text(&body.info), r#"{"b": 1, "a":2}"#);
    assert_eq!((body.tee.as_deref(), body.collateral.as_deref()), (Some("simulated"), Some("collateral")));
    assert_eq!(attester.tee(), Tee::Simulated);

    for (event_log, info) in [("{}", "{}"), ("[", "{}"), ("[]", "[]")] {
        let stage =
            Stage { event_log: Some(event_log.to_owned()), info: Some(info.to_owned()), ..Stage::new() };
        let error = stage.start(Settings::default()).unwrap_err();
        assert!(
            matches!(error, StartError::Report(ReportFailure::Quote(QuoteFailure::Wrong(_)))),
            "{event_log} {info}: {error}"
        );
    }
}

#[test]
fn an_engine_that_cannot_prove_anything_does_not_start() {
    for conduct in [Conduct::Fails, Conduct::Panics, Conduct::Debug, Conduct::Stale] {
        let stage = Stage::new();
        *stage.quotes.lock().unwrap() = conduct;
        let error = stage.start(Settings::default()).unwrap_err();
        assert!(matches!(error, StartError::Report(ReportFailure::Quote(_))), "{conduct:?}: {error}");
    }
    for conduct in [Conduct::Fails, Conduct::Panics, Conduct::Stale, Conduct::Mixed] {
        let stage = Stage::new();
        *stage.gpus.lock().unwrap() = conduct;
        let error = stage.start(Settings::default()).unwrap_err();
        assert!(matches!(error, StartError::Report(ReportFailure::Gpu(_))), "{conduct:?}: {error}");
        let quotes = asked(&stage.log).iter().filter(|asked| matches!(asked, Asked::Quote(_))).count();
        assert_eq!(quotes, 0, "no quote commits to evidence that is not there");
    }
}

#[test]
fn a_failure_under_way_is_told_and_survived() {
    let stage = Stage::new();
    let attester = stage.start(Settings::default()).unwrap();
    for (part, conduct) in [
        (&stage.quotes, Conduct::Panics),
        (&stage.quotes, Conduct::Stale),
        (&stage.gpus, Conduct::Panics),
        (&stage.gpus, Conduct::Stale),
    ] {
        *part.lock().unwrap() = conduct;
        let failure = answer(&attester, fresh(1)).unwrap_err();
        assert!(matches!(failure, ReportFailure::Quote(_) | ReportFailure::Gpu(_)), "{conduct:?}: {failure}");
        *part.lock().unwrap() = Conduct::Good;
        assert!(answer(&attester, fresh(1)).is_ok(), "after {conduct:?}");
    }
}

#[test]
fn a_hundred_equal_requests_cost_one_report() {
    let stage = Stage::new();
    let attester = stage.start(Settings::default()).unwrap();
    let before = asked(&stage.log).len();
    stage.door.shut();
    let answers: Vec<_> = thread::scope(|scope| {
        let asking: Vec<_> = (0..100).map(|_| scope.spawn(|| ask(&attester, fresh(3)))).collect();
        asking.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    stage.door.open();
    let bodies: Vec<_> =
        answers.iter().map(|answer| answer.recv_timeout(PATIENCE).unwrap().unwrap()).collect();
    assert!(bodies.iter().all(|body| Arc::ptr_eq(body, &bodies[0])));
    assert_eq!(asked(&stage.log).len(), before + 2, "GPUs once, quote once");
}

#[test]
fn a_full_queue_refuses_and_recovers() {
    let stage = Stage::new();
    let attester = stage.start(Settings { queue: 2, ..Settings::default() }).unwrap();
    stage.door.shut();
    let first = ask(&attester, fresh(1));
    stage.door.await_visitor();
    let waiting = [ask(&attester, fresh(2)), ask(&attester, fresh(3))];
    match answer(&attester, fresh(4)).unwrap_err() {
        ReportFailure::Busy { retry_after } => assert!(retry_after >= Duration::from_secs(1)),
        other => panic!("{other}"),
    }
    // What is at hand is still given out, and equal requests still join.
    assert!(answer(&attester, shared(Binding::JuratV1)).is_ok());
    let joined = ask(&attester, fresh(2));
    stage.door.open();
    for (at, answer) in [&first, &waiting[0], &waiting[1], &joined].into_iter().enumerate() {
        assert!(answer.recv_timeout(PATIENCE).unwrap().is_ok(), "{at}");
    }
    assert!(answer(&attester, fresh(4)).is_ok());
}

#[test]
fn requests_without_a_nonce_share_a_report() {
    let stage = Stage::new();
    let attester = stage.start(Settings::default()).unwrap();
    assert_eq!(asked(&stage.log).len(), 2, "made before start returns");
    let first = answer(&attester, shared(Binding::JuratV1)).unwrap();
    let second = answer(&attester, shared(Binding::JuratV1)).unwrap();
    assert_eq!(first.request_nonce, second.request_nonce);
    assert_eq!(asked(&stage.log).len(), 2);

    let other = answer(&attester, shared(Binding::DstackV1)).unwrap();
    assert_ne!(other.request_nonce, first.request_nonce);
    assert_eq!(asked(&stage.log).len(), 4, "made on first use");
    let again = answer(&attester, shared(Binding::DstackV1)).unwrap();
    assert_eq!((again.request_nonce.as_ref(), asked(&stage.log).len()), (other.request_nonce.as_ref(), 4));
}

#[test]
fn the_shared_report_is_renewed_behind_its_readers() {
    let stage = Stage::new();
    let attester = stage.start(Settings { refresh: Duration::from_secs(1), ..Settings::default() }).unwrap();
    let first = answer(&attester, shared(Binding::JuratV1)).unwrap().request_nonce.clone();
    let deadline = Instant::now() + PATIENCE;
    while asked(&stage.log).len() < 4 {
        assert!(Instant::now() < deadline, "never renewed");
        thread::sleep(Duration::from_millis(10));
    }
    let renewed = loop {
        let body = answer(&attester, shared(Binding::JuratV1)).unwrap();
        assert_eq!(body.report_age_seconds, Some(0), "older than allowed");
        if body.request_nonce != first {
            break body;
        }
        assert!(Instant::now() < deadline, "renewed and not handed out");
    };
    assert_eq!(renewed.binding.as_deref(), Some("jurat-v1"));
}

#[test]
fn an_old_report_is_not_handed_out_when_the_hardware_fails() {
    let stage = Stage::new();
    let attester = stage.start(Settings { refresh: Duration::from_secs(1), ..Settings::default() }).unwrap();
    *stage.quotes.lock().unwrap() = Conduct::Fails;
    thread::sleep(Duration::from_millis(1100));
    let failure = answer(&attester, shared(Binding::JuratV1)).unwrap_err();
    assert_eq!(failure, ReportFailure::Quote(QuoteFailure::TimedOut("asleep".to_owned())));
    *stage.quotes.lock().unwrap() = Conduct::Good;
    assert_eq!(answer(&attester, shared(Binding::JuratV1)).unwrap().report_age_seconds, Some(0));
}

#[test]
fn stopping_finishes_what_is_under_way_and_answers_everybody_once() {
    let stage = Stage::new();
    let attester = stage.start(Settings::default()).unwrap();
    stage.door.shut();
    let under_way = ask(&attester, fresh(1));
    stage.door.await_visitor();
    let waiting = ask(&attester, fresh(2));
    let clone = attester.clone();
    drop(attester);
    assert_eq!(waiting.recv_timeout(Duration::from_millis(50)).unwrap_err(), RecvTimeoutError::Timeout);
    clone.stop();
    assert_eq!(waiting.recv_timeout(PATIENCE).unwrap().unwrap_err(), ReportFailure::Stopped);
    assert_eq!(answer(&clone, fresh(3)).unwrap_err(), ReportFailure::Stopped);
    assert_eq!(answer(&clone, shared(Binding::JuratV1)).unwrap_err(), ReportFailure::Stopped);
    drop(clone);
    stage.door.open();
    assert!(under_way.recv_timeout(PATIENCE).unwrap().is_ok());
    for answers in [under_way, waiting] {
        assert_eq!(answers.recv_timeout(PATIENCE).unwrap_err(), RecvTimeoutError::Disconnected);
    }
}

#[test]
fn a_device_that_does_not_come_back_holds_nobody() {
    let stage = Stage::new();
    let attester = stage.start(Settings { wait: Duration::from_millis(50), ..Settings::default() }).unwrap();
    stage.door.shut();
    let under_way = ask(&attester, fresh(1));
    stage.door.await_visitor();
    let waiting = ask(&attester, fresh(2));
    for answers in [&under_way, &waiting] {
        let failure = answers.recv_timeout(PATIENCE).unwrap().unwrap_err();
        assert!(matches!(failure, ReportFailure::TimedOut { .. }), "{failure}");
    }
    assert!(answer(&attester, shared(Binding::JuratV1)).is_ok(), "what is at hand is still given out");
    let before = asked(&stage.log).len();
    stage.door.open();
    let until = Instant::now() + PATIENCE;
    while answer(&attester, fresh(3)).is_err() {
        assert!(Instant::now() < until, "never recovered");
    }
    // The second was never begun; the third may have been asked for more than once.
    let key = identity().public_key;
    let never = Asked::Gpus(gpu_nonce(Binding::JuratV1, &key, &nonce(2)));
    assert!(!asked(&stage.log)[before..].contains(&never), "device time for nobody");
    let observed = attester.observe();
    assert!(observed.timed_out >= 2 && observed.waiting == 0, "{observed:?}");
}

#[test]
fn an_engine_whose_first_report_does_not_come_does_not_start() {
    let stage = Stage::new();
    stage.door.shut();
    let error = stage.start(Settings { wait: Duration::from_millis(20), ..Settings::default() }).unwrap_err();
    assert!(matches!(error, StartError::Report(ReportFailure::TimedOut { .. })), "{error}");
    stage.door.open();
}

#[test]
fn what_it_does_is_counted() {
    let stage = Stage::new();
    let attester = stage.start(Settings { queue: 3, ..Settings::default() }).unwrap();
    answer(&attester, fresh(1)).unwrap();
    *stage.gpus.lock().unwrap() = Conduct::Fails;
    answer(&attester, fresh(2)).unwrap_err();
    let observed = attester.observe();
    assert_eq!((observed.queue, observed.waiting, observed.callers, observed.under_way), (3, 0, 0, None));
    assert_eq!((observed.made, observed.failed), (2, 1));
    assert_eq!((observed.gpus.made, observed.gpus.failed), (2, 1));
    assert_eq!((observed.quotes.made, observed.quotes.failed), (2, 0), "no quote without GPUs");
    assert!(observed.gpus.total >= observed.gpus.longest && observed.gpus.longest >= observed.gpus.last);
    assert!(observed.shared_age.is_some_and(|age| age < PATIENCE));
}

#[test]
fn reports_yield_to_answers() {
    let attester = Stage::new().start(Settings::default()).unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    attester.request(fresh(1), move |_| tell.send(rustix::process::getpriority_process(None)).unwrap());
    let here = rustix::process::getpriority_process(None).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap().unwrap(), here.max(BESIDE));
}

#[test]
fn a_caller_that_panics_harms_nobody_else() {
    let attester = Stage::new().start(Settings::default()).unwrap();
    attester.request(fresh(1), |_| panic!("caller"));
    attester.request(shared(Binding::JuratV1), |_| panic!("caller"));
    assert!(answer(&attester, fresh(2)).is_ok());
}

/// A payload that NVIDIA's service is on record for having taken, where the folder of samples is at hand.
#[test]
fn the_payload_has_the_form_that_nvidia_takes() {
    let sample = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/samples/nanogpt-ecdsa-1xGPU-20260610/attestation_report.json");
    let Ok(text) = std::fs::read_to_string(&sample) else {
        eprintln!("skipped: no {}", sample.display());
        return;
    };
    let report: Value = serde_json::from_str(&text).unwrap();
    let recorded: Value = serde_json::from_str(report["nvidia_payload"].as_str().unwrap()).unwrap();
    let decode = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
    let entry = &recorded["evidence_list"][0];
    let evidence = GpuEvidence {
        certificate_chain: decode(&entry["certificate"]),
        report: decode(&entry["evidence"]),
        architecture: GpuArchitecture::Hopper,
    };
    let nonce: Nonce = recorded["nonce"].as_str().unwrap().parse().unwrap();
    assert_eq!(evidence.report[4..36], *nonce.as_bytes());
    let ours = nvidia_payload(&nonce, &[evidence]).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&ours).unwrap(), recorded);
}

//! How `jurat serve` starts, or why it does not.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use jurat_tests::{
    FakeEngine, Scratch, Script, Sidecar, answers, binary,
    canary::{self, CANARY, TOKEN},
    skip,
};

fn run(program: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).env_remove("RUST_LOG");
    command.output().unwrap_or_else(|error| panic!("run {}: {error}", program.display()))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const SERVE: [&str; 7] =
    ["serve", "--engine", "http://127.0.0.1:9", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];

#[test]
fn a_release_cannot_simulate() {
    let output = run(binary::plain(), &["serve", "--simulated-tee", "--engine", "http://127.0.0.1:9"]);
    assert_eq!(output.status.code(), Some(64), "{}", said(&output));
    let said = said(&output);
    assert!(said.contains("jurat: error:") && said.contains("simulated-tee"), "it must say why: {said}");
}

#[test]
fn without_a_tee_it_refuses_to_serve_and_says_what_is_missing() {
    if Path::new("/sys/kernel/config/tsm/report").exists() || Path::new("/var/run/dstack.sock").exists() {
        skip!("this machine has a TEE");
    }
    for program in [binary::plain(), binary::simulated()] {
        let output = run(program, &SERVE);
        assert_eq!(output.status.code(), Some(69), "{}", said(&output));
        let said = said(&output);
        assert!(said.contains("jurat: error:"), "{said}");
        let names_it = ["tdx", "configfs", "dstack"].iter().any(|word| said.to_lowercase().contains(word));
        assert!(names_it, "it must say what is missing: {said}");
    }
}

#[test]
fn bad_usage_is_64_and_bad_configuration_78() {
    let program = binary::simulated();
    for bad in [&["serve", "--no-such-flag"][..], &["no-such-command"], &["serve", "--listen", "nowhere"]] {
        let output = run(program, bad);
        assert_eq!(output.status.code(), Some(64), "{bad:?}: {}", said(&output));
    }
    let folder = Scratch::new();
    for (text, named) in
        [("no_such_knob = 1\n", "no_such_knob"), ("listen = 7\n", "listen"), ("= broken", "bad-")]
    {
        let file = folder.write("bad-one.toml", text);
        let output = run(program, &["serve", "--simulated-tee", "--config", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(78), "{text:?}: {}", said(&output));
        let said = said(&output);
        assert!(said.contains(named), "a bad value must be named ({named}): {said}");
    }
}

/// What can change trust comes from the file alone.
#[test]
fn a_remote_engine_is_refused_on_the_command_line() {
    for engine in ["http://10.1.2.3:8001", "http://engine.example:8001", "https://8.8.8.8"] {
        let output = run(
            binary::simulated(),
            &["serve", "--simulated-tee", "--engine", engine, "--listen", "127.0.0.1:0"],
        );
        let code = output.status.code();
        assert!(code == Some(64) || code == Some(78), "--engine {engine}: {code:?}: {}", said(&output));
    }
}

#[tokio::test]
async fn a_taken_admin_port_is_69() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let program = binary::simulated();
    for flag in ["--admin-listen", "--listen"] {
        let other = if flag == "--listen" { "--admin-listen" } else { "--listen" };
        let arguments = [
            "serve",
            "--simulated-tee",
            "--engine",
            "http://127.0.0.1:9",
            flag,
            &address,
            other,
            "127.0.0.1:0",
        ];
        let output = run(program, &arguments);
        assert_eq!(output.status.code(), Some(69), "{flag}: {}", said(&output));
        assert!(said(&output).contains(&address), "it must name the address: {}", said(&output));
    }
}

#[tokio::test]
async fn it_says_that_it_simulates_and_that_receipts_do_not_last() {
    let sidecar = Sidecar::before(&format!("http://{}", FakeEngine::refusing().await)).start().await;
    let said = sidecar.said();
    assert!(said.to_lowercase().contains("simulated"), "a banner marks the simulation: {said}");
    assert!(said.contains("--state-dir"), "it says that receipts end with the process: {said}");
}

/// A core dump would hold the key.
#[tokio::test]
async fn no_core_is_dumped() {
    let sidecar = Sidecar::before(&format!("http://{}", FakeEngine::refusing().await)).start().await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", sidecar.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit of cores");
    let fields: Vec<_> = line.split_whitespace().collect();
    assert_eq!(fields[4..6], ["0", "0"], "{line}");
}

/// systemd's part, played by a socket: it hears that the service is ready, that it lives, and that it goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_hears_of_its_life() {
    let engine = format!("http://{}", FakeEngine::refusing().await);
    let folder = Scratch::new();
    let path = folder.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let until = |wanted: &str| {
        let mut heard = Vec::new();
        let mut buffer = [0; 256];
        while !heard.iter().any(|one: &String| one.starts_with(wanted)) {
            let length = socket.recv(&mut buffer).unwrap_or_else(|error| panic!("{error}, after {heard:?}"));
            heard.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
        heard
    };
    let variables = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "400000")];
    let sidecar = Sidecar::before(&engine).variables(variables).start().await;
    let heard = until("READY=1");
    assert!(!heard.iter().any(|one| one.starts_with("STOPPING")), "{heard:?}");
    until("STATUS=ready");
    until("WATCHDOG=1");
    until("WATCHDOG=1");
    sidecar.terminate();
    let heard = until("STOPPING=1");
    let last = heard.last().unwrap();
    assert!(last.contains("EXTEND_TIMEOUT_USEC=60000000"), "{last}");
    drop(sidecar);

    let lost = Sidecar::before(&engine).variables([("NOTIFY_SOCKET", "/nonexistent/notify")]).refused().await;
    assert_eq!(lost.0, Some(69));
    assert!(lost.1.contains("NOTIFY_SOCKET /nonexistent/notify"), "{}", lost.1);
}

/// One line of JSON an exchange, for whoever asks for it, and none for whoever does not.
#[tokio::test]
async fn exchanges_are_logged_on_demand() {
    let engine = FakeEngine::always(Script::say(answers::json(200, &answers::ask(CANARY)))).await;
    for (filter, lines) in [("info", 0), ("info,jurat_proxy::exchange=debug", 1)] {
        let sidecar = Sidecar::before(engine.url()).variables([("JURAT_LOG", filter)]).start().await;
        let got = sidecar.ask("POST", "/v1/completions", &[TOKEN], &answers::ask(CANARY)).await;
        // A line may come through its pipe behind the answer.
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if sidecar.said().matches("jurat_proxy::exchange").count() >= lines {
                break;
            }
        }
        let said = sidecar.said();
        let logged: Vec<&str> = said.lines().filter(|line| line.contains("jurat_proxy::exchange")).collect();
        assert_eq!(logged.len(), lines, "{said}");
        assert_eq!(canary::find(said.as_bytes()), None);
        for line in logged {
            let fields = &serde_json::from_str::<serde_json::Value>(line).expect("a line is JSON")["fields"];
            assert_eq!(fields["id"], got.receipt_id());
            assert_eq!(fields["endpoint"], "POST /v1/completions");
            assert_eq!((fields["status"].as_u64(), fields["end"].as_str()), (Some(200), Some("complete")));
            assert_eq!(fields["bytes"], got.body.len());
            assert!(fields["milliseconds"].is_u64());
        }
    }
}

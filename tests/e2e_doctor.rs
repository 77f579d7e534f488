//! `jurat doctor` on machines of every kind: its findings, its advice and its exit code.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{path::Path, process::Command};

use jurat_tests::{FakeEngine, Scratch, Script, Sidecar, Standin, Step, answers, binary};
use serde_json::Value;

/// Exit code and findings.
struct Examined(i32, Value);

impl Examined {
    fn of(program: &Path, arguments: &[&str], knobs: &[(&str, &str)]) -> Self {
        let output = Command::new(program)
            .args(["doctor", "--json"])
            .args(arguments)
            .envs(knobs.iter().map(|(name, value)| (format!("NVML_STANDIN_{name}"), value)))
            .output()
            .unwrap();
        let found =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        Self(output.status.code().unwrap(), found)
    }

    fn lines(&self) -> &[Value] {
        self.1["findings"].as_array().unwrap()
    }

    fn line(&self, id: &str) -> &Value {
        self.lines()
            .iter()
            .find(|line| line["id"] == id)
            .unwrap_or_else(|| panic!("{id} is not in {}", self.1))
    }

    fn status(&self, id: &str) -> &str {
        self.line(id)["status"].as_str().unwrap()
    }

    /// The failed ones.
    fn failed(&self) -> Vec<&str> {
        let failed = self.lines().iter().filter(|line| line["status"] == "fail");
        failed.map(|line| line["id"].as_str().unwrap()).collect()
    }
}

const FREE: [&str; 6] = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--concurrency", "100"];

async fn engine() -> FakeEngine {
    FakeEngine::always(Script::new([Step::Send(answers::json(200, b"{}"))])).await
}

/// Beside a running service nothing fails, and its own report is judged.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_well_is_found_well() {
    let engine = engine().await;
    let folder = Scratch::new();
    let sidecar = Sidecar::before(engine.url()).state_dir(folder.path()).start().await;
    let (data, admin) = (sidecar.address().to_string(), sidecar.admin().to_string());
    let mut arguments =
        vec!["--simulated-tee", "--engine", engine.url(), "--listen", &data, "--admin-listen", &admin];
    arguments.extend(["--state-dir", folder.path().to_str().unwrap(), "--concurrency", "100"]);
    let examined = Examined::of(binary::simulated(), &arguments, &[]);
    assert_eq!((examined.0, &examined.1["well"]), (0, &true.into()), "{}", examined.1);
    for id in [
        "engine.answers",
        "archive.folder",
        "port.data",
        "port.admin",
        "service.report",
        "process.dumps",
        "clock",
    ] {
        assert_eq!(examined.status(id), "pass", "{}", examined.line(id));
    }
    assert!(examined.line("archive.lock")["finding"].as_str().unwrap().contains("a process holds"));
    assert!(examined.line("port.data")["finding"].as_str().unwrap().contains("running jurat"));
    // Under a policy that refuses simulations the same report fails, and the rest does not.
    arguments.extend(["--policy", "permissive"]);
    let refused = Examined::of(binary::simulated(), &arguments, &[]);
    assert_eq!((refused.0, refused.failed()), (69, vec!["service.report"]), "{}", refused.1);
}

/// Quotes from dstack's stand-in, GPUs from NVML's. That the processor is no TDX guest's is true wherever tests run.
#[tokio::test(flavor = "multi_thread")]
async fn hardware_is_looked_through() {
    if std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default().contains("tdx_guest") {
        jurat_tests::skip!("this machine is a TDX guest");
    }
    let engine = engine().await;
    let folder = Scratch::new();
    let socket = folder.path().join("dstack.sock");
    let agent = Standin::start(&["dstack", socket.to_str().unwrap()]).unwrap();
    let library = binary::nvml_standin().display().to_string();
    let text = format!(
        "tdx_source = \"dstack:{}\"\nnvml_library = {library:?}\nkey = \"dstack\"\n",
        socket.display()
    );
    let config = folder.write("jurat.toml", text);
    let mut arguments = vec!["--config", config.to_str().unwrap(), "--engine", engine.url()];
    arguments.extend(FREE);
    let examine = |knobs: &[(&str, &str)]| Examined::of(binary::plain(), &arguments, knobs);

    let two = examine(&[("GPUS", "2")]);
    assert_eq!((two.0, two.failed()), (69, vec!["tdx.guest"]), "{}", two.1);
    for id in ["tdx.dstack", "tdx.quote", "gpu.driver", "gpu.mode", "gpu.evidence"] {
        assert_eq!(two.status(id), "pass", "{}", two.line(id));
    }
    let driver = two.line("gpu.driver")["finding"].as_str().unwrap();
    assert!(
        driver.contains("000.000.00") && driver.contains("2 x") && driver.contains("EE.EE.EE.EE.EE"),
        "{driver}"
    );
    assert!(two.line("gpu.mode")["finding"].as_str().unwrap().contains("developer tools off"));
    assert_eq!(two.status("dstack.socket"), "skip");
    assert!(two.line("dstack.socket")["do"].as_str().unwrap().contains("same signing key"));
    assert_eq!(two.status("service.report"), "skip");

    for (knobs, id, advice) in [
        ([("CC", "off")], "gpu.mode", "confidential-computing mode on"),
        ([("DEVTOOLS", "on")], "gpu.mode", "`devtools`"),
        ([("READY", "no")], "gpu.mode", "conf-compute -srs 1"),
        ([("GPUS", "0")], "gpu.driver", "gpus = \"none\""),
        ([("FAULT", "nvmlDeviceGetConfComputeGpuAttestationReport=15")], "gpu.evidence", "Xid"),
    ] {
        let ill = examine(&knobs);
        assert_eq!((ill.0, ill.failed()), (69, vec!["tdx.guest", id]), "{knobs:?}: {}", ill.1);
        assert!(ill.line(id)["do"].as_str().unwrap().contains(advice), "{}", ill.line(id));
    }
    let fabric = examine(&[("CC", "off"), ("MULTI_GPU", "ppcie")]);
    assert_eq!((fabric.status("gpu.mode"), fabric.status("gpu.switches")), ("pass", "skip"));
    assert!(fabric.line("gpu.switches")["do"].as_str().unwrap().contains("nvswitch_command"));

    drop(agent);
    let gone = examine(&[]);
    assert_eq!(gone.failed(), ["tdx.guest", "tdx.dstack", "dstack.socket"], "{}", gone.1);
    assert_eq!(gone.status("tdx.quote"), "skip");
    let _debug = Standin::start(&["dstack", socket.to_str().unwrap(), "debug"]).unwrap();
    let open = examine(&[]);
    assert_eq!(open.failed(), ["tdx.guest", "tdx.quote"], "{}", open.1);
    assert!(open.line("tdx.quote")["do"].as_str().unwrap().contains("DEBUG"));
}

/// On a laptop each thing that is missing has its line, for people one line each.
#[test]
fn a_machine_without_anything_is_told_what_it_lacks() {
    let output = Command::new(binary::plain())
        .args(["doctor", "--engine", "http://127.0.0.1:9"])
        .args(FREE)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(69), "{text}");
    for line in text.lines().filter(|line| !line.ends_with("skipped")) {
        assert!(["pass ", "fail ", "skip "].iter().any(|status| line.starts_with(status)), "{line}");
    }
    let line =
        |id: &str| text.lines().find(|line| line.contains(id)).unwrap_or_else(|| panic!("{id}: {text}"));
    assert!(
        line("engine.answers").starts_with("fail ")
            && line("engine.answers").contains("; do: start the engine")
    );
    assert!(text.lines().last().unwrap().ends_with(" skipped"), "{text}");
    // A configuration that is wrong is not examined.
    let output = Command::new(binary::plain()).args(["doctor", "--listen", "nowhere"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
}

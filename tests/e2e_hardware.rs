//! The program on a machine with TDX, or what looks like one from inside: its own code from the boundary on.
//!
//! The boundary is a stand-in in a process of its own. The quotes are of the look-alike PKI, so the service never
//! becomes ready on them; its report shows what it got.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use jurat_tests::{Client, Scratch, Standin, binary, request, skip};
use serde_json::Value;

/// A process that ends with its owner.
struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `jurat serve` on `source`, and the lines that it says.
fn serve(folder: &Scratch, source: &str) -> (Owned, impl Iterator<Item = String> + use<>) {
    let file = folder.write("jurat.toml", format!("tdx_source = {source:?}\ngpus = \"none\"\n"));
    let mut child = Command::new(binary::plain())
        .args(["serve", "--engine", "http://127.0.0.1:9", "--config", file.to_str().unwrap()])
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    (Owned(child), lines)
}

/// Its report under a nonce of ours, by the field's binding.
async fn report(folder: &Scratch, source: &str) -> Value {
    let (_serving, mut lines) = serve(folder, source);
    let mut said = String::new();
    let address = loop {
        let Some(line) = lines.next() else { panic!("it left and said:\n{said}") };
        if let Some(address) = line.strip_prefix("jurat: listening on http://") {
            break address.parse().unwrap();
        }
        said.push_str(&line);
        said.push('\n');
    };
    let target = format!("/attestation/report?binding=dstack-v1&nonce={}", "5a".repeat(32));
    let mut client = Client::connect(address).await.unwrap();
    client.send(&request("GET", &target, &[], b"")).await.unwrap();
    let answer = client.answer().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", String::from_utf8_lossy(&answer.body));
    serde_json::from_slice(&answer.body).unwrap()
}

/// What every source must give: a quote over the address and the nonce.
fn holds(report: &Value) -> String {
    let address = report["signing_address"].as_str().unwrap().to_lowercase();
    let wanted = format!("{}{}{}", address.trim_start_matches("0x"), "00".repeat(12), "5a".repeat(32));
    let quote = report["quote"].as_str().unwrap();
    assert_eq!(
        (report["tee"].as_str(), report["report_data"].as_str()),
        (Some("tdx"), Some(wanted.as_str()))
    );
    assert_eq!(quote[2 * 568..2 * 632], wanted);
    quote.to_owned()
}

#[tokio::test]
async fn a_report_through_dstacks_agent_passes_on_what_the_agent_says() {
    let folder = Scratch::new();
    let socket = folder.path().join("dstack.sock");
    let _standin = Standin::start(&["dstack", socket.to_str().unwrap()]).unwrap();
    let report = report(&folder, &format!("dstack:{}", socket.display())).await;
    let quote = holds(&report);
    let log: Vec<Value> = serde_json::from_str(report["event_log"].as_str().unwrap()).unwrap();
    assert!(log.iter().any(|event| event["event"] == "system-ready"), "{log:?}");
    let vm_config: Value = serde_json::from_str(report["vm_config"].as_str().unwrap()).unwrap();
    assert_eq!(vm_config["num_gpus"], 1);
    // dstack's own words name the registers of this very quote.
    let tcb_info: Value = serde_json::from_str(report["info"]["tcb_info"].as_str().unwrap()).unwrap();
    assert_eq!(tcb_info["rtmr3"], quote[2 * 520..2 * 568]);
}

#[tokio::test]
async fn a_report_through_configfs() {
    let folder = Scratch::new();
    let tree = folder.path().join("report");
    std::fs::create_dir(&tree).unwrap();
    let _standin = match Standin::start(&["configfs", tree.to_str().unwrap()]) {
        Ok(standin) => standin,
        Err(error) => skip!("nothing can be mounted through FUSE here: {error}"),
    };
    let report = report(&folder, &format!("configfs:{}", tree.display())).await;
    holds(&report);
    assert_eq!((report["event_log"].as_str(), report["vm_config"].as_str()), (Some("[]"), Some("")));
}

/// A debug TD, a quote of somebody else's or none at all: nothing is served, and the reason is named.
#[test]
fn what_proves_nothing_does_not_start() {
    let folder = Scratch::new();
    for (at, (made, fault, word)) in [
        ("debug", "none", "DEBUG"),
        ("other", "none", "report data"),
        ("empty", "none", "empty quote"),
        ("minted", "busy", "busy"),
        ("minted", "refuses", "quoting service"),
    ]
    .into_iter()
    .enumerate()
    {
        let socket = folder.path().join(format!("{at}.sock"));
        let _standin = Standin::start(&["dstack", socket.to_str().unwrap(), made, fault]).unwrap();
        let (mut serving, lines) = serve(&folder, &format!("dstack:{}", socket.display()));
        let said: Vec<String> = lines.collect();
        assert_eq!(serving.0.wait().unwrap().code(), Some(69), "{made} {fault}: {said:?}");
        assert!(said.iter().any(|line| line.contains(word)), "{word:?} is not in {said:?}");
        assert!(!said.iter().any(|line| line.contains("listening")), "{said:?}");
    }
}

/// A debug TD is found through the kernel's folder too, and whoever started it is told what to do.
#[test]
fn a_debug_td_does_not_start_and_says_who_can_help() {
    let folder = Scratch::new();
    let tree = folder.path().join("report");
    std::fs::create_dir(&tree).unwrap();
    let _standin = match Standin::start(&["configfs", tree.to_str().unwrap(), "debug"]) {
        Ok(standin) => standin,
        Err(error) => skip!("nothing can be mounted through FUSE here: {error}"),
    };
    let (mut serving, lines) = serve(&folder, &format!("configfs:{}", tree.display()));
    let said: Vec<String> = lines.collect();
    assert_eq!(serving.0.wait().unwrap().code(), Some(69), "{said:?}");
    let (error, hint) = ("jurat: error: ", "jurat: hint: ");
    assert!(said.iter().any(|line| line.starts_with(error) && line.contains("attribute DEBUG")), "{said:?}");
    assert!(
        said.iter().any(|line| line.starts_with(hint) && line.contains("leaves the TD attribute DEBUG out"))
    );
}

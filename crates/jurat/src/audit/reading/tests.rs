use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
};

use jurat_verify::{AuditVerdict, CheckId, Extent, Policy, Status};

use super::*;

/// An admin listener that serves what it is told under each path, and `null` elsewhere.
fn serve(answers: BTreeMap<String, String>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut request, mut buffer) = (stream.unwrap(), Vec::new(), [0; 1024]);
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                let read = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..read]);
            }
            let path = String::from_utf8(request).unwrap().split(' ').nth(1).unwrap().to_owned();
            let (status, body) = match answers.get(&path) {
                Some(body) => ("200 OK", body.as_str()),
                None => ("404 Not Found", "{}"),
            };
            told.lock().unwrap().push(path);
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all((head + body).as_bytes()).unwrap();
        }
    });
    (url, asked)
}

/// The chain of a published export, and its lines: eight receipts and a head.
fn export() -> (String, Vec<String>) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../attestation/vectors/export/accept/whole.ndjson");
    let lines: Vec<_> = std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect();
    let first: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    (first["receipt"]["chain"].as_str().unwrap().to_owned(), lines)
}

fn page(chain: &str, after: u64) -> String {
    format!("/receipts?chain={chain}&after={after}&limit=1000")
}

fn listing(chain: &str) -> (String, String) {
    ("/receipts/chains".into(), format!(r#"{{"chains":[{{"chain":"{chain}"}}]}}"#))
}

fn judged(url: &str, save: Option<&Path>) -> Result<AuditVerdict, Failure> {
    let policy = Policy::named("simulated").unwrap();
    let mut reading = Reading::new(Audit::new(&policy, Extent::Whole), save)?;
    reading.pages(url, HeaderMap::new())?;
    Ok(reading.end()?.finish())
}

fn status(verdict: &AuditVerdict, id: CheckId) -> Status {
    verdict.chains()[0].checks.iter().find(|check| check.id == id).unwrap().status
}

#[test]
fn pages_are_followed_to_the_head() {
    let (chain, lines) = export();
    let text = |range: std::ops::Range<usize>| lines[range].join("\n") + "\n";
    let (url, asked) = serve(BTreeMap::from([
        listing(&chain),
        ("/receipts/head".into(), lines[8].clone()),
        (page(&chain, BEHIND), text(8..9)),
        (page(&chain, 0), text(0..3) + "{\"next\":3}\n"),
        (page(&chain, 3), text(3..8) + &text(8..9)),
    ]));
    let saved = std::env::temp_dir().join(format!("jurat-audit-pages-{}", std::process::id()));
    let verdict = judged(&url, Some(&saved)).unwrap_or_else(|_| panic!("every page is there"));
    assert_eq!(verdict.receipts(), 8, "{verdict}");
    for id in [CheckId::ChainGap, CheckId::ChainOrder, CheckId::ChainHead] {
        assert_eq!(status(&verdict, id), Status::Pass, "{verdict}");
    }
    let kept = std::fs::read_to_string(&saved).unwrap();
    std::fs::remove_file(&saved).unwrap();
    assert!(!kept.contains("\"next\":"), "pages end in requests alone");
    assert_eq!(kept.lines().count(), 8 + 3, "eight receipts, and the head three times");
    assert_eq!(asked.lock().unwrap().len(), 5);
}

#[test]
fn a_chain_that_grows_is_caught_up_with() {
    let (chain, lines) = export();
    // the head was signed when two more receipts were there
    let (url, _) = serve(BTreeMap::from([
        listing(&chain),
        (page(&chain, BEHIND), String::new()),
        (page(&chain, 0), lines[..6].join("\n") + "\n" + &lines[8]),
        (page(&chain, 6), lines[6..].join("\n")),
    ]));
    let verdict = judged(&url, None).unwrap_or_else(|_| panic!("every page is there"));
    assert_eq!(status(&verdict, CheckId::ChainHead), Status::Pass, "{verdict}");
    assert_eq!(verdict.receipts(), 8);
}

#[test]
fn a_tail_that_is_withheld_is_refuted() {
    let (chain, lines) = export();
    let cut = lines[..6].join("\n") + "\n" + &lines[8];
    let (url, _) = serve(BTreeMap::from([
        listing(&chain),
        (page(&chain, BEHIND), lines[8].clone()),
        (page(&chain, 0), cut),
        (page(&chain, 6), lines[8].clone()),
    ]));
    let verdict = judged(&url, None).unwrap_or_else(|_| panic!("every page is there"));
    assert_eq!(status(&verdict, CheckId::ChainHead), Status::Fail, "{verdict}");
}

#[test]
fn pages_in_a_circle_come_to_an_end() {
    let (chain, _) = export();
    let (url, _) = serve(BTreeMap::from([
        listing(&chain),
        (page(&chain, BEHIND), String::new()),
        (page(&chain, 0), "{\"next\":5}".into()),
        (page(&chain, 5), "{\"next\":5}".into()),
    ]));
    assert!(judged(&url, None).is_err());
}

#[test]
fn a_chain_given_up_in_the_meantime_is_passed_over() {
    let (chain, _) = export();
    let (url, asked) = serve(BTreeMap::from([listing(&chain)]));
    let verdict = judged(&url, None).unwrap_or_else(|_| panic!("nothing failed"));
    assert!(verdict.chains().is_empty());
    assert_eq!(asked.lock().unwrap().len(), 3);
}

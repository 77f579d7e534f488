//! The archive over a process's life and beyond: restarts, past signers, exports, owners, the drain.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{path::PathBuf, time::Duration};

use jurat_proto::{
    Digest, End, ReportBody, SignatureRecord, SignedHead, SignedPrunePoint, message_digest, sha256,
};
use jurat_tests::{
    Answer, Expected, FakeEngine, Oath, Scratch, Script, Sidecar, SidecarBuilder, Step, answers,
    random_nonce, request,
};

const CHAT: &str = "/v1/chat/completions";
const ENDPOINT: &str = "POST /v1/chat/completions";

/// In a folder that the first one makes.
fn kept_by(engine: &str, folder: &Scratch) -> SidecarBuilder {
    Sidecar::before(engine).state_dir(&state(folder))
}

fn state(folder: &Scratch) -> PathBuf {
    folder.path().join("state")
}

async fn chat_engine() -> FakeEngine {
    FakeEngine::start(|head| {
        let id = head.header("x-id").unwrap_or("chatcmpl-0");
        match head.header("x-script") {
            Some("endless") => Script::stream(&[&answers::chat_event(id, "one")], &[Step::WaitForClientGone]),
            Some("slow") => {
                let done = Step::Send(answers::chunked(answers::DONE, 64));
                let rest = [Step::Sleep(Duration::from_millis(700)), done];
                Script::stream(&[&answers::chat_event(id, "one")], &rest)
            }
            _ => Script::say(answers::json(200, &answers::chat_body(id, "pong"))),
        }
    })
    .await
}

async fn ask(sidecar: &Sidecar, number: usize) -> Answer {
    let body = format!("{{\"n\":{number}}}");
    let got = sidecar.ask("POST", CHAT, &[&format!("X-Id: chatcmpl-{number}")], body.as_bytes()).await;
    assert_eq!(got.status(), 200);
    got
}

async fn kill(sidecar: Sidecar) {
    let pid = rustix::process::Pid::from_raw(sidecar.pid().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let mut sidecar = sidecar;
    sidecar.exit_code(Duration::from_secs(10)).await;
}

/// Lines of an export, every signature checked, every link of the chain followed.
struct Export {
    receipts: Vec<SignatureRecord>,
    prunes: Vec<SignedPrunePoint>,
    head: Option<SignedHead>,
}

impl Export {
    async fn of(sidecar: &Sidecar, chain: &Digest, limit: usize) -> Self {
        let mut export = Self { receipts: Vec::new(), prunes: Vec::new(), head: None };
        let mut after = 0;
        loop {
            let target = format!("/receipts?chain=0x{chain}&after={after}&limit={limit}");
            let got = sidecar.fetch_admin(&target).await;
            assert_eq!(got.status(), 200, "{target}: {}", String::from_utf8_lossy(&got.body));
            assert_eq!(got.header("content-type"), Some("application/x-ndjson"));
            let text = String::from_utf8(got.body).unwrap();
            let mut next = None;
            for line in text.lines() {
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                if value.get("receipt").is_some() {
                    export.receipts.push(serde_json::from_str(line).unwrap());
                } else if value.get("prune").is_some() {
                    export.prunes.push(serde_json::from_str(line).unwrap());
                } else if value.get("head").is_some() {
                    export.head = Some(serde_json::from_str(line).unwrap());
                } else {
                    next = value["next"].as_u64();
                }
            }
            match next {
                Some(next) => after = next,
                None => return export,
            }
        }
    }

    fn is_a_chain(&self, chain: &Digest) {
        let mut previous = *chain;
        for (record, sequence) in self.receipts.iter().zip(1..) {
            let receipt = &record.receipt;
            assert_eq!((receipt.chain, receipt.sequence), (*chain, sequence));
            assert_eq!(receipt.previous, previous, "sequence {sequence}");
            record.authenticate().expect("every record is its signer's");
            previous = receipt.struct_hash();
        }
    }
}

#[tokio::test]
async fn receipts_and_their_signer_outlive_a_kill() {
    let folder = Scratch::new();
    let engine = chat_engine().await;
    let mut told = Vec::new();
    for life in 0..3 {
        let sidecar = kept_by(engine.url(), &folder).start().await;
        let oath = Oath::of(&sidecar).await;
        for number in 0..20 {
            let got = ask(&sidecar, life * 100 + number).await;
            told.push((oath.clone(), life * 100 + number, got.receipt_id().to_owned(), got.body));
        }
        kill(sidecar).await;
    }
    let sidecar = kept_by(engine.url(), &folder).start().await;
    let present = Oath::of(&sidecar).await;
    for (oath, number, id, body) in &told {
        let request = format!("{{\"n\":{number}}}");
        let expected = Expected {
            end: End::Complete,
            status: 200,
            endpoint: ENDPOINT,
            request: request.as_bytes(),
            response: Some(body),
        };
        let record = oath.holds(&sidecar, id, &expected).await;
        let by_alias = Oath::fetch(&sidecar, &format!("chatcmpl-{number}")).await;
        assert_eq!(record, by_alias, "the engine's id is still an alias");
        assert_ne!(record.signing_address, present.address, "the key is fresh at each start");
    }
    for life in 0..3 {
        let oath = &told[life * 20].0;
        let export = Export::of(&sidecar, &oath.chain, 7).await;
        assert_eq!(export.receipts.len(), 20);
        export.is_a_chain(&oath.chain);
        past_report(&sidecar, oath).await;
    }
    let listed = sidecar.fetch_admin("/receipts/chains").await.json();
    assert_eq!(listed["chains"].as_array().unwrap().len(), 3, "{listed}");
}

/// A past signer's report is served, marked as the past's, and answers no challenge.
async fn past_report(sidecar: &Sidecar, oath: &Oath) {
    let address = oath.address;
    let by_claims = format!("/attestation/report?claims_hash={}", oath.claims_hash);
    for target in [format!("/v1/attestation/report?signing_address={address}"), by_claims] {
        let got = sidecar.fetch(&target).await;
        assert_eq!(got.status(), 200, "{target}");
        let json = got.json();
        let report: ReportBody = serde_json::from_slice(&got.body).unwrap();
        assert_eq!(report.signing_address, address.to_string());
        assert_eq!(sha256(report.claims.unwrap().as_bytes()), oath.claims_hash);
        assert_eq!(json["archived"], true);
        assert!(json["archived_at"].is_u64() && json["report_age_seconds"].is_u64(), "{json}");
        assert_eq!(report.binding.as_deref(), Some("jurat-v1"));
    }
    let nonce = random_nonce();
    for target in [
        format!("/attestation/report?signing_address={address}&nonce={nonce}"),
        format!("/attestation/report?signing_address=0x{}", "00".repeat(20)),
        format!("/attestation/report?signing_address={address}&binding=dstack-v1"),
    ] {
        let got = sidecar.fetch(&target).await;
        assert_eq!((got.status(), got.error_code().as_str()), (404, "signer_unknown"), "{target}");
    }
}

#[tokio::test]
async fn a_head_is_sworn_to_on_request_and_kept_at_the_end() {
    let folder = Scratch::new();
    let engine = chat_engine().await;
    let mut sidecar = kept_by(engine.url(), &folder).start().await;
    let oath = Oath::of(&sidecar).await;
    for number in 0..5 {
        ask(&sidecar, number).await;
    }
    let got = sidecar.fetch_admin("/receipts/head").await;
    let head: SignedHead = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(head.signature.recover(&head.head.digest()).unwrap().address(), oath.address);
    let export = Export::of(&sidecar, &oath.chain, 100).await;
    let last = export.receipts.last().unwrap().receipt.struct_hash();
    assert_eq!((head.head.chain, head.head.sequence, head.head.receipt_hash), (oath.chain, 5, last));
    sidecar.terminate();
    assert_eq!(sidecar.exit_code(Duration::from_secs(30)).await, Some(0));
    let sidecar = kept_by(engine.url(), &folder).start().await;
    let export = Export::of(&sidecar, &oath.chain, 100).await;
    export.is_a_chain(&oath.chain);
    assert!(export.prunes.is_empty());
    let kept = export.head.expect("a chain that ended well has a head");
    assert_eq!((kept.head.sequence, kept.head.receipt_hash), (5, last));
    for (target, code) in [
        ("/receipts", "invalid_chain"),
        ("/receipts?chain=00", "invalid_chain"),
        (&format!("/receipts?chain=0x{}", "00".repeat(32)), "chain_unknown"),
        (&format!("/receipts?chain={}&after=x", oath.chain), "invalid_page"),
        (&format!("/receipts?chain={}&limit=0", oath.chain), "invalid_page"),
        (&format!("/receipts?chain={}&limit=10001", oath.chain), "invalid_page"),
    ] {
        assert_eq!(sidecar.fetch_admin(target).await.error_code(), code, "{target}");
    }
    assert_eq!(sidecar.fetch("/receipts/head").await.status(), 404, "the archive is not for the data port");
}

#[tokio::test]
async fn what_retention_takes_leaves_a_signed_prune_point() {
    let folder = Scratch::new();
    let engine = chat_engine().await;
    let sidecar = kept_by(engine.url(), &folder).args(["--store-age", "1.5"]).start().await;
    let oath = Oath::of(&sidecar).await;
    for number in 0..10 {
        ask(&sidecar, number).await;
    }
    tokio::time::sleep(Duration::from_secs(4)).await;
    ask(&sidecar, 10).await;
    let export = Export::of(&sidecar, &oath.chain, 100).await;
    let [point] = &export.prunes[..] else { panic!("one prune point: {:?}", export.prunes) };
    assert_eq!(point.signature.recover(&point.prune.digest()).unwrap().address(), oath.address);
    assert_eq!((point.prune.first, point.prune.last, point.prune.previous), (1, 10, oath.chain));
    let [kept] = &export.receipts[..] else { panic!("one receipt: {:?}", export.receipts) };
    assert_eq!((kept.receipt.sequence, kept.receipt.previous), (11, point.prune.receipt_hash));
}

#[tokio::test]
async fn with_owners_a_receipt_is_its_own_tenants() {
    let folder = Scratch::new();
    let engine = chat_engine().await;
    for durable in [false, true] {
        let builder = if durable { kept_by(engine.url(), &folder) } else { Sidecar::before(engine.url()) };
        let sidecar = builder.args(["--receipt-scope", "owner"]).start().await;
        let mine = "Authorization: Bearer sk-mine";
        let got = sidecar.ask("POST", CHAT, &[mine, "X-Id: chatcmpl-mine"], b"{}").await;
        let target = format!("/signature/{}", got.receipt_id());
        for target in [target.as_str(), "/v1/signature/chatcmpl-mine"] {
            assert_eq!(sidecar.ask("GET", target, &[mine], b"").await.status(), 200);
            let absent = sidecar.fetch("/signature/chatcmpl-nobody").await;
            for headers in [&["Authorization: Bearer sk-other"][..], &["Authorization: Basic sk-mine"], &[]] {
                let got = sidecar.ask("GET", target, headers, b"").await;
                assert_eq!((got.status(), &got.body), (404, &absent.body), "as if it were not there");
            }
        }
        let anyones = sidecar.ask("POST", CHAT, &[], b"{}").await;
        assert_eq!(Oath::fetch(&sidecar, anyones.receipt_id()).await.receipt.end, End::Complete);
    }
}

#[tokio::test]
async fn a_drain_lets_answers_end_and_swears_to_those_that_do_not() {
    let folder = Scratch::new();
    let engine = chat_engine().await;
    let mut sidecar = kept_by(engine.url(), &folder).args(["--drain-grace", "2"]).start().await;
    let oath = Oath::of(&sidecar).await;
    let mut begun = Vec::new();
    for script in ["slow", "endless"] {
        let mut client = sidecar.connect().await;
        client.send(&request("POST", CHAT, &[&format!("X-Script: {script}")], b"{}")).await.unwrap();
        let (head, _) = client.until(b"one").await.unwrap();
        begun.push((client, head.header("x-receipt-id").unwrap().to_owned()));
    }
    sidecar.terminate();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (slow, slow_id) = &mut begun[0];
    let rest = slow.drain_for(Duration::from_millis(1_500)).await;
    assert!(rest.windows(6).any(|bytes| bytes == b"[DONE]"), "an answer that ends in the grace ends well");
    assert_eq!(sidecar.exit_code(Duration::from_secs(10)).await, Some(0));
    let next = kept_by(engine.url(), &folder).start().await;
    let record = Oath::fetch(&next, slow_id).await;
    assert_eq!((record.receipt.end, record.signing_address), (End::Complete, oath.address));
    let record = Oath::fetch(&next, &begun[1].1).await;
    assert_eq!(record.receipt.end, End::TimedOut, "the grace was over: its client had not left");
    assert!(record.text.is_none());
    Export::of(&next, &oath.chain, 10).await.is_a_chain(&oath.chain);
}

#[tokio::test]
async fn a_second_signal_ends_at_once_and_nothing_is_lost() {
    let folder = Scratch::new();
    let engine = chat_engine().await;
    let mut sidecar = kept_by(engine.url(), &folder).args(["--drain-grace", "60"]).start().await;
    let oath = Oath::of(&sidecar).await;
    let mut client = sidecar.connect().await;
    client.send(&request("POST", CHAT, &["X-Script: endless"], b"{}")).await.unwrap();
    let (head, _) = client.until(b"one").await.unwrap();
    sidecar.terminate();
    tokio::time::sleep(Duration::from_millis(300)).await;
    sidecar.terminate();
    let began = std::time::Instant::now();
    assert_eq!(sidecar.exit_code(Duration::from_secs(10)).await, Some(0));
    assert!(began.elapsed() < Duration::from_secs(3), "took {:?}", began.elapsed());
    let next = kept_by(engine.url(), &folder).start().await;
    let record = Oath::fetch(&next, head.header("x-receipt-id").unwrap()).await;
    assert_eq!(record.receipt.end, End::TimedOut);
    Export::of(&next, &oath.chain, 10).await.is_a_chain(&oath.chain);
}

/// Two processes on one file would fork it; an unreadable folder must be named.
#[tokio::test]
async fn a_folder_that_can_not_be_used_is_refused_with_its_reason() {
    let folder = Scratch::new();
    let engine = chat_engine().await;
    let first = kept_by(engine.url(), &folder).start().await;
    let (code, said) = kept_by(engine.url(), &folder).refused().await;
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains(state(&folder).to_str().unwrap()), "{said}");
    assert!(said.contains("jurat: error:") && said.contains("jurat: hint:"), "{said}");
    drop(first);
    std::fs::remove_dir_all(state(&folder)).ok();
    folder.write("state", b"no folder");
    let (code, said) = kept_by(engine.url(), &folder).refused().await;
    assert_eq!(code, Some(69), "{said}");
}

/// The text that clients of the field check is signed by the same past key.
#[tokio::test]
async fn an_old_text_recovers_to_the_old_signer() {
    let folder = Scratch::new();
    let engine = chat_engine().await;
    let sidecar = kept_by(engine.url(), &folder).start().await;
    let oath = Oath::of(&sidecar).await;
    let id = ask(&sidecar, 1).await.receipt_id().to_owned();
    kill(sidecar).await;
    let sidecar = kept_by(engine.url(), &folder).start().await;
    let record = Oath::fetch(&sidecar, &id).await;
    let (text, signature) = (record.text.unwrap(), record.signature.unwrap());
    assert_eq!(signature.recover(&message_digest(&text)).unwrap().address(), oath.address);
}

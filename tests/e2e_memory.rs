//! No body is gathered up: memory stays flat whatever passes through.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jurat_proto::{Digest, End};
use jurat_tests::{Client, Ending, FakeEngine, Head, Message, Oath, Script, Sidecar, Step, answers, request};
use sha2::{Digest as _, Sha256};

/// How much the peak may grow over that of a warm process.
const SLACK_KIB: u64 = 64 << 10;

const PIECE: usize = 1 << 20;

async fn warm(sidecar: &Sidecar) -> u64 {
    for _ in 0..3 {
        sidecar.post("/v1/chat/completions", b"{}").await;
    }
    sidecar.memory_kib("VmHWM")
}

/// An answer of so many bytes whose head has been read, and nothing of its body.
struct Giant {
    _engine: FakeEngine,
    sidecar: Sidecar,
    /// Peak memory of the warm process, KiB.
    before: u64,
    client: Client,
    head: Head,
}

impl Giant {
    async fn asked_for(total: usize) -> Self {
        let head = answers::head(
            200,
            &["content-type: application/octet-stream", &format!("content-length: {total}")],
        );
        let giant = Script::new([Step::Send(head), Step::Repeat(vec![b'x'; PIECE], total / PIECE)]);
        let small = Script::say(answers::json(200, b"{}"));
        let engine =
            FakeEngine::start(
                move |at| if at.header("x-giant").is_some() { giant.clone() } else { small.clone() },
            )
            .await;
        let sidecar = Sidecar::before(engine.url()).start().await;
        let before = warm(&sidecar).await;
        let mut client = sidecar.connect().await;
        client.send(&request("POST", "/v1/audio/speech", &["X-Giant: 1"], b"{}")).await.unwrap();
        let head = client.head().await.unwrap();
        Self { _engine: engine, sidecar, before, client, head }
    }
}

#[tokio::test]
async fn an_answer_of_a_gibibyte_passes_in_little_memory() {
    let total = 1 << 30;
    let Giant { _engine, sidecar, before, mut client, head } = Giant::asked_for(total).await;
    let (mut hash, mut length) = (Sha256::new(), 0);
    let ending = client
        .stream_body(&head, Message::Answer { to_head: false }, |piece| {
            hash.update(piece);
            length += piece.len();
        })
        .await
        .unwrap();
    assert_eq!((ending, length), (Ending::Clean, total));
    let receipt = Oath::fetch(&sidecar, head.header("x-receipt-id").unwrap()).await.receipt;
    assert_eq!((receipt.end, receipt.response_length), (End::Complete, total as u64));
    assert_eq!(receipt.response_hash, Digest::new(hash.finalize().into()));
    let grown = sidecar.memory_kib("VmHWM").saturating_sub(before);
    assert!(grown < SLACK_KIB, "the peak grew by {grown} KiB while 1 GiB was relayed");
}

/// The client reads slowly: what it does not take must wait in the engine's socket, not in memory.
#[tokio::test]
async fn a_slow_reader_holds_the_engine_back() {
    let total = 256 << 20;
    let Giant { _engine, sidecar, before, mut client, head } = Giant::asked_for(total).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let grown = sidecar.memory_kib("VmHWM").saturating_sub(before);
    assert!(grown < SLACK_KIB, "the peak grew by {grown} KiB while the client did not read");
    let ending = client.stream_body(&head, Message::Answer { to_head: false }, |_| {}).await.unwrap();
    assert_eq!(ending, Ending::Clean, "it goes on where it stood");
}

#[tokio::test]
async fn an_upload_of_200_mebibytes_passes_in_little_memory() {
    let total: usize = 200 << 20;
    let engine = FakeEngine::always(Script::say(answers::json(200, b"{\"text\":\"\"}"))).await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let before = warm(&sidecar).await;
    let mut client = sidecar.connect().await;
    let head = format!(
        "POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: {total}\r\n\r\n"
    );
    client.send(head.as_bytes()).await.unwrap();
    let piece: Vec<u8> = (0..PIECE).map(|at| (at % 251) as u8).collect();
    let mut hash = Sha256::new();
    for _ in 0..total / PIECE {
        hash.update(&piece);
        client.send(&piece).await.unwrap();
    }
    let got = client.answer().await.unwrap();
    assert_eq!(got.status(), 200, "{}", String::from_utf8_lossy(&got.body));
    let sent = Digest::new(hash.finalize().into());
    let heard = engine.recorded_under(got.receipt_id()).await;
    assert_eq!((heard.length, heard.sha256), (total as u64, sent), "the upload passes unchanged");
    assert_eq!(Oath::fetch(&sidecar, got.receipt_id()).await.receipt.request_hash, sent);
    let grown = sidecar.memory_kib("VmHWM").saturating_sub(before);
    assert!(grown < SLACK_KIB, "the peak grew by {grown} KiB while 200 MiB were uploaded");
}

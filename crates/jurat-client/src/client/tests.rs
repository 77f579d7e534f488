use std::{
    io::{Read, Write},
    net::TcpListener,
    thread::JoinHandle,
};

use super::*;

/// Serves the given answers, one connection each, and hands back the request lines.
fn serve(answers: Vec<String>) -> (BaseUrl, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap()).parse().unwrap();
    let served = std::thread::spawn(move || {
        answers
            .into_iter()
            .map(|answer| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                let mut buffer = [0; 1024];
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    let read = stream.read(&mut buffer).unwrap();
                    request.extend_from_slice(&buffer[..read]);
                }
                // the client may hang up in the middle of a body that is too long
                let _ = stream.write_all(answer.as_bytes());
                String::from_utf8(request).unwrap().lines().next().unwrap().to_owned()
            })
            .collect()
    });
    (base, served)
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

const NONCE: Nonce = Nonce::new([0xab; 32]);

#[test]
fn the_binding_is_always_named() {
    let (base, served) = serve(vec![answer("200 OK", "{}")]);
    let report = block_on(Client::new().unwrap().fetch_report(&base, &NONCE, Binding::DstackV1)).unwrap();
    assert_eq!(report, "{}");
    assert_eq!(
        served.join().unwrap(),
        [format!("GET /v1/attestation/report?nonce={NONCE}&binding=dstack-v1 HTTP/1.1")]
    );
}

#[test]
fn a_refusal_keeps_its_words() {
    let body = r#"{"error":{"message":"TLS is\u001b[2J off","type":"x","param":null,"code":"tls_off"}}"#;
    let (base, _served) = serve(vec![answer("409 Conflict", body)]);
    match block_on(Client::new().unwrap().fetch_report(&base, &NONCE, Binding::DstackV2)) {
        Err(ClientError::Refused { status: 409, code: Some(code), message }) => {
            assert_eq!((code.as_str(), message.as_str()), ("tls_off", "TLS is\u{fffd}[2J off"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn missing_receipts_are_told_apart() {
    let body = |code| format!(r#"{{"error":{{"message":"Chat id not found or expired","code":"{code}"}}}}"#);
    let (base, _served) = serve(vec![
        answer("404 Not Found", &body("receipt_unknown")),
        answer("404 Not Found", &body("receipt_expired")),
        answer("404 Not Found", "<html>"),
    ]);
    let client = Client::new().unwrap();
    block_on(async {
        for expected in [Missing::Unknown, Missing::Expired, Missing::Unknown] {
            match client.fetch_record(&base, "chatcmpl-1").await {
                Err(ClientError::NoReceipt { id, missing }) => {
                    assert_eq!((id.as_str(), missing), ("chatcmpl-1", expected));
                }
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn no_redirect_leaves_the_host() {
    let (elsewhere, _) = serve(Vec::new());
    let away = format!(
        "HTTP/1.1 302 Found\r\nLocation: {elsewhere}/x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let within =
        "HTTP/1.1 302 Found\r\nLocation: /moved\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned();
    let (base, served) = serve(vec![away, within, answer("200 OK", "moved")]);
    let client = Client::new().unwrap();
    block_on(async {
        match client.fetch_report(&base, &NONCE, Binding::JuratV1).await {
            Err(ClientError::Unreachable { reason, .. }) => {
                assert_eq!(reason, "it redirects to another host")
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(client.fetch_report(&base, &NONCE, Binding::JuratV1).await.unwrap(), "moved");
    });
    assert_eq!(served.join().unwrap()[2], "GET /moved HTTP/1.1");
}

#[test]
fn a_body_without_end_is_cut_off() {
    let declared = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", MAX_RECORD + 1);
    let long = "x".repeat(MAX_RECORD + 1);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{long}\r\n0\r\n\r\n",
        long.len()
    );
    let (base, _served) = serve(vec![declared, chunked]);
    let client = Client::new().unwrap();
    block_on(async {
        for _ in 0..2 {
            let outcome = client.fetch_record(&base, "x").await;
            assert!(matches!(outcome, Err(ClientError::TooLong(MAX_RECORD))), "{outcome:?}");
        }
    });
}

#[test]
fn a_cut_body_is_no_answer() {
    let (base, _served) = serve(vec!["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".to_owned()]);
    let outcome = block_on(Client::new().unwrap().fetch_record(&base, "x"));
    assert!(matches!(outcome, Err(ClientError::Unreachable { .. })), "{outcome:?}");
}

#[test]
fn whatever_is_served_is_judged() {
    let (base, _served) = serve(vec![answer("200 OK", r#"{"signing_address":"0x"}"#)]);
    let policy = Policy::named("production").unwrap();
    let client = Client::new().unwrap();
    let judged =
        block_on(client.verify_live(&base, &policy, NONCE, UnixSeconds(1_790_000_000), None)).unwrap();
    assert_eq!(judged.verdict.outcome(), jurat_verify::Outcome::Refuted);
    assert_eq!(judged.report, r#"{"signing_address":"0x"}"#);
}

#[test]
fn kept_reports_are_asked_for_by_signer_and_claims() {
    let (base, served) = serve(vec![
        answer("200 OK", "{}"),
        answer("200 OK", "{}"),
        answer("404 Not Found", r#"{"error":{"message":"no","code":"signer_unknown"}}"#),
    ]);
    let (signer, claims) = (Address::new([0x11; 20]), Digest::new([0xcd; 32]));
    let client = Client::new().unwrap();
    block_on(async {
        assert_eq!(client.fetch_kept_report(&base, &signer, Some(&claims)).await.unwrap(), "{}");
        assert_eq!(client.fetch_kept_report(&base, &signer, None).await.unwrap(), "{}");
        match client.fetch_kept_report(&base, &signer, None).await {
            Err(ClientError::NoReport { signer: of }) => assert_eq!(of, signer),
            other => panic!("{other:?}"),
        }
    });
    let asked = served.join().unwrap();
    let query = format!("signing_address={signer}&binding=jurat-v1");
    assert_eq!(asked[0], format!("GET /v1/attestation/report?{query}&claims_hash={claims} HTTP/1.1"));
    assert_eq!(asked[1], format!("GET /v1/attestation/report?{query} HTTP/1.1"));
}

#[test]
fn an_archive_is_read_page_by_page() {
    let chain = Digest::new([0xcc; 32]);
    let (admin, served) = serve(vec![
        answer("200 OK", &format!(r#"{{"chains":[{{"chain":"0x{chain}","first":1,"last":2}}]}}"#)),
        answer("200 OK", r#"{"chains":[{"chain":"0xcc"}]}"#),
        answer("200 OK", "{\"next\":7}\n"),
        answer("200 OK", "{\"head\":{}}\n"),
        answer("503 Service Unavailable", "{}"),
    ]);
    let client = Client::direct().unwrap();
    block_on(async {
        assert_eq!(client.fetch_chains(&admin).await.unwrap(), [chain]);
        assert!(matches!(client.fetch_chains(&admin).await, Err(ClientError::Illegible(_))));
        assert_eq!(client.fetch_page(&admin, &chain, 6).await.unwrap(), "{\"next\":7}\n");
        assert_eq!(client.fetch_head(&admin).await.unwrap(), "{\"head\":{}}\n");
        assert!(matches!(client.fetch_head(&admin).await, Err(ClientError::Refused { status: 503, .. })));
    });
    let asked = served.join().unwrap();
    assert_eq!(asked[0], "GET /v1/receipts/chains HTTP/1.1");
    assert_eq!(asked[2], format!("GET /v1/receipts?chain=0x{chain}&after=6&limit=1000 HTTP/1.1"));
    assert_eq!(asked[3], "GET /v1/receipts/head HTTP/1.1");
}

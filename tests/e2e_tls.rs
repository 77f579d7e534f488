//! TLS that ends in the enclave: what is spoken, whose key it is, and how its certificate changes.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use jurat_proto::{Claims, Digest, End, ReportBody, Tls, sha256};
use jurat_tests::{
    Client, Expected, FakeEngine, Message, Oath, Scratch, Script, Sidecar, SidecarBuilder, Step, Stream,
    answers, binary, ends, random_nonce, request, skip,
};
use tokio::time::{Instant, sleep};

const CHAT: &str = "/v1/chat/completions";

fn secured(engine: &FakeEngine) -> SidecarBuilder {
    Sidecar::before(engine.url()).config("tls = \"self-signed\"\n")
}

async fn pong() -> FakeEngine {
    FakeEngine::always(Script::say(answers::json(200, &answers::chat_body("chatcmpl-1", "pong")))).await
}

async fn report(sidecar: &Sidecar, query: &str) -> ReportBody {
    let answer = sidecar.fetch(&format!("/attestation/report?nonce={}{query}", random_nonce())).await;
    assert_eq!(answer.status(), 200, "{query}: {}", String::from_utf8_lossy(&answer.body));
    serde_json::from_slice(&answer.body).unwrap()
}

fn claims(report: &ReportBody) -> Claims {
    serde_json::from_str(report.claims.as_deref().unwrap()).unwrap()
}

async fn seen(sidecar: &Sidecar, alpn: &[&str]) -> Digest {
    Stream::secured(sidecar.address(), alpn).await.unwrap().spki().unwrap()
}

#[tokio::test]
async fn every_end_holds_over_http1_under_tls() {
    let cases: Vec<_> = ends::whole_and_failed().into_iter().chain(ends::truncated()).collect();
    let engine = ends::engine(&cases).await;
    ends::hold(&cases, &secured(&engine).start().await).await;
}

#[tokio::test]
async fn the_key_that_a_client_sees_is_the_one_that_reports_attest() {
    let engine = pong().await;
    let sidecar = secured(&engine).start().await;
    let spki = seen(&sidecar, &["http/1.1"]).await;
    assert_eq!(seen(&sidecar, &["h2"]).await, spki);
    assert_eq!(seen(&sidecar, &[]).await, spki, "without ALPN it is HTTP/1.1");
    let native = claims(&report(&sidecar, "").await);
    assert_eq!((native.tls, native.tls_spki_sha256), (Tls::SelfSigned, Some(spki.to_string())));
    // The field's layout: SHA-256 of address and key, then the nonce.
    for query in ["&version=2", "&include_tls_fingerprint=true", "&binding=dstack-v2"] {
        let report = report(&sidecar, query).await;
        assert_eq!(report.tls_cert_fingerprint.as_deref(), Some(spki.to_string().as_str()), "{query}");
        let address = hex::decode(&report.signing_address[2..]).unwrap();
        let leading = sha256(&[&address[..], spki.as_bytes()].concat());
        let data = report.report_data.unwrap();
        assert_eq!(data, format!("{leading}{}", report.request_nonce.unwrap()), "{query}");
        let quote = report.intel_quote.unwrap();
        assert!(quote.contains(&data), "{query}: the quote carries these 64 bytes");
    }
    let other = secured(&engine).start().await;
    assert_ne!(seen(&other, &[]).await, spki, "every process draws a key of its own");
}

#[tokio::test]
async fn without_tls_the_binding_to_its_key_is_refused() {
    let engine = pong().await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    for query in ["version=2", "include_tls_fingerprint=true", "binding=dstack-v2"] {
        let answer = sidecar.fetch(&format!("/attestation/report?{query}")).await;
        assert_eq!((answer.status(), answer.error_code().as_str()), (409, "tls_off"), "{query}");
    }
    let csr = sidecar.fetch_admin("/csr?name=a.example").await;
    assert_eq!((csr.status(), csr.error_code().as_str()), (409, "tls_off"));
    let native = claims(&report(&sidecar, "").await);
    assert_eq!((native.tls, native.tls_spki_sha256), (Tls::None, None));
}

#[tokio::test]
async fn leaving_is_noticed_under_tls() {
    let event = answers::chat_event("chatcmpl-1", "one");
    let engine = FakeEngine::always(Script::stream(&[&event], &[Step::WaitForClientGone])).await;
    let sidecar = secured(&engine).start().await;
    let oath = Oath::of(&sidecar).await;
    for (left, how) in ["close", "close_notify", "reset"].into_iter().enumerate() {
        let mut client = sidecar.connect().await;
        let asked = answers::ask_stream(how);
        client.send(&request("POST", CHAT, &[], &asked)).await.unwrap();
        let (head, _) = client.until(b"one").await.unwrap();
        let id = head.header("x-receipt-id").unwrap().to_owned();
        let mut kept = None;
        match how {
            "close" => drop(client),
            "reset" => client.reset().unwrap(),
            // A word of TLS that nothing more will come, and the socket stays open.
            _ => {
                client.half_close().await.unwrap();
                kept = Some(client);
            }
        }
        assert!(engine.gone(left + 1, Duration::from_secs(5)).await, "{how}: the engine must be hung up on");
        let record = Oath::fetch_within(&sidecar, &id, Duration::from_secs(5)).await;
        let endpoint = "POST /v1/chat/completions";
        let expected =
            Expected { end: End::ClientLeft, status: 200, endpoint, request: &asked, response: Some(&event) };
        oath.require(&record, &expected);
        drop(kept);
    }
}

/// Who speaks no TLS, or stops in the middle of it, holds nothing for long and disturbs nobody.
#[tokio::test]
async fn what_is_no_tls_is_hung_up_on() {
    let engine = pong().await;
    let sidecar = secured(&engine).start().await;
    let mut plain = Client::connect(sidecar.address()).await.unwrap();
    plain.send(&request("POST", CHAT, &[], b"{}")).await.unwrap();
    let said = plain.drain_for(Duration::from_secs(5)).await;
    assert!(!said.starts_with(b"HTTP/"), "{:?}", String::from_utf8_lossy(&said));
    let mut silent = Client::connect(sidecar.address()).await.unwrap();
    let began = Instant::now();
    assert!(silent.closes_within(Duration::from_secs(20)).await, "a handshake has ten seconds");
    assert!(began.elapsed() > Duration::from_secs(5));
    assert!(engine.recorded().is_empty());
    counted(&sidecar, "jurat_tls_handshakes_failed_total", 2).await;
}

// The openssl program: an independent eye on what is spoken, and an authority that certifies.

fn openssl(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new("openssl");
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    command.output().expect("run openssl")
}

fn has_openssl() -> bool {
    Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success())
}

fn made(arguments: &[&str], folder: &Path) {
    let output = openssl(arguments, folder);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Whether they come to an agreement, and what was said.
fn agrees(sidecar: &Sidecar, how: &[&str], folder: &Path) -> (bool, String) {
    let address = sidecar.address().to_string();
    let output = openssl(&[&["s_client", "-connect", &address], how].concat(), folder);
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success() && said.contains("New, TLSv1."), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn old_versions_and_weak_suites_are_refused() {
    if !has_openssl() {
        skip!("there is no openssl on this machine: nobody else looks at what is spoken");
    }
    let engine = pong().await;
    let sidecar = secured(&engine).start().await;
    let folder = Scratch::new();
    for (how, word) in [
        (&["-tls1_3"][..], "TLSv1.3"),
        (&["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"], "TLS_CHACHA20_POLY1305_SHA256"),
        (&["-tls1_2"], "TLSv1.2"),
        (&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (&["-alpn", "h2"], "ALPN protocol: h2"),
        (&["-alpn", "http/1.1"], "ALPN protocol: http/1.1"),
    ] {
        let (agreed, said) = agrees(&sidecar, how, folder.path());
        assert!(agreed && said.contains(word), "{how:?} must be spoken: {said}");
    }
    // Level 0, so that it is jurat that refuses and not openssl.
    let weak = [
        "AES128-SHA",
        "AES256-GCM-SHA384",
        "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-ECDSA-AES256-SHA384",
        "ECDHE-ECDSA-AES128-CCM8",
        "DHE-RSA-AES128-GCM-SHA256",
        "NULL-SHA256",
        "AECDH-AES128-SHA",
    ];
    let mut refused: Vec<Vec<String>> =
        [vec!["-tls1"], vec!["-tls1_1"], vec!["-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_8_SHA256"]]
            .iter()
            .map(|how| how.iter().map(|&word| word.to_owned()).collect())
            .collect();
    refused.extend(
        weak.map(|cipher| vec!["-tls1_2".to_owned(), "-cipher".to_owned(), format!("{cipher}:@SECLEVEL=0")]),
    );
    for mut how in refused {
        if how.len() == 1 {
            how.extend(["-cipher".to_owned(), "ALL:@SECLEVEL=0".to_owned()]);
        }
        let how: Vec<_> = how.iter().map(String::as_str).collect();
        let (agreed, said) = agrees(&sidecar, &how, folder.path());
        assert!(!agreed, "{how:?} must be refused: {said}");
        let alert = said.contains("alert") || said.contains("errno=104");
        assert!(alert, "{how:?}: it is the service that must refuse: {said}");
    }
    let (agreed, said) = agrees(&sidecar, &["-alpn", "spdy/3"], folder.path());
    assert!(!agreed || !said.contains("ALPN protocol: spdy/3"), "{said}");
}

/// Without an extension openssl makes certificates of version 1, which nobody takes any more.
const NAMED: &str = "subjectAltName=DNS:api.example.com";

/// An authority of a test's own.
fn authority(folder: &Path) {
    let name = ["-subj", "/CN=an authority"];
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let files = ["-keyout", "ca.key", "-out", "ca.pem", "-days", "2"];
    made(&[&["req", "-x509"][..], &key, &files, &name].concat(), folder);
}

fn certify(folder: &Path, request: &str, out: &str, days: &str) {
    let by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
    let what = ["x509", "-req", "-in", request, "-out", out, "-days", days, "-copy_extensions", "copy"];
    made(&[&what[..], &by].concat(), folder);
}

const TAKEN: &str = "jurat_tls_certificates_total{result=\"taken\"}";
const REFUSED: &str = "jurat_tls_certificates_total{result=\"refused\"}";

/// Waits until so many were counted.
async fn counted(sidecar: &Sidecar, series: &str, count: u64) {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let found = sidecar.metric(series).await;
        if found == Some(count) {
            return;
        }
        assert!(Instant::now() < until, "{series}: {found:?} is not {count}\n{}", sidecar.said());
        sleep(Duration::from_millis(50)).await;
    }
}

/// The issuer's name, as a client sees it.
fn issuer(sidecar: &Sidecar, folder: &Path) -> String {
    let (_, said) = agrees(sidecar, &["-servername", "api.example.com"], folder);
    said.lines().find_map(|line| line.trim().strip_prefix("issuer=")).unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_certificate_for_the_drawn_key_is_taken_without_disturbing_a_stream() {
    if !has_openssl() {
        skip!("there is no openssl on this machine: nobody certifies");
    }
    let event = answers::chat_event("chatcmpl-1", "one");
    let rest = [Step::Sleep(Duration::from_secs(8)), Step::Send(answers::chunked(answers::DONE, 64))];
    let engine = FakeEngine::always(Script::stream(&[&event], &rest)).await;
    let folder = Scratch::new();
    authority(folder.path());
    let config = format!(
        "tls = \"self-signed\"\ntls_names = [\"api.example.com\"]\ntls_certificate = {:?}\n",
        folder.path().join("public.pem")
    );
    let sidecar = Sidecar::before(engine.url()).config(&config).start().await;
    let spki = seen(&sidecar, &[]).await;
    assert!(issuer(&sidecar, folder.path()).contains("api.example.com"), "its own, until there is another");

    // The request: by the program, through the admin listener.
    let asked = Command::new(binary::simulated())
        .args(["attest", "--csr", "api.example.com,*.example.com", "--admin"])
        .arg(format!("http://{}", sidecar.admin()))
        .output()
        .unwrap();
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    folder.write("one.csr", &asked.stdout);
    made(&["req", "-in", "one.csr", "-verify", "-noout"], folder.path());
    let text = openssl(&["req", "-in", "one.csr", "-noout", "-text"], folder.path());
    assert!(String::from_utf8_lossy(&text.stdout).contains("DNS:api.example.com, DNS:*.example.com"));

    // A stream begins under the old certificate and ends under the new one.
    let mut client = sidecar.connect().await;
    client.send(&request("POST", CHAT, &[], &answers::ask_stream("long"))).await.unwrap();
    let head = client.head().await.unwrap();
    certify(folder.path(), "one.csr", "signed.pem", "2");
    folder.write("public.pem", std::fs::read(folder.path().join("signed.pem")).unwrap());
    counted(&sidecar, TAKEN, 2).await;
    assert!(issuer(&sidecar, folder.path()).contains("an authority"));
    let (agreed, said) = agrees(
        &sidecar,
        &["-CAfile", "ca.pem", "-verify_return_error", "-verify_hostname", "api.example.com"],
        folder.path(),
    );
    assert!(agreed, "a client that asks for the authority's word is content: {said}");
    assert_eq!(seen(&sidecar, &[]).await, spki, "the key is the same");

    // Somebody else's key: refused, and what was there stays.
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let other = ["-keyout", "other.key", "-out", "other.csr", "-subj", "/CN=x", "-addext", NAMED];
    made(&[&["req"][..], &key, &other].concat(), folder.path());
    certify(folder.path(), "other.csr", "other.pem", "2");
    folder.write("public.pem", std::fs::read(folder.path().join("other.pem")).unwrap());
    counted(&sidecar, REFUSED, 1).await;
    assert!(sidecar.said().contains("another key than the one that reports attest"), "{}", sidecar.said());
    assert_eq!(seen(&sidecar, &[]).await, spki);
    folder.write("public.pem", "garbage");
    counted(&sidecar, REFUSED, 2).await;
    assert!(issuer(&sidecar, folder.path()).contains("an authority"));

    let got = client.body(head, Message::Answer { to_head: false }).await.unwrap();
    assert_eq!(got.body, [event.as_slice(), answers::DONE].concat());
    let native = claims(&report(&sidecar, "").await);
    assert_eq!((native.tls, native.tls_spki_sha256), (Tls::SelfSigned, Some(spki.to_string())));

    let bad = sidecar.fetch_admin("/csr?name=a%20b").await;
    assert_eq!((bad.status(), bad.error_code().as_str()), (400, "invalid_name"));
    let on_data_port = sidecar.fetch("/csr?name=a.example").await;
    assert_eq!(on_data_port.status(), 404, "strangers get no requests made");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_renewed_and_never_exchanged_for_another_key() {
    if !has_openssl() {
        skip!("there is no openssl on this machine: nobody makes files");
    }
    let engine = pong().await;
    for key in [&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"][..], &["-newkey", "rsa:2048"]] {
        let folder = Scratch::new();
        authority(folder.path());
        let files = ["-nodes", "-keyout", "tls.key", "-out", "tls.csr", "-subj", "/CN=x", "-addext", NAMED];
        made(&[&["req"][..], key, &files].concat(), folder.path());
        certify(folder.path(), "tls.csr", "tls.pem", "1");
        let (pem, pkey) = (folder.path().join("tls.pem"), folder.path().join("tls.key"));
        let config = format!("tls = \"files\"\ntls_certificate = {pem:?}\ntls_key = {pkey:?}\n");
        let sidecar = Sidecar::before(engine.url()).config(&config).start().await;
        let spki = seen(&sidecar, &[]).await;
        let native = claims(&report(&sidecar, "").await);
        assert_eq!((native.tls, native.tls_spki_sha256), (Tls::Files, Some(spki.to_string())));
        assert_eq!(sidecar.post(CHAT, b"{}").await.status(), 200);
        let csr = sidecar.fetch_admin("/csr?name=api.example.com").await;
        assert_eq!((csr.status(), csr.error_code().as_str()), (409, "csr_elsewhere"));
        certify(folder.path(), "tls.csr", "next.pem", "9");
        folder.write("tls.pem", std::fs::read(folder.path().join("next.pem")).unwrap());
        counted(&sidecar, TAKEN, 2).await;
        assert_eq!(seen(&sidecar, &[]).await, spki);

        // Another key and its certificate, both in their places.
        let files = ["-nodes", "-keyout", "tls.key", "-out", "other.csr", "-subj", "/CN=x", "-addext", NAMED];
        made(&[&["req"][..], key, &files].concat(), folder.path());
        certify(folder.path(), "other.csr", "other.pem", "9");
        folder.write("tls.pem", std::fs::read(folder.path().join("other.pem")).unwrap());
        counted(&sidecar, REFUSED, 1).await;
        assert_eq!(seen(&sidecar, &[]).await, spki, "what reports attest is still the one that is shown");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_do_not_belong_together_start_nothing() {
    if !has_openssl() {
        skip!("there is no openssl on this machine: nobody makes files");
    }
    let folder = Scratch::new();
    authority(folder.path());
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let other = ["-keyout", "other.key", "-out", "other.csr", "-subj", "/CN=x"];
    made(&[&["req"][..], &key, &other].concat(), folder.path());
    folder.write("empty.pem", "");
    let nobody = format!("http://{}", FakeEngine::refusing().await);
    for (certificate, key, word) in [
        ("ca.pem", "other.key", "another key"),
        ("missing.pem", "ca.key", "missing.pem"),
        ("empty.pem", "ca.key", "no certificate"),
        ("ca.pem", "ca.pem", "no private key"),
    ] {
        let (certificate, key) = (folder.path().join(certificate), folder.path().join(key));
        let config = format!("tls = \"files\"\ntls_certificate = {certificate:?}\ntls_key = {key:?}\n");
        let (code, said) = Sidecar::before(&nobody).config(&config).refused().await;
        assert_eq!(code, Some(78), "{said}");
        assert!(said.contains(word), "{word}: {said}");
    }
}

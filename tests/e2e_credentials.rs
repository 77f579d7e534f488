//! The program's own commands before doors that ask for tokens, over TLS that the report attests.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jurat_proto::sha256;
use jurat_tests::{Desk, FakeEngine, Script, Sidecar, answers};

const CHAT: &str = "/v1/chat/completions";

fn entry(token: &str) -> String {
    format!("[[token]]\nname = \"a\"\nsha256 = \"{}\"\n", sha256(token.as_bytes()))
}

struct House {
    folder: Desk,
    _engine: FakeEngine,
    sidecar: Sidecar,
    id: String,
}

/// A service whose every door asks, and one receipt in it.
async fn house() -> House {
    let body = answers::chat_body("chatcmpl-1", "pong");
    let engine = FakeEngine::always(Script::say(answers::json(200, &body))).await;
    let folder = Desk::new();
    let file = |name: &str, token: &str| folder.file(name, entry(token));
    let config = format!(
        "tls = \"self-signed\"\nreceipt_scope = \"owner\"\ntokens = {:?}\nadmin_tokens = {:?}\n",
        file("data.toml", "mine"),
        file("admin.toml", "auditor"),
    );
    let sidecar = Sidecar::before(engine.url()).config(&config).start().await;
    let answer = sidecar.ask("POST", CHAT, &["Authorization: Bearer mine"], b"{}").await;
    assert_eq!(answer.status(), 200);
    folder.file("request", b"{}");
    folder.file("response", &answer.body);
    let id = answer.receipt_id().to_owned();
    House { folder, _engine: engine, sidecar, id }
}

impl House {
    fn url(&self) -> String {
        format!("https://{}", self.sidecar.address())
    }

    fn admin(&self) -> String {
        format!("http://{}", self.sidecar.admin())
    }

    fn run(&self, arguments: &[&str], token: Option<&str>) -> (Option<i32>, String) {
        let file = token.map(|token| self.folder.named("token", format!("{token}\n")));
        let token = file.iter().flat_map(|file| ["--token-file", file]);
        let ran = self.folder.run(&arguments.iter().copied().chain(token).collect::<Vec<_>>());
        (ran.code, ran.stdout + &ran.stderr)
    }

    fn check(&self, url: &str, token: Option<&str>) -> (Option<i32>, String) {
        let what = ["check", "--policy", "simulated", "--url", url, "--id", &self.id];
        // They lie where it runs.
        self.run(&[&what[..], &["--request", "request", "--response", "response"]].concat(), token)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scoped_receipt_is_checked_by_its_owner() {
    let house = house().await;
    let (code, said) = house.check(&house.url(), Some("mine"));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("pass bind.tls"), "the key of the connection is the attested one: {said}");
    for token in [None, Some("another")] {
        let (code, said) = house.check(&house.url(), token);
        assert_eq!(code, Some(69), "{said}");
        assert!(said.contains("no receipt under"), "{said}");
    }
    let file = |name: &str| house.folder.path(name).to_str().unwrap().to_owned();
    let (request, response, out) = (file("request"), file("response"), file("answer.jurat.json"));
    let bundle = ["bundle", &house.url(), &house.id, "--policy", "simulated", "--out", &out];
    let bundle = [&bundle[..], &["--request", &request, "--response", &response]].concat();
    for (token, expected) in [(Some("another"), Some(69)), (None, Some(69)), (Some("mine"), Some(0))] {
        let (code, said) = house.run(&bundle, token);
        assert_eq!(code, expected, "{token:?}: {said}");
        assert_eq!(house.folder.path("answer.jurat.json").exists(), code == Some(0), "{token:?}: {said}");
    }
}

/// The field's binding to a TLS key, from the key in memory to the verdict.
#[tokio::test(flavor = "multi_thread")]
async fn dstack_v2_is_judged_over_the_connections_own_key() {
    let house = house().await;
    let (code, shown) = house.run(&["policy", "show", "simulated"], None);
    assert_eq!(code, Some(0));
    let policy = shown
        .replace("bindings = [\"jurat-v1\"]", "bindings = [\"dstack-v2\"]")
        .replace("\"bind.claims\", \"bind.gpu\"", "\"bind.tls\"");
    assert!(policy.contains("dstack-v2") && policy.contains("bind.tls"), "{shown}");
    let policy = house.folder.file("policy.toml", policy);
    let (code, said) = house.run(&["verify", &house.url(), "--policy", policy.to_str().unwrap()], None);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("under dstack-v2") && said.contains("pass bind.tls"), "{said}");
}

/// Whoever is no jurat that proves itself gets no token: not even one that is asked for by its name.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_shown_to_nobody_who_proves_nothing() {
    let house = house().await;
    let stranger = FakeEngine::always(Script::say(answers::json(200, b"{\"signing_address\":\"\"}"))).await;
    let (code, said) = house.check(stranger.url(), Some("mine"));
    assert_ne!(code, Some(0), "{said}");
    let heard = stranger.recorded();
    assert!(!heard.is_empty(), "the stranger was asked for its report");
    for heard in heard {
        assert_eq!(heard.head.header("authorization"), None, "{:?}", heard.head.start_line);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_listener_is_asked_with_its_token() {
    let house = house().await;
    let admin = house.admin();
    for (command, holds) in [
        (&["attest", "--admin", &admin][..], "\"report_data\""),
        (&["attest", "--csr", "a.example", "--admin", &admin], "BEGIN CERTIFICATE REQUEST"),
        (&["audit", &admin, "--url", &house.url(), "--policy", "simulated"], "chain.order"),
    ] {
        let (code, said) = house.run(command, Some("auditor"));
        assert_eq!(code, Some(0), "{command:?}: {said}");
        assert!(said.contains(holds), "{command:?}: {said}");
        for token in [None, Some("mine")] {
            let (code, said) = house.run(command, token);
            assert_eq!(code, Some(69), "{command:?} {token:?}: {said}");
            assert!(said.contains("bearer token"), "{command:?} {token:?}: {said}");
        }
    }
}

//! How many connections one address may hold: they come from several of the loopback's.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use jurat_tests::{Client, FakeEngine, Script, Sidecar, answers, request};
use tokio::time::{Instant, sleep};

const CHAT: &str = "/v1/chat/completions";

async fn pong() -> FakeEngine {
    FakeEngine::always(Script::say(answers::json(200, &answers::chat_body("chatcmpl-1", "pong")))).await
}

/// A connection from this address that is borne, if it is. One that is not is closed without a word.
async fn borne(sidecar: &Sidecar, from: &str) -> Option<Client> {
    let mut client = Client::connect_from(from.parse().unwrap(), sidecar.address()).await.unwrap();
    let asked = client.send(&request("GET", "/health", &[], b"")).await;
    let answer = match asked {
        Ok(()) => client.answer().await,
        Err(error) => Err(error),
    };
    answer.ok().map(|answer| {
        assert_eq!(answer.status(), 200);
        client
    })
}

/// The same, when earlier connections have been noticed to be gone.
async fn borne_soon(sidecar: &Sidecar, from: &str) -> Client {
    for _ in 0..100 {
        if let Some(client) = borne(sidecar, from).await {
            return client;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("no connection from {from} was borne within five seconds");
}

async fn closed_at_once(sidecar: &Sidecar) -> u64 {
    let refused = "jurat_connections_refused_total{reason=\"address_full\"}";
    sidecar.metric(refused).await.expect("the counter")
}

#[tokio::test]
async fn one_address_holds_so_many_connections() {
    let engine = pong().await;
    let sidecar = Sidecar::before(engine.url()).config("connections_per_address = 3\n").start().await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(borne_soon(&sidecar, "127.0.0.1").await);
    }
    let before = closed_at_once(&sidecar).await;
    for _ in 0..2 {
        assert!(borne(&sidecar, "127.0.0.1").await.is_none(), "a fourth connection of one address");
    }
    assert_eq!(closed_at_once(&sidecar).await, before + 2);
    let others: Vec<_> = [borne(&sidecar, "127.0.0.2").await, borne(&sidecar, "127.0.0.3").await].into();
    assert!(others.iter().all(Option::is_some), "another address has connections of its own");
    for client in &mut held {
        client.send(&request("POST", CHAT, &[], b"{}")).await.unwrap();
        assert_eq!(client.answer().await.unwrap().status(), 200, "who is in stays in");
    }
    held.pop();
    held.push(borne_soon(&sidecar, "127.0.0.1").await);
    assert!(borne(&sidecar, "127.0.0.1").await.is_none(), "one has left, and one has come");

    let proxied = "connections_per_address = 1\ntrusted_proxies = [\"127.0.0.2\"]\n";
    let sidecar = Sidecar::before(engine.url()).config(proxied).start().await;
    let _one = borne_soon(&sidecar, "127.0.0.1").await;
    assert!(borne(&sidecar, "127.0.0.1").await.is_none());
    let mut many = Vec::new();
    for _ in 0..5 {
        many.push(borne(&sidecar, "127.0.0.2").await.expect("many clients come from a proxy"));
    }
}

/// The bound comes before the handshake, and holds for who never begins one.
#[tokio::test]
async fn under_tls_a_connection_counts_before_its_handshake() {
    let engine = pong().await;
    let config = "connections_per_address = 2\ntls = \"self-signed\"\n";
    let sidecar = Sidecar::before(engine.url()).config(config).start().await;
    let mut idle = Vec::new();
    let began = Instant::now();
    while Client::connect_secured(sidecar.address()).await.is_ok() {
        assert!(began.elapsed() < Duration::from_secs(5), "who shakes no hands is not counted");
        // What was agreed on is dropped again, and has been noticed to be gone by then.
        idle.push(Client::connect(sidecar.address()).await.unwrap());
        sleep(Duration::from_millis(100)).await;
    }
    assert!(closed_at_once(&sidecar).await > 0);
    drop(idle);
    for _ in 0..100 {
        if Client::connect_secured(sidecar.address()).await.is_ok() {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the connections that were given up are still counted");
}

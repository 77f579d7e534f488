//! What a handler that panics takes with it: its own request, and nothing else.
//!
//! No request is known that makes the relay panic. Here it is set in a service that does, while it holds what the relay
//! holds at that moment; everything around it is the data port's own.

mod house;

use std::{io::Read as _, time::Duration};

use actix_web::rt::System;
use jurat_proto::End;
use tokio::{net::TcpStream, task::LocalSet, time::timeout};

use self::house::{House, Panics, WHOLE, ask};

const PATIENCE: Duration = Duration::from_secs(20);

/// Every way of it. No receipt comes of any: nobody left, and nobody else's fault it was.
const WAYS: [Panics; 3] = [Panics::AtOnce, Panics::BeforeTheHead, Panics::InTheBody];

#[test]
fn a_panic_ends_its_own_connection_and_no_other_of_its_worker() {
    let house = House::open();
    let (address, server) = house.serve();
    let mut bystander = ask(address, Panics::Never);
    let begun = house::first_event(&mut bystander);
    assert!(begun.starts_with("HTTP/1.1 200"), "{begun}");

    for way in WAYS {
        let mut said = Vec::new();
        // It may end in a reset as well as in silence.
        let _ = ask(address, way).read_to_end(&mut said);
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(!said.contains(WHOLE), "{way:?}: what panicked is not whole: {said}");
    }
    house.let_go();
    let mut rest = String::new();
    bystander.read_to_string(&mut rest).unwrap();
    assert!(rest.contains(WHOLE), "another's stream on the same worker goes on to its end: {rest}");

    let mut said = String::new();
    ask(address, Panics::Never).read_to_string(&mut said).unwrap();
    assert!(said.contains(WHOLE), "the worker serves on: {said}");
    house.is_at_rest();
    // Every end there is: what panicked has none, late or early.
    assert_eq!(house.ends(), [End::Complete, End::Complete]);
    server.stop();
}

#[test]
fn over_http2_a_panic_resets_its_own_stream_and_no_other_of_its_connection() {
    let house = House::open();
    let system = System::new();
    system.block_on(LocalSet::new().run_until(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, peer) = listener.accept().await.unwrap();
        let (app, context) = house.application().await;
        let serving = tokio::task::spawn_local(super::h2::serve(far, Some(peer), app, context, PATIENCE));

        let (client, connection) = h2::client::handshake(near).await.unwrap();
        tokio::task::spawn_local(connection);
        let mut client = client.ready().await.unwrap();
        let mut bystander = house::stream(&mut client, Panics::Never).await.unwrap();
        assert!(timeout(PATIENCE, bystander.data()).await.unwrap().unwrap().is_ok());

        for way in WAYS {
            let ended = async {
                let mut body = house::stream(&mut client, way).await?;
                while let Some(piece) = body.data().await {
                    piece?;
                }
                Ok::<_, h2::Error>(())
            };
            let ended = timeout(PATIENCE, ended).await.unwrap();
            assert!(ended.is_err_and(|error| error.is_reset()), "{way:?}: the stream is reset");
        }
        house.let_go();
        let mut rest = Vec::new();
        while let Some(piece) = timeout(PATIENCE, bystander.data()).await.unwrap() {
            rest.extend_from_slice(&piece.unwrap());
        }
        assert!(String::from_utf8_lossy(&rest).contains(WHOLE), "another stream goes on to its end");
        house.is_at_rest();
        assert_eq!(house.ends(), [End::Complete]);
        serving.abort();
    }));
}

use std::{
    io::{Read, Write},
    thread,
};

use jurat_verify::Status;

use super::*;

#[test]
fn a_port_is_free_ours_or_somebody_elses() {
    // As `main` does; a second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    assert_eq!(
        port("port.data", "127.0.0.1:0".parse().unwrap(), "http", "/version", "x").status,
        Status::Pass
    );
    let listening = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listening.local_addr().unwrap();
    let serving = thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listening.accept().unwrap();
            // Read first: a socket closed with bytes unread resets its peer.
            assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlive")
                .unwrap();
        }
    });
    let ours = port("port.admin", address, "http", "/livez", "live");
    assert_eq!(ours.status, Status::Pass);
    assert!(ours.finding.contains("running jurat"), "{ours}");
    let other = port("port.data", address, "http", "/version", "\"commit\"");
    assert_eq!(other.status, Status::Fail);
    serving.join().unwrap();
    let foreign = port("port.data", "192.0.2.1:80".parse().unwrap(), "http", "/version", "x");
    assert_eq!(foreign.status, Status::Fail, "no address of this machine");
}

#[test]
fn a_listener_on_every_address_is_reached_from_within() {
    assert_eq!(reached("0.0.0.0:80".parse().unwrap()).to_string(), "127.0.0.1:80");
    assert_eq!(reached("[::]:80".parse().unwrap()).to_string(), "[::1]:80");
    assert_eq!(reached("10.0.0.1:80".parse().unwrap()).to_string(), "10.0.0.1:80");
}

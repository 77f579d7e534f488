use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use super::Door;

#[test]
fn who_is_in_the_queue_is_served_and_who_comes_later_is_refused() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let door = Door::of(&listener).unwrap();
    let mut waiting = TcpStream::connect(address).unwrap();
    waiting.write_all(b"?").unwrap();

    door.nobody_new();
    let late = thread::spawn(move || TcpStream::connect_timeout(&address, Duration::from_secs(20)));
    thread::sleep(Duration::from_millis(200));
    assert!(!late.is_finished(), "the filter must keep it out of the queue, not refuse it yet");
    let (mut taken, _) = listener.accept().unwrap();
    door.shut();
    door.shut();

    assert_eq!(late.join().unwrap().unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let mut byte = [0];
    taken.read_exact(&mut byte).unwrap();
    taken.write_all(b"!").unwrap();
    waiting.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"!");
}

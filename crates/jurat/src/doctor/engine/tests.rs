use std::{io::Cursor, net::TcpListener, thread};

use jurat_verify::Status;

use super::*;

const HEAD: &str = "  sl  local_address rem_address   st tx_queue rx_queue\n";

fn tables(rows: &str) -> [String; 2] {
    [format!("{HEAD}{rows}"), HEAD.to_owned()]
}

#[test]
fn a_port_that_others_reach_is_seen() {
    let inside = "   0: 0100007F:1F41 00000000:0000 0A 00000000:00000000\n";
    assert_eq!(exposed(8001, &tables(inside)).status, Status::Pass);
    let outside = "   1: 00000000:1F41 00000000:0000 0A 00000000:00000000\n";
    let line = exposed(8001, &tables(outside));
    assert_eq!(line.status, Status::Skip);
    assert!(line.finding.contains("0.0.0.0:8001") && line.advice.is_some(), "{line:?}");
    // Another port's, and a connection's, which is no listener.
    assert_eq!(exposed(8002, &tables(outside)).status, Status::Pass);
    assert_eq!(exposed(8001, &tables(&outside.replace(" 0A ", " 01 "))).status, Status::Pass);
}

#[test]
fn rows_of_both_families_are_read() {
    let six = "   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A x";
    assert_eq!(listener(six).unwrap().to_string(), "[::1]:8080");
    let mapped = "   0: 0000000000000000FFFF00000100007F:1F90 0000:0000 0A x";
    assert!(listener(mapped).unwrap().ip().to_canonical().is_loopback());
    for broken in ["", "0:", "0: 7F:1F90 0:0 0A", "0: 0100007F:XYZW 0:0 0A", "0: 0100007F 0:0 0A"] {
        assert_eq!(listener(broken), None, "{broken:?}");
    }
}

#[test]
fn any_answer_in_http_is_an_engine() {
    let listening = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = EngineAddress::Tcp(listening.local_addr().unwrap());
    let serving = thread::spawn(move || {
        for answer in ["HTTP/1.1 404 Not Found\r\n\r\n", "SSH-2.0-other\r\n"] {
            let (mut stream, _) = listening.accept().unwrap();
            let mut request = [0; 512];
            assert!(stream.read(&mut request).unwrap() > 0);
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    assert_eq!(ask(&address).unwrap(), "404 Not Found");
    assert!(ask(&address).unwrap_err().to_string().contains("not in HTTP"));
    serving.join().unwrap();
    assert!(ask(&address).is_err(), "nobody listens any more");
    assert!(ask(&EngineAddress::Unix("/nonexistent/engine.sock".into())).is_err());
}

#[test]
fn an_answer_without_end_is_not_read_for_ever() {
    // The request is written over the first bytes, so the stream needs to be longer than both.
    let endless = Cursor::new(vec![b'x'; 8192]);
    assert!(converse(endless).is_err());
}

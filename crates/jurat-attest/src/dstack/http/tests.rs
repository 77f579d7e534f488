use std::{
    os::unix::net::UnixListener,
    path::PathBuf,
    process,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
};

use super::*;

/// A socket at which one connection is served, by `serve`.
fn served(serve: impl FnOnce(UnixStream) + Send + 'static) -> PathBuf {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let name = format!("jurat-attest-http-{}-{}", process::id(), MADE.fetch_add(1, SeqCst));
    let path = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    let gone = path.clone();
    thread::spawn(move || {
        let connection = listener.accept().unwrap().0;
        std::fs::remove_file(gone).unwrap();
        serve(connection);
    });
    path
}

/// Says `pieces` one by one after the request has come, then closes.
fn saying(pieces: Vec<Vec<u8>>) -> PathBuf {
    served(move |mut connection| {
        let request = request(&mut connection);
        assert!(request.starts_with("POST /x HTTP/1.1\r\n"), "{request}");
        assert!(
            request.ends_with("\r\n\r\n{\"a\":1}") && request.contains("Content-Length: 7\r\n"),
            "{request}"
        );
        for piece in pieces {
            // A client that has seen enough leaves.
            if connection.write_all(&piece).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
    })
}

fn request(connection: &mut UnixStream) -> String {
    let mut request = String::new();
    while !request.ends_with("{\"a\":1}") {
        let mut piece = [0; 256];
        let read = connection.read(&mut piece).unwrap();
        assert!(read > 0, "the request ends early: {request}");
        request.push_str(std::str::from_utf8(&piece[..read]).unwrap());
    }
    request
}

fn ask(socket: &Path, limit: usize) -> Result<(u16, Vec<u8>), HttpError> {
    let deadline = Instant::now() + Duration::from_secs(20);
    post(socket, "/x", "{\"a\":1}", limit, deadline).map(|answer| (answer.status, answer.body.to_vec()))
}

fn answer(bytes: &[u8]) -> Result<(u16, Vec<u8>), HttpError> {
    ask(&saying(vec![bytes.to_vec()]), 64)
}

#[test]
fn every_framing_is_read_at_any_split() {
    let said = [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more"[..],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\ntransfer-encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\nhello",
    ];
    for bytes in said {
        assert_eq!(answer(bytes).unwrap(), (200, b"hello".to_vec()), "{}", bytes.escape_ascii());
        let drops = bytes.iter().map(|byte| vec![*byte]).collect();
        assert_eq!(ask(&saying(drops), 64).unwrap(), (200, b"hello".to_vec()), "{}", bytes.escape_ascii());
    }
    assert_eq!(answer(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n").unwrap(), (503, vec![]));
}

#[test]
fn a_long_answer_is_whole_and_a_longer_one_refused() {
    let body: Vec<u8> = (0..100_000u32).map(|at| at as u8).collect();
    let framed = [b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", &body[..]].concat();
    let endless = [b"HTTP/1.1 200 OK\r\n\r\n", &body[..]].concat();
    let mut chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(30_000) {
        chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunked.extend_from_slice(chunk);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    for bytes in [framed, endless, chunked] {
        assert_eq!(ask(&saying(vec![bytes.clone()]), 100_000).unwrap(), (200, body.clone()));
        assert!(matches!(ask(&saying(vec![bytes]), 99_999), Err(HttpError::TooLong(99_999))));
    }
    let huge = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n";
    assert!(matches!(answer(huge), Err(HttpError::TooLong(64))));
}

#[test]
fn what_is_cut_or_no_http_says_so() {
    for bytes in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ] {
        let outcome = answer(bytes);
        assert!(matches!(outcome, Err(HttpError::Cut)), "{}: {outcome:?}", bytes.escape_ascii());
    }
    for bytes in [
        &b"\x00\x01\x02 garbage\r\n\r\n"[..],
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n",
    ] {
        let outcome = answer(bytes);
        assert!(matches!(outcome, Err(HttpError::Malformed(_))), "{}: {outcome:?}", bytes.escape_ascii());
    }
    let endless = [b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'x'; 64 * 1024]];
    assert!(matches!(ask(&saying(endless.to_vec()), 64), Err(HttpError::Malformed(_))));
}

#[test]
fn silence_and_dripping_end_at_the_deadline() {
    let patience = Duration::from_millis(100);
    let silent = served(|connection| {
        thread::sleep(Duration::from_secs(2));
        drop(connection);
    });
    let dripping = served(|mut connection| {
        let _ = request(&mut connection);
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while connection.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
    });
    for socket in [silent, dripping] {
        let begun = Instant::now();
        let outcome = post(&socket, "/x", "{\"a\":1}", 1 << 20, begun + patience).map(|answer| answer.status);
        assert!(matches!(outcome, Err(HttpError::TimedOut)), "{outcome:?}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
}

#[test]
fn nobody_there_is_no_connection() {
    let path = std::env::temp_dir().join(format!("jurat-attest-http-nobody-{}", process::id()));
    assert!(matches!(ask(&path, 64), Err(HttpError::Connect(_))));
    drop(UnixListener::bind(&path).unwrap());
    let refused = ask(&path, 64);
    std::fs::remove_file(&path).unwrap();
    assert!(
        matches!(refused, Err(HttpError::Connect(error)) if error.kind() == io::ErrorKind::ConnectionRefused)
    );
}

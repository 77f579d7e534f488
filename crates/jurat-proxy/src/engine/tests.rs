use std::{future::poll_fn, rc::Rc, time::Duration};

use bytes::BytesMut;
use jurat_witness::Framing;
use proptest::prelude::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;

fn block_on<F: Future>(work: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// A connection to a peer that says `pieces`, one write each, and closes.
async fn peer(pieces: Vec<Vec<u8>>) -> Connection {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = EngineAddress::Tcp(listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        for piece in pieces {
            if socket.write_all(&piece).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    });
    Connection::open(&address).await.unwrap()
}

/// Head, body, and whether the body came whole; `None` if there is no head.
async fn read(pieces: Vec<Vec<u8>>) -> Option<(u16, Framing, Vec<u8>, bool)> {
    let mut connection = peer(pieces).await;
    let head = poll_fn(|task| ResponseHead::poll_read(&mut connection, task)).await.ok()?;
    let mut body = EngineBody::new(connection, head.framing, None);
    let mut bytes = Vec::new();
    loop {
        match poll_fn(|task| body.poll_chunk(task)).await {
            Some(Ok(chunk)) => bytes.extend_from_slice(&chunk),
            end => return Some((head.status.as_u16(), head.framing, bytes, end.is_none())),
        }
    }
}

fn said(text: &str) -> Option<(u16, Framing, Vec<u8>, bool)> {
    block_on(read(vec![text.as_bytes().to_vec()]))
}

#[test]
fn framings_are_told_apart() {
    let cases = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc", (200, Framing::Length(2), "ab", true)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", (200, Framing::Length(5), "ab", false)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", (200, Framing::Empty, "", true)),
        ("HTTP/1.1 204 No\r\n\r\n", (204, Framing::Empty, "", true)),
        ("HTTP/1.0 200 OK\r\n\r\nab", (200, Framing::UntilClose, "ab", true)),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
            (200, Framing::Length(1), "a", true),
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1;x=y\r\na\r\n0\r\nTrailer: t\r\n\r\n",
            (200, Framing::Chunked, "a", true),
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            (200, Framing::Chunked, "ab", false),
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\naXX0\r\n\r\n",
            (200, Framing::Chunked, "a", false),
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", (200, Framing::Chunked, "", false)),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n",
            (200, Framing::Chunked, "a", false),
        ),
    ];
    for (text, (status, framing, body, whole)) in cases {
        assert_eq!(said(text), Some((status, framing, body.as_bytes().to_vec(), whole)), "{text:?}");
    }
}

#[test]
fn ambiguous_heads_are_no_answers() {
    for text in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "SSH-2.0-x\r\n\r\n",
        "HTTP/1.1 101 Switching\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nname : x\r\n\r\n",
    ] {
        assert_eq!(said(text), None, "{text:?}");
    }
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(100_000));
    assert_eq!(said(&endless), None);
}

#[test]
fn a_connection_is_used_again_only_while_it_is_quiet() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pool = Pool::new(EngineAddress::Tcp(listener.local_addr().unwrap()));
        let accepted = async |listener: &TcpListener| -> TcpStream { listener.accept().await.unwrap().0 };

        let one = pool.lease().await.unwrap();
        let mut first = accepted(&listener).await;
        pool.give_back(one);
        let again = pool.lease().await.unwrap();
        assert!(
            tokio::time::timeout(Duration::from_millis(50), listener.accept()).await.is_err(),
            "it was used again"
        );
        pool.give_back(again);

        // The engine says something that nobody asked for: whose answer would that be?
        first.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let two = pool.lease().await.unwrap();
        let second = accepted(&listener).await;
        pool.give_back(two);

        drop(second);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let _three = pool.lease().await.unwrap();
        let mut third = accepted(&listener).await;
        assert!(tokio::time::timeout(Duration::from_millis(50), third.read_u8()).await.is_err());
        assert_eq!(Rc::strong_count(&pool), 1);
    });
}

#[test]
fn engine_addresses_are_literal_and_near() {
    for good in ["http://127.0.0.1:8001", "http://[::1]:1", "http://10.1.2.3:80", "unix:/run/vllm.sock"] {
        assert_eq!(good.parse::<EngineAddress>().unwrap().to_string(), good);
    }
    assert_eq!("http://localhost:80/".parse::<EngineAddress>().unwrap().to_string(), "http://127.0.0.1:80");
    for bad in [
        "",
        "127.0.0.1:80",
        "https://127.0.0.1:80",
        "http://127.0.0.1",
        "http://127.0.0.1:80/v1",
        "http://u@127.0.0.1:80",
        "http://vllm:8001",
        "http://8.8.8.8:80",
        "http://[2001:4860::1]:80",
        "unix:relative",
        "http://127.0.0.1:99999",
    ] {
        assert!(bad.parse::<EngineAddress>().is_err(), "{bad}");
    }
    assert!(!"http://10.1.2.3:80".parse::<EngineAddress>().unwrap().is_local());
}

fn chunked(body: &[u8], sizes: &[usize]) -> Vec<u8> {
    let (mut out, mut rest) = (BytesMut::new(), body);
    for size in sizes.iter().copied().chain([usize::MAX]) {
        let (chunk, left) = rest.split_at(size.min(rest.len()));
        rest = left;
        if !chunk.is_empty() {
            out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            out.extend_from_slice(chunk);
            out.extend_from_slice(b"\r\n");
        }
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out.to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_split_of_a_chunked_answer_gives_the_same_body(
        body in proptest::collection::vec(any::<u8>(), 0..400),
        sizes in proptest::collection::vec(1usize..80, 0..10),
        cut in 1usize..40,
    ) {
        let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        answer.extend(chunked(&body, &sizes));
        let pieces: Vec<_> = answer.chunks(cut).map(<[u8]>::to_vec).collect();
        prop_assert_eq!(block_on(read(pieces)), Some((200, Framing::Chunked, body, true)));
    }

    #[test]
    fn no_bytes_make_it_panic_or_wait_for_ever(
        head in prop_oneof![Just("HTTP/1.1 200 OK\r\n"), Just("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Just("")],
        rest in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n'), Just(b'0'), Just(b':')], 0..120),
    ) {
        let bytes = [head.as_bytes(), &rest].concat();
        let reading = async { tokio::time::timeout(Duration::from_secs(5), read(vec![bytes])).await };
        prop_assert!(block_on(reading).is_ok(), "a peer that closed must end the answer");
    }
}

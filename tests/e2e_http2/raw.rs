//! HTTP/2 by hand, for what no library would send.

use std::time::Duration;

use jurat_tests::{Sidecar, Stream};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
    out
}

/// RFC 7541 section 6.2.2, names and values as they are.
fn block(headers: &[(&str, &str)]) -> Vec<u8> {
    fn text(out: &mut Vec<u8>, text: &str) {
        match text.len() {
            short @ ..=126 => out.push(short as u8),
            long => {
                out.push(127);
                let mut rest = long - 127;
                while rest >= 128 {
                    out.push((rest % 128) as u8 | 128);
                    rest /= 128;
                }
                out.push(rest as u8);
            }
        }
        out.extend(text.as_bytes());
    }
    let mut out = Vec::new();
    for (name, value) in headers {
        out.push(0);
        text(&mut out, name);
        text(&mut out, value);
    }
    out
}

async fn connect(sidecar: &Sidecar) -> Stream {
    let mut stream = Stream::secured(sidecar.address(), &["h2"]).await.unwrap();
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await.unwrap();
    stream
}

/// Sends one request and waits a moment for whatever is said to it.
pub(crate) async fn ask(sidecar: &Sidecar, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut stream = connect(sidecar).await;
    let request =
        [frame(HEADERS, END_HEADERS, 1, &block(headers)), frame(DATA, END_STREAM, 1, body)].concat();
    stream.write_all(&request).await.unwrap();
    let mut said = Vec::new();
    while let Ok(Ok(1..)) = timeout(Duration::from_millis(400), stream.read_buf(&mut said)).await {}
    said
}

/// Opens and resets streams, one after the other; whether the other side had enough of it.
pub(crate) async fn flood(sidecar: &Sidecar, streams: u32) -> bool {
    let mut stream = connect(sidecar).await;
    let headers =
        [(":method", "POST"), (":scheme", "https"), (":authority", "x"), (":path", "/v1/chat/completions")];
    let headers = block(&headers);
    for batch in 0..streams / 100 {
        let mut bytes = Vec::new();
        for n in 0..100 {
            let id = (batch * 100 + n) * 2 + 1;
            bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, id, &headers));
            bytes.extend(frame(RST_STREAM, 0, id, &8u32.to_be_bytes()));
        }
        if stream.write_all(&bytes).await.is_err() {
            return true;
        }
    }
    let mut said = Vec::new();
    loop {
        match timeout(Duration::from_secs(10), stream.read_buf(&mut said)).await {
            Ok(Ok(1..)) => {}
            Ok(_) => return true,
            Err(_) => return false,
        }
    }
}

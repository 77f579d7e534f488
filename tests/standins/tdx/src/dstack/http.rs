//! Just enough of an HTTP server.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
};

pub(super) struct Request {
    /// Path and query.
    pub(super) target: String,
    pub(super) body: String,
}

pub(super) fn read_request(connection: &mut UnixStream) -> io::Result<Request> {
    let bad = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text.to_owned());
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let read = connection.read(&mut piece)?;
        if read == 0 || bytes.len() > 1 << 20 {
            return Err(bad("no whole request"));
        }
        bytes.extend_from_slice(&piece[..read]);
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut headers);
        let Ok(httparse::Status::Complete(head)) = request.parse(&bytes) else { continue };
        let length = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
        let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse::<usize>().ok());
        let body = &bytes[head..];
        if request.method != Some("POST") || length.is_none_or(|length| body.len() > length) {
            return Err(bad("not a POST with a length"));
        }
        if length == Some(body.len()) {
            let target = request.path.unwrap_or_default().to_owned();
            return Ok(Request { target, body: String::from_utf8_lossy(body).into_owned() });
        }
    }
}

pub(super) fn response((status, body): &(u16, String)) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nServer: stand-in\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

pub(super) fn write_chunked(connection: &mut UnixStream, (status, body): &(u16, String)) -> io::Result<()> {
    connection.write_all(format!("HTTP/1.1 {status} -\r\nTransfer-Encoding: chunked\r\n\r\n").as_bytes())?;
    for chunk in body.as_bytes().chunks(1000) {
        connection.write_all(format!("{:x}\r\n", chunk.len()).as_bytes())?;
        connection.write_all(chunk)?;
        connection.write_all(b"\r\n")?;
    }
    connection.write_all(b"0\r\n\r\n")
}

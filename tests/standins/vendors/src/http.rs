//! Just enough of an HTTP server, and the ways in which one fails.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use crate::Fault;

/// More than any client waits.
const A_MINUTE: Duration = Duration::from_secs(60);
/// More than any client reads.
const HUGE: usize = 64 << 20;

pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn json(body: impl Into<String>) -> Self {
        Self::of("application/json", body.into().into_bytes())
    }

    pub(crate) fn of(kind: &'static str, body: Vec<u8>) -> Self {
        Self { status: 200, headers: vec![("Content-Type", kind.to_owned())], body }
    }

    pub(crate) fn error(status: u16) -> Self {
        Self { status, ..Self::json(format!("{{\"status\":{status}}}")) }
    }

    pub(crate) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    fn head(&self, length: usize) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} -\r\nContent-Length: {length}\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        (head + "Connection: close\r\n\r\n").into_bytes()
    }
}

pub(crate) fn read(connection: &mut TcpStream) -> io::Result<Request> {
    let bad = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text.to_owned());
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 16 << 10];
        let read = connection.read(&mut piece)?;
        if read == 0 || bytes.len() > 4 << 20 {
            return Err(bad("no whole request"));
        }
        bytes.extend_from_slice(&piece[..read]);
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(head) = request.parse(&bytes).map_err(|_| bad("not HTTP"))? else {
            continue;
        };
        let length = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
        let length =
            length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok()).unwrap_or(0);
        let body = &bytes[head..];
        if body.len() >= length {
            return Ok(Request {
                method: request.method.unwrap_or_default().to_owned(),
                target: request.path.unwrap_or_default().to_owned(),
                body: body[..length].to_vec(),
            });
        }
    }
}

/// Writes the answer, as far as the fault has it.
pub(crate) fn write(connection: &mut TcpStream, response: &Response, fault: Fault) -> io::Result<()> {
    let whole = |response: &Response| [response.head(response.body.len()), response.body.clone()].concat();
    match fault {
        Fault::Broken | Fault::BrokenOnce => connection.write_all(&whole(&Response::error(500))),
        Fault::Busy => connection.write_all(&whole(&Response::error(503).header("Retry-After", "1".into()))),
        Fault::Empty => connection.write_all(&whole(&Response::error(404))),
        Fault::Mute => Ok(()),
        Fault::Slow => {
            thread::sleep(A_MINUTE);
            connection.write_all(&whole(response))
        }
        Fault::Cut => {
            connection.write_all(&response.head(response.body.len()))?;
            connection.write_all(&response.body[..response.body.len() / 2])
        }
        Fault::Page => {
            let page = Response { body: b"<html><body>Welcome</body></html>".to_vec(), ..response.clone() };
            connection.write_all(&whole(&page))
        }
        Fault::Huge => {
            connection.write_all(&response.head(HUGE))?;
            (0..HUGE >> 16).try_for_each(|_| connection.write_all(&[b' '; 1 << 16]))
        }
        Fault::Elsewhere => {
            let away = Response::error(302).header("Location", "http://127.0.0.2:9/elsewhere".into());
            connection.write_all(&whole(&away))
        }
        // What is wrong with these is in their content.
        Fault::None | Fault::Other | Fault::Stale | Fault::Altered => connection.write_all(&whole(response)),
    }
}

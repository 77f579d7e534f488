//! One connection of the scripted engine.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

use crate::{
    clock::Nanos,
    engine::answer::{Answer, When},
    reactor::Interest,
    script::Script,
};

const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";

/// The connection.
pub(crate) struct Connection {
    pub(crate) socket: TcpStream,
    /// By which a timer knows it.
    pub(crate) born: u64,
    input: Vec<u8>,
    /// Written by the answer, not yet taken by the socket.
    unsent: Vec<u8>,
    answer: Option<Answer>,
    /// The answer goes on when its time has come, not when the socket takes more.
    paused: bool,
    interest: Interest,
}

/// What the connection waits for.
pub(crate) enum Next {
    /// Its socket.
    Wait,
    /// A time.
    At(Nanos),
    /// Nothing.
    AtOnce,
    /// It is closed.
    Gone,
}

impl Connection {
    pub(crate) fn new(socket: TcpStream, born: u64) -> Self {
        let (input, unsent) = (Vec::new(), Vec::new());
        Self { socket, born, input, unsent, answer: None, paused: false, interest: Interest::Read }
    }

    /// What is to be waited for from now on, if that has changed.
    pub(crate) fn change_of_interest(&mut self) -> Option<Interest> {
        let wanted = if self.unsent.is_empty() { Interest::Read } else { Interest::Both };
        (wanted != self.interest).then(|| {
            self.interest = wanted;
            wanted
        })
    }

    /// The socket is ready.
    pub(crate) fn ready(&mut self, ids: &mut u64) -> io::Result<Next> {
        if !self.unsent.is_empty() {
            return if self.paused { self.flush().map(|()| Next::Wait) } else { self.write_on(ids) };
        }
        let mut piece = [0; 16 << 10];
        match self.socket.read(&mut piece) {
            Ok(0) => return Ok(Next::Gone),
            Ok(length) => self.input.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Next::Wait),
            Err(error) => return Err(error),
        }
        self.answer_next(ids)
    }

    /// Goes on with the answer.
    pub(crate) fn write_on(&mut self, ids: &mut u64) -> io::Result<Next> {
        self.paused = false;
        loop {
            if !self.unsent.is_empty() {
                match self.socket.write(&self.unsent) {
                    Ok(length) if length == self.unsent.len() => self.unsent.clear(),
                    Ok(length) => {
                        self.unsent.drain(..length);
                        return Ok(Next::Wait);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Next::Wait),
                    Err(error) => return Err(error),
                }
            }
            let Some(answer) = &mut self.answer else { return self.answer_next(ids) };
            match answer.write(&mut self.unsent) {
                When::Never => self.answer = None,
                When::At(at) => {
                    self.flush()?;
                    self.paused = true;
                    return Ok(Next::At(at));
                }
                // Others may have something to write too.
                When::Now => {
                    self.flush()?;
                    return Ok(if self.unsent.is_empty() { Next::AtOnce } else { Next::Wait });
                }
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.socket.write(&self.unsent) {
            Ok(length) => {
                self.unsent.drain(..length);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Begins the answer to the next request, if it has come whole.
    fn answer_next(&mut self, ids: &mut u64) -> io::Result<Next> {
        if self.answer.is_some() {
            return Ok(Next::Wait);
        }
        let Some((head, body)) = whole_request(&self.input)? else { return Ok(Next::Wait) };
        let length = head + body;
        match Script::of_request(&self.input[head..length]) {
            Some(script) => {
                *ids += 1;
                let id = request_id(&self.input[..head]).unwrap_or_else(|| format!("{ids:032x}"));
                self.answer = Some(Answer::new(id, script));
            }
            None => self.unsent.extend_from_slice(NOT_FOUND),
        }
        self.input.drain(..length);
        self.write_on(ids)
    }
}

/// Lengths of the head and of the body of the request at the front, if it is whole.
fn whole_request(input: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let head = match request.parse(input) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
    };
    let length = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok()).unwrap_or(0);
    Ok((input.len() >= head + length).then_some((head, length)))
}

/// vLLM takes this header for the answer's id.
fn request_id(head: &[u8]) -> Option<String> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let _ = request.parse(head).ok()?;
    let header = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("x-request-id"))?;
    let id = std::str::from_utf8(header.value).ok()?;
    (id.len() == 32).then(|| id.to_owned())
}

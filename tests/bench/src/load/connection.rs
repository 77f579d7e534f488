//! One client: a connection on which it does its errand over and over.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

use jurat_proto::{Digest, sha256};

use crate::{
    clock::Nanos,
    load::{
        Errand, Plan, Shared,
        http::{Body, Head},
        receipts::Witnessed,
        tally::Seen,
    },
    script::{self, Event, Reading, Script},
};

/// What a client waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Its socket.
    Wait,
    /// Nothing: it has done what it was to do, or can't.
    Over,
}

/// The client.
pub(super) struct Client {
    socket: TcpStream,
    /// Read and not yet understood: part of a head or of a chunk's size.
    input: Vec<u8>,
    asked_at: Nanos,
    request: Digest,
    awaited: Awaited,
    head: Option<Head>,
    plain: Vec<u8>,
    first: bool,
    last_stamp: Nanos,
}

/// What is to come.
enum Awaited {
    Plain,
    Stream(Reading),
    Receipt(Box<Witnessed>),
    Whatever,
}

impl Client {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            input: Vec::new(),
            asked_at: Nanos(0),
            request: Digest::ZERO,
            awaited: Awaited::Whatever,
            head: None,
            plain: Vec::new(),
            first: true,
            last_stamp: Nanos(0),
        }
    }

    /// Asks for the next thing.
    pub(super) fn begin(&mut self, plan: &Plan, shared: &Shared, seen: &mut Seen) -> Next {
        if !shared.may_begin() {
            return Next::Over;
        }
        let script = plan.errand.script(std::mem::take(&mut self.first));
        let request = match (plan.errand, script) {
            (_, Some(script)) => {
                let body = script.request();
                self.request = sha256(&body);
                self.awaited = match script {
                    Script::Plain { .. } => Awaited::Plain,
                    Script::Stream { events, .. } => Awaited::Stream(Reading::new(events)),
                };
                post(&body)
            }
            (Errand::GetWithNonce(path), _) => {
                self.awaited = Awaited::Whatever;
                let mut nonce = [0; 32];
                getrandom::fill(&mut nonce).expect("the system has randomness");
                get(&format!("{path}?nonce={}", hex::encode(nonce)))
            }
            (Errand::Get(path), _) => {
                self.awaited = Awaited::Whatever;
                get(path)
            }
            // invariant: every other errand has a script
            _ => return Next::Over,
        };
        self.send(&request, seen)
    }

    fn send(&mut self, request: &[u8], seen: &mut Seen) -> Next {
        self.asked_at = Nanos::now();
        match self.socket.write(request) {
            // Requests are smaller than any socket's buffer.
            Ok(length) if length == request.len() => Next::Wait,
            Ok(_) => self.give_up("a request went only in part", seen),
            Err(error) => self.give_up(error, seen),
        }
    }

    fn give_up(&mut self, why: impl ToString, seen: &mut Seen) -> Next {
        seen.complain(why);
        Next::Over
    }

    /// Reads what there is.
    pub(super) fn ready(&mut self, buffer: &mut [u8], plan: &Plan, shared: &Shared, seen: &mut Seen) -> Next {
        let kept = self.input.len();
        buffer[..kept].copy_from_slice(&self.input);
        let length = match self.socket.read(&mut buffer[kept..]) {
            Ok(0) => return self.give_up("the connection was closed", seen),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Next::Wait,
            Err(error) => return self.give_up(error, seen),
        };
        self.input.clear();
        match self.take(&buffer[..kept + length], plan, shared, seen) {
            Ok(next) => next,
            Err(why) => self.give_up(why, seen),
        }
    }

    fn take(
        &mut self,
        mut bytes: &[u8],
        plan: &Plan,
        shared: &Shared,
        seen: &mut Seen,
    ) -> Result<Next, &'static str> {
        if self.head.is_none() {
            match Head::parse(bytes)? {
                Some((_, head)) if head.status != 200 => return Err("a status that is not 200"),
                Some((length, head)) => {
                    bytes = &bytes[length..];
                    self.head = Some(head);
                }
                None => {
                    self.input.extend_from_slice(bytes);
                    return Ok(Next::Wait);
                }
            }
        }
        let Some(head) = &mut self.head else { return Ok(Next::Wait) };
        let mut body = head.body;
        let taken = body.feed(bytes, |bytes| match &mut self.awaited {
            Awaited::Stream(reading) => {
                let times = Times { asked_at: self.asked_at, last_stamp: &mut self.last_stamp };
                stream(reading, bytes, times, shared, seen)
            }
            _ => {
                self.plain.extend_from_slice(bytes);
                Ok(())
            }
        })?;
        head.body = body;
        self.input.extend_from_slice(&bytes[taken..]);
        if body != Body::Over {
            return Ok(Next::Wait);
        }
        if !self.input.is_empty() {
            return Err("bytes behind an answer");
        }
        self.answered(plan, shared, seen)
    }

    fn answered(&mut self, plan: &Plan, shared: &Shared, seen: &mut Seen) -> Result<Next, &'static str> {
        let head = self.head.take();
        let took = Nanos::now().0 - self.asked_at.0;
        let measuring = shared.measuring();
        let (response, length) = match std::mem::replace(&mut self.awaited, Awaited::Whatever) {
            Awaited::Plain if !script::plain_is_right(&self.plain) => {
                return Err("a plain answer is not what its digest says");
            }
            Awaited::Plain => (sha256(&self.plain), self.plain.len()),
            Awaited::Stream(reading) if !reading.is_whole() => return Err("a stream without [DONE]"),
            Awaited::Stream(reading) => reading.finish(),
            Awaited::Receipt(witnessed) => {
                if measuring {
                    seen.receipts.push(took);
                }
                let record = std::mem::take(&mut self.plain);
                seen.witnessed.push(Witnessed { record: Some(record), ..*witnessed });
                shared.answered();
                return Ok(self.begin(plan, shared, seen));
            }
            Awaited::Whatever => (Digest::ZERO, self.plain.len()),
        };
        self.plain.clear();
        if measuring {
            seen.whole.push(took);
        }
        let id = head.and_then(|head| head.receipt_id);
        if let Some(id) = id {
            let witnessed =
                Witnessed { id, request: self.request, response, length: length as u64, record: None };
            if matches!(plan.errand, Errand::ExchangeAndReceipt(_)) {
                let request = get(&format!("/v1/signature/{}", witnessed.id));
                self.awaited = Awaited::Receipt(Box::new(witnessed));
                return Ok(self.send(&request, seen));
            }
            if seen.witnessed.len() < plan.remembered {
                seen.witnessed.push(witnessed);
            }
        }
        shared.answered();
        Ok(self.begin(plan, shared, seen))
    }
}

struct Times<'a> {
    asked_at: Nanos,
    last_stamp: &'a mut Nanos,
}

fn stream(
    reading: &mut Reading,
    bytes: &[u8],
    times: Times<'_>,
    shared: &Shared,
    seen: &mut Seen,
) -> Result<(), &'static str> {
    let now = Nanos::now();
    let measuring = shared.measuring();
    let mut count = 0;
    reading.feed(bytes, |number, event| {
        count += 1;
        if let Event::Stamped(stamp) = event {
            *times.last_stamp = stamp;
        }
        if !measuring {
            return;
        }
        match event {
            Event::Stamped(stamp) => {
                seen.delays.push(now.0.saturating_sub(stamp.0));
                if number == 0 {
                    seen.first.push(now.0 - times.asked_at.0);
                }
            }
            Event::Done => seen.ends.push(now.0.saturating_sub(times.last_stamp.0)),
        }
    })?;
    shared.events(count);
    Ok(())
}

fn post(body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: bench.test\r\naccept: application/json\r\n\
         content-type: application/json\r\nuser-agent: OpenAI/Python 2.8.1\r\n\
         authorization: Bearer sk-bench-0123456789abcdef\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: bench.test\r\naccept: application/json\r\n\r\n").into_bytes()
}

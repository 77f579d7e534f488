//! What is known of an answer once its head is there.

/// The protocol that a route speaks, as far as it decides how an answer ends and where its id stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `chat/completions` and `completions`: a stream ends with `data: [DONE]`.
    Chat,
    /// `responses`: a stream ends with `response.completed`, `response.incomplete` or `response.failed`.
    Responses,
    /// `messages`: a stream ends with `message_stop`.
    Messages,
    /// Every other sworn route: an answer ends where HTTP says so.
    Plain,
}

/// How HTTP delimits the answer's body (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is no body: the head completes the answer.
    Empty,
    /// `Content-Length`, more than zero.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// Until the engine closes. HTTP can't tell such an end from a cut, so only a protocol's own
    /// completing event makes it whole.
    UntilClose,
}

/// What the body's bytes are, by its content type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One JSON document.
    Json,
    /// Server-sent events.
    Events,
    /// Anything else; never looked into.
    Opaque,
}

impl Shape {
    /// By the values of `Content-Type` and `Content-Encoding`, as far as they are there. A coded body is not what its type
    /// says.
    pub fn of(content_type: Option<&[u8]>, coding: Option<&[u8]>) -> Self {
        let coding = coding.unwrap_or_default().trim_ascii();
        let essence = content_type.unwrap_or_default().split(|byte| *byte == b';').next();
        let essence = essence.unwrap_or_default().trim_ascii();
        let is = |name: &[u8]| essence.eq_ignore_ascii_case(name);
        let is_json = essence.last_chunk::<5>().is_some_and(|end| end.eq_ignore_ascii_case(b"+json"));
        match () {
            () if !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity") => Self::Opaque,
            () if is(b"text/event-stream") => Self::Events,
            () if is_json || is(b"application/json") => Self::Json,
            () => Self::Opaque,
        }
    }
}

/// An answer's head, as the observer needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The route's protocol.
    pub family: Family,
    /// The body's delimitation.
    pub framing: Framing,
    /// The body's kind.
    pub shape: Shape,
}

impl Answer {
    /// An answer of jurat's own: JSON of known length.
    pub const fn own(status: u16, length: u64) -> Self {
        Self { status, family: Family::Plain, framing: Framing::Length(length), shape: Shape::Opaque }
    }
}

//! An answer's head, and its body freed of its framing.

/// What the clients read of a head.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) receipt_id: Option<String>,
    pub(crate) body: Body,
}

impl Head {
    /// The head at the front and its length, once it is whole.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(usize, Self)>, &'static str> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut answer = httparse::Response::new(&mut headers);
        let length = match answer.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err("an answer that is not HTTP"),
        };
        let value = |name: &str| {
            let header = answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
            std::str::from_utf8(header.value).ok()
        };
        let body = match (value("transfer-encoding"), value("content-length")) {
            (Some(_), _) => Body::Size,
            (None, Some(length)) => Body::Length(length.parse().map_err(|_| "a length that is no number")?),
            (None, None) => return Err("a body without framing"),
        };
        let receipt_id = value("x-receipt-id").map(str::to_owned);
        Ok(Some((length, Self { status: answer.code.unwrap_or(0), receipt_id, body })))
    }
}

/// Where in its body an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    /// So many bytes are left of it.
    Length(u64),
    /// Before a chunk.
    Size,
    /// So many bytes are left of the chunk and the line end behind it.
    Chunk(u64),
    /// Before the empty line behind the last chunk.
    End,
    /// Behind it.
    Over,
}

impl Body {
    /// Takes bytes off the wire and hands the body's on; says how many it took. Fewer than there are: more
    /// must come first, or the body is over.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        mut out: impl FnMut(&[u8]) -> Result<(), &'static str>,
    ) -> Result<usize, &'static str> {
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            match *self {
                Self::Length(0) => *self = Self::Over,
                Self::Over => return Ok(at),
                _ if rest.is_empty() => return Ok(at),
                Self::Length(left) => {
                    let taken = rest.len().min(left as usize);
                    out(&rest[..taken])?;
                    at += taken;
                    *self = Self::Length(left - taken as u64);
                }
                Self::Size => match httparse::parse_chunk_size(rest) {
                    Ok(httparse::Status::Complete((length, 0))) => {
                        at += length;
                        *self = Self::End;
                    }
                    Ok(httparse::Status::Complete((length, size))) => {
                        at += length;
                        *self = Self::Chunk(size + 2);
                    }
                    Ok(httparse::Status::Partial) => return Ok(at),
                    Err(_) => return Err("a chunk size that is none"),
                },
                Self::Chunk(left) => {
                    let taken = rest.len().min(left as usize);
                    let data = taken.min(left.saturating_sub(2) as usize);
                    out(&rest[..data])?;
                    at += taken;
                    *self = if left == taken as u64 { Self::Size } else { Self::Chunk(left - taken as u64) };
                }
                Self::End if rest.len() < 2 => return Ok(at),
                Self::End => {
                    at += 2;
                    *self = Self::Over;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! Headers that are about one connection and pass no intermediary.

/// RFC 9110 section 7.6.1, with what older intermediaries still send.
static HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether a header of this name, in lower case, is about one connection.
pub(crate) fn is_hop_by_hop(name: &str) -> bool {
    HOP_BY_HOP.contains(&name)
}

/// What of one message's headers passes. Those that its `Connection` names do not, unless they frame or name the message.
#[derive(Debug, Clone)]
pub struct EndToEnd {
    named: Vec<String>,
}

impl EndToEnd {
    /// Of the message whose `Connection` headers have these values.
    pub fn of<'a>(connection: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut named = Vec::new();
        for value in connection {
            let Ok(value) = std::str::from_utf8(value) else { continue };
            let tokens = value.split(',').map(str::trim).filter(|token| !token.is_empty());
            named.extend(tokens.filter(|token| !token.eq_ignore_ascii_case("host")).map(str::to_owned));
        }
        Self { named }
    }

    /// Whether a header of this name, in lower case, passes.
    pub fn passes(&self, name: &str) -> bool {
        !is_hop_by_hop(name) && !self.named.iter().any(|other| other.eq_ignore_ascii_case(name))
    }
}

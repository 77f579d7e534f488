//! A salt for the engine's prefix cache, of each owner's own (`cache_salt`, as vLLM takes it).

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use jurat_proto::{Digest, sha256};

/// Keeps a salt apart from any other digest of the same bytes.
const DOMAIN: &[u8] = b"jurat-cache-salt-v1\0";

/// What salts are derived from: drawn at start, gone with the process, so that no salt can be guessed or outlive it.
#[derive(Clone)]
pub struct SaltKey([u8; 32]);

impl SaltKey {
    /// From 32 random bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The body with the owner's salt as its first member; those without a token share one. `body` is a JSON object.
    ///
    /// A client that brings a salt of its own keeps it, as the later of two members counts: it parts its own cache
    /// further, and can't guess another's.
    pub(super) fn salt(&self, body: &Bytes, owner: Option<&Digest>) -> Bytes {
        // invariant: an object begins with its brace, and only white space may stand before it
        let brace = body.iter().position(|byte| *byte == b'{').unwrap_or_default();
        let (before, behind) = body.split_at((brace + 1).min(body.len()));
        let empty = behind.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'}');
        let salt = sha256(&[DOMAIN, &self.0, owner.unwrap_or(&Digest::ZERO).as_bytes()].concat());
        let comma = if empty { "" } else { "," };
        let member = format!("\"cache_salt\":\"{salt}\"{comma}");
        let mut salted = BytesMut::with_capacity(body.len() + member.len());
        salted.put_slice(before);
        salted.put_slice(member.as_bytes());
        salted.put_slice(behind);
        salted.freeze()
    }
}

/// Shows nothing: whoever knew it could compute another's salt.
impl fmt::Debug for SaltKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SaltKey(..)")
    }
}

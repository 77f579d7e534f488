//! Bearer tokens, known by their digests alone: whoever reads the file can't use what stands in it.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use jurat_proto::{UnixMillis, UnixSeconds, sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::Rate;

/// A token that opens a door.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    digest: Hidden,
    expires: Option<UnixSeconds>,
    rate: Option<Rate>,
}

/// Never printed: it is enough to try guesses against.
#[derive(Clone, PartialEq, Eq)]
struct Hidden([u8; 32]);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Token {
    /// By the SHA-256 of its bytes; `rate` beats the one that tokens have in general.
    pub fn new(digest: [u8; 32], expires: Option<UnixSeconds>, rate: Option<Rate>) -> Self {
        Self { digest: Hidden(digest), expires, rate }
    }

    pub(super) fn digest(&self) -> &[u8; 32] {
        &self.digest.0
    }

    pub(super) fn rate(&self) -> Option<Rate> {
        self.rate
    }

    fn is_live(&self, now: UnixMillis) -> bool {
        self.expires.is_none_or(|expires| now.seconds().0 < expires.0)
    }
}

/// The tokens of one door, which may change while it is open.
#[derive(Debug, Default)]
pub struct Keyring(RwLock<Arc<[Token]>>);

impl Keyring {
    /// Opens for these.
    pub fn new(tokens: Vec<Token>) -> Arc<Self> {
        Arc::new(Self(RwLock::new(tokens.into())))
    }

    /// From now on these, and no others.
    pub fn replace(&self, tokens: Vec<Token>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = tokens.into();
    }

    /// The live token that was presented. How long this takes says how many there are and nothing else.
    pub(super) fn find(&self, presented: &[u8], now: UnixMillis) -> Option<Token> {
        let tokens = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        let digest = sha256(presented);
        let (mut at, mut found) = (0u64, Choice::from(0));
        for (place, token) in (0u64..).zip(tokens.iter()) {
            let same = token.digest().ct_eq(digest.as_bytes());
            at.conditional_assign(&place, same);
            found |= same;
        }
        let token = tokens.get(usize::try_from(at).ok()?).filter(|_| bool::from(found))?;
        token.is_live(now).then(|| token.clone())
    }
}

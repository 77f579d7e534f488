//! A key that outlives the process: derived by dstack's key service from what was measured.
//!
//! The same application gets the same key on every start and on every machine, and so does every other container
//! that has the socket: it must be mounted into jurat's alone.

use std::fmt;

use jurat_proto::KeyProvenance;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{DstackAgent, Generation};
use crate::QuoteFailure;

/// Where in the application's tree of keys the signing key lies. Fixed, and jurat's own: a key that another program
/// also derives would sign two kinds of messages.
pub const KEY_PATH: &str = "jurat/receipt-signing/v1";
/// What the key service vouches for the key as: its signature covers this, a colon and the public key.
pub const KEY_PURPOSE: &str = "jurat-receipt-signing";

/// An answer with a key in it is this long at most, and never has to grow in memory.
const LONGEST_ANSWER: usize = 16 * 1024;
/// The application's key vouches for this one, the key service's for the application's; more are not known.
const LONGEST_CHAIN: usize = 8;
const LONGEST_SIGNATURE: usize = 256;

/// A secp256k1 key with what shows where it comes from. The secret is wiped when dropped and never printed.
pub struct DerivedKey {
    secret: Zeroizing<[u8; 32]>,
    provenance: KeyProvenance,
}

impl DerivedKey {
    /// The scalar, big-endian. Whether it is one is for the signer to see.
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// Path, purpose and signature chain: for the claims.
    pub fn provenance(&self) -> &KeyProvenance {
        &self.provenance
    }
}

impl fmt::Debug for DerivedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DerivedKey").field("provenance", &self.provenance).finish_non_exhaustive()
    }
}

impl DstackAgent {
    /// Asks the key service for the signing key, at [`KEY_PATH`] for [`KEY_PURPOSE`]. The same application gets the
    /// same key each time.
    ///
    /// # Errors
    ///
    /// As for a quote; [`QuoteFailure::Wrong`] if what came is no key of 32 bytes with a chain.
    pub fn derive_key(&self) -> Result<DerivedKey, QuoteFailure> {
        let call = match self.generation {
            Generation::GuestAgent => "/GetKey",
            Generation::Tappd => "/prpc/Tappd.DeriveK256Key?json",
        };
        // The older agents do not know `algorithm`, and it is the default of the newer.
        let body = format!(r#"{{"path":"{KEY_PATH}","purpose":"{KEY_PURPOSE}"}}"#);
        let answer = self.call(call, &body, LONGEST_ANSWER, self.patience)?;
        parse(&answer)
    }
}

/// Borrowed, so that the digits are nowhere but in the answer, which is wiped. A string with escapes is refused.
#[derive(Deserialize)]
struct KeyAnswer<'a> {
    #[serde(alias = "k256_key")]
    key: &'a str,
    #[serde(alias = "k256_signature_chain")]
    signature_chain: Vec<&'a str>,
}

fn parse(answer: &[u8]) -> Result<DerivedKey, QuoteFailure> {
    let wrong = |what: &str| QuoteFailure::Wrong(format!("dstack's agent gave no usable key: {what}"));
    // The parser's own message may quote the answer, and the answer is the key.
    let KeyAnswer { key, signature_chain } = serde_json::from_slice(answer)
        .map_err(|_| wrong("it is no object with a key and a signature chain"))?;
    let mut secret = Zeroizing::new([0; 32]);
    hex::decode_to_slice(key.strip_prefix("0x").unwrap_or(key), &mut *secret)
        .map_err(|_| wrong("the key is not 32 bytes of hexadecimal"))?;
    if signature_chain.is_empty() || signature_chain.len() > LONGEST_CHAIN {
        return Err(wrong("its signature chain is empty or too long"));
    }
    let lower = |text: &&str| {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        hex::decode(digits)
            .ok()
            .filter(|bytes| !bytes.is_empty() && bytes.len() <= LONGEST_SIGNATURE)
            .map(hex::encode)
    };
    let signature_chain = signature_chain.iter().map(lower).collect::<Option<_>>();
    let signature_chain = signature_chain.ok_or_else(|| wrong("its signature chain is not hexadecimal"))?;
    let provenance =
        KeyProvenance { path: KEY_PATH.to_owned(), purpose: KEY_PURPOSE.to_owned(), signature_chain };
    Ok(DerivedKey { secret, provenance })
}

#[cfg(test)]
mod tests;

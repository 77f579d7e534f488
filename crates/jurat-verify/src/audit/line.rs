//! One line of an export, read and its signatures verified. Nothing here knows of other lines.

use jurat_proto::{
    Address, Digest, End, Head, PrunePoint, SignatureRecord, SignedHead, SignedPrunePoint, UnixMillis,
};
use serde::{Deserialize, de::IgnoredAny};

use crate::json;

/// Longest line that is read: as long as the longest record that a service serves.
pub const MAX_LINE: usize = 64 << 10;

/// A line with its signatures verified: whether the address that it names signed it, not who that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line(pub(super) Content);

/// What stands on a line, for those who page through an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineKind {
    /// A receipt, at this place of its chain.
    Receipt {
        /// Its sequence.
        sequence: u64,
    },
    /// A prune point.
    Prune {
        /// Sequence of the last receipt given up.
        last: u64,
    },
    /// A signed head.
    Head {
        /// How far the chain had come.
        sequence: u64,
    },
    /// The page ends here and the chain does not.
    Next {
        /// Where the next page begins: `after=`.
        after: u64,
    },
    /// Nothing.
    Blank,
    /// None of these.
    Illegible,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    Receipt(Box<Receipt>),
    Prune(Box<Prune>),
    Head(Box<HeadLine>),
    Next(u64),
    Blank,
    Illegible(String),
}

/// What the walk needs of a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Receipt {
    pub(super) chain: Digest,
    pub(super) sequence: u64,
    pub(super) previous: Digest,
    pub(super) struct_hash: Digest,
    pub(super) claims_hash: Digest,
    pub(super) end: End,
    pub(super) finished_at: UnixMillis,
    pub(super) signer: Address,
    pub(super) genuine: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prune {
    pub(super) point: PrunePoint,
    pub(super) signer: Address,
    pub(super) genuine: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HeadLine {
    pub(super) head: Head,
    pub(super) signer: Address,
    pub(super) genuine: bool,
}

impl Line {
    /// Reads a line, with or without its line feed. This is where the time goes: two signatures a receipt.
    pub fn read(text: &str) -> Self {
        let text = text.trim_end_matches(['\n', '\r']);
        Self(content(text).unwrap_or_else(Content::Illegible))
    }

    /// A line that could not even be read as text, with the reason.
    pub fn illegible(reason: &str) -> Self {
        Self(Content::Illegible(reason.to_owned()))
    }

    /// What stands on it.
    pub fn kind(&self) -> LineKind {
        match &self.0 {
            Content::Receipt(receipt) => LineKind::Receipt { sequence: receipt.sequence },
            Content::Prune(prune) => LineKind::Prune { last: prune.point.last },
            Content::Head(head) => LineKind::Head { sequence: head.head.sequence },
            Content::Next(after) => LineKind::Next { after: *after },
            Content::Blank => LineKind::Blank,
            Content::Illegible(_) => LineKind::Illegible,
        }
    }
}

/// The members that tell the kinds apart.
#[derive(Deserialize)]
struct Members {
    receipt: Option<IgnoredAny>,
    prune: Option<IgnoredAny>,
    head: Option<IgnoredAny>,
    next: Option<u64>,
}

fn content(text: &str) -> Result<Content, String> {
    if text.trim().is_empty() {
        return Ok(Content::Blank);
    }
    if text.len() > MAX_LINE {
        return Err(format!("longer than {MAX_LINE} bytes"));
    }
    let members: Members = json::object(text)?;
    match members {
        Members { receipt: Some(_), prune: None, head: None, next: None } => receipt(&json::object(text)?),
        Members { receipt: None, prune: Some(_), head: None, next: None } => Ok(prune(json::object(text)?)),
        Members { receipt: None, prune: None, head: Some(_), next: None } => Ok(head(json::object(text)?)),
        Members { receipt: None, prune: None, head: None, next: Some(after) } => Ok(Content::Next(after)),
        _ => Err("neither a record nor a prune point nor a head".into()),
    }
}

fn receipt(record: &SignatureRecord) -> Result<Content, String> {
    let receipt = &record.receipt;
    if receipt.sequence == 0 {
        return Err("a receipt's sequence counts from 1".into());
    }
    Ok(Content::Receipt(Box::new(Receipt {
        chain: receipt.chain,
        sequence: receipt.sequence,
        previous: receipt.previous,
        struct_hash: receipt.struct_hash(),
        claims_hash: receipt.claims_hash,
        end: receipt.end,
        finished_at: receipt.finished_at,
        signer: record.signing_address,
        genuine: record.authenticate().is_ok(),
    })))
}

fn prune(signed: SignedPrunePoint) -> Content {
    let genuine = signed.authenticate().is_ok();
    Content::Prune(Box::new(Prune { point: signed.prune, signer: signed.signing_address, genuine }))
}

fn head(signed: SignedHead) -> Content {
    let genuine = signed.authenticate().is_ok();
    Content::Head(Box::new(HeadLine { head: signed.head, signer: signed.signing_address, genuine }))
}

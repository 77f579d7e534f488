//! The audit of an export: whole chains, line by line, in memory that does not grow with their length.
//!
//! What one receipt cannot show, a chain can: that nothing was dropped, inserted or reordered. The format is
//! that of `docs/spec/receipt.md`; the checks are `chain.*` of `docs/verify.md`.

mod chain;
mod line;
mod report;
mod walk;

use std::collections::BTreeMap;

use jurat_proto::{Address, Digest};

use self::{
    chain::{Chain, Trust},
    line::Content,
};
pub use self::{
    line::{Line, LineKind, MAX_LINE},
    report::{AuditVerdict, ChainVerdict, HeadSeen, Tally},
};
use crate::{CheckId, Policy, Standing, Tee, TrustedSigner, check::Finding, verdict::Transcript};

/// An audit keeps some state a chain, so their number has an end. A process has one, or a few.
const MAX_CHAINS: usize = 65_536;

/// Whether an export should reach back to each chain's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// It should: a chain that begins later, and with no prune point, has lost its beginning.
    Whole,
    /// It was asked for from some place on. What was before is then not shown, and a limit says so.
    Part,
}

/// A report that the audit lacks to know a signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WantedReport {
    /// The signer.
    pub signing_address: Address,
    /// SHA-256 of the claims that its receipts name; `None` if any report of the signer will do, as for one
    /// that only pruned.
    pub claims_hash: Option<Digest>,
}

/// An audit under way. Lines of any number of chains may come interleaved, and in pages that overlap.
///
/// ```
/// use jurat_verify::{Audit, Extent, Outcome, Policy};
///
/// let mut audit = Audit::new(&Policy::named("production").unwrap(), Extent::Whole);
/// for line in "{\"next\":7}\n".lines() {
///     audit.line(line);
/// }
/// // an export in which there is no receipt shows nothing
/// assert_eq!(audit.finish().outcome(), Outcome::Undecided);
/// ```
#[derive(Debug)]
pub struct Audit {
    policy: String,
    tee: Tee,
    extent: Extent,
    signers: Vec<TrustedSigner>,
    chains: BTreeMap<Digest, Chain>,
    lines: u64,
    illegible: u64,
    first_illegible: Option<String>,
}

impl Audit {
    /// An audit that believes signers whom `policy` trusts, and as yet nobody.
    pub fn new(policy: &Policy, extent: Extent) -> Self {
        Self {
            policy: policy.name.clone(),
            tee: policy.roots.into(),
            extent,
            signers: Vec::new(),
            chains: BTreeMap::new(),
            lines: 0,
            illegible: 0,
            first_illegible: None,
        }
    }

    /// Believes a signer, before or after its receipts were read. One that another policy trusts counts for
    /// nothing here.
    pub fn trust(&mut self, signer: &TrustedSigner) {
        if signer.policy() == self.policy && signer.tee() == self.tee {
            self.signers.push(signer.clone());
        }
    }

    /// Reads a line of the export and takes it in.
    pub fn line(&mut self, text: &str) {
        self.take(Line::read(text));
    }

    /// Takes in a line that was read already, on another thread perhaps: reading verifies its signatures and
    /// is all of the work. Lines must be taken in the order of the export.
    pub fn take(&mut self, line: Line) {
        self.lines = self.lines.saturating_add(1);
        match line.0 {
            Content::Receipt(receipt) => {
                if let Some(chain) = self.chain(receipt.chain) {
                    chain.receipt(&receipt);
                }
            }
            Content::Prune(prune) => {
                if let Some(chain) = self.chain(prune.point.chain) {
                    chain.prune(&prune);
                }
            }
            Content::Head(head) => {
                if let Some(chain) = self.chain(head.head.chain) {
                    chain.head(&head);
                }
            }
            Content::Next(_) | Content::Blank => {}
            Content::Illegible(reason) => self.spoilt(&reason),
        }
    }

    /// Reports without which signers of the lines so far are not known.
    pub fn wanted(&self) -> Vec<WantedReport> {
        let trust = Trust(&self.signers);
        let mut wanted: Vec<_> = self.chains.values().flat_map(|chain| chain.wanted(&trust)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// The verdict on all that was read.
    pub fn finish(self) -> AuditVerdict {
        let trust = Trust(&self.signers);
        let mut transcript = Transcript::default();
        let finding = match &self.first_illegible {
            Some(first) => Finding::fail(format!("{first}; {} in all", count(self.illegible, "such line"))),
            None => Finding::pass(format!("{}, all legible", count(self.lines, "line"))),
        };
        transcript.file(CheckId::ChainLines, finding);
        let judged = self.chains.into_values().map(|chain| chain.finish(&trust)).collect();
        AuditVerdict::of(self.policy, self.tee, transcript, judged, &self.signers)
    }

    fn chain(&mut self, name: Digest) -> Option<&mut Chain> {
        if self.chains.len() >= MAX_CHAINS && !self.chains.contains_key(&name) {
            self.spoilt(&format!("there are more than {MAX_CHAINS} chains"));
            return None;
        }
        Some(self.chains.entry(name).or_insert_with(|| Chain::new(name, self.extent)))
    }

    fn spoilt(&mut self, reason: &str) {
        self.illegible = self.illegible.saturating_add(1);
        if self.first_illegible.is_none() {
            self.first_illegible = Some(format!("line {}: {reason}", self.lines));
        }
    }
}

/// The weakest standing of the signers on whom a verdict rests.
fn weakest(signers: impl IntoIterator<Item = Standing>) -> Standing {
    let archived = signers.into_iter().any(|standing| standing == Standing::Archived);
    if archived { Standing::Archived } else { Standing::Live }
}

/// `1 receipt`, `2 receipts`.
fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests;

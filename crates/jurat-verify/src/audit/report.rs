//! What an audit says: a verdict on each chain, and one on the whole.

use std::fmt;

use jurat_proto::{Address, Digest, End, UnixMillis};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::count;
use crate::{CheckId, Outcome, Standing, Tee, TrustedSigner, check::Check, verdict::Transcript};

const OTHER_CHAINS: &str =
    "chains that are not in the export are not seen: each start of a service begins one";
const SINCE: &str = "without a later head nobody can tell whether receipts are missing at a chain's end";
const CONTENTS: &str = "no request or answer was looked at: `jurat check` ties one to its receipt";

/// The verdict on an export: `Serialize` gives the JSON form, `Display` the transcript for people.
#[derive(Debug, Clone, Serialize)]
pub struct AuditVerdict {
    verdict: Outcome,
    tee: Tee,
    policy: String,
    receipts: u64,
    ends: Tally,
    checks: Vec<Check>,
    chains: Vec<ChainVerdict>,
    limits: Vec<String>,
}

/// The verdict on one chain.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ChainVerdict {
    /// Its name.
    #[serde(serialize_with = "bytes32")]
    pub chain: Digest,
    /// What follows from its checks.
    pub verdict: Outcome,
    /// The signer that its receipts name. Proven only if the verdict is trusted.
    #[serde(serialize_with = "text_or_null")]
    pub signing_address: Option<Address>,
    /// SHA-256 of the claims that its receipts name, without `0x` as in a report's URL.
    #[serde(serialize_with = "text_or_null")]
    pub claims_hash: Option<Digest>,
    /// The lowest place seen, under a prune point perhaps; `None` if there is no receipt.
    pub first: Option<u64>,
    /// The highest.
    pub last: Option<u64>,
    /// How many receipts there are, those that stand twice counted once.
    pub receipts: u64,
    /// How many places prune points cover.
    pub pruned: u64,
    /// How many receipts stood there again.
    pub repeated: u64,
    /// How the exchanges ended.
    pub ends: Tally,
    /// When the first of the receipts was finished, by its own word, Unix milliseconds.
    pub first_at: Option<UnixMillis>,
    /// The last.
    pub last_at: Option<UnixMillis>,
    /// The furthest signed head that agrees with its receipt.
    pub head: Option<HeadSeen>,
    /// The transcript, in the order of [`CheckId::ALL`].
    pub checks: Vec<Check>,
    /// What is no check, and worth knowing.
    pub notes: Vec<String>,
}

/// A signed head, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HeadSeen {
    /// How far the chain had come.
    pub sequence: u64,
    /// When it was signed, by the signer's word, Unix milliseconds.
    pub at: UnixMillis,
}

/// How many exchanges ended in which way. JSON: an object of the ends that occurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally(pub(super) [u64; End::ALL.len()]);

impl Tally {
    /// How many ended so.
    pub fn of(&self, end: End) -> u64 {
        self.iter().find(|(one, _)| *one == end).map_or(0, |(_, number)| number)
    }

    /// Each end with its number, in the order of [`End::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (End, u64)> {
        End::ALL.into_iter().zip(self.0)
    }

    fn add(&mut self, other: &Self) {
        for (sum, number) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(number);
        }
    }
}

impl AuditVerdict {
    pub(super) fn of(
        policy: String,
        tee: Tee,
        transcript: Transcript,
        chains: Vec<ChainVerdict>,
        signers: &[TrustedSigner],
    ) -> Self {
        let lines = transcript.outcome([CheckId::ChainLines], Standing::Live);
        let outcomes: Vec<_> = chains.iter().map(|chain| chain.verdict).chain([lines]).collect();
        let verdict = if outcomes.contains(&Outcome::Refuted) {
            Outcome::Refuted
        } else if chains.is_empty() || outcomes.contains(&Outcome::Undecided) {
            Outcome::Undecided
        } else if outcomes.contains(&Outcome::TrustedThen) {
            Outcome::TrustedThen
        } else {
            Outcome::Trusted
        };
        let mut ends = Tally::default();
        chains.iter().for_each(|chain| ends.add(&chain.ends));
        let receipts = chains.iter().fold(0_u64, |sum, chain| sum.saturating_add(chain.receipts));
        let mut limits: Vec<String> = Vec::new();
        let of_signers = signers.iter().flat_map(|signer| signer.limits().iter().map(String::as_str));
        for limit in [OTHER_CHAINS, SINCE, CONTENTS].into_iter().chain(of_signers) {
            if !limits.iter().any(|known| known == limit) {
                limits.push(limit.to_owned());
            }
        }
        Self { verdict, tee, policy, receipts, ends, checks: transcript.into_checks(), chains, limits }
    }

    /// What follows from all of it: refuted if a check failed anywhere, undecided if one that is required was
    /// not made in some chain, or if there is no chain at all.
    pub fn outcome(&self) -> Outcome {
        self.verdict
    }

    /// How many receipts there are, in all chains.
    pub fn receipts(&self) -> u64 {
        self.receipts
    }

    /// How the exchanges ended, in all chains.
    pub fn ends(&self) -> &Tally {
        &self.ends
    }

    /// The chains, in the order of their names.
    pub fn chains(&self) -> &[ChainVerdict] {
        &self.chains
    }

    /// The checks on the export as a whole.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// What even a trusted verdict does not say, in sentences.
    pub fn limits(&self) -> &[String] {
        &self.limits
    }

    /// The JSON form.
    pub fn to_json(&self) -> String {
        // invariant: a struct of strings, numbers and unit variants has a JSON form
        #[allow(clippy::expect_used)]
        serde_json::to_string(self).expect("a verdict is plain data")
    }
}

impl fmt::Display for AuditVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.checks.iter().try_for_each(|check| line(f, check))?;
        self.chains.iter().try_for_each(|chain| write!(f, "{chain}"))?;
        let chains = u64::try_from(self.chains.len()).unwrap_or(u64::MAX);
        writeln!(f, "{} in {}: {}", count(self.receipts, "receipt"), count(chains, "chain"), self.ends)?;
        writeln!(f, "verdict: {} under the policy {}, tee {}", self.verdict, self.policy, self.tee)?;
        self.limits.iter().try_for_each(|limit| writeln!(f, "limit: {limit}"))
    }
}

impl fmt::Display for ChainVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let receipts = count(self.receipts, "receipt");
        writeln!(f, "chain 0x{}: {}, {receipts}, {}", self.chain, self.verdict, self.ends)?;
        self.checks.iter().try_for_each(|check| line(f, check))?;
        self.notes.iter().try_for_each(|note| writeln!(f, "note {note}"))
    }
}

fn line(f: &mut fmt::Formatter<'_>, Check { id, status, reason }: &Check) -> fmt::Result {
    writeln!(f, "{status} {id:<17} {reason}")
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (end, number) in self.iter().filter(|(_, number)| *number > 0) {
            write!(f, "{separator}{number} {end}")?;
            separator = ", ";
        }
        if separator.is_empty() { f.write_str("no ends") } else { Ok(()) }
    }
}

impl Serialize for Tally {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for (end, number) in self.iter().filter(|(_, number)| *number > 0) {
            map.serialize_entry(end.as_str(), &number)?;
        }
        map.end()
    }
}

fn bytes32<S: Serializer>(digest: &Digest, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&format_args!("0x{digest}"))
}

fn text_or_null<T: fmt::Display, S: Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.collect_str(value),
        None => to.serialize_none(),
    }
}

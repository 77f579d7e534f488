//! Exports of whole chains, verified link by link with nothing but `jurat-proto`.

use std::{collections::HashMap, net::SocketAddr};

use jurat_proto::{Address, Digest, SignatureRecord, SignedHead, SignedPrunePoint};
use jurat_tests::KeptClient;
use serde::Deserialize;

use crate::account::Account;

/// Links of a page: few enough that most chains have several pages.
const PAGE: usize = 100;

/// Every link that was ever verified. Later exports must say the same.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    chains: HashMap<Digest, Chain>,
}

#[derive(Debug)]
struct Chain {
    signer: Address,
    /// Struct hashes, the first receipt's first.
    links: Vec<Digest>,
}

/// How much of an export is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What is not known yet.
    News,
    /// All of it once more.
    Everything,
}

#[derive(Deserialize)]
struct Summaries {
    chains: Vec<Summary>,
}

#[derive(Deserialize)]
struct Summary {
    chain: String,
    signing_address: String,
    first: u64,
    last: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Receipt(Box<SignatureRecord>),
    Pruned(Box<SignedPrunePoint>),
    Head(Box<SignedHead>),
    More { next: u64 },
}

impl Chains {
    /// Whether an export has this receipt at this place.
    pub(crate) fn has(&self, chain: &Digest, sequence: u64, hash: &Digest) -> bool {
        let at = usize::try_from(sequence).ok().and_then(|sequence| sequence.checked_sub(1));
        let links = self.chains.get(chain).map(|chain| chain.links.as_slice()).unwrap_or_default();
        at.and_then(|at| links.get(at)) == Some(hash)
    }

    /// Reads the export of every chain from an admin listener. Nothing is allowed to be missing: not a chain, not a
    /// link, not a tail that a kept head swears to. The error says what broke.
    pub(crate) async fn read(&mut self, admin: SocketAddr, extent: Extent) -> Result<(), Vec<String>> {
        let mut lines = KeptClient::of(admin);
        let listed: Summaries = ask(&mut lines, "/receipts/chains")
            .await
            .and_then(|body| serde_json::from_slice(&body).map_err(|error| format!("the chains: {error}")))
            .map_err(|broken| vec![broken])?;
        let mut broken = Vec::new();
        let mut present = HashMap::new();
        for summary in listed.chains {
            let (Ok(name), Ok(signer)) = (summary.chain.parse(), summary.signing_address.parse()) else {
                broken.push(format!("a chain under the name {:?}", summary.chain));
                continue;
            };
            let name: Digest = name;
            let chain = self.chains.entry(name).or_insert(Chain { signer, links: Vec::new() });
            present.insert(name, summary.last);
            if chain.signer != signer || summary.first != 1 {
                broken.push(format!("chain {name}: signer {signer}, first {}", summary.first));
            }
            let known = chain.links.len() as u64;
            if extent == Extent::News && summary.last == known {
                continue;
            }
            let after = if extent == Extent::News { known } else { 0 };
            if let Err(what) = chain.read(&mut lines, &name, after).await {
                broken.push(format!("chain {name} of {signer}: {what}"));
            } else if (chain.links.len() as u64) < summary.last {
                broken.push(format!("chain {name}: listed to {}, not exported so far", summary.last));
            }
        }
        for (name, chain) in &self.chains {
            let (known, last) = (chain.links.len() as u64, present.get(name).copied());
            if last.is_none_or(|last| last < known) {
                broken.push(format!("chain {name}: {known} receipts once, now its list says {last:?}"));
            }
        }
        if broken.is_empty() { Ok(()) } else { Err(broken) }
    }

    /// Writes what it knows into the books.
    pub(crate) fn count(&self, account: &Account) {
        let mut books = account.books();
        books.tally.chains = self.chains.len();
        books.tally.receipts = self.chains.values().map(|chain| chain.links.len()).sum();
    }
}

impl Chain {
    async fn read(&mut self, lines: &mut KeptClient, name: &Digest, mut after: u64) -> Result<(), String> {
        loop {
            let page = ask(lines, &format!("/receipts?chain=0x{name}&after={after}&limit={PAGE}")).await?;
            let mut next = None;
            for line in page.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
                let line: Line = serde_json::from_slice(line)
                    .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(line)))?;
                match line {
                    Line::Receipt(record) => {
                        after += 1;
                        self.link(name, after, &record).map_err(|what| format!("link {after}: {what}"))?;
                    }
                    Line::Head(head) => self.ends_under(name, &head)?,
                    Line::More { next: more } => next = Some(more),
                    Line::Pruned(point) => {
                        return Err(format!("pruned {}..{}", point.prune.first, point.prune.last));
                    }
                }
            }
            match next {
                Some(next) if next == after => {}
                Some(next) => {
                    return Err(format!("a page ends with {after}, and the next begins after {next}"));
                }
                None => return Ok(()),
            }
        }
    }

    fn link(&mut self, name: &Digest, sequence: u64, record: &SignatureRecord) -> Result<(), String> {
        let receipt = &record.receipt;
        if receipt.sequence != sequence || receipt.chain != *name {
            return Err(format!("sequence {} of chain {} is in its place", receipt.sequence, receipt.chain));
        }
        let hash = receipt.struct_hash();
        let at = usize::try_from(sequence - 1).map_err(|error| error.to_string())?;
        if let Some(known) = self.links.get(at) {
            return if *known == hash { Ok(()) } else { Err("another receipt than before: a fork".into()) };
        }
        if record.signing_address != self.signer {
            return Err(format!("signed by {}", record.signing_address));
        }
        if at != self.links.len() || receipt.previous != *self.links.last().unwrap_or(name) {
            return Err("previous is not the receipt before".into());
        }
        record.authenticate().map_err(|error| error.to_string())?;
        self.links.push(hash);
        Ok(())
    }

    /// A head that was kept swears to how far the chain went at least.
    fn ends_under(&self, name: &Digest, signed: &SignedHead) -> Result<(), String> {
        let head = &signed.head;
        let signer = signed.signature.recover(&head.digest()).map(|key| key.address());
        if head.chain != *name || signer != Ok(self.signer) || signed.signing_address != self.signer {
            return Err("the kept head is another's".into());
        }
        let at = usize::try_from(head.sequence).unwrap_or(usize::MAX);
        let hash = if at == 0 { Some(name) } else { self.links.get(at - 1) };
        match hash == Some(&head.receipt_hash) {
            true => Ok(()),
            false => {
                let links = self.links.len();
                Err(format!("the kept head swears to sequence {}, the chain has {links}", head.sequence))
            }
        }
    }
}

async fn ask(lines: &mut KeptClient, target: &str) -> Result<Vec<u8>, String> {
    let answer = lines.fetch(target).await.map_err(|error| format!("{target}: {error}"))?;
    match answer.status() {
        200 => Ok(answer.body),
        status => Err(format!("{target}: status {status}: {}", String::from_utf8_lossy(&answer.body))),
    }
}

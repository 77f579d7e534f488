//! What becomes of a chain once all of it was read.

use jurat_proto::Address;

use super::{Chain, Trust};
use crate::{
    CheckId, Standing, TrustedSigner,
    audit::{
        Extent, count,
        report::{ChainVerdict, Tally},
        weakest,
    },
    check::Finding,
    verdict::Transcript,
};

impl Chain {
    pub(in crate::audit) fn finish(self, trust: &Trust<'_>) -> ChainVerdict {
        let mut transcript = Transcript::default();
        transcript.file(CheckId::ChainSignature, self.judge_signatures());
        transcript.file(CheckId::ChainSigner, self.judge_signer(trust));
        transcript.file(CheckId::ChainClaims, self.judge_claims(trust));
        transcript.file(CheckId::ChainOrder, self.judge_order());
        transcript.file(CheckId::ChainFork, self.judge_fork());
        transcript.file(CheckId::ChainGap, self.judge_gap());
        transcript.file(CheckId::ChainPrune, self.judge_prune(trust));
        transcript.file(CheckId::ChainHead, self.heads.judge(self.walk.far(), &self.faults));
        let standing = self.standing(trust);
        let outcome = transcript.outcome(self.required(trust), standing);
        let checks = transcript.into_checks();
        ChainVerdict {
            chain: self.name,
            verdict: outcome,
            signing_address: self.signer,
            claims_hash: self.claims_hash,
            first: self.walk.first(),
            last: Some(self.walk.far()).filter(|_| self.walk.first().is_some()),
            receipts: self.receipts,
            pruned: self.pruned,
            repeated: self.repeated,
            ends: Tally(self.ends),
            first_at: self.first_at,
            last_at: self.last_at,
            head: self.heads.met(),
            notes: self.notes(),
            checks,
        }
    }

    /// All that there is something to judge by.
    fn required(&self, trust: &Trust<'_>) -> Vec<CheckId> {
        let mut required = vec![CheckId::ChainSigner];
        if self.receipts > 0 {
            required.push(CheckId::ChainSignature);
            let mut signers = self.signer.into_iter().flat_map(|address| trust.of(address)).peekable();
            if signers.peek().is_none() || signers.any(|signer| signer.claims().is_some()) {
                required.push(CheckId::ChainClaims);
            }
        }
        if self.walk.first().is_some() {
            required.extend([CheckId::ChainOrder, CheckId::ChainFork, CheckId::ChainGap]);
        } else {
            required.push(CheckId::ChainHead);
        }
        if self.pruned > 0 || !self.pruners.is_empty() {
            required.push(CheckId::ChainPrune);
        }
        required
    }

    fn standing(&self, trust: &Trust<'_>) -> Standing {
        // one signer may be trusted by several reports: now, if any of them is of now
        let best = |all: Vec<Standing>| match all.contains(&Standing::Live) {
            true => Standing::Live,
            false => weakest(all),
        };
        let of = |address: &Address| best(trust.of(*address).map(TrustedSigner::standing).collect());
        // receipts rest on the report that attests their claims, whatever is known of the same key under others
        let own = self.signer.map(|address| {
            let attesting = trust.of(address).filter(|one| one.claims_hash() == self.claims_hash.as_ref());
            let attesting: Vec<_> = attesting.map(TrustedSigner::standing).collect();
            if attesting.is_empty() { of(&address) } else { best(attesting) }
        });
        weakest(own.into_iter().chain(self.pruners.iter().map(of)))
    }

    fn judge_signatures(&self) -> Finding {
        self.faults.or(CheckId::ChainSignature, || match self.receipts {
            0 => Finding::skip("there is no receipt"),
            receipts => Finding::pass(format!("{}, each as its signer signed it", count(receipts, "record"))),
        })
    }

    fn judge_signer(&self, trust: &Trust<'_>) -> Finding {
        self.faults.or(CheckId::ChainSigner, || match self.signer {
            None => Finding::skip("neither receipt nor head names one"),
            Some(signer) if trust.of(signer).next().is_some() => {
                Finding::pass(format!("{signer}, of a trusted report"))
            }
            Some(signer) => Finding::skip(format!("{signer}, of whom no trusted report is at hand")),
        })
    }

    fn judge_claims(&self, trust: &Trust<'_>) -> Finding {
        self.faults.or(CheckId::ChainClaims, || {
            let (Some(signer), Some(hash)) = (self.signer, self.claims_hash) else {
                return Finding::skip("there is no receipt");
            };
            let of_claims: Vec<_> =
                trust.of(signer).filter_map(|signer| signer.claims().zip(signer.claims_hash())).collect();
            match of_claims.iter().find(|(_, known)| **known == hash) {
                Some((claims, _)) if claims.chain == self.name => {
                    Finding::pass("sworn under the claims of a trusted report, and they name the chain")
                }
                Some(_) => Finding::fail("the claims that the receipts name are of another chain"),
                None if of_claims.iter().any(|(claims, _)| claims.chain == self.name) => {
                    Finding::fail("a trusted report attests other claims for this chain")
                }
                None => Finding::skip(format!("no trusted report with the claims {hash} is at hand")),
            }
        })
    }

    fn judge_order(&self) -> Finding {
        self.faults.or(CheckId::ChainOrder, || match self.walk.first() {
            None => Finding::skip("there is no receipt"),
            Some(_) => Finding::pass("each receipt names the one before it"),
        })
    }

    fn judge_fork(&self) -> Finding {
        self.faults.or(CheckId::ChainFork, || match (self.walk.first(), self.walk.compared()) {
            (None, _) => Finding::skip("there is no receipt"),
            (_, true) => Finding::pass("no two different receipts at one place"),
            (_, false) => {
                Finding::skip("receipts stand out of order and twice, too far apart to be compared")
            }
        })
    }

    fn judge_gap(&self) -> Finding {
        self.faults.or(CheckId::ChainGap, || match (self.walk.first(), self.pruned) {
            (None, _) => Finding::skip("there is no receipt"),
            (Some(first), 0) => Finding::pass(format!("{first} to {}, none missing", self.walk.far())),
            (Some(first), pruned) => Finding::pass(format!(
                "{first} to {}, none missing but {pruned} under prune points",
                self.walk.far()
            )),
        })
    }

    fn judge_prune(&self, trust: &Trust<'_>) -> Finding {
        self.faults.or(CheckId::ChainPrune, || {
            if self.pruners.is_empty() {
                return Finding::skip("there is no prune point");
            }
            let known =
                |address: &&Address| Some(**address) == self.signer || trust.of(**address).next().is_some();
            if let Some(stranger) = self.pruners.iter().find(|address| !known(address)) {
                return Finding::skip(format!("signed by {stranger}, of whom no trusted report is at hand"));
            }
            if self.unnamed_pruners {
                return Finding::skip("signed by more signers than an audit keeps apart");
            }
            if !self.walk.tied() {
                return Finding::skip(
                    "a prune point begins too far behind to be held against what is kept there",
                );
            }
            Finding::pass("signed by those who may, and they fit what is kept")
        })
    }

    /// What is no check, and worth knowing.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        match self.heads.met() {
            None => notes.push("no signed head: if its end was cut off, this export cannot show it".into()),
            Some(head) => notes.push(format!(
                "signed up to {} at {} ms: what came later shows only against a later head",
                head.sequence, head.at.0
            )),
        }
        if self.extent == Extent::Part && self.walk.first().is_some_and(|first| first > 1) {
            notes.push("what was before its first line is not shown".into());
        }
        if self.heads.unmet(self.walk.far()) {
            notes.push("heads further back than the receipts remembered were not compared".into());
        }
        if self.backwards > 0 {
            notes.push(format!("the clock ran backwards at {}", count(self.backwards, "place")));
        }
        notes
    }
}

//! Whom the proxy trusts: signers whose report was judged trusted under the policy, by a nonce of ours, not long ago.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jurat_client::{BaseUrl, Client};
use jurat_proto::SignatureRecord;
use jurat_verify::{Status, TrustedSigner, Verdict};

use crate::{
    answer,
    cli::JudgingOptions,
    exit::{Failure, say},
    verify::Live,
};

/// How soon after one verification that failed the next one is made.
const AGAIN: Duration = Duration::from_secs(5);
/// More signers than a fleet behind one address has.
const MOST: usize = 64;
/// How often a service is asked for its report, when a receipt is of a signer that nobody knows: behind one address
/// there may be several.
const TRIES: usize = 3;

/// A signer, and how to reach its service.
pub(super) struct Trusted {
    pub(super) signer: TrustedSigner,
    /// For receipts.
    pub(super) errand: Client,
    /// For requests and their answers.
    pub(super) relay: reqwest::Client,
    since: Instant,
}

/// The trust in one service, shared by all workers.
pub(super) struct Trust {
    pub(super) base: BaseUrl,
    options: JudgingOptions,
    /// How long a verification counts before the next one is due. At twice that it counts no more.
    every: Duration,
    state: Mutex<State>,
    /// One verification at a time.
    turn: tokio::sync::Mutex<()>,
}

struct State {
    /// The latest first.
    signers: Vec<Arc<Trusted>>,
    /// Why the service is not trusted, and since when.
    refused: Option<(String, Instant)>,
    /// Verifications so far, whatever became of them.
    verifications: u64,
}

impl Trust {
    /// Verifies for the first time.
    pub(super) fn establish(
        base: BaseUrl,
        options: JudgingOptions,
        every: Duration,
    ) -> Result<(Self, Verdict), Failure> {
        let live = Live::fetch(&base, &options)?;
        let state = State { signers: Vec::new(), refused: None, verifications: 0 };
        let (state, turn) = (Mutex::new(state), tokio::sync::Mutex::new(()));
        let trust = Self { base, options, every, state, turn };
        let verdict = live.judged.verdict.clone();
        trust.heed(&live)?;
        Ok((trust, verdict))
    }

    /// Whom to ask now. Verifies anew if the last time was too long ago or the service was refused.
    pub(super) async fn current(&self) -> Result<Arc<Trusted>, String> {
        if let Some(trusted) = self.latest() {
            return Ok(trusted);
        }
        let seen = {
            let state = self.state();
            if let Some((why, since)) = &state.refused
                && since.elapsed() < AGAIN
            {
                return Err(why.clone());
            }
            state.verifications
        };
        self.renew(seen).await?;
        self.latest().ok_or_else(|| self.why())
    }

    /// The signer of this record, verified anew if it is not known; `None` if the service's report does not name it.
    pub(super) async fn signer_of(&self, record: &SignatureRecord) -> Result<Option<Arc<Trusted>>, String> {
        for _ in 0..TRIES {
            let (found, seen) = {
                let state = self.state();
                (self.find(&state, record), state.verifications)
            };
            if found.is_some() {
                return Ok(found);
            }
            self.renew(seen).await?;
            if let Some((why, _)) = &self.state().refused {
                return Err(why.clone());
            }
        }
        Ok(self.find(&self.state(), record))
    }

    /// Verifies, unless somebody else did since `seen` were counted.
    pub(super) async fn renew(&self, seen: u64) -> Result<(), String> {
        let _turn = self.turn.lock().await;
        if self.state().verifications != seen {
            return Ok(());
        }
        let (base, options) = (self.base.clone(), self.options.clone());
        // The judge's work is computation, and its errands are written for a thread of their own.
        let live = tokio::task::spawn_blocking(move || Live::fetch(&base, &options));
        match live.await.map_err(|error| error.to_string())? {
            Ok(live) => self.heed(&live).map_err(|failure| failure.to_string()),
            Err(failure) => {
                // Says nothing about the service. What was verified counts until its time is over.
                let why = format!("no report can be had: {failure}");
                let mut state = self.state();
                state.verifications += 1;
                if self.fresh(&state).is_none() {
                    state.refused = Some((why.clone(), Instant::now()));
                }
                Err(why)
            }
        }
    }

    /// Verifies whenever it is due, for ever.
    pub(super) async fn keep_on(&self) {
        loop {
            let (seen, pause) = {
                let state = self.state();
                let latest =
                    state.signers.first().map(|latest| self.every.saturating_sub(latest.since.elapsed()));
                (state.verifications, latest.unwrap_or(AGAIN))
            };
            tokio::time::sleep(pause).await;
            if self.state().verifications != seen {
                continue;
            }
            if let Err(why) = self.renew(seen).await {
                say(format_args!("the service could not be verified again: {why}"));
                tokio::time::sleep(AGAIN.min(self.every)).await;
            }
        }
    }

    /// How many there were so far.
    pub(super) fn verifications(&self) -> u64 {
        self.state().verifications
    }

    /// Takes a verdict to heart. A service that presents a report that is not trusted is not asked any more, whoever
    /// was trusted before.
    fn heed(&self, live: &Live) -> Result<(), Failure> {
        let verdict = &live.judged.verdict;
        let mut made = None;
        if let Some(signer) = live.signer() {
            let relay = live.channel.relay().map_err(Failure::unavailable)?;
            let signer = signer.clone();
            made = Some(Arc::new(Trusted { signer, errand: live.errand()?, relay, since: Instant::now() }));
        }
        let mut state = self.state();
        state.verifications += 1;
        match made {
            Some(trusted) => {
                let address = *trusted.signer.address();
                let claims = trusted.signer.claims_hash().copied();
                let same = |other: &Arc<Trusted>| {
                    *other.signer.address() == address && other.signer.claims_hash() == claims.as_ref()
                };
                if state.refused.take().is_some() || !state.signers.iter().any(same) {
                    say(format_args!(
                        "verified: {address} is trusted under the policy {}",
                        trusted.signer.policy()
                    ));
                }
                state.signers.retain(|other| !same(other));
                state.signers.insert(0, trusted);
                state.signers.truncate(MOST);
            }
            None => {
                let why = why(verdict);
                say(format_args!("the service is not trusted: {why}"));
                state.signers.clear();
                state.refused = Some((why, Instant::now()));
            }
        }
        Ok(())
    }

    fn find(&self, state: &State, record: &SignatureRecord) -> Option<Arc<Trusted>> {
        let counts = |one: &&Arc<Trusted>| self.counts(one) && answer::is_of(record, &one.signer);
        state.signers.iter().find(counts).cloned()
    }

    fn latest(&self) -> Option<Arc<Trusted>> {
        self.fresh(&self.state())
    }

    fn fresh(&self, state: &State) -> Option<Arc<Trusted>> {
        state.signers.first().filter(|one| self.counts(one)).cloned()
    }

    fn counts(&self, trusted: &Trusted) -> bool {
        trusted.since.elapsed() < 2 * self.every
    }

    fn why(&self) -> String {
        let state = self.state();
        state.refused.as_ref().map_or_else(|| "not verified yet".into(), |(why, _)| why.clone())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What stands against a service, in one line.
fn why(verdict: &Verdict) -> String {
    let of = |status| {
        let checks = verdict.checks().iter().filter(move |check| check.status == status);
        checks.map(|check| format!("{}: {}", check.id, check.reason)).collect::<Vec<_>>().join("; ")
    };
    let failed = of(Status::Fail);
    let against = if failed.is_empty() { of(Status::Skip) } else { failed };
    format!("{} under the policy {}: {against}", verdict.outcome(), verdict.policy())
}

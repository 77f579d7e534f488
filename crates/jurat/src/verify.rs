//! `jurat verify`: is this the hardware and the software I accept?

use std::{future::Future, path::Path};

use jurat_client::{BaseUrl, Channel, Client, Judged, Met};
use jurat_proto::{Nonce, ReportBody, UnixSeconds};
use jurat_verify::{Inputs, Outcome, Policy, TrustedSigner, Verdict};

use crate::{
    cli::{JudgingOptions, VerifyOptions},
    exit::{Code, Failure, print, say},
    material::Judge,
    policy, selfcheck, service,
};

pub(crate) fn run(options: VerifyOptions) -> Result<Code, Failure> {
    let policy = policy::accepted(&options.judging)?;
    let judged = under(&options.target, policy, &options.judging)?;
    if let Some(path) = &options.save {
        std::fs::write(path, &judged.report)
            .map_err(|error| Failure::unavailable(format_args!("{}: {error}", path.display())))?;
    }
    Ok(show(&judged.verdict, options.judging.json, options.judging.at))
}

/// Judges the report of a service, or that of a file.
pub(crate) fn under(target: &str, policy: Policy, options: &JudgingOptions) -> Result<Judged, Failure> {
    if is_url(target) {
        return Live::under(&base(target)?, policy, options).map(|live| live.judged);
    }
    let judge = Judge::new(policy, &options.material)?;
    let inputs = inputs(options.at, options.nonce);
    block_on(judge.judge(read_text(target.as_ref())?, inputs))
}

/// Judges a report that was kept: as of `at`, else of the time at which it says that it was made.
///
/// A time that nobody here named is the service's word, which is why [`code`] wants one.
pub(crate) fn kept(report: String, judge: &Judge, at: Option<u64>) -> Result<Judged, Failure> {
    let at = at.map_or_else(|| kept_at(&report), UnixSeconds);
    block_on(judge.judge(report, Inputs::archived(at)))
}

/// When a kept report says that it was made.
pub(crate) fn kept_at(report: &str) -> UnixSeconds {
    let body: Option<ReportBody> = serde_json::from_str(report).ok();
    body.and_then(|body| body.archived_at).unwrap_or_else(service::now).seconds()
}

/// A report that was just fetched, judged, with all that went into the judgement.
pub(crate) struct Live {
    pub(crate) judge: Judge,
    pub(crate) nonce: Nonce,
    pub(crate) judged: Judged,
    /// How to reach the service from here on.
    pub(crate) channel: Channel,
}

impl Live {
    /// Fetches it under a nonce of our own.
    pub(crate) fn fetch(base: &BaseUrl, options: &JudgingOptions) -> Result<Self, Failure> {
        Self::under(base, policy::accepted(options)?, options)
    }

    fn under(base: &BaseUrl, policy: Policy, options: &JudgingOptions) -> Result<Self, Failure> {
        let judge = Judge::new(policy, &options.material)?;
        let nonce = match options.nonce {
            Some(nonce) => nonce,
            None => selfcheck::fresh_nonce()?,
        };
        let (judged, channel) = block_on(meet(&judge, base, nonce, options.at))??;
        Ok(Self { judge, nonce, judged, channel })
    }

    /// The signer, if it is trusted now: a report that calls itself kept proves the past, whatever it was asked.
    pub(crate) fn signer(&self) -> Option<&TrustedSigner> {
        let verdict = &self.judged.verdict;
        verdict.trusted_signer().filter(|_| verdict.outcome() == Outcome::Trusted)
    }

    /// A client for what else is to be asked of the service, over the channel that its report established.
    pub(crate) fn errand(&self) -> Result<Client, Failure> {
        Client::over(self.channel).map_err(Failure::unavailable)
    }
}

/// Fetches a report under this nonce and has it judged; and how to reach the service from here on.
pub(crate) async fn meet(
    judge: &Judge,
    base: &BaseUrl,
    nonce: Nonce,
    at: Option<u64>,
) -> Result<(Judged, Channel), Failure> {
    let bindings = &judge.policy.bindings;
    let binding = *bindings.first().ok_or_else(|| Failure::config("the policy accepts no binding"))?;
    let Met { report, peer } = Client::meet(base, &nonce, binding).await.map_err(Failure::unavailable)?;
    let peer_spki = peer.as_ref().map(|peer| peer.spki);
    let judged = judge.judge(report, Inputs { peer_spki, ..inputs(at, Some(nonce)) }).await;
    let channel = Channel::after(peer.as_ref(), &judged.verdict).map_err(Failure::unavailable)?;
    Ok((judged, channel))
}

/// As of the present, or of a time that was named.
fn inputs(at: Option<u64>, nonce: Option<Nonce>) -> Inputs<'static> {
    let inputs = match at {
        Some(at) => Inputs::archived(UnixSeconds(at)),
        None => Inputs::live(service::now().seconds()),
    };
    Inputs { nonce, ..inputs }
}

/// The service's address.
pub(crate) fn base(url: &str) -> Result<BaseUrl, Failure> {
    url.parse().map_err(|error| Failure::usage(format_args!("{url}: {error}")))
}

/// Prints a verdict and turns it into an exit code; `at` is the time that the user named, if any.
pub(crate) fn show(verdict: &Verdict, json: bool, at: Option<u64>) -> Code {
    if json {
        print(verdict.to_json());
    } else {
        print(verdict.to_string().trim_end());
    }
    code(verdict.outcome(), at)
}

/// Trust in the past is what was asked for only if a time was named: else the service would choose by which
/// time it is judged.
pub(crate) fn code(outcome: Outcome, at: Option<u64>) -> Code {
    match (outcome, at) {
        (Outcome::Trusted, _) | (Outcome::TrustedThen, Some(_)) => Code::Done,
        (Outcome::TrustedThen, None) => {
            say("hint: trusted as of a time that you did not name; to accept that, name it with --at UNIX");
            Code::Undecided
        }
        (Outcome::Refuted, _) => Code::Refuted,
        (Outcome::Undecided, _) => Code::Undecided,
    }
}

/// Runs one errand to its end.
pub(crate) fn block_on<F: Future>(errand: F) -> Result<F::Output, Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::unavailable)?;
    Ok(runtime.block_on(errand))
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::usage(format_args!("{}: {error}", path.display())))
}

pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read(path)?).map_err(|_| Failure::usage(format_args!("{}: not UTF-8", path.display())))
}

pub(crate) fn is_url(target: &str) -> bool {
    target.starts_with("http://") || target.starts_with("https://")
}

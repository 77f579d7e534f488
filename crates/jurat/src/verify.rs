//! `jurat verify`: is this the hardware and the software I accept?

use std::{future::Future, path::Path};

use jurat_client::{BaseUrl, Channel, Client};
use jurat_proto::{Digest, Nonce, ReportBody, UnixSeconds};
use jurat_verify::{Inputs, Outcome, Policy, Verdict, verify_report};

use crate::{
    cli::{JudgingOptions, VerifyOptions},
    exit::{Code, Failure, print, say},
    policy, selfcheck, service,
};

pub(crate) fn run(options: VerifyOptions) -> Result<Code, Failure> {
    let judged = if is_url(&options.target) {
        Judged::live(&options.target, &options.judging)?
    } else {
        Judged::filed(options.target.as_ref(), &options.judging)?
    };
    if let Some(path) = &options.save {
        std::fs::write(path, &judged.report)
            .map_err(|error| Failure::unavailable(format_args!("{}: {error}", path.display())))?;
    }
    Ok(show(&judged.verdict, options.judging.json, options.judging.at))
}

/// A report and what the judge makes of it.
pub(crate) struct Judged {
    pub(crate) report: String,
    pub(crate) verdict: Verdict,
    /// How to reach the service from here on.
    pub(crate) channel: Channel,
}

impl Judged {
    /// Fetches a report under a nonce of our own and judges it.
    pub(crate) fn live(url: &str, options: &JudgingOptions) -> Result<Self, Failure> {
        let policy = policy::load(&options.policy)?;
        let nonce = match options.nonce {
            Some(nonce) => nonce,
            None => selfcheck::fresh_nonce()?,
        };
        let binding =
            *policy.bindings.first().ok_or_else(|| Failure::config("the policy accepts no binding"))?;
        let base = base(url)?;
        let met = block_on(Client::meet(&base, &nonce, binding))?.map_err(Failure::unavailable)?;
        let seen = met.peer.as_ref().map(|peer| peer.spki);
        let judged = Self::of(met.report.clone(), &policy, Some(nonce), seen, options)?;
        let channel = met.channel(&judged.verdict).map_err(Failure::unavailable)?;
        Ok(Self { channel, ..judged })
    }

    /// A client for what else is to be asked of the service, over the channel that its report established.
    pub(crate) fn errand(&self) -> Result<Client, Failure> {
        Client::over(self.channel).map_err(Failure::unavailable)
    }

    /// Judges a report from a file.
    fn filed(path: &Path, options: &JudgingOptions) -> Result<Self, Failure> {
        let policy = policy::load(&options.policy)?;
        Self::of(read_text(path)?, &policy, options.nonce, None, options)
    }

    /// Judges a report that was kept: as of `at`, else of the time at which it says that it was made.
    ///
    /// A time that nobody here named is the service's word, which is why [`code`] wants one.
    pub(crate) fn kept(report: String, policy: &Policy, at: Option<u64>, collateral: Option<&str>) -> Self {
        let made_at = || {
            let body: Option<ReportBody> = serde_json::from_str(&report).ok();
            body.and_then(|body| body.archived_at).unwrap_or_else(service::now).seconds()
        };
        let inputs = Inputs::archived(at.map_or_else(made_at, UnixSeconds));
        let verdict = verify_report(&report, policy, Inputs { collateral, ..inputs });
        Self { report, verdict, channel: Channel::Roots }
    }

    fn of(
        report: String,
        policy: &Policy,
        nonce: Option<Nonce>,
        peer_spki: Option<Digest>,
        options: &JudgingOptions,
    ) -> Result<Self, Failure> {
        let mut inputs = match options.at {
            Some(at) => Inputs::archived(UnixSeconds(at)),
            None => Inputs::live(service::now().seconds()),
        };
        if let Some(nonce) = nonce {
            inputs = inputs.nonce(nonce);
        }
        if let Some(spki) = peer_spki {
            inputs = inputs.peer_spki(spki);
        }
        let collateral = options.collateral.as_deref().map(read_text).transpose()?;
        if let Some(collateral) = &collateral {
            inputs = inputs.collateral(collateral);
        }
        let verdict = verify_report(&report, policy, inputs);
        Ok(Self { report, verdict, channel: Channel::Roots })
    }
}

/// The service's address.
pub(crate) fn base(url: &str) -> Result<BaseUrl, Failure> {
    url.parse().map_err(|error| Failure::usage(format_args!("{url}: {error}")))
}

/// A client, and the service that it is to ask.
pub(crate) fn errand(url: &str) -> Result<(Client, BaseUrl), Failure> {
    Ok((Client::new().map_err(Failure::unavailable)?, base(url)?))
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

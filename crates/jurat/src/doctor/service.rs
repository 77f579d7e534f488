//! The running service, if there is one: does its own report hold before its policy?

use jurat_proxy::SelfCheck;
use jurat_verify::{Inputs, verify_report};
use reqwest::StatusCode;

use super::{Findings, Line, ports::reached};
use crate::{
    attest,
    config::Config,
    policy,
    selfcheck::{accept, fresh_nonce},
    service::now,
    verify::block_on,
};

const ID: &str = "service.report";

pub(super) fn look(config: &Config, findings: &mut Findings) {
    findings.add(judge(config));
}

fn judge(config: &Config) -> Line {
    let policy = match policy::load(&config.policy) {
        Ok(policy) => policy,
        Err(failure) => {
            return Line::fail(ID, failure.message()).advise("name a policy that `jurat policy show` knows");
        }
    };
    let Ok(nonce) = fresh_nonce() else { return Line::fail(ID, "the operating system gives no randomness") };
    let url = format!("http://{}/report?nonce={nonce}", reached(config.admin_listen));
    let report = match block_on(attest::fetch(&url)) {
        Ok(Ok(report)) => report,
        Ok(Err(error)) if error.is_connect() => {
            return Line::skip(ID, format!("no service has an admin listener at {}", config.admin_listen));
        }
        Ok(Err(error)) if error.status() == Some(StatusCode::UNAUTHORIZED) => {
            return Line::skip(ID, "the admin listener asks for a token");
        }
        Ok(Err(error)) => {
            return Line::fail(ID, format!("the service gives no report: {}", error.without_url()))
                .advise("look into its log; if its devices are busy, try again");
        }
        Err(failure) => return Line::fail(ID, failure.message()),
    };
    let verdict = verify_report(&report, &policy, Inputs::live(now().seconds()).nonce(nonce));
    match accept(&verdict, &policy, config.self_check) {
        SelfCheck::Passed { skipped } if skipped.is_empty() => Line::pass(
            ID,
            format!("the running service's report is trusted under the policy {}", policy.name),
        ),
        SelfCheck::Passed { skipped } => Line::pass(
            ID,
            format!(
                "the running service's report holds under the policy {}, but for what needs collateral: {}",
                policy.name,
                skipped.join(" ")
            ),
        )
        .advise("verify it from outside, with collateral: jurat verify URL --collateral FILE"),
        SelfCheck::Failed { why } => Line::fail(ID, format!("the running service's report is {why}"))
            .advise("see docs/verify.md, which has a section on each check"),
        SelfCheck::Pending => Line::skip(ID, "it was not judged"),
    }
}

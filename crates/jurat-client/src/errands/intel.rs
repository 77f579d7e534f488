//! To Intel: four answers that make collateral.

use std::time::Duration;

use jurat_verify::{IntelAnswer, IntelAnswers, Platform, collateral_window};
use reqwest::Url;

use super::{
    ErrandError, Missed, Moment,
    asking::{Answer, Asker, Memory, Question},
};
use crate::{BaseUrl, Service, Sources};

/// Intel's answers hold for thirty days; this is how old news of a revocation may be.
const KEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// Collateral that holds at that moment, and whether any of it came from the cache.
pub(super) async fn collateral(
    asker: &Asker,
    base: &BaseUrl,
    platform: &Platform,
    moment: Moment,
    memory: Memory,
) -> Result<(String, bool), Missed> {
    asker.make(memory, |memory| put_together(asker, base, platform, moment, memory)).await
}

async fn put_together(
    asker: &Asker,
    base: &BaseUrl,
    platform: &Platform,
    moment: Moment,
    memory: Memory,
) -> Result<(String, bool), Missed> {
    let url = |tee, rest: &[&'static str], query: &[(&str, &str)]| {
        let mut url = base.join([tee, "certification", "v4"].into_iter().chain(rest.iter().copied()));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    };
    let ask = |what: &'static str, url: Url, headers: &'static [&'static str]| async move {
        let mut question = Question::get(url).kept_for(KEEP);
        question.headers = headers;
        asker.ask(question, memory).await.map_err(|error| missed(what, error))
    };
    let fmspc = platform.fmspc();
    let (tcb_info, qe_identity, pck_crl, root_ca_crl) = tokio::join!(
        ask(
            "TCB info",
            url("tdx", &["tcb"], &[("fmspc", &fmspc)]),
            &["TCB-Info-Issuer-Chain", "SGX-TCB-Info-Issuer-Chain"]
        ),
        ask("QE identity", url("tdx", &["qe", "identity"], &[]), &["SGX-Enclave-Identity-Issuer-Chain"]),
        ask(
            "PCK revocation list",
            url("sgx", &["pckcrl"], &[("ca", platform.ca()), ("encoding", "der")]),
            &["SGX-PCK-CRL-Issuer-Chain"],
        ),
        ask("root revocation list", root_list(base, url("sgx", &["rootcacrl"], &[])), &[]),
    );
    let (tcb_info, qe_identity, pck_crl, root_ca_crl) = (tcb_info?, qe_identity?, pck_crl?, root_ca_crl?);
    let cached = [&tcb_info, &qe_identity, &pck_crl, &root_ca_crl].into_iter().any(|answer| answer.cached);
    let answers = IntelAnswers {
        tcb_info: signed(tcb_info),
        qe_identity: signed(qe_identity),
        pck_crl: signed(pck_crl),
        root_ca_crl: root_ca_crl.body,
    };
    let collateral = answers.collateral();
    let collateral = collateral.map_err(|error| missed("collateral", ErrandError::illegible(base, error)))?;
    // Without legible dates it is the judge's
    if let Some(window) = collateral_window(&collateral) {
        ErrandError::unless_within(&window, moment.now()).map_err(|error| missed("collateral", error))?;
    }
    Ok((collateral, cached))
}

/// Intel serves the root's list elsewhere than the rest; caches of Intel's service serve it beside the rest.
fn root_list(base: &BaseUrl, beside: Url) -> Url {
    match Url::parse(Sources::INTEL_ROOT_CRL) {
        Ok(intels) if base.to_string() == Sources::PCS => intels,
        _ => beside,
    }
}

fn signed(answer: Answer) -> IntelAnswer {
    IntelAnswer { body: answer.body, issuer_chain: answer.header }
}

fn missed(what: &str, error: ErrandError) -> Missed {
    Missed { service: Service::Pcs, what: what.to_owned(), error }
}

//! To NVIDIA: manifests, the state of certificates, and its own verdict if that is wished for.

use std::time::Duration;

use jurat_proto::sha256;
use jurat_verify::{CertificateQuestion, RimId, nras_shape, ocsp_window, read_rim_answer};
use reqwest::Url;
use tokio::task::JoinSet;

use super::{
    ErrandError, Missed, Moment,
    asking::{Asker, Memory, Question},
    material::Attested,
};
use crate::{BaseUrl, Service};

/// NVIDIA signs manifests anew when their signers' certificates end, which is years.
const KEEP_RIM: Duration = Duration::from_secs(24 * 60 * 60);
/// How old news of a revocation may be.
const KEEP_OCSP: Duration = Duration::from_secs(60 * 60);
/// Keys rotate within days, and are there before they are used.
const KEEP_KEYS: Duration = Duration::from_secs(60 * 60);
/// Questions under way at once.
const AT_ONCE: usize = 8;

/// What was had of several things that were asked for, in order; whether any of it came from the cache; what is missing.
pub(super) struct Haul<T> {
    pub(super) had: Vec<T>,
    pub(super) cached: bool,
    pub(super) missed: Vec<Missed>,
}

pub(super) async fn rims(asker: &Asker, base: &BaseUrl, ids: &[RimId], memory: Memory) -> Haul<String> {
    let errands = ids.iter().map(|id| {
        let (asker, what) = (asker.clone(), format!("manifest {id}"));
        let url = base.join(["v1", "rim", id.as_str()]);
        async move {
            let rim = asker.make(memory, |memory| one_rim(&asker, &url, memory)).await;
            rim.map_err(|error| missed(Service::Rim, &what, error))
        }
    });
    all(errands).await
}

async fn one_rim(asker: &Asker, url: &Url, memory: Memory) -> Result<(String, bool), ErrandError> {
    let answer = asker.ask(Question::get(url.clone()).kept_for(KEEP_RIM), memory).await?;
    let rim = read_rim_answer(&answer.body).map_err(|error| ErrandError::illegible(url, error))?;
    Ok((rim, answer.cached))
}

pub(super) async fn ocsp(
    asker: &Asker,
    base: &BaseUrl,
    certificates: &[CertificateQuestion],
    moment: Moment,
    memory: Memory,
) -> Haul<Vec<u8>> {
    let errands = certificates.iter().map(|certificate| {
        let (asker, certificate, url) = (asker.clone(), certificate.clone(), base.join([]));
        async move {
            let word = |memory| one_word(&asker, &url, &certificate, moment, memory);
            let word = asker.make(memory, word).await;
            word.map_err(|error| missed(Service::Ocsp, "word on a certificate", error))
        }
    });
    all(errands).await
}

/// What a responder says of one certificate, if that holds at that moment.
async fn one_word(
    asker: &Asker,
    url: &Url,
    certificate: &CertificateQuestion,
    moment: Moment,
    memory: Memory,
) -> Result<(Vec<u8>, bool), ErrandError> {
    let nonce = fresh_nonce()?;
    let mut question = Question::get(url.clone()).kept_for(KEEP_OCSP);
    question.post = Some(("application/ocsp-request", certificate.request(&nonce)));
    question.name = sha256(format!("{url} {}", certificate.id()).as_bytes());
    let answer = asker.ask(question, memory).await?;
    // what is kept answered another nonce
    let window = ocsp_window(&answer.body, (!answer.cached).then_some(&nonce));
    let window = window.map_err(|error| ErrandError::illegible(url, error))?;
    window.map_or(Ok(()), |window| ErrandError::unless_within(&window, moment.now()))?;
    Ok((answer.body, answer.cached))
}

/// NVIDIA's verdict on the evidence, which is sent to it whole, and the keys of the hour.
pub(super) async fn verdict(
    asker: &Asker,
    base: &BaseUrl,
    evidence: &str,
    memory: Memory,
) -> Result<(Attested, bool), Missed> {
    let url = base.join(["v3", "attest", "gpu"]);
    let mut question = Question::get(url.clone());
    question.post = Some(("application/json", evidence.as_bytes().to_vec()));
    // An answer is about one nonce: it is never kept, and never looked for.
    let answer = asker.ask(question, Memory::Anew).await;
    let answer = answer.map_err(|error| missed(Service::Nras, "verdict", error))?;
    let answer = String::from_utf8(answer.body)
        .map_err(|_| missed(Service::Nras, "verdict", ErrandError::illegible(&url, "not UTF-8")))?;
    let keys = asker.make(memory, |memory| keys(asker, base, &answer, memory)).await;
    let (jwks, cached) = keys.map_err(|error| missed(Service::Nras, "keys", error))?;
    Ok((Attested { answer, jwks }, cached))
}

/// The service's key set, if that and the answer have the shapes of either.
async fn keys(
    asker: &Asker,
    base: &BaseUrl,
    answer: &str,
    memory: Memory,
) -> Result<(String, bool), ErrandError> {
    let url = base.join([".well-known", "jwks.json"]);
    let keys = asker.ask(Question::get(url).kept_for(KEEP_KEYS), memory).await?;
    nras_shape(answer.as_bytes(), &keys.body).map_err(|error| ErrandError::illegible(base, error))?;
    let jwks = String::from_utf8(keys.body).map_err(|_| ErrandError::illegible(base, "not UTF-8"))?;
    Ok((jwks, keys.cached))
}

/// Runs errands, a few at once, and keeps their order.
async fn all<T: Send + 'static>(
    errands: impl Iterator<Item = impl Future<Output = Result<(T, bool), Missed>> + Send + 'static>,
) -> Haul<T> {
    let (mut waiting, mut under_way, mut ended) = (errands.enumerate(), JoinSet::new(), Vec::new());
    loop {
        while under_way.len() < AT_ONCE
            && let Some((at, errand)) = waiting.next()
        {
            under_way.spawn(async move { (at, errand.await) });
        }
        match under_way.join_next().await {
            Some(Ok(end)) => ended.push(end),
            // an errand neither panics nor is it cancelled
            Some(Err(_)) => {}
            None => break,
        }
    }
    ended.sort_by_key(|(at, _)| *at);
    let mut haul = Haul { had: Vec::new(), cached: false, missed: Vec::new() };
    for (_, end) in ended {
        match end {
            Ok((thing, cached)) => {
                haul.had.push(thing);
                haul.cached |= cached;
            }
            Err(missed) => haul.missed.push(missed),
        }
    }
    haul
}

fn fresh_nonce() -> Result<[u8; 32], ErrandError> {
    use getrandom::rand_core::TryRng as _;
    let mut nonce = [0; 32];
    getrandom::SysRng
        .try_fill_bytes(&mut nonce)
        .map_err(|error| ErrandError::Randomness(error.to_string()))?;
    Ok(nonce)
}

fn missed(service: Service, what: &str, error: ErrandError) -> Missed {
    Missed { service, what: what.to_owned(), error }
}

//! One question to a vendor: from the cache if that is fresh, else over the network, with patience that ends.

use std::time::Duration;

use jurat_proto::{Digest, UnixSeconds, sha256};
use reqwest::{Response, StatusCode, Url, header};
use tokio::time::{Instant, sleep};

use crate::{
    ClientError, body,
    cache::{Cache, Entry, MAX_ENTRY},
    errands::ErrandError,
};

/// How often a question is put, all in all.
const ATTEMPTS: u32 = 3;
/// How long until it is put again; twice as long after that.
const PAUSE: Duration = Duration::from_millis(300);

/// What is asked.
pub(super) struct Question {
    pub(super) url: Url,
    pub(super) post: Option<(&'static str, Vec<u8>)>,
    /// A header of the answer that is needed with the body, under any of these names.
    pub(super) headers: &'static [&'static str],
    /// For how long nobody need be asked again; `None` if the answer is not to be kept.
    pub(super) keep: Option<Duration>,
    /// What the answer is kept under.
    pub(super) name: Digest,
}

impl Question {
    pub(super) fn get(url: Url) -> Self {
        let name = sha256(url.as_str().as_bytes());
        Self { url, post: None, headers: &[], keep: None, name }
    }

    pub(super) fn kept_for(self, time: Duration) -> Self {
        Self { keep: Some(time), ..self }
    }
}

/// What was answered.
pub(super) struct Answer {
    pub(super) body: Vec<u8>,
    pub(super) header: String,
    pub(super) cached: bool,
}

/// Whether what is in the cache will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Memory {
    Kept,
    /// Ask again: the judge refused what was kept.
    Anew,
}

/// Puts questions.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    pub(super) http: reqwest::Client,
    pub(super) cache: Option<Cache>,
    /// Why nobody is asked, if nobody is: what the cache has is then taken, however old.
    pub(super) silence: Option<ErrandError>,
    pub(super) patience: Duration,
    /// The wall clock, by which the cache's entries grow old.
    pub(super) clock: UnixSeconds,
}

impl Asker {
    /// The cache's answer if it is fresh, else the vendor's; if the vendor gives none, the cache's as it is.
    pub(super) async fn ask(&self, question: Question, memory: Memory) -> Result<Answer, ErrandError> {
        let kept = match memory {
            Memory::Kept => self.cache.as_ref().and_then(|cache| cache.read(&question.name)),
            Memory::Anew => None,
        };
        let from_cache = |entry: Entry| Answer { body: entry.body, header: entry.header, cached: true };
        match (kept, &self.silence) {
            (Some(entry), silence) if silence.is_some() || self.clock < entry.fresh_until => {
                Ok(from_cache(entry))
            }
            (_, Some(silence)) => Err(silence.clone()),
            (stale, None) => match (self.ask_vendor(&question).await, stale) {
                (Ok(answer), _) => {
                    self.keep(&question, &answer);
                    Ok(answer)
                }
                (Err(_), Some(entry)) => Ok(from_cache(entry)),
                (Err(error), None) => Err(error),
            },
        }
    }

    /// Makes an errand, and once more past the cache if it came to nothing for what the cache has: that may be no answer at
    /// all.
    pub(super) async fn make<T, E: AsRef<ErrandError>, F: Future<Output = Result<T, E>>>(
        &self,
        memory: Memory,
        errand: impl Fn(Memory) -> F,
    ) -> Result<T, E> {
        let passable = memory == Memory::Kept && self.cache.is_some() && self.silence.is_none();
        match errand(memory).await {
            Err(error) if passable && error.as_ref().is_of_content() => errand(Memory::Anew).await,
            end => end,
        }
    }

    fn keep(&self, question: &Question, answer: &Answer) {
        let (Some(cache), Some(time)) = (&self.cache, question.keep) else { return };
        let fresh_until = UnixSeconds(self.clock.0.saturating_add(time.as_secs()));
        let entry = Entry { header: answer.header.clone(), body: answer.body.clone(), fresh_until };
        // A disk that takes nothing costs another question next time, and no more.
        let _ = cache.write(&question.name, &entry);
    }

    async fn ask_vendor(&self, question: &Question) -> Result<Answer, ErrandError> {
        let until = Instant::now() + self.patience;
        let mut pause = PAUSE;
        let mut attempt = 1;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let error = match self.attempt(question, left).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if attempt == ATTEMPTS || !error.may_pass() || Instant::now() + pause >= until {
                return Err(error);
            }
            sleep(pause).await;
            (attempt, pause) = (attempt + 1, pause * 2);
        }
    }

    async fn attempt(&self, question: &Question, left: Duration) -> Result<Answer, ErrandError> {
        let url = || question.url.to_string();
        let request = match &question.post {
            None => self.http.get(question.url.clone()),
            Some((kind, body)) => {
                self.http.post(question.url.clone()).header(header::CONTENT_TYPE, *kind).body(body.clone())
            }
        };
        let unanswered = |error: ClientError| match error {
            ClientError::TooLong(limit) => ErrandError::TooLong { url: url(), limit },
            ClientError::Unreachable { reason, .. } => ErrandError::Unreachable { url: url(), reason },
            other => ErrandError::Unreachable { url: url(), reason: other.to_string() },
        };
        let response = request.timeout(left).send().await;
        let response = response.map_err(|error| unanswered(crate::client::unreachable(&error)))?;
        if response.status() != StatusCode::OK {
            return Err(ErrandError::Refused { url: url(), status: response.status().as_u16() });
        }
        let header = header_of(&response, question)?;
        let body = body::bytes(response, MAX_ENTRY).await.map_err(unanswered)?;
        Ok(Answer { body, header, cached: false })
    }
}

fn header_of(response: &Response, question: &Question) -> Result<String, ErrandError> {
    let Some(usual) = question.headers.first() else { return Ok(String::new()) };
    let value = question.headers.iter().find_map(|name| response.headers().get(*name)?.to_str().ok());
    let absent = || ErrandError::illegible(&question.url, format_args!("it has no header {usual}"));
    value.map(str::to_owned).ok_or_else(absent)
}

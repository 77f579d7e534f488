//! Which requests are relayed, where to, and which answers are sworn. Whatever is not in here is 404:
//! engines leave administrative and debugging routes unguarded.

use actix_web::http::Method;
use jurat_witness::Family;

/// Whether an answer gets a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oath {
    /// It does.
    Sworn,
    /// It passes, and nobody swears to it.
    Relayed,
}

/// What a request of a route may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brings {
    /// No body.
    Nothing,
    /// JSON.
    Text,
    /// A form with files in it, or JSON.
    Files,
}

/// A route of the relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The path at the engine, without a query: what receipts name.
    pub path: String,
    /// How its answers end.
    pub family: Family,
    /// Whether they are sworn.
    pub oath: Oath,
    /// What its requests may bring.
    pub brings: Brings,
}

impl Route {
    /// The route of a request's raw (undecoded) path, bare or under `/v1`; `None` for whatever is never relayed.
    pub fn find(method: &Method, path: &str) -> Option<Self> {
        let name = path.strip_prefix("/v1/").or_else(|| path.strip_prefix('/'))?;
        TABLE.iter().filter(|entry| entry.method == *method).find_map(|entry| {
            let engine = match entry.name.strip_suffix('/') {
                None if entry.name == name => entry.engine.to_owned(),
                // A prefix takes one plain segment: nothing that the engine could resolve to another route.
                Some(_) => {
                    let id = name.strip_prefix(entry.name)?;
                    let plain =
                        id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
                    (plain && !id.is_empty()).then(|| format!("{}{id}", entry.engine))?
                }
                None => return None,
            };
            Some(Self { path: engine, family: entry.family, oath: entry.oath, brings: entry.brings })
        })
    }
}

struct Entry {
    method: Method,
    /// Bare name; the same under `/v1/`.
    name: &'static str,
    engine: &'static str,
    family: Family,
    oath: Oath,
    brings: Brings,
}

const fn sworn(name: &'static str, engine: &'static str, family: Family) -> Entry {
    Entry { method: Method::POST, name, engine, family, oath: Oath::Sworn, brings: Brings::Text }
}

const fn files(name: &'static str, engine: &'static str) -> Entry {
    let (family, oath, brings) = (Family::Plain, Oath::Sworn, Brings::Files);
    Entry { method: Method::POST, name, engine, family, oath, brings }
}

const fn relayed(method: Method, name: &'static str, engine: &'static str, brings: Brings) -> Entry {
    Entry { method, name, engine, family: Family::Plain, oath: Oath::Relayed, brings }
}

/// Paths at the engine are vLLM's; a test holds them against its recorded list of routes.
static TABLE: [Entry; 19] = [
    sworn("chat/completions", "/v1/chat/completions", Family::Chat),
    sworn("completions", "/v1/completions", Family::Chat),
    sworn("responses", "/v1/responses", Family::Responses),
    sworn("messages", "/v1/messages", Family::Messages),
    sworn("embeddings", "/v1/embeddings", Family::Plain),
    sworn("rerank", "/rerank", Family::Plain),
    sworn("score", "/score", Family::Plain),
    sworn("pooling", "/pooling", Family::Plain),
    sworn("classify", "/classify", Family::Plain),
    sworn("images/generations", "/v1/images/generations", Family::Plain),
    files("images/edits", "/v1/images/edits"),
    files("images/variations", "/v1/images/variations"),
    files("audio/transcriptions", "/v1/audio/transcriptions"),
    files("audio/translations", "/v1/audio/translations"),
    sworn("audio/speech", "/v1/audio/speech", Family::Plain),
    relayed(Method::GET, "models", "/v1/models", Brings::Nothing),
    relayed(Method::POST, "tokenize", "/tokenize", Brings::Text),
    relayed(Method::POST, "detokenize", "/detokenize", Brings::Text),
    relayed(Method::GET, "responses/", "/v1/responses/", Brings::Nothing),
];

/// Method and path at the engine as the table has them, of a route without an id in it.
pub(crate) fn names(method: &Method, path: &str) -> Option<(&'static str, &'static str)> {
    let entry = TABLE.iter().find(|entry| entry.method == *method && entry.engine == path)?;
    Some((entry.method.as_str(), entry.engine))
}

#[cfg(test)]
mod tests;

//! What the operator demands of request bodies beyond relaying them: knobs, all off by default.
//!
//! A body that is looked into is read whole first, and by a parser of the usual kind: what it can't read, the engine
//! might read differently, and is refused. With every knob off no body is ever looked into.

mod inspect;
mod salt;

use bytes::Bytes;
use jurat_proto::Digest;
use jurat_witness::Family;

use crate::error::Refusal;

use self::inspect::Inspected;
pub use self::salt::SaltKey;

/// Whether something passes or is turned away at the door.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Gate {
    /// It passes, as sent.
    #[default]
    Pass,
    /// 400, before the engine hears of it.
    Refuse,
}

/// The knobs.
#[derive(Debug, Clone, Default)]
pub struct Demands {
    /// A body's own `request_id`: vLLM takes it for the answer's id where there is no `X-Request-Id`. Ours is always
    /// there, so this is a second lock.
    pub request_id: Gate,
    /// References that the engine would fetch from elsewhere: from inside the confidential VM, whatever they name.
    pub remote_media: Gate,
    /// A `cache_salt` of each owner's own, so that nobody can time another's prompts in the engine's prefix cache.
    pub cache_salt: Option<SaltKey>,
}

impl Demands {
    /// Whether bodies are looked into at all. Forms never are: they bring their media along.
    pub(crate) fn look_into_json(&self) -> bool {
        self.request_id == Gate::Refuse || self.remote_media == Gate::Refuse || self.cache_salt.is_some()
    }

    /// Judges a whole body; gives back what the engine gets in its place, if it gets another.
    pub(crate) fn meet(
        &self,
        body: &Bytes,
        family: Family,
        owner: Option<&Digest>,
    ) -> Result<Option<Bytes>, Refusal> {
        let found = Inspected::read(body).map_err(|_| Refusal::BodyUnreadable)?;
        if self.request_id == Gate::Refuse && found.request_id {
            return Err(Refusal::RequestIdRefused);
        }
        if self.remote_media == Gate::Refuse && found.remote_media {
            return Err(Refusal::RemoteMediaRefused);
        }
        Ok(match (&self.cache_salt, family) {
            // vLLM takes a salt on these routes alone.
            (Some(key), Family::Chat | Family::Responses) => Some(key.salt(body, owner)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests;

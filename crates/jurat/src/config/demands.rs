//! What is demanded of request bodies: file-only, as the claims' digest of the configuration covers what the engine is
//! given in a client's place.

use jurat_proxy::{Demands, Gate, SaltKey};

use super::{file::File, knobs::Knobs};
use crate::{exit::Failure, service::random};

/// Who shares a salt of the engine's prefix cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Salt {
    /// Whoever sends the same one, or none.
    #[default]
    Pass,
    /// The requests of one bearer token.
    Owner,
}

pub(super) fn settle(knobs: &mut Knobs, file: &File) -> Result<Demands, Failure> {
    let request_id = gate(knobs, "request_id", file.request_id.as_deref())?;
    let remote_media = gate(knobs, "remote_media", file.remote_media.as_deref())?;
    let choices = [("pass", Salt::Pass), ("owner", Salt::Owner)];
    let cache_salt = match knobs.choice("cache_salt", file.cache_salt.as_deref(), choices)? {
        Salt::Pass => None,
        Salt::Owner => Some(SaltKey::new(random()?)),
    };
    Ok(Demands { request_id, remote_media, cache_salt })
}

fn gate(knobs: &mut Knobs, name: &'static str, value: Option<&str>) -> Result<Gate, Failure> {
    knobs.choice(name, value, [("pass", Gate::Pass), ("refuse", Gate::Refuse)])
}

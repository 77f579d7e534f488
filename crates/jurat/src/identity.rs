//! Who the service is: its key, and what it claims of itself and of the model beside it.

use std::time::{Duration, Instant};

use getrandom::rand_core::UnwrapErr;
use jurat_attest::{DstackAgent, Manifest, ManifestOptions, Progress, QuoteSource, read_model};
use jurat_proto::{Claims, KeyOrigin, KeyProvenance, ManifestSource, Model, Software, Tls as Claimed};
use jurat_witness::Key;

use crate::{
    config::{Config, KeyChoice},
    exit::{Failure, say},
    service::{COMMIT, VERSION, now},
    tls::Tls,
};

/// How often the reading of the model is shown.
const SHOW_EVERY: Duration = Duration::from_secs(5);

/// The signing key, with where it comes from.
pub(crate) struct Born {
    pub(crate) key: Key,
    origin: KeyOrigin,
    provenance: Option<KeyProvenance>,
}

/// Draws the key, or has dstack's agent derive it. The chain that it begins is fresh either way.
pub(crate) fn key(config: &Config) -> Result<Born, Failure> {
    let mut rng = UnwrapErr(getrandom::SysRng);
    match config.key {
        KeyChoice::Fresh => {
            Ok(Born { key: Key::generate(&mut rng), origin: KeyOrigin::Fresh, provenance: None })
        }
        KeyChoice::Dstack => {
            let agent = match &config.tdx_source {
                QuoteSource::Dstack(Some(socket)) => Some(DstackAgent::new(socket)),
                _ => DstackAgent::find(),
            };
            let agent = agent.ok_or_else(|| {
                Failure::unavailable("key = \"dstack\", but there is no socket of dstack's guest agent")
                    .hint("mount it into this container, or use key = \"fresh\"")
            })?;
            let derived = agent.derive_key().map_err(Failure::unavailable)?;
            let key = Key::derived(derived.secret(), &mut rng).map_err(Failure::unavailable)?;
            Ok(Born { key, origin: KeyOrigin::Dstack, provenance: Some(derived.provenance().clone()) })
        }
    }
}

/// What the first report claims.
pub(crate) fn claims(config: &Config, born: &Born, tls: Option<&Tls>, gpus: u32) -> Result<Claims, Failure> {
    let (model, manifest_source) = match model(config)? {
        Some(manifest) => (manifest.model, manifest.source),
        None => (Model::default(), ManifestSource::None),
    };
    let key = &born.key;
    Ok(Claims {
        version: 1,
        signing_address: key.public_key().address(),
        signing_public_key: *key.public_key(),
        chain: *key.chain(),
        key: born.origin,
        key_provenance: born.provenance.clone(),
        tls: tls.map_or(Claimed::None, |tls| tls.claimed),
        tls_spki_sha256: tls.map(|tls| tls.spki.to_string()),
        gpus,
        model,
        manifest_source,
        software: Software { version: VERSION.into(), commit: COMMIT.into() },
        config_sha256: config.digest(),
        started_at: now(),
    })
}

/// Hashes the model's files, if a folder is named: minutes for a large model, so it says how far it is.
fn model(config: &Config) -> Result<Option<Manifest>, Failure> {
    let Some(folder) = &config.model_dir else { return Ok(None) };
    let options = ManifestOptions { cache: config.model_cache.clone(), ..ManifestOptions::default() };
    let mut shown = Instant::now();
    let show = |progress: Progress| {
        if shown.elapsed() >= SHOW_EVERY {
            shown = Instant::now();
            let (done, all) = (progress.bytes_done >> 20, progress.bytes >> 20);
            say(format_args!("reading the model: {done} of {all} MiB"));
        }
    };
    let manifest = read_model(folder, &options, show).map_err(Failure::unavailable)?;
    let (files, bytes) = (manifest.model.file_count.unwrap_or(0), manifest.model.bytes.unwrap_or(0));
    say(format_args!("the model: {files} files, {bytes} bytes, in {}", folder.display()));
    Ok(Some(manifest))
}

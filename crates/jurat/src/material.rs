//! What a judgement rests on beside the report: from files, and from the vendors' services.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use jurat_client::{Attested, BaseUrl, Cache, Client, Errands, Judged, Material, Missed, Reach, Sources};
use jurat_proto::UnixSeconds;
use jurat_verify::{Bundle, BundledNras, Inputs, NrasAnswer, Policy, read_rim_answer};

use crate::{
    cli::MaterialOptions,
    exit::{Failure, say},
    service::now,
    verify::{base, is_url, read, read_text},
};

/// More files than any machine has manifests for.
const MAX_FILES: usize = 256;

/// Judges reports: by a policy, with what was given, and with what the vendors say.
pub(crate) struct Judge {
    pub(crate) policy: Policy,
    /// What was given in files.
    given: Material,
    errands: Errands,
}

impl Judge {
    /// Reads what is given, before anybody is asked anything.
    pub(crate) fn new(policy: Policy, options: &MaterialOptions) -> Result<Self, Failure> {
        let mut sources = sources(&policy, options)?;
        let mut given = Material::default();
        given.collateral = options.collateral.as_deref().map(read_text).transpose()?;
        for place in options.rim.iter().filter(|place| !is_url(place)) {
            rims(place.as_ref(), &mut given.rims)?;
        }
        for file in options.ocsp.iter().filter(|place| !is_url(place)) {
            given.ocsp.push(read(file.as_ref())?);
        }
        if let (Some(answer), Some(jwks)) = (&options.nras_answer, &options.jwks) {
            given.nras = Some(Attested { answer: read_text(answer)?, jwks: read_text(jwks)? });
            sources.nras = None;
        }
        let nobody = sources == Sources::default();
        let reach = if options.offline { Reach::Offline } else { Reach::Online };
        let errands = Errands::new(Client::new().map_err(Failure::unavailable)?, sources)
            .reach(reach)
            .patience(Duration::from_secs(options.patience.max(1)));
        let errands = match cache(options, nobody)? {
            Some(cache) => errands.cache(cache),
            None => errands,
        };
        Ok(Self { policy, given, errands })
    }

    /// Judges a report, and says on stderr what the vendors did not give.
    pub(crate) async fn judge(&self, report: String, inputs: Inputs<'_>) -> Judged {
        let inputs = self.given.complete(inputs);
        let judged = self.errands.judge(report, &self.policy, inputs, now().seconds()).await;
        tell(&judged.material.missed);
        judged
    }

    /// Everything that a judgement rested on, in one piece.
    pub(crate) fn bundle(&self, judged: &Judged, verified_at: UnixSeconds) -> Bundle {
        let inputs = judged.material.complete(self.given.complete(Inputs::live(verified_at)));
        let mut bundle = Bundle::new(judged.report.clone(), verified_at);
        bundle.collateral = inputs.collateral.map(str::to_owned);
        bundle.rims = inputs.rims.to_vec();
        bundle.ocsp = inputs.ocsp.to_vec();
        bundle.nras = inputs.nras.map(|NrasAnswer { answer, jwks }| BundledNras {
            answer: answer.to_owned(),
            jwks: jwks.to_owned(),
        });
        bundle
    }
}

/// Each once: of eight GPUs' certificates a dead responder leaves as many unanswered.
fn tell(missed: &[Missed]) {
    let mut said: Vec<String> = missed.iter().map(ToString::to_string).collect();
    said.sort();
    said.dedup();
    said.iter().for_each(say);
}

/// The vendors' own addresses, and in their place those that were named.
fn sources(policy: &Policy, options: &MaterialOptions) -> Result<Sources, Failure> {
    let one = |places: &[String]| -> Result<Option<BaseUrl>, Failure> {
        let mut urls = places.iter().filter(|place| is_url(place));
        match (urls.next(), urls.next()) {
            (Some(only), None) => base(only).map(Some),
            (None, _) => Ok(None),
            (Some(_), Some(second)) => {
                Err(Failure::usage(format_args!("{second}: one address is asked, not two")))
            }
        }
    };
    let mut named = Sources::default();
    named.pcs = options.pcs.as_deref().map(base).transpose()?;
    named.rim = one(&options.rim)?;
    named.ocsp = one(&options.ocsp)?;
    named.nras = options.nras.as_deref().map(base).transpose()?;
    Ok(named.or(Sources::of(policy.roots)))
}

/// A manifest, or a folder of them; as XML, or as NVIDIA's service answers.
fn rims(path: &Path, found: &mut Vec<String>) -> Result<(), Failure> {
    if !path.is_dir() {
        let text = read_text(path)?;
        let illegible = |error| Failure::usage(format_args!("{}: {error}", path.display()));
        found.push(match text.trim_start().starts_with('{') {
            true => read_rim_answer(text.as_bytes()).map_err(illegible)?,
            false => text,
        });
        return Ok(());
    }
    let unread = |error: std::io::Error| Failure::usage(format_args!("{}: {error}", path.display()));
    let mut files: Vec<PathBuf> = Vec::new();
    for file in fs::read_dir(path).map_err(unread)? {
        files.push(file.map_err(unread)?.path());
    }
    files.retain(|file| file.is_file());
    files.sort();
    if files.len() > MAX_FILES {
        return Err(Failure::usage(format_args!("{}: more than {MAX_FILES} files", path.display())));
    }
    files.iter().try_for_each(|file| rims(file, found))
}

/// The folder that was named, else the user's own; none where nobody is asked anyway.
fn cache(options: &MaterialOptions, nobody: bool) -> Result<Option<Cache>, Failure> {
    if options.no_cache || nobody {
        return Ok(None);
    }
    if let Some(folder) = &options.cache {
        let unusable = |error| Failure::unavailable(format_args!("{}: {error}", folder.display()));
        return Cache::open(folder).map(Some).map_err(unusable);
    }
    let Some(folder) = users_cache() else { return Ok(None) };
    Ok(Cache::open(&folder)
        .inspect_err(|error| say(format_args!("no cache: {}: {error}", folder.display())))
        .ok())
}

/// As the XDG Base Directory Specification says.
fn users_cache() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".cache")))
        .map(|path| path.join("jurat"))
}

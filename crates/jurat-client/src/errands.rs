//! Errands to the vendors: what a judgement rests on beside the report, fetched from Intel and NVIDIA.

mod asking;
mod intel;
mod material;
mod nvidia;

use std::time::{Duration, Instant};

use jurat_proto::UnixSeconds;
use jurat_verify::{
    CertificateQuestion, Inputs, Outcome, Policy, Roots, Standing, Wanted, manifest_signers, verify_report,
};

use self::asking::{Asker, Memory};
pub use self::material::{Attested, ErrandError, Material, Missed};
use crate::{Cache, Client, Judged, Service, Sources};

/// How far behind the present a judgement is of the past, in seconds.
const PAST: u64 = 60 * 60;

/// Whether anybody may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The vendors are asked for what the cache does not have fresh.
    Online,
    /// Nobody is asked; what the cache has is taken, however old.
    Offline,
}

/// Goes to the vendors for what the judge needs. It believes nothing that it brings back, and an errand in vain leaves
/// a check skipped.
#[derive(Debug, Clone)]
pub struct Errands {
    client: Client,
    sources: Sources,
    cache: Option<Cache>,
    reach: Reach,
    patience: Duration,
}

impl Errands {
    /// How long each question may take, with all its attempts, if nobody says otherwise.
    pub const PATIENCE: Duration = Duration::from_secs(15);

    /// Online, without a cache.
    pub fn new(client: Client, sources: Sources) -> Self {
        Self { client, sources, cache: None, reach: Reach::Online, patience: Self::PATIENCE }
    }

    /// With a cache.
    #[must_use]
    pub fn cache(self, cache: Cache) -> Self {
        Self { cache: Some(cache), ..self }
    }

    /// On- or offline.
    #[must_use]
    pub fn reach(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    /// How long each question may take.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Judges a report with what `inputs` have and vendors add. `clock` is the present, whatever time the report is
    /// judged by.
    ///
    /// Nobody is asked about a report that is refuted already. Where the judge does not pass what the cache gave, the
    /// vendor is asked once more and the report judged once more.
    pub async fn judge(
        &self,
        report: String,
        policy: &Policy,
        inputs: Inputs<'_>,
        clock: UnixSeconds,
    ) -> Judged {
        let moment = Moment::of(&inputs);
        let alone = verify_report(&report, policy, inputs);
        if alone.outcome() == Outcome::Refuted {
            return Judged { verdict: alone, report, material: Material::default() };
        }
        let about = About { wanted: &Wanted::of(&report), inputs, moment, roots: policy.roots, clock };
        let mut material = Material::default();
        self.gather(&about, &Service::ALL, Memory::Kept, &mut material).await;
        let verdict =
            verify_report(&report, policy, material.complete(Inputs { now: moment.now(), ..inputs }));

        let doubtful: Vec<Service> =
            material.cached.iter().copied().filter(|service| !service.holds(&verdict)).collect();
        if doubtful.is_empty() || self.reach == Reach::Offline {
            return Judged { verdict, report, material };
        }
        material.forget(&doubtful);
        self.gather(&about, &doubtful, Memory::Anew, &mut material).await;
        let verdict =
            verify_report(&report, policy, material.complete(Inputs { now: moment.now(), ..inputs }));
        Judged { verdict, report, material }
    }

    /// Fetches from `services` what the inputs lack.
    async fn gather(&self, about: &About<'_>, services: &[Service], memory: Memory, material: &mut Material) {
        let About { wanted, inputs, moment, roots, clock } = *about;
        let asker = Asker {
            http: self.client.http.clone(),
            cache: self.cache.clone(),
            silence: (self.reach == Reach::Offline).then_some(ErrandError::Offline),
            patience: self.patience,
            clock,
        };
        // What is said of certificates and evidence today is no news about an earlier time.
        let past = clock.0.saturating_sub(inputs.now.0) > PAST;
        let silence = asker.silence.clone().or(past.then_some(ErrandError::Past { at: inputs.now }));
        let of_today = Asker { silence, ..asker.clone() };
        let base = |service: Service, lacking: bool| {
            self.sources.base(service).filter(|_| lacking && services.contains(&service))
        };
        let pcs = base(Service::Pcs, inputs.collateral.is_none()).zip(wanted.platform.as_ref());
        let intel = async {
            let (base, platform) = pcs?;
            Some(intel::collateral(&asker, base, platform, moment, memory).await)
        };
        let rim = base(Service::Rim, inputs.rims.is_empty());
        let rims = async { Some(nvidia::rims(&asker, rim?, &wanted.rims, memory).await) };
        let responder = base(Service::Ocsp, inputs.ocsp.is_empty());
        let ocsp = async |certificates: &[CertificateQuestion]| {
            Some(nvidia::ocsp(&of_today, responder?, certificates, moment, memory).await)
        };
        let attester = base(Service::Nras, inputs.nras.is_none()).zip(wanted.gpu_evidence.as_deref());
        let nras = async {
            let (base, evidence) = attester?;
            Some(nvidia::verdict(&of_today, base, evidence, memory).await)
        };
        let (intel, rims, certificates, nras) = tokio::join!(intel, rims, ocsp(&wanted.certificates), nras);
        if let Some((collateral, cached)) = material.settle(intel) {
            material.collateral = Some(collateral);
            material.note(Service::Pcs, cached);
        }
        if let Some(haul) = rims {
            material.rims = haul.had;
            material.missed.extend(haul.missed);
            material.note(Service::Rim, haul.cached);
        }
        let rims = if inputs.rims.is_empty() { &material.rims } else { inputs.rims };
        // Whoever asks nobody about them need not read the manifests for them.
        let signers = responder.map(|_| manifest_signers(rims, roots, inputs.now)).unwrap_or_default();
        for haul in [certificates, ocsp(&signers).await].into_iter().flatten() {
            material.ocsp.extend(haul.had);
            material.missed.extend(haul.missed);
            material.note(Service::Ocsp, haul.cached);
        }
        if let Some((attested, cached)) = material.settle(nras) {
            material.nras = Some(attested);
            material.note(Service::Nras, cached);
        }
    }
}

/// The time to judge by. Of a live report it moves on with the errand: what was signed on the way is else not valid yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    at: UnixSeconds,
    began: Option<Instant>,
}

impl Moment {
    fn of(inputs: &Inputs<'_>) -> Self {
        let began = match inputs.standing {
            Standing::Live => Some(Instant::now()),
            Standing::Archived => None,
        };
        Self { at: inputs.now, began }
    }

    pub(crate) fn now(self) -> UnixSeconds {
        // Upwards, as the time of the beginning was rounded down.
        let passed = self.began.map_or(0, |began| began.elapsed().as_millis().div_ceil(1000));
        UnixSeconds(self.at.0.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX)))
    }
}

/// What an errand is about.
struct About<'a> {
    wanted: &'a Wanted,
    inputs: Inputs<'a>,
    moment: Moment,
    roots: Roots,
    clock: UnixSeconds,
}

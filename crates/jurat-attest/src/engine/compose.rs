//! One report: evidence asked for, bound, and put into its envelope (`docs/spec`, the report).

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jurat_proto::{Binding, Layout, Nonce, ReportBody, gpu_nonce, report_data};
use serde::{Serialize, de::IgnoredAny};
use serde_json::value::{RawValue, to_raw_value};

use super::{Identity, ReportFailure, fabric, observed::Clock};
use crate::{
    CheckedGpus, CheckedQuotes, GpuEvidence, GpuFailure, GpuProvider as _, Quote, QuoteFailure,
    QuoteProvider as _, SwitchEvidence, Tee, nvswitch,
};

/// Owns the hardware. Only checked evidence comes in.
pub(super) struct Composer {
    identity: Identity,
    quotes: CheckedQuotes,
    gpus: Option<CheckedGpus>,
    clock: Arc<Clock>,
}

impl Composer {
    pub(super) fn new(
        identity: Identity,
        quotes: CheckedQuotes,
        gpus: Option<CheckedGpus>,
        clock: Arc<Clock>,
    ) -> Self {
        Self { identity, quotes, gpus, clock }
    }

    /// A report under `binding` over `nonce`. GPUs first: the quote of `jurat-v1` commits to their evidence.
    pub(super) fn report(
        &mut self,
        binding: Binding,
        nonce: &Nonce,
        claims: &str,
    ) -> Result<ReportBody, ReportFailure> {
        let key = self.identity.public_key;
        let gpu_nonce = gpu_nonce(binding, &key, nonce);
        let Devices { nvidia_payload, nvswitch_payload, nvlink } = self.devices(&gpu_nonce)?;
        let layout = match binding {
            Binding::JuratV1 => Layout::JuratV1 {
                claims,
                nvidia_payload: &nvidia_payload,
                // A payload that is absent commits as the empty one.
                nvswitch_payload: nvswitch_payload.as_deref().unwrap_or_default(),
            },
            Binding::DstackV1 => Layout::DstackV1,
            Binding::DstackV2 => {
                let spki = self.identity.tls_spki.as_ref().ok_or(ReportFailure::TlsOff)?;
                Layout::DstackV2 { spki }
            }
        };
        let tls_cert_fingerprint = match layout {
            Layout::DstackV2 { spki } => Some(spki.to_string()),
            Layout::JuratV1 { .. } | Layout::DstackV1 => None,
        };
        let address = key.address();
        let report_data = report_data(&address, nonce, layout);
        let quotes = &mut self.quotes;
        let quote = self.clock.time(|parts| &mut parts.quotes, || quotes.quote(&report_data))?;
        let Platform { event_log, vm_config, info } = platform(&quote)?;
        let bytes = hex::encode(&quote.bytes);
        let tee = self.quotes.tee();
        Ok(ReportBody {
            signing_address: address.to_string(),
            signing_public_key: Some(key.to_string()),
            signing_algo: "ecdsa".to_owned(),
            request_nonce: Some(nonce.to_string()),
            gpu_nonce: Some(gpu_nonce.to_string()),
            intel_quote: Some(bytes.clone()),
            quote: Some(bytes),
            nvidia_payload,
            nvswitch_payload,
            nvlink,
            event_log: Some(event_log),
            vm_config: Some(vm_config),
            info: Some(info),
            claims: (binding == Binding::JuratV1).then(|| claims.to_owned()),
            binding: Some(binding.to_string()),
            report_data: Some(report_data.to_string()),
            tls_cert_fingerprint,
            tee: Some(tee.to_string()),
            report_age_seconds: Some(0),
            archived: None,
            archived_at: None,
            collateral: match tee {
                Tee::Simulated => self.quotes.collateral(),
                Tee::Tdx => None,
            },
        })
    }
}

/// What a report says of GPUs and of the switches between them.
#[derive(Default)]
struct Devices {
    nvidia_payload: String,
    nvswitch_payload: Option<String>,
    nvlink: Option<String>,
}

impl Composer {
    fn devices(&mut self, nonce: &Nonce) -> Result<Devices, GpuFailure> {
        let Some(provider) = &mut self.gpus else { return Ok(Devices::default()) };
        let gpus = self.clock.time(|parts| &mut parts.gpus, || provider.evidence(nonce))?;
        let switches = self.clock.time(|parts| &mut parts.switches, || provider.switches(nonce))?;
        let unattested = switches.is_none() && fabric::is_plain(&gpus);
        Ok(Devices {
            nvidia_payload: nvidia_payload(nonce, &gpus)?,
            nvswitch_payload: switches.map(|switches| nvswitch_payload(nonce, &switches)).transpose()?,
            nvlink: unattested.then(|| "unattested".to_owned()),
        })
    }
}

/// NVIDIA's attestation service takes this object as it is; the order of members is fixed because the quote commits
/// to the text.
#[derive(Serialize)]
struct Payload<'a> {
    nonce: String,
    evidence_list: Vec<Evidence<'a>>,
    arch: &'a str,
}

#[derive(Serialize)]
struct Evidence<'a> {
    certificate: String,
    evidence: String,
    arch: &'a str,
}

/// The service takes one form for GPUs and for switches.
fn payload<'a>(
    nonce: &Nonce,
    arch: &str,
    devices: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<String, GpuFailure> {
    let encode = |(certificates, report)| Evidence {
        certificate: STANDARD.encode(certificates),
        evidence: STANDARD.encode(report),
        arch,
    };
    let payload = Payload { nonce: nonce.to_string(), evidence_list: devices.map(encode).collect(), arch };
    serde_json::to_string(&payload).map_err(|error| GpuFailure::Failed(error.to_string()))
}

fn nvswitch_payload(nonce: &Nonce, switches: &[SwitchEvidence]) -> Result<String, GpuFailure> {
    let devices = switches.iter().map(|switch| (&switch.certificate_chain[..], &switch.report[..]));
    payload(nonce, nvswitch::ARCHITECTURE, devices)
}

pub(super) fn nvidia_payload(nonce: &Nonce, gpus: &[GpuEvidence]) -> Result<String, GpuFailure> {
    let wrong = |what: &str| GpuFailure::Wrong(what.to_owned());
    let arch = gpus.first().ok_or_else(|| wrong("no GPU"))?.architecture;
    if gpus.iter().any(|gpu| gpu.architecture != arch) {
        return Err(wrong("GPUs of different generations, which one payload cannot name"));
    }
    let devices = gpus.iter().map(|gpu| (&gpu.certificate_chain[..], &gpu.report[..]));
    payload(nonce, arch.as_str(), devices)
}

/// What the platform says beside its quote, in the report's types.
struct Platform {
    event_log: Box<RawValue>,
    vm_config: Box<RawValue>,
    info: Box<RawValue>,
}

fn platform(quote: &Quote) -> Result<Platform, QuoteFailure> {
    let event_log = quote.event_log.as_deref().unwrap_or("[]");
    // The judge replays it and callers may ask for it as an array, so anything else is of no use to anybody.
    if serde_json::from_str::<Vec<IgnoredAny>>(event_log).is_err() {
        return Err(QuoteFailure::Wrong("the event log beside it is no JSON array".to_owned()));
    }
    let info = match &quote.info {
        Some(info) if info.get().trim_start().starts_with('{') => info.clone(),
        Some(_) => return Err(QuoteFailure::Wrong("the info beside it is no JSON object".to_owned())),
        None => raw(&serde_json::Map::new())?,
    };
    Ok(Platform {
        event_log: raw(event_log)?,
        vm_config: raw(quote.vm_config.as_deref().unwrap_or_default())?,
        info,
    })
}

fn raw<T: Serialize + ?Sized>(value: &T) -> Result<Box<RawValue>, QuoteFailure> {
    to_raw_value(value).map_err(|error| QuoteFailure::Failed(error.to_string()))
}

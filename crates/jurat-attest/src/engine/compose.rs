//! One report: evidence asked for, bound, and put into its envelope (`docs/spec`, the report).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jurat_proto::{Binding, Layout, Nonce, ReportBody, gpu_nonce, report_data};
use serde::{Serialize, de::IgnoredAny};
use serde_json::value::{RawValue, to_raw_value};

use super::{Identity, ReportFailure};
use crate::{
    CheckedGpus, CheckedQuotes, GpuEvidence, GpuFailure, GpuProvider as _, Quote, QuoteFailure,
    QuoteProvider as _, Tee,
};

/// Owns the hardware. Only checked evidence comes in.
pub(super) struct Composer {
    identity: Identity,
    quotes: CheckedQuotes,
    gpus: Option<CheckedGpus>,
}

impl Composer {
    pub(super) fn new(identity: Identity, quotes: CheckedQuotes, gpus: Option<CheckedGpus>) -> Self {
        Self { identity, quotes, gpus }
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
        let nvidia_payload = match &mut self.gpus {
            Some(gpus) => nvidia_payload(&gpu_nonce, &gpus.evidence(&gpu_nonce)?)?,
            None => String::new(),
        };
        let layout = match binding {
            Binding::JuratV1 => Layout::JuratV1 {
                claims,
                nvidia_payload: &nvidia_payload,
                // NVML does not reach the switches, and a payload that is absent commits as the empty one.
                nvswitch_payload: "",
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
        let quote = self.quotes.quote(&report_data)?;
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
            nvswitch_payload: None,
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

pub(super) fn nvidia_payload(nonce: &Nonce, gpus: &[GpuEvidence]) -> Result<String, GpuFailure> {
    let wrong = |what: &str| GpuFailure::Wrong(what.to_owned());
    let arch = gpus.first().ok_or_else(|| wrong("no GPU"))?.architecture;
    if gpus.iter().any(|gpu| gpu.architecture != arch) {
        return Err(wrong("GPUs of different generations, which one payload cannot name"));
    }
    let payload = Payload {
        nonce: nonce.to_string(),
        evidence_list: gpus
            .iter()
            .map(|gpu| Evidence {
                certificate: STANDARD.encode(&gpu.certificate_chain),
                evidence: STANDARD.encode(&gpu.report),
                arch: gpu.architecture.as_str(),
            })
            .collect(),
        arch: arch.as_str(),
    };
    serde_json::to_string(&payload).map_err(|error| GpuFailure::Failed(error.to_string()))
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

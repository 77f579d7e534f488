//! How the inputs of one judgement come about, step by step, and where an edit may reach in.

use std::{cell::RefCell, collections::BTreeMap, num::NonZeroU32};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jurat_attest::{GpuProvider, QuoteProvider};
use jurat_proto::{
    Binding, Claims, Digest, KeyOrigin, Layout, ManifestSource, Model, Nonce, PublicKey, ReportData,
    Software, Tls, UnixMillis, UnixSeconds, gpu_nonce, report_data, sha256,
};
use jurat_simulated::{Blueprint, Ocsp, ProtectedPcie, Rims, Seeded, SimulatedTee, Switches};
use k256::ecdsa::SigningKey;
use serde::Serialize;
use serde_json::{Value, json};

use crate::format::{Inputs, Nras};

pub mod dstack;

/// 2026-09-21: the time of every base.
pub const NOW: UnixSeconds = UnixSeconds(1_790_000_000);
/// The caller's nonce in every base.
pub const NONCE: Nonce = Nonce::new([0x5a; 32]);
/// A day of seconds.
pub const DAY: u64 = 24 * 60 * 60;

/// The machine that a base is about, and what is asked of it.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Drawn from for all keys.
    pub seed: u64,
    /// How many GPUs; with 0 the machine has none.
    pub gpus: u32,
    /// The binding asked for.
    pub binding: Binding,
    /// Whether its GPUs are in protected-PCIe mode, behind switches.
    pub switches: bool,
    /// Whether the TD is a VM of dstack, which measures an application's compose file.
    pub dstack_vm: bool,
    /// The caller's policy, TOML.
    pub policy: String,
}

/// One GPU's evidence before it goes into a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// PEM, leaf first.
    pub certificates: String,
    /// SPDM request and response.
    pub report: Vec<u8>,
    /// As NVIDIA's service names the architecture.
    pub arch: String,
}

/// What an edit of evidence may call on.
#[derive(Debug)]
pub struct Machine {
    /// Signs anew what was edited.
    pub tee: SimulatedTee,
    /// What its GPUs are asked to sign.
    pub gpu_nonce: Nonce,
}

type On<T> = Box<dyn Fn(&mut T)>;
type With<T> = Box<dyn Fn(&mut T, &Machine)>;

/// An edit, by the step at which it reaches in. All that comes after is made with it in place.
pub enum Edit {
    /// Of the machine before it is minted, with the same randomness.
    Machine(On<Blueprint>),
    /// Of the GPUs' evidence.
    Evidence(With<Vec<Gpu>>),
    /// Of the switches' evidence, which is `nvswitch_payload`.
    Switches(With<Vec<Gpu>>),
    /// Of `nvidia_payload`, which the quote then commits to.
    Payload(On<String>),
    /// Of the claims' text, which the quote then commits to.
    Claims(On<String>),
    /// Of the 64 bytes that the quote is asked to carry.
    Data(On<[u8; 64]>),
    /// Of the quote.
    Quote(With<Vec<u8>>),
    /// Of the collateral's members.
    Collateral(With<Value>),
    /// Of the report's members.
    Report(On<BTreeMap<String, Value>>),
    /// Of what the caller brings, and of all of it.
    Inputs(With<Inputs>),
}

/// Makes the edits that reach in at one step, in their order.
macro_rules! apply {
    ($step:ident in $edits:expr, $($given:expr),+) => {
        for edit in $edits {
            if let Edit::$step(edit) = edit {
                edit($($given),+);
            }
        }
    };
}

impl Setting {
    /// The machine under an edited blueprint.
    pub fn machine(&self, edit: impl FnOnce(&mut Blueprint)) -> Machine {
        let mut blueprint = Blueprint::new(NOW, NonZeroU32::new(self.gpus).unwrap_or(NonZeroU32::MIN));
        if self.switches {
            blueprint.protected_pcie = ProtectedPcie::On;
        }
        edit(&mut blueprint);
        Machine { tee: minted(self.seed, blueprint), gpu_nonce: gpu_nonce(self.binding, &signer(), &NONCE) }
    }

    /// Plays the scene with these edits.
    pub fn play(&self, edits: &[Edit]) -> Inputs {
        let machine = self.machine(|blueprint| apply!(Machine in edits, blueprint));
        let mut gpus = if self.gpus == 0 { vec![] } else { evidence(&machine) };
        apply!(Evidence in edits, &mut gpus, &machine);
        let mut nvidia_payload =
            if gpus.is_empty() { String::new() } else { payload(&machine.gpu_nonce, &gpus) };
        apply!(Payload in edits, &mut nvidia_payload);
        let mut switches = if self.switches { fabric(&machine, Switches::Attested) } else { vec![] };
        apply!(Switches in edits, &mut switches, &machine);
        let nvswitch_payload =
            if switches.is_empty() { String::new() } else { payload(&machine.gpu_nonce, &switches) };
        let mut claims = claims(self.gpus).to_json();
        apply!(Claims in edits, &mut claims);

        let mut data = *self.report_data(&claims, &nvidia_payload, &nvswitch_payload).as_bytes();
        apply!(Data in edits, &mut data);
        let data = ReportData::new(data);
        let quoted = machine.tee.quote_provider().quote(&data).expect("the stage quotes");
        let mut quote = quoted.bytes;
        let (mut event_log, mut info) = (quoted.event_log.unwrap_or_default(), json!({}));
        if self.dstack_vm {
            dstack::measure(&mut quote, &mut event_log, &mut info);
            machine.tee.resign_quote(&mut quote).expect("a quote");
        }
        apply!(Quote in edits, &mut quote, &machine);

        let mut collateral = serde_json::from_str(machine.tee.collateral()).expect("minted as JSON");
        apply!(Collateral in edits, &mut collateral, &machine);
        collateral.sort_all_objects();

        let said =
            Said { data, quote, payload: nvidia_payload, fabric: nvswitch_payload, claims, event_log, info };
        let mut report = self.report(&said);
        apply!(Report in edits, &mut report);
        let mut inputs = Inputs {
            report,
            policy: self.policy.clone(),
            now: NOW.0,
            standing: "live".into(),
            nonce: Some(NONCE.to_string()),
            peer_spki: (self.binding != Binding::DstackV1).then(|| spki().to_string()),
            collateral: Some(collateral.to_string()),
            rims: vec![],
            ocsp: vec![],
            nras: None,
        };
        if self.gpus > 0 {
            nvidia(&machine, &mut inputs, Rims::Fitting, Ocsp::Good);
            nras(&machine, &mut inputs, jurat_simulated::Nras::Holds);
        }
        apply!(Inputs in edits, &mut inputs, &machine);
        inputs
    }

    /// What the quote must carry.
    pub fn report_data(&self, claims: &str, payload: &str, fabric: &str) -> ReportData {
        let spki = spki();
        let layout = match self.binding {
            Binding::JuratV1 => Layout::JuratV1 { claims, nvidia_payload: payload, nvswitch_payload: fabric },
            Binding::DstackV1 => Layout::DstackV1,
            Binding::DstackV2 => Layout::DstackV2 { spki: &spki },
        };
        report_data(&signer().address(), &NONCE, layout)
    }

    fn report(&self, said: &Said) -> BTreeMap<String, Value> {
        let Said { data, quote, payload, fabric, claims, event_log, info } = said;
        let key = signer();
        let mut members: BTreeMap<&str, Value> = [
            ("signing_address", key.address().to_string().into()),
            ("signing_public_key", key.to_string().into()),
            ("signing_algo", "ecdsa".into()),
            ("request_nonce", NONCE.to_string().into()),
            ("gpu_nonce", gpu_nonce(self.binding, &key, &NONCE).to_string().into()),
            // `quote` is the same again, for other clients: a vector says it once
            ("intel_quote", hex::encode(quote).into()),
            ("nvidia_payload", payload.clone().into()),
            ("event_log", event_log.clone().into()),
            ("vm_config", "".into()),
            ("info", info.clone()),
            ("binding", self.binding.as_str().into()),
            ("report_data", data.to_string().into()),
            ("tee", "simulated".into()),
            ("report_age_seconds", 0.into()),
        ]
        .into();
        if !fabric.is_empty() {
            members.insert("nvswitch_payload", fabric.clone().into());
        }
        match self.binding {
            Binding::JuratV1 => drop(members.insert("claims", claims.clone().into())),
            Binding::DstackV1 => (),
            Binding::DstackV2 => drop(members.insert("tls_cert_fingerprint", spki().to_string().into())),
        }
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// What the machine said, before it is put into a report.
struct Said {
    data: ReportData,
    quote: Vec<u8>,
    payload: String,
    fabric: String,
    claims: String,
    event_log: String,
    info: Value,
}

/// What NVIDIA's look-alike says of the report's GPU evidence, if it can read it.
pub fn nras(machine: &Machine, inputs: &mut Inputs, nras: jurat_simulated::Nras) {
    let payload = inputs.report.get("nvidia_payload").and_then(Value::as_str).unwrap_or_default();
    let answered = machine.tee.nras(payload, nras, NOW).ok();
    inputs.nras = answered.map(|exchange| Nras { answer: exchange.answer, jwks: exchange.jwks });
}

/// What the caller fetches from NVIDIA's look-alike.
pub fn nvidia(machine: &Machine, inputs: &mut Inputs, rims: Rims, ocsp: Ocsp) {
    inputs.rims = machine.tee.rims(rims).expect("the stage signs");
    let responses = machine.tee.ocsp(ocsp).expect("the stage signs");
    inputs.ocsp = responses.iter().map(|der| STANDARD.encode(der)).collect();
}

/// A machine is minted once: most edits reach in later, and keys take their time.
pub(crate) fn minted(seed: u64, blueprint: Blueprint) -> SimulatedTee {
    type Minted = Vec<(u64, Blueprint, SimulatedTee)>;
    thread_local!(static MINTED: RefCell<Minted> = const { RefCell::new(vec![]) });
    MINTED.with_borrow_mut(|all| {
        if let Some((.., tee)) = all.iter().find(|(of, one, _)| (*of, one) == (seed, &blueprint)) {
            return tee.clone();
        }
        let tee = blueprint.mint_with(&mut Seeded::new(seed)).expect("the stage mints");
        all.push((seed, blueprint, tee.clone()));
        tee
    })
}

/// The signer of the published vectors: key 0x11, 32 times.
pub fn signer() -> PublicKey {
    key(0x11)
}

/// The public key of a byte, 32 times.
pub fn key(byte: u8) -> PublicKey {
    PublicKey::from(SigningKey::from_slice(&[byte; 32]).expect("a scalar").verifying_key())
}

/// The key that TLS ends at.
pub fn spki() -> Digest {
    sha256(b"SubjectPublicKeyInfo")
}

/// A model of two small files.
pub fn model() -> Model {
    let files = ["config.json", "model.safetensors"]
        .map(|path| (path.to_owned(), sha256(path.as_bytes()).to_string()));
    let manifest: String = files.iter().map(|(path, digest)| format!("{digest}  {path}\n")).collect();
    Model {
        sha256: Some(sha256(manifest.as_bytes()).to_string()),
        file_count: Some(2),
        bytes: Some(28),
        files: files.into(),
    }
}

fn claims(gpus: u32) -> Claims {
    let key = signer();
    Claims {
        version: 1,
        signing_address: key.address(),
        signing_public_key: key,
        chain: sha256(b"vector chain"),
        key: KeyOrigin::Fresh,
        key_provenance: None,
        tls: Tls::SelfSigned,
        tls_spki_sha256: Some(spki().to_string()),
        gpus,
        model: model(),
        manifest_source: ManifestSource::AtStart,
        software: Software { version: "0.1.0".into(), commit: String::new() },
        config_sha256: sha256(b"vector configuration"),
        started_at: UnixMillis(NOW.0 * 1000),
    }
}

/// The evidence of every GPU over the nonce that the binding derives.
pub fn evidence(machine: &Machine) -> Vec<Gpu> {
    let gpus = machine.tee.gpu_provider().evidence(&machine.gpu_nonce).expect("the stage attests");
    gpus.into_iter()
        .map(|gpu| Gpu {
            certificates: String::from_utf8(gpu.certificate_chain).expect("minted as text"),
            report: gpu.report,
            arch: gpu.architecture.as_str().to_owned(),
        })
        .collect()
}

/// The evidence of the switches between the GPUs.
pub fn fabric(machine: &Machine, form: Switches) -> Vec<Gpu> {
    let switches = machine.tee.switches(&machine.gpu_nonce, form).expect("the stage attests");
    let switch = |switch: jurat_simulated::SwitchEvidence| Gpu {
        certificates: String::from_utf8(switch.certificate_chain).expect("minted as text"),
        report: switch.report,
        arch: "LS10".into(),
    };
    switches.into_iter().map(switch).collect()
}

/// `nvidia_payload` as the sidecar writes it.
pub fn payload(nonce: &Nonce, gpus: &[Gpu]) -> String {
    #[derive(Serialize)]
    struct Entry {
        certificate: String,
        evidence: String,
        arch: String,
    }
    #[derive(Serialize)]
    struct Payload {
        nonce: String,
        evidence_list: Vec<Entry>,
        arch: String,
    }
    let entry = |gpu: &Gpu| Entry {
        certificate: STANDARD.encode(&gpu.certificates),
        evidence: STANDARD.encode(&gpu.report),
        arch: gpu.arch.clone(),
    };
    let arch = gpus.first().map(|gpu| gpu.arch.clone()).unwrap_or_default();
    let payload = Payload { nonce: nonce.to_string(), evidence_list: gpus.iter().map(entry).collect(), arch };
    serde_json::to_string(&payload).expect("plain data")
}

/// Replaces a part that must be there exactly once.
pub fn swap(text: &mut String, from: &str, to: &str) {
    assert_eq!(text.matches(from).count(), 1, "{from:?} in {text}");
    *text = text.replace(from, to);
}

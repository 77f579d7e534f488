//! The strictest policy that a base holds under: every check that can be made is required, everything that can be
//! pinned is.

use std::{fmt::Write as _, num::NonZeroU32};

use jurat_attest::QuoteProvider;
use jurat_proto::{Binding, ReportData};
use jurat_simulated::Blueprint;

use super::Name;
use crate::{
    pem,
    scene::{self, NOW, dstack},
};

const ALWAYS: &[&str] = &[
    "tdx.quote",
    "tdx.tcb",
    "tdx.platform",
    "tdx.debug",
    "tdx.measurements",
    "tdx.eventlog",
    "bind.address",
    "bind.signer",
    "bind.nonce",
];
const OF_JURAT_V1: &[&str] = &["bind.claims", "bind.model", "bind.gpu"];
const OF_GPUS: &[&str] = &[
    "gpu.present",
    "gpu.chain",
    "gpu.signature",
    "gpu.nonce",
    "gpu.firmware",
    "gpu.versions",
    "gpu.measurements",
    "gpu.mode",
    "gpu.revocation",
    "gpu.nras",
];

/// `Ppid` of Intel's extension, as DER: the identifier, then an octet string of sixteen.
const PPID: [u8; 14] = [0x06, 0x0a, 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01, 0x01, 0x04, 0x10];

/// The TOML form.
pub(super) fn of(base: Name, gpus: bool, binding: Binding) -> String {
    let mut required = ALWAYS.to_vec();
    if base == Name::DstackVm {
        required.push("tdx.compose");
    }
    if binding == Binding::JuratV1 {
        required.extend(OF_JURAT_V1);
    }
    if binding != Binding::DstackV1 {
        required.push("bind.tls");
    }
    if gpus {
        required.extend(OF_GPUS);
    }
    let required: String = required.iter().map(|check| format!("  \"{check}\",\n")).collect();
    // where no claims are attested there is nothing to compare them with
    let sources = if binding == Binding::JuratV1 { "manifest_sources = [\"at_start\"]\n" } else { "" };
    let quote = quote();
    let mut policy = format!(
        "name = \"vectors\"\nroots = \"simulated\"\nbindings = [\"{binding}\"]\nrequired = [\n{required}]\n\
         tcb_statuses = [\"UpToDate\"]\nmin_tcb_evaluation_data_number = 1\n{sources}\
         platforms = [\"{}\"]\nsigners = [\"{}\"]\n",
        ppid(&quote),
        scene::signer().address(),
    );
    if binding == Binding::JuratV1 {
        let model = scene::model().sha256.unwrap_or_default();
        writeln!(policy, "models = [\"{model}\"]").expect("a string takes all");
    }
    if gpus {
        policy += "\n[gpu]\nmin_driver = \"000.000.00\"\nmin_vbios = \"EE.EE.EE.EE.EE\"\narchitectures = [\"HOPPER\"]\n";
    }
    policy + &reference_set(base, &quote)
}

/// All registers, but for the one that the application measures to: a VM of dstack has its compose file instead.
fn reference_set(base: Name, quote: &[u8]) -> String {
    let mut set = "\n[[measurements]]\nname = \"the simulated TD\"\n".to_owned();
    let pinned = if base == Name::DstackVm { 4 } else { 5 };
    for (name, at, length) in &MEMBERS[..pinned] {
        writeln!(set, "{name} = \"{}\"", hex::encode(&quote[48 + at..][..*length]))
            .expect("a string takes all");
    }
    if base == Name::DstackVm {
        writeln!(set, "compose_hash = \"{}\"", dstack::compose_hash()).expect("a string takes all");
    }
    set
}

/// What a reference set may pin, and where the TD's report has it.
pub(crate) const MEMBERS: [(&str, usize, usize); 12] = [
    ("mrtd", 136, 48),
    ("rtmr0", 328, 48),
    ("rtmr1", 376, 48),
    ("rtmr2", 424, 48),
    ("rtmr3", 472, 48),
    ("mrseam", 16, 48),
    ("mrsignerseam", 64, 48),
    ("mrconfigid", 184, 48),
    ("mrowner", 232, 48),
    ("mrownerconfig", 280, 48),
    ("td_attributes", 120, 8),
    ("xfam", 128, 8),
];

/// Any quote of the machine of all bases.
pub(crate) fn quote() -> Vec<u8> {
    let tee = scene::minted(1, Blueprint::new(NOW, NonZeroU32::MIN));
    tee.quote_provider().quote(&ReportData::new([0; 64])).expect("the stage quotes").bytes
}

fn ppid(quote: &[u8]) -> String {
    let chain = String::from_utf8_lossy(&quote[1258..]);
    let platform = &pem::certificates(&chain)[0];
    let at =
        platform.windows(PPID.len()).position(|bytes| bytes == PPID).expect("it has a PPID") + PPID.len();
    hex::encode(&platform[at..at + 16])
}

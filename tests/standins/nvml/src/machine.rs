//! The GPUs: minted once, with the process's first initialisation, and kept until it ends.

use std::{
    num::NonZeroU32,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use jurat_attest::{GpuArchitecture, GpuEvidence};
use jurat_proto::{Nonce, UnixSeconds};
use jurat_simulated::{Blueprint, ProtectedPcie, SimulatedGpus};

use crate::{
    abi::{INVALID_ARGUMENT, Return, UNINITIALIZED, UNKNOWN},
    knobs::{self, Architecture},
};

static GPUS: OnceLock<Option<Mutex<SimulatedGpus>>> = OnceLock::new();
/// As NVML, it counts who initialised it.
static USERS: AtomicU32 = AtomicU32::new(0);

pub(crate) fn initialise() -> Return {
    let minted = GPUS.get_or_init(mint);
    // Minting fails for want of randomness alone.
    if minted.is_none() && knobs::gpus() > 0 {
        return UNKNOWN;
    }
    USERS.fetch_add(1, Ordering::SeqCst);
    crate::abi::SUCCESS
}

pub(crate) fn shut_down() -> Return {
    let left = USERS.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |users| users.checked_sub(1));
    if left.is_ok() { crate::abi::SUCCESS } else { UNINITIALIZED }
}

pub(crate) fn is_initialised() -> bool {
    USERS.load(Ordering::SeqCst) > 0
}

fn mint() -> Option<Mutex<SimulatedGpus>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    let mut blueprint = Blueprint::new(UnixSeconds(now), NonZeroU32::new(knobs::gpus())?);
    blueprint.gpu_architecture = match knobs::architecture() {
        Architecture::Blackwell => GpuArchitecture::Blackwell,
        Architecture::Hopper | Architecture::Ada => GpuArchitecture::Hopper,
    };
    blueprint.protected_pcie = match knobs::multi_gpu() {
        1 => ProtectedPcie::On,
        _ => ProtectedPcie::Off,
    };
    Some(Mutex::new(blueprint.mint().ok()?.gpu_provider()))
}

/// Evidence of one device.
pub(crate) fn evidence(device: u32, nonce: &Nonce) -> Result<GpuEvidence, Return> {
    let Some(Some(gpus)) = GPUS.get() else { return Err(UNINITIALIZED) };
    let mut gpus = gpus.lock().unwrap_or_else(PoisonError::into_inner);
    let device = usize::try_from(device).map_err(|_| INVALID_ARGUMENT)?;
    match gpus.evidence_of(device, nonce) {
        Some(Ok(evidence)) => Ok(evidence),
        Some(Err(_)) => Err(UNKNOWN),
        None => Err(INVALID_ARGUMENT),
    }
}

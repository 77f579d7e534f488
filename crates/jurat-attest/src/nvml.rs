//! Evidence from NVIDIA GPUs through the driver's management library (NVML). Only its readers are called.
//!
//! What the library says is turned into evidence by `mode` (is the machine confidential?) and `crate::shape` (are
//! these bytes a chain and a report?), which know nothing of the library.

mod mode;
mod survey;

use std::{
    ffi::OsString,
    thread::{self, ThreadId},
};

use jurat_proto::Nonce;
use nvml_wrapper::{Device, Nvml as Library, enums::device::DeviceArchitecture, error::NvmlError};

use crate::{GpuArchitecture, GpuEvidence, GpuFailure, GpuProvider, NotConfidential, caught::caught, shape};
use mode::{Mode, Production};
pub use survey::{Survey, SurveyedGpu, survey};

/// NVML's buffer for a chain.
const NVML_CHAIN: usize = 0x1400;
/// NVML's buffer for a report.
const NVML_REPORT: usize = 0x2000;

/// NVML as a GPU provider.
///
/// The library is opened by the thread that first asks for something and kept open. After a failure it is opened
/// anew: the driver may have been restarted, and a panic inside the wrapper leaves nothing to rely on.
pub struct Nvml {
    library: OsString,
    open: Option<(ThreadId, Library)>,
}

impl Nvml {
    /// The name that the driver's package installs; containers often have no other.
    pub const DEFAULT_LIBRARY: &str = "libnvidia-ml.so.1";

    /// A provider over the library `library`, a path or a name for the dynamic linker. Nothing is opened yet.
    pub fn new(library: impl Into<OsString>) -> Self {
        Self { library: library.into(), open: None }
    }

    /// Runs `work` with the open library.
    fn with<T>(&mut self, work: impl FnOnce(&Library) -> Result<T, GpuFailure>) -> Result<T, GpuFailure> {
        let here = thread::current().id();
        let library = match self.open.take() {
            Some((thread, library)) if thread == here => library,
            _ => self.start()?,
        };
        // The wrapper slices buffers by lengths that the library returned.
        let outcome = caught(|| work(&library)).unwrap_or_else(|panic| {
            Err(GpuFailure::Wrong(format!("its answer has no valid lengths: {panic}")))
        });
        if outcome.is_ok() {
            self.open = Some((here, library));
        }
        outcome
    }

    fn start(&self) -> Result<Library, GpuFailure> {
        caught(|| Library::builder().lib_path(&self.library).init())
            .map_err(GpuFailure::Unavailable)?
            .map_err(|error| {
                GpuFailure::Unavailable(format!(
                    "{} does not start ({error}): install the NVIDIA driver in this VM, give the container its \
                     GPUs and the driver's libraries, or configure jurat for a machine without GPUs",
                    self.library.display()
                ))
            })
    }
}

impl Default for Nvml {
    fn default() -> Self {
        Self::new(Self::DEFAULT_LIBRARY)
    }
}

impl GpuProvider for Nvml {
    fn name(&self) -> &'static str {
        "nvml"
    }

    fn count(&mut self) -> Result<u32, GpuFailure> {
        self.with(count)
    }

    fn evidence(&mut self, nonce: &Nonce) -> Result<Vec<GpuEvidence>, GpuFailure> {
        self.with(|library| {
            let count = count(library)?;
            let devices = (0..count)
                .map(|index| library.device_by_index(index).map_err(|error| failed(index, "open", error)))
                .collect::<Result<Vec<_>, _>>()?;
            if library.device_by_index(count).is_ok() {
                let what = format!("it counts {count} GPUs and opens one more");
                return Err(GpuFailure::Wrong(what));
            }
            let first = devices
                .first()
                .ok_or_else(|| GpuFailure::Unavailable("the driver is there and lists no GPU".to_owned()))?;
            // The settings are the machine's, whichever device is asked.
            mode::confidential(&read_mode(first)?).map_err(GpuFailure::NotConfidential)?;
            (0..).zip(&devices).map(|(index, device)| collect(index, device, nonce)).collect()
        })
    }
}

fn count(library: &Library) -> Result<u32, GpuFailure> {
    library.device_count().map_err(|error| GpuFailure::Failed(format!("could not count the GPUs: {error}")))
}

fn read_mode(device: &Device<'_>) -> Result<Mode, GpuFailure> {
    let confidential = device.is_cc_enabled().map_err(unread)?;
    // The wrapper tells the environment only in one answer with two other conditions, so a "no" is asked further.
    let production = if !confidential {
        Production::Unknown
    } else if device.check_confidential_compute_status().map_err(unread)? {
        Production::Yes
    } else if device.get_confidential_compute_state().map_err(unread)? {
        Production::No
    } else {
        Production::Unknown
    };
    Ok(Mode {
        confidential,
        production,
        protected_pcie: device.is_multi_gpu_protected_pcie_enabled().map_err(unread)?,
        developer_tools: device.is_cc_dev_mode_enabled().map_err(unread)?,
    })
}

fn unread(error: NvmlError) -> GpuFailure {
    match error {
        NvmlError::NotSupported | NvmlError::FailedToLoadSymbol(_) | NvmlError::FunctionNotFound => {
            GpuFailure::NotConfidential(NotConfidential::Unsupported(error.to_string()))
        }
        other => GpuFailure::Failed(format!("could not read the confidential-computing settings: {other}")),
    }
}

fn collect(index: u32, device: &Device<'_>, nonce: &Nonce) -> Result<GpuEvidence, GpuFailure> {
    let architecture = device.architecture().map_err(|error| failed(index, "name", error))?;
    let architecture = name(architecture.clone()).ok_or_else(|| {
        let what = format!("GPU {index} is {architecture:?}, neither Hopper nor Blackwell");
        GpuFailure::NotConfidential(NotConfidential::Unsupported(what))
    })?;
    let certificates = device
        .confidential_compute_gpu_certificate()
        .map_err(|error| failed(index, "read the certificates of", error))?;
    let report = device
        .confidential_compute_gpu_attestation_report(*nonce.as_bytes())
        .map_err(|error| failed(index, "get a report from", error))?;
    let wrong = |what| GpuFailure::Wrong(format!("GPU {index}: {what}"));
    Ok(GpuEvidence {
        certificate_chain: shape::chain(&certificates.attestation_cert_chain, NVML_CHAIN).map_err(wrong)?,
        report: shape::report(report.attestation_report, nonce, NVML_REPORT).map_err(wrong)?,
        architecture,
    })
}

fn failed(index: u32, action: &str, error: NvmlError) -> GpuFailure {
    GpuFailure::Failed(format!("could not {action} GPU {index}: {error}"))
}

fn name(architecture: DeviceArchitecture) -> Option<GpuArchitecture> {
    match architecture {
        DeviceArchitecture::Hopper => Some(GpuArchitecture::Hopper),
        DeviceArchitecture::Blackwell => Some(GpuArchitecture::Blackwell),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

//! What the driver tells of GPUs, for people who look for what is wrong. Nothing of it is evidence.

use std::{ffi::OsString, time::Duration};

use nvml_wrapper::Nvml as Library;

use super::{Nvml, count, mode, name, read_mode};
use crate::{GpuArchitecture, GpuFailure, worker::Worker};

/// A machine's GPUs as the driver describes them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Survey {
    /// The driver's version, if it tells.
    pub driver: Option<String>,
    /// Every GPU, in index order.
    pub gpus: Vec<SurveyedGpu>,
    /// The confidential-computing settings in words, or why evidence under them is worth nothing. `None` where there
    /// is no GPU to ask.
    pub mode: Option<Result<String, GpuFailure>>,
    /// Whether several Hopper GPUs run with protected PCIe, where NVLink is plain.
    pub protected_pcie: bool,
}

/// One GPU as the driver describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SurveyedGpu {
    /// The product's name, if the driver tells.
    pub name: Option<String>,
    /// The version of its video BIOS, if the driver tells.
    pub vbios: Option<String>,
    /// Its generation; `None` for those that have no evidence.
    pub architecture: Option<GpuArchitecture>,
}

/// Asks the library `library` and waits for its answer as long as `patience`. No evidence is made.
///
/// # Errors
///
/// [`GpuFailure`] if there is no driver, or it does not answer.
pub fn survey(library: impl Into<OsString>, patience: Duration) -> Result<Survey, GpuFailure> {
    let mut nvml = Nvml::new(library);
    let mut worker = Worker::start("jurat-survey", move |()| nvml.with(look))
        .map_err(|error| GpuFailure::Failed(format!("no thread for it: {error}")))?;
    worker.ask((), patience).map_err(|_| {
        GpuFailure::TimedOut(format!("no answer within {} s, or none at all", patience.as_secs_f64()))
    })?
}

fn look(library: &Library) -> Result<Survey, GpuFailure> {
    let mut gpus = Vec::new();
    let mut settings = None;
    for index in 0..count(library)? {
        let device = library
            .device_by_index(index)
            .map_err(|error| GpuFailure::Failed(format!("could not open GPU {index}: {error}")))?;
        gpus.push(SurveyedGpu {
            name: device.name().ok(),
            vbios: device.vbios_version().ok(),
            architecture: device.architecture().ok().and_then(name),
        });
        // The settings are the machine's, whichever device is asked.
        if settings.is_none() {
            settings = Some(read_mode(&device));
        }
    }
    let protected_pcie = matches!(&settings, Some(Ok(settings)) if settings.protected_pcie);
    let gate = |settings: mode::Mode| {
        mode::confidential(&settings).map_err(GpuFailure::NotConfidential).map(|()| settings.to_string())
    };
    Ok(Survey {
        driver: library.sys_driver_version().ok(),
        gpus,
        mode: settings.map(|settings| settings.and_then(gate)),
        protected_pcie,
    })
}

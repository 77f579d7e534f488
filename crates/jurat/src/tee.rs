//! Where evidence comes from.

use jurat_attest::{
    GpuFailure, GpuProvider, Nvml, QuoteFailure, QuoteProvider, ReportFailure, StartError, TimelyGpus,
    WithSwitches, quote_provider,
};

use crate::{
    config::{Config, Gpus as GpuChoice, TeeChoice},
    exit::Failure,
};

/// The two sources of evidence.
pub(crate) struct Tee {
    pub(crate) quotes: Box<dyn QuoteProvider>,
    pub(crate) gpus: Option<Box<dyn GpuProvider>>,
    pub(crate) gpu_count: u32,
}

/// Opens the machine's, or mints a simulated one if that was asked for by name. Nothing falls back.
pub(crate) fn open(config: &Config) -> Result<Tee, Failure> {
    match config.tee {
        TeeChoice::Hardware => hardware(config),
        #[cfg(feature = "simulated-tee")]
        TeeChoice::Simulated => simulated(config),
    }
}

fn hardware(config: &Config) -> Result<Tee, Failure> {
    let quotes = quote_provider(&config.tdx_source)
        .map_err(|error| Failure::unavailable(error).hint(WITHOUT_A_TEE))?;
    let (gpus, gpu_count) = gpus(config)?;
    Ok(Tee { quotes, gpus, gpu_count })
}

type Gpus = Option<Box<dyn GpuProvider>>;

fn gpus(config: &Config) -> Result<(Gpus, u32), Failure> {
    match config.gpus {
        GpuChoice::None => no_gpu(config).map(|()| (None, 0)),
        GpuChoice::Required => nvml(config).map(|(gpus, count)| (Some(gpus), count)),
    }
}

/// The machine's GPUs, and whatever asks the switches between them.
fn nvml(config: &Config) -> Result<(Box<dyn GpuProvider>, u32), Failure> {
    let mut gpus: Box<dyn GpuProvider> = Box::new(driver(config)?);
    if let Some(command) = &config.nvswitch_command {
        gpus = Box::new(WithSwitches::new(gpus, command.clone()));
    }
    let count = gpus.count().map_err(|error| Failure::unavailable(error).hint(WITHOUT_GPUS))?;
    if count == 0 {
        return Err(Failure::unavailable("the GPU driver is there and lists no GPU").hint(WITHOUT_GPUS));
    }
    Ok((gpus, count))
}

/// The claims will say that there is none, so there must be none, whatever its mode.
pub(crate) fn no_gpu(config: &Config) -> Result<(), Failure> {
    match driver(config)?.count() {
        Err(GpuFailure::Unavailable(_)) | Ok(0) => Ok(()),
        Ok(count) => Err(Failure::unavailable(format_args!(
            "this machine has {count} GPUs, and the configuration says `gpus = \"none\"`"
        ))
        .hint("say `gpus = \"required\"`, or give this VM or container no GPU")),
        Err(error) => Err(Failure::unavailable(error).hint("the configuration says `gpus = \"none\"`")),
    }
}

pub(crate) fn driver(config: &Config) -> Result<TimelyGpus, Failure> {
    let nvml = config.nvml_library.as_ref().map_or_else(Nvml::default, Nvml::new);
    TimelyGpus::new(Box::new(nvml), TimelyGpus::PATIENCE).map_err(Failure::unavailable)
}

/// What to do about evidence that was not to be had.
pub(crate) fn hint(error: &StartError) -> &'static str {
    match error {
        StartError::Report(ReportFailure::Gpu(GpuFailure::NotConfidential(why))) => why.hint(),
        StartError::Report(ReportFailure::Quote(QuoteFailure::DebugTd)) => OPEN_TD,
        _ => "`jurat serve` signs nothing that it can't attest",
    }
}

pub(crate) const OPEN_TD: &str =
    "whoever starts this VM leaves the TD attribute DEBUG out: with it the host can read the signing key";
pub(crate) const WITHOUT_GPUS: &str =
    "a machine without GPUs says `gpus = \"none\"` in its configuration file";
const WITHOUT_A_TEE: &str = "jurat signs inside an Intel TDX confidential VM only; to try it on any machine, run \
                             `jurat demo` or `jurat serve --simulated-tee` of a build with the feature simulated-tee";

#[cfg(feature = "simulated-tee")]
fn simulated(config: &Config) -> Result<Tee, Failure> {
    use crate::{exit::say, service::now};
    use jurat_simulated::Blueprint;

    say("************************************************************************");
    say("*  SIMULATED TEE. Its roots' private keys are public: nothing that it   *");
    say("*  attests or signs proves anything, and every policy but `simulated`   *");
    say("*  refuses it.                                                          *");
    say("************************************************************************");
    let mut blueprint = Blueprint::new(now().seconds(), std::num::NonZeroU32::MIN);
    // Nobody can ask them of a sidecar, and every start would wait for their keys.
    blueprint.services = false;
    let tee = blueprint.mint().map_err(Failure::unavailable)?;
    let (gpus, gpu_count) = if config.nvml_library.is_some() {
        // Somebody's stand-in of the driver: the same way in as on hardware.
        gpus(config)?
    } else {
        let mut gpus = tee.gpu_provider();
        let count = gpus.count().map_err(Failure::unavailable)?;
        (Some(Box::new(gpus) as Box<dyn GpuProvider>), count)
    };
    Ok(Tee { quotes: Box::new(tee.quote_provider()), gpus, gpu_count })
}

#[cfg(test)]
mod tests;

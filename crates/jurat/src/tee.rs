//! Where evidence comes from.

use jurat_attest::{DEFAULT_TSM_ROOT, GpuProvider, Nvml, QuoteProvider, quote_provider};

use crate::{
    config::{Config, Gpus, TeeChoice},
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
        TeeChoice::Simulated => simulated(),
    }
}

fn hardware(config: &Config) -> Result<Tee, Failure> {
    let quotes = quote_provider(config.tdx_source, DEFAULT_TSM_ROOT.as_ref())
        .map_err(|error| Failure::unavailable(error).hint(WITHOUT_A_TEE))?;
    let (gpus, gpu_count) = match config.gpus {
        Gpus::None => (None, 0),
        Gpus::Require => {
            let mut nvml = Nvml::default();
            let count = nvml.count().map_err(|error| {
                Failure::unavailable(error)
                    .hint("a machine without GPUs says `gpus = \"none\"` in its configuration file")
            })?;
            (Some(Box::new(nvml) as Box<dyn GpuProvider>), count)
        }
    };
    Ok(Tee { quotes, gpus, gpu_count })
}

const WITHOUT_A_TEE: &str = "jurat signs inside an Intel TDX confidential VM only; to try it on any machine, run \
                             `jurat demo` or `jurat serve --simulated-tee` of a build with the feature simulated-tee";

#[cfg(feature = "simulated-tee")]
fn simulated() -> Result<Tee, Failure> {
    use crate::{exit::say, service::now};
    use jurat_simulated::SimulatedTee;

    say("************************************************************************");
    say("*  SIMULATED TEE. Its roots' private keys are public: nothing that it   *");
    say("*  attests or signs proves anything, and every policy but `simulated`   *");
    say("*  refuses it.                                                          *");
    say("************************************************************************");
    let tee = SimulatedTee::mint(now().seconds(), std::num::NonZeroU32::MIN).map_err(Failure::unavailable)?;
    let mut gpus = tee.gpu_provider();
    let gpu_count = gpus.count().map_err(Failure::unavailable)?;
    Ok(Tee { quotes: Box::new(tee.quote_provider()), gpus: Some(Box::new(gpus)), gpu_count })
}

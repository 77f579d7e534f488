//! The GPUs: which there are, whether their mode is worth anything, and whether they give evidence.

use std::time::Instant;

use jurat_attest::{
    CheckedGpus, GpuFailure, GpuProvider, Nvml, Survey, SurveyedGpu, TimelyGpus, WithSwitches, survey,
};

use super::{Findings, Line};
use crate::{
    config::{Config, Gpus, TeeChoice},
    selfcheck::fresh_nonce,
    tee::{self, WITHOUT_GPUS},
};

const LIST: &str = "gpu.driver";
const MODE: &str = "gpu.mode";
const EVIDENCE: &str = "gpu.evidence";
const SWITCHES: &str = "gpu.switches";

pub(super) fn look(config: &Config, findings: &mut Findings) {
    if config.tee != TeeChoice::Hardware && config.nvml_library.is_none() {
        findings.add(Line::skip(LIST, "a simulated TEE has a simulated GPU"));
        return;
    }
    if config.gpus == Gpus::None {
        findings.add(match tee::no_gpu(config) {
            Ok(()) => Line::pass(LIST, "there is none, as the configuration says"),
            Err(failure) => Line::fail(LIST, failure.message())
                .advise("say gpus = \"required\", or give this VM or container no GPU"),
        });
        return;
    }
    let library = config.nvml_library.as_deref().unwrap_or(Nvml::DEFAULT_LIBRARY);
    let surveyed = match survey(library, TimelyGpus::PATIENCE) {
        Ok(surveyed) if surveyed.gpus.is_empty() => {
            findings.add(Line::fail(LIST, "the driver is there and lists no GPU").advise(WITHOUT_GPUS));
            return;
        }
        Ok(surveyed) => surveyed,
        Err(failure) => {
            findings.add(Line::fail(LIST, failure.to_string()).advise(WITHOUT_GPUS));
            return;
        }
    };
    findings.add(Line::pass(LIST, list(&surveyed)));
    match &surveyed.mode {
        Some(Ok(mode)) => {
            findings.add(Line::pass(MODE, mode.as_str()));
            evidence(config, surveyed.protected_pcie, findings);
        }
        Some(Err(failure)) => {
            findings.add(with_hint(Line::fail(MODE, failure.to_string()), failure));
            findings.add(Line::skip(EVIDENCE, "it would be worth nothing in this mode"));
        }
        None => {}
    }
}

/// All of them in one line, equal ones together.
fn list(surveyed: &Survey) -> String {
    let told = |text: &Option<String>| text.clone().unwrap_or_else(|| "not told".to_owned());
    let describe = |gpu: &SurveyedGpu| {
        let generation = gpu.architecture.map_or("no generation with evidence", |known| known.as_str());
        format!("{} ({generation}, VBIOS {})", told(&gpu.name), told(&gpu.vbios))
    };
    let mut kinds: Vec<(String, usize)> = Vec::new();
    for kind in surveyed.gpus.iter().map(describe) {
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind, 1)),
        }
    }
    let kinds = kinds.iter().map(|(kind, count)| format!("{count} x {kind}")).collect::<Vec<_>>().join(", ");
    format!("driver {}, {kinds}", told(&surveyed.driver))
}

fn with_hint(line: Line, failure: &GpuFailure) -> Line {
    match failure {
        GpuFailure::NotConfidential(why) => line.advise(why.hint()),
        GpuFailure::Switches(_) => line.advise("run nvswitch_command by hand, with 64 zeroes for the nonce"),
        _ => line.advise("look for Xid errors in the kernel's log; restart the driver or the VM"),
    }
}

fn evidence(config: &Config, protected_pcie: bool, findings: &mut Findings) {
    let (driver, nonce) = match (tee::driver(config), fresh_nonce()) {
        (Ok(driver), Ok(nonce)) => (driver, nonce),
        (Err(failure), _) | (_, Err(failure)) => {
            findings.add(Line::fail(EVIDENCE, failure.message()));
            return;
        }
    };
    let provider: Box<dyn GpuProvider> = match &config.nvswitch_command {
        Some(command) => Box::new(WithSwitches::new(Box::new(driver), command.clone())),
        None => Box::new(driver),
    };
    let mut gpus = CheckedGpus::new(provider);
    let begun = Instant::now();
    findings.add(match gpus.evidence(&nonce) {
        Ok(all) => Line::pass(
            EVIDENCE,
            format!("of {} over a random nonce, in {:.1} s", all.len(), begun.elapsed().as_secs_f64()),
        ),
        Err(failure) => with_hint(Line::fail(EVIDENCE, failure.to_string()), &failure),
    });
    findings.add(match gpus.switches(&nonce) {
        Ok(Some(switches)) => Line::pass(SWITCHES, format!("of {} over the same nonce", switches.len())),
        Ok(None) if protected_pcie => {
            Line::skip(SWITCHES, "NVLink is plain in this mode, and nobody attests its switches").advise(
                "configure nvswitch_command (docs/operate.md), or live with the limit that verdicts name",
            )
        }
        Ok(None) => Line::skip(SWITCHES, "no nvswitch_command is configured, and this mode needs none"),
        Err(failure) => with_hint(Line::fail(SWITCHES, failure.to_string()), &failure),
    });
}

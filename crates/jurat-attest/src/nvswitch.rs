//! Evidence from the NVSwitches between GPUs, through a command: NVML does not reach them.
//!
//! On machines of eight Hopper GPUs in protected-PCIe mode traffic over NVLink is plain, so the switches are part of
//! what must be trusted. NVIDIA's own tool asks them: `nvattest collect-evidence --device nvswitch --nonce {nonce}`.

mod child;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jurat_proto::Nonce;
use serde::Deserialize;

use crate::{GpuEvidence, GpuFailure, GpuProvider, SwitchEvidence, shape};

/// Far more than the four switches of any machine of today have to say.
const LONGEST_OUTPUT: usize = 1 << 20;
const LONGEST_CHAIN: usize = 0x4000;
const LONGEST_REPORT: usize = 0x4000;
/// NVIDIA's name for the one generation of switches that has evidence.
pub(crate) const ARCHITECTURE: &str = "LS10";

/// A command that writes the evidence of every switch to its standard output, as JSON:
/// `{"evidences":[{"certificate":"<base64 of PEM>","evidence":"<base64 of SPDM>","arch":"LS10"}]}`; further members
/// are ignored, but for a `result_code` other than 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchCommand {
    program: String,
    arguments: Vec<String>,
    patience: Duration,
}

/// A command line that asks no switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadSwitchCommand {
    /// It has no program.
    #[error("the command is empty")]
    Empty,
    /// Its evidence would be of no particular moment.
    #[error("the command has no {{nonce}}, so its evidence could not be fresh")]
    NoNonce,
}

impl SwitchCommand {
    /// What stands for the nonce in the arguments.
    pub const NONCE: &'static str = "{nonce}";
    /// How long the command may take.
    pub const PATIENCE: Duration = Duration::from_secs(20);

    /// The program and its arguments, in which [`Self::NONCE`] stands for 64 hexadecimal digits. No shell is between.
    ///
    /// # Errors
    ///
    /// If there is no program, or no argument has the nonce.
    pub fn new(line: &[String], patience: Duration) -> Result<Self, BadSwitchCommand> {
        let (program, arguments) = line.split_first().ok_or(BadSwitchCommand::Empty)?;
        if !arguments.iter().any(|argument| argument.contains(Self::NONCE)) {
            return Err(BadSwitchCommand::NoNonce);
        }
        Ok(Self { program: program.clone(), arguments: arguments.to_vec(), patience })
    }

    fn evidence(&self, nonce: &Nonce) -> Result<Vec<SwitchEvidence>, String> {
        let nonce_text = nonce.to_string();
        let arguments = self.arguments.iter().map(|argument| argument.replace(Self::NONCE, &nonce_text));
        let output = child::run(&self.program, arguments, self.patience, LONGEST_OUTPUT)
            .map_err(|error| format!("{}: {error}", self.program))?;
        read(&output, nonce).map_err(|what| format!("{}: {what}", self.program))
    }
}

#[derive(Deserialize)]
struct Output {
    #[serde(default)]
    result_code: i64,
    #[serde(default)]
    evidences: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    certificate: String,
    evidence: String,
    arch: Option<String>,
}

fn read(output: &[u8], nonce: &Nonce) -> Result<Vec<SwitchEvidence>, String> {
    let output: Output =
        serde_json::from_slice(output).map_err(|error| format!("its output is not legible: {error}"))?;
    if output.result_code != 0 {
        return Err(format!("its result code is {}", output.result_code));
    }
    let read = |entry: &Entry| {
        if let Some(other) = entry.arch.as_deref().filter(|arch| *arch != ARCHITECTURE) {
            return Err(format!("it is {other:.16}, not {ARCHITECTURE}"));
        }
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| "it is not base64".to_owned());
        Ok(SwitchEvidence {
            certificate_chain: shape::chain(&decode(&entry.certificate)?, LONGEST_CHAIN)?,
            report: shape::report(decode(&entry.evidence)?, nonce, LONGEST_REPORT)?,
        })
    };
    let numbered = output.evidences.iter().enumerate();
    numbered.map(|(index, entry)| read(entry).map_err(|what| format!("switch {index}: {what}"))).collect()
}

/// A GPU provider, and beside it the command that asks the switches.
pub struct WithSwitches {
    gpus: Box<dyn GpuProvider>,
    command: SwitchCommand,
}

impl WithSwitches {
    /// `gpus` with `command` for the switches. From then on a report without evidence from them fails.
    pub fn new(gpus: Box<dyn GpuProvider>, command: SwitchCommand) -> Self {
        Self { gpus, command }
    }
}

impl GpuProvider for WithSwitches {
    fn name(&self) -> &'static str {
        self.gpus.name()
    }

    fn count(&mut self) -> Result<u32, GpuFailure> {
        self.gpus.count()
    }

    fn evidence(&mut self, nonce: &Nonce) -> Result<Vec<GpuEvidence>, GpuFailure> {
        self.gpus.evidence(nonce)
    }

    fn switches(&mut self, nonce: &Nonce) -> Result<Option<Vec<SwitchEvidence>>, GpuFailure> {
        self.command.evidence(nonce).map(Some).map_err(GpuFailure::Switches)
    }
}

#[cfg(test)]
mod tests;

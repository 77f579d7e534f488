//! Whether a machine's GPUs are in a mode whose evidence is worth anything.

use std::fmt;

use crate::NotConfidential;

/// The machine's settings as the driver tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mode {
    /// The confidential-computing feature is on.
    pub(super) confidential: bool,
    /// The environment that it runs in.
    pub(super) production: Production,
    /// Several Hopper GPUs with protected PCIe: there the feature itself may read as off.
    pub(super) protected_pcie: bool,
    /// Profilers and debuggers may look into the GPU.
    pub(super) developer_tools: bool,
}

/// Whether the environment is NVIDIA's production one, as opposed to a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Production {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// The feature is off, or the GPUs take no work yet and the wrapper does not tell before they do.
    Unknown,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = |on| if on { "on" } else { "off" };
        let environment = match self.production {
            Production::Yes => "production, ready for work",
            Production::No => "no production environment",
            Production::Unknown => "environment not told",
        };
        write!(
            f,
            "confidential computing {}, {environment}, protected PCIe {}, developer tools {}",
            on(self.confidential),
            on(self.protected_pcie),
            on(self.developer_tools)
        )
    }
}

/// NVIDIA's own rule: the feature on in the production environment, or protected PCIe; and no developer tools.
pub(super) fn confidential(mode: &Mode) -> Result<(), NotConfidential> {
    match mode {
        Mode { developer_tools: true, .. } => Err(NotConfidential::DeveloperTools),
        Mode { protected_pcie: true, .. } => Ok(()),
        Mode { confidential: false, .. } => Err(NotConfidential::Off),
        Mode { production: Production::Yes, .. } => Ok(()),
        Mode { production: Production::No, .. } => Err(NotConfidential::SimulatedEnvironment),
        Mode { production: Production::Unknown, .. } => Err(NotConfidential::NotReady),
    }
}

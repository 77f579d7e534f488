//! Reference values: what the TD of the software that a relying party accepts measures to.

use jurat_proto::Digest;
use serde::{Deserialize, Serialize};

use super::{
    PolicyError,
    hex::{Flags, Register},
};

/// One set of reference values. What it leaves out may be anything; what it pins must be equal.
///
/// It must pin MRTD and RTMR0 to RTMR2, the firmware, its configuration, the kernel and its command line: without them
/// nobody knows which code measured the rest, and any code could.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ReferenceSet {
    /// Printed when it matches, and when it is the nearest of those that don't.
    pub name: String,
    /// The TD as it was built: the virtual firmware.
    #[serde(default, with = "jurat_proto::text::optional", skip_serializing_if = "Option::is_none")]
    pub mrtd: Option<Register>,
    /// By convention, the firmware's configuration.
    #[serde(default, with = "jurat_proto::text::optional", skip_serializing_if = "Option::is_none")]
    pub rtmr0: Option<Register>,
    /// The boot loader and the kernel.
    #[serde(default, with = "jurat_proto::text::optional", skip_serializing_if = "Option::is_none")]
    pub rtmr1: Option<Register>,
    /// The kernel's command line and the initial file system.
    #[serde(default, with = "jurat_proto::text::optional", skip_serializing_if = "Option::is_none")]
    pub rtmr2: Option<Register>,
    /// What the running system measured, on dstack the application and the instance.
    #[serde(default, with = "jurat_proto::text::optional", skip_serializing_if = "Option::is_none")]
    pub rtmr3: Option<Register>,
    /// The TDX module. Intel updates it; its security version is judged by `tdx.tcb`.
    #[serde(default, with = "jurat_proto::text::optional", skip_serializing_if = "Option::is_none")]
    pub mrseam: Option<Register>,
    /// The TDX module's signer: zero is Intel.
    #[serde(default, with = "jurat_proto::text::optional", skip_serializing_if = "Option::is_none")]
    pub mrsignerseam: Option<Register>,
    /// What the host named at launch. The host chooses it; it counts where measured code compares with it.
    #[serde(default, with = "jurat_proto::text::optional", skip_serializing_if = "Option::is_none")]
    pub mrconfigid: Option<Register>,
    /// The owner that the host named at launch.
    #[serde(default, with = "jurat_proto::text::optional", skip_serializing_if = "Option::is_none")]
    pub mrowner: Option<Register>,
    /// The owner's configuration that the host named at launch.
    #[serde(default, with = "jurat_proto::text::optional", skip_serializing_if = "Option::is_none")]
    pub mrownerconfig: Option<Register>,
    /// `TDATTRIBUTES`.
    #[serde(default, with = "jurat_proto::text::optional", skip_serializing_if = "Option::is_none")]
    pub td_attributes: Option<Flags>,
    /// `XFAM`: the processor extensions that the TD may use.
    #[serde(default, with = "jurat_proto::text::optional", skip_serializing_if = "Option::is_none")]
    pub xfam: Option<Flags>,
    /// SHA-256 of the dstack application's compose file, as `tdx.compose` establishes it.
    #[serde(default, with = "jurat_proto::text::optional", skip_serializing_if = "Option::is_none")]
    pub compose_hash: Option<Digest>,
}

impl ReferenceSet {
    /// A set that pins nothing yet; it must be filled before a policy takes it.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Of a set that pins everything a report showed, the members that tell the software apart: MRTD, RTMR0 to RTMR2,
    /// and the compose hash, or without one RTMR3. The others change with the machine or belong to the host.
    pub fn telling(&self, name: &str) -> Self {
        Self {
            mrtd: self.mrtd,
            rtmr0: self.rtmr0,
            rtmr1: self.rtmr1,
            rtmr2: self.rtmr2,
            rtmr3: self.rtmr3.filter(|_| self.compose_hash.is_none()),
            compose_hash: self.compose_hash,
            ..Self::named(name)
        }
    }

    /// Its members by their names in the TOML form.
    pub(crate) fn members(&self) -> [(&'static str, Option<&[u8]>); 13] {
        fn of<const N: usize>(value: &Option<super::hex::Hex<N>>) -> Option<&[u8]> {
            value.as_ref().map(|value| &value.as_bytes()[..])
        }
        [
            ("mrtd", of(&self.mrtd)),
            ("rtmr0", of(&self.rtmr0)),
            ("rtmr1", of(&self.rtmr1)),
            ("rtmr2", of(&self.rtmr2)),
            ("rtmr3", of(&self.rtmr3)),
            ("compose_hash", self.compose_hash.as_ref().map(|hash| &hash.as_bytes()[..])),
            ("mrconfigid", of(&self.mrconfigid)),
            ("mrowner", of(&self.mrowner)),
            ("mrownerconfig", of(&self.mrownerconfig)),
            ("td_attributes", of(&self.td_attributes)),
            ("xfam", of(&self.xfam)),
            ("mrseam", of(&self.mrseam)),
            ("mrsignerseam", of(&self.mrsignerseam)),
        ]
    }

    /// Names of the members that it pins.
    pub(crate) fn pinned(&self) -> impl Iterator<Item = &'static str> {
        self.members().into_iter().filter_map(|(name, value)| value.map(|_| name))
    }

    /// The members that it pins and that are otherwise in `measured`, the set of what a quote says.
    pub(crate) fn differences<'a>(&'a self, measured: &'a Self) -> Vec<Difference<'a>> {
        let pairs = self.members().into_iter().zip(measured.members());
        let differing = pairs.filter_map(|((member, wanted), (_, found))| {
            let wanted = wanted?;
            (found != Some(wanted)).then_some(Difference { member, wanted, found })
        });
        differing.collect()
    }

    pub(super) fn sound(&self) -> Result<(), PolicyError> {
        if self.name.trim().is_empty() {
            return Err(PolicyError::Empty("reference set's name"));
        }
        let least = ["mrtd", "rtmr0", "rtmr1", "rtmr2"];
        let lacks = least.into_iter().find(|least| !self.pinned().any(|pinned| pinned == *least));
        match lacks {
            Some(lacks) => Err(PolicyError::Underpinned { set: self.name.clone(), lacks }),
            None => Ok(()),
        }
    }
}

/// A member of a reference set that a quote does not have.
pub(crate) struct Difference<'a> {
    member: &'static str,
    wanted: &'a [u8],
    found: Option<&'a [u8]>,
}

impl std::fmt::Display for Difference<'_> {
    /// Four bytes of each, from where they begin to differ.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const SHOWN: usize = 4;
        let Some(found) = self.found else {
            return write!(f, "{} is not established here, wanted {}…", self.member, short(self.wanted, 0));
        };
        let same = self.wanted.iter().zip(found).take_while(|(wanted, found)| wanted == found).count();
        let from = if same < SHOWN { 0 } else { same };
        let (found, wanted) = (short(found, from), short(self.wanted, from));
        match from {
            0 => write!(f, "{} is {found}…, wanted {wanted}…", self.member),
            _ => write!(f, "{} is …{found}…, wanted …{wanted}… (from byte {from})", self.member),
        }
    }
}

fn short(bytes: &[u8], from: usize) -> String {
    bytes.iter().skip(from).take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// A file of reference values: sets alone, for policies of several relying parties to take in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ReferenceValues {
    /// The sets. A TD must match one of them wholly.
    pub measurements: Vec<ReferenceSet>,
}

impl ReferenceValues {
    /// A file of one set.
    pub fn of(set: ReferenceSet) -> Self {
        Self { measurements: vec![set] }
    }

    /// Reads the TOML form.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let values: Self =
            toml::from_str(text).map_err(|error| PolicyError::References(error.to_string()))?;
        if values.measurements.is_empty() {
            return Err(PolicyError::Empty("reference set"));
        }
        values.measurements.iter().try_for_each(ReferenceSet::sound)?;
        Ok(values)
    }

    /// The TOML form.
    pub fn to_toml(&self) -> String {
        // invariant: a list of structs of strings has a TOML form
        #[allow(clippy::expect_used)]
        toml::to_string(self).expect("reference values are plain data")
    }
}

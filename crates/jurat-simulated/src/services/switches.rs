//! The switches between GPUs in protected-PCIe mode, LS10 by name: four of them, each linked to every GPU.

use rand_core::TryCryptoRng;

use jurat_proto::{Nonce, sha256};

use crate::{
    MintError,
    pki::nvidia::{GpuIdentity, NvidiaPki},
    spdm::{member, report},
};

const BLOCKS: u8 = 31;
/// Links of a GPU, each to one of four switches.
const LINKS: usize = 18;

/// What is said of the switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Switches {
    /// What is so.
    Attested,
    /// One says nothing.
    OneMissing,
    /// One speaks twice, in another's place.
    OneTwice,
    /// They speak of one GPU more than there are.
    OtherGpus,
    /// They sign another nonce than they are asked to.
    OtherNonce,
}

/// Certificates and report of one switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchEvidence {
    /// PEM, leaf first.
    pub certificate_chain: Vec<u8>,
    /// SPDM request and signed response.
    pub report: Vec<u8>,
}

/// Four switches, and who they lead to.
pub(crate) struct Fabric {
    switches: Vec<(GpuIdentity, [u8; 8])>,
    gpus: usize,
}

impl Fabric {
    pub(crate) fn mint<R: TryCryptoRng + ?Sized>(
        pki: &NvidiaPki,
        gpus: usize,
        rng: &mut R,
    ) -> Result<Self, MintError> {
        let switches = (0..4).map(|_| pki.switch(rng)).collect::<Result<_, _>>()?;
        Ok(Self { switches, gpus })
    }

    /// What a GPU says of its links: the switches' numbers, backwards, and two links that are not connected.
    pub(crate) fn links(&self) -> Vec<u8> {
        let numbers = self.switches.iter().map(|(_, pdi)| {
            let mut backwards = *pdi;
            backwards.reverse();
            backwards
        });
        let connected = numbers.cycle().take(LINKS - 2);
        connected.chain([[0; 8]; 2]).flatten().collect()
    }

    pub(crate) fn evidence(&self, nonce: &Nonce, form: Switches) -> Result<Vec<SwitchEvidence>, MintError> {
        let mut all = Vec::new();
        for (identity, pdi) in &self.switches {
            let nonce = if form == Switches::OtherNonce { Nonce::new([0x0e; 32]) } else { *nonce };
            let gpus = if form == Switches::OtherGpus { self.gpus + 1 } else { self.gpus };
            all.push(SwitchEvidence {
                certificate_chain: identity.chain.clone().into_bytes(),
                report: report(
                    &identity.key,
                    &nonce,
                    sha256(nonce.as_bytes()).as_bytes(),
                    BLOCKS,
                    &opaque(pdi, gpus),
                )?,
            });
        }
        match form {
            Switches::OneMissing => all.truncate(3),
            Switches::OneTwice => {
                all.truncate(3);
                all.extend(all.first().cloned());
            }
            _ => (),
        }
        Ok(all)
    }
}

fn opaque(pdi: &[u8; 8], gpus: usize) -> Vec<u8> {
    // eight GPUs, zeroes where there are fewer; then which port leads where, which is left open
    let mut behind = [0u8; 128];
    for (at, number) in behind.chunks_exact_mut(8).take(gpus.min(8)).enumerate() {
        for (to, from) in number.iter_mut().zip(sha256(&at.to_be_bytes()).as_bytes()) {
            *to = *from;
        }
    }
    behind.iter_mut().skip(64).for_each(|port| *port = 0xff);
    let mut out = Vec::new();
    for (tag, value) in [(6u16, &b"EE.EE.EE.EE.EE"[..]), (22, pdi), (26, &behind)] {
        member(&mut out, tag, value);
    }
    out
}

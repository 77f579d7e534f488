//! The certificates above a GPU's report. The quote commits to them too.

use jurat_proto::UnixSeconds;
use jurat_simulated::{GpuChain as Deviation, Roots};
use jurat_verify::CheckId::GpuChain;

use super::{Case, Edit, evidence, machine, refuse};
use crate::{
    bases::Name,
    pem,
    scene::{self, Machine, NOW, Setting},
};

fn chain(edit: impl Fn(&mut Vec<Vec<u8>>) + 'static) -> Edit {
    evidence(move |gpus, _| {
        let mut chain = pem::certificates(&gpus[0].certificates);
        edit(&mut chain);
        gpus[0].certificates = pem::text(&chain);
    })
}

fn text(edit: impl Fn(&mut String) + 'static) -> Edit {
    evidence(move |gpus, _| edit(&mut gpus[0].certificates))
}

/// `ecdsa-with-SHA384`; its last byte 2 would be SHA-256.
const ECDSA_WITH_SHA384: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];

fn impostors(machine: &Machine) -> Vec<scene::Gpu> {
    let other = Setting { seed: 3, ..Name::OneGpu.setting() }.machine(|m| m.roots = Roots::Fresh);
    scene::evidence(&Machine { gpu_nonce: machine.gpu_nonce, ..other })
}

pub(super) fn cases() -> Vec<Case> {
    let refused =
        |name: &str, about: &str, edit: Edit| refuse(GpuChain, &format!("chain-{name}"), about, edit);
    let all = vec![
        refused(
            "root",
            "the root is an impostor of the same name",
            evidence(|gpus, machine| *gpus = impostors(machine)),
        ),
        refused(
            "root-swapped",
            "the root is exchanged for an impostor of the same name",
            evidence(|gpus, machine| {
                let mut chain = pem::certificates(&gpus[0].certificates);
                chain[4] = pem::certificates(&impostors(machine)[0].certificates)[4].clone();
                gpus[0].certificates = pem::text(&chain);
            }),
        ),
        refused(
            "expired",
            "every certificate below the root ended a second ago",
            machine(|m| m.gpus_valid_until = Some(UnixSeconds(NOW.0 - 1))),
        ),
        refused(
            "no-issuer",
            "the boot ROM's certificate is no issuer's",
            machine(|m| m.gpu_chain = Deviation::NoIssuer),
        ),
        refused(
            "path-length",
            "an issuer allows no issuer below it, and there are two",
            machine(|m| m.gpu_chain = Deviation::PathLength),
        ),
        refused(
            "no-signer",
            "the leaf may issue certificates and sign no reports",
            machine(|m| m.gpu_chain = Deviation::NoSigner),
        ),
        refused(
            "critical",
            "the leaf has a critical extension that nobody knows",
            machine(|m| m.gpu_chain = Deviation::UnknownExtension),
        ),
        refused(
            "without-intermediate",
            "an issuer in the middle is missing",
            chain(|chain| drop(chain.remove(2))),
        ),
        refused("without-root", "the root is missing", chain(|chain| drop(chain.pop()))),
        refused(
            "without-leaf",
            "the leaf is missing: an issuer would have signed the report",
            chain(|chain| drop(chain.remove(0))),
        ),
        refused("leaf-alone", "the leaf stands alone", chain(|chain| chain.truncate(1))),
        refused(
            "leaf-twice",
            "the leaf stands in its issuer's place too",
            chain(|chain| chain.insert(0, chain[0].clone())),
        ),
        refused("reversed", "the root comes first", chain(|chain| chain.reverse())),
        refused("too-long", "there are nine certificates", chain(|chain| chain.resize(9, chain[4].clone()))),
        refused("none", "there are no certificates", text(String::clear)),
        refused(
            "text",
            "there is text before the first certificate",
            text(|pem| pem.insert_str(0, "certificates:\n")),
        ),
        refused(
            "algorithm",
            "the leaf calls its signature one over SHA-256",
            chain(|chain| {
                let leaf = &mut chain[0];
                while let Some(at) = leaf.windows(10).position(|bytes| bytes == ECDSA_WITH_SHA384) {
                    leaf[at + 9] = 2;
                }
            }),
        ),
        refused(
            "leaf-signature",
            "one bit of the leaf's signature is flipped",
            evidence(|gpus, _| {
                pem::edit(&mut gpus[0].certificates, 0, |leaf| {
                    let last = leaf.len() - 1;
                    leaf[last] ^= 1;
                });
            }),
        ),
        refused(
            "leaf-edited",
            "the leaf's serial number is another",
            evidence(|gpus, _| {
                // in the middle of the sixteen bytes: SEQUENCE, SEQUENCE, version, then the serial number
                pem::edit(&mut gpus[0].certificates, 0, |leaf| leaf[20] ^= 1);
            }),
        ),
        refused("der", "a certificate is cut short", chain(|chain| chain[1].truncate(300))),
    ];
    // under dstack-v1 the quote need not be made anew for every edit
    all.into_iter().map(|case| case.on(Name::DstackV1)).collect()
}

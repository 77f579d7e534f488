//! The switches between GPUs in protected-PCIe mode. The quote commits to their evidence too.

use jurat_simulated::Switches;
use jurat_verify::CheckId::GpuMode;

use super::{Case, Edit, refuse};
use crate::{
    bases::Name,
    scene::{Gpu, Machine, fabric},
};

fn switches(edit: impl Fn(&mut Vec<Gpu>, &Machine) + 'static) -> Edit {
    Edit::Switches(Box::new(edit))
}

fn said(form: Switches) -> Edit {
    switches(move |switches, machine| *switches = fabric(machine, form))
}

pub(super) fn cases() -> Vec<Case> {
    let refused = |name: &str, about: &str, edit: Edit| {
        refuse(GpuMode, &format!("switches-{name}"), about, edit).on(Name::ProtectedPcie)
    };
    vec![
        refused("missing", "one of four switches is missing", said(Switches::OneMissing)),
        refused("twice", "one switch stands in another's place", said(Switches::OneTwice)),
        refused(
            "other-gpus",
            "the switches lead to one GPU more than there is evidence of",
            said(Switches::OtherGpus),
        ),
        refused("nonce", "the switches sign another nonce", said(Switches::OtherNonce)),
        refused(
            "signature",
            "one bit of a switch's signature is flipped",
            switches(|switches, _| {
                let last = switches[2].report.len() - 1;
                switches[2].report[last] ^= 1;
            }),
        ),
        refused(
            "gpu",
            "a GPU's evidence stands for a switch's",
            switches(|switches, machine| {
                switches[0] = crate::scene::evidence(machine)[0].clone();
            }),
        ),
    ]
}

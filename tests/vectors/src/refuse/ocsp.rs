//! What NVIDIA's responder says about the GPUs' certificates.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jurat_simulated::{Ocsp, Rims};
use jurat_verify::CheckId::GpuRevocation;

use super::{Case, Edit, inputs, refuse, undecided};
use crate::{
    bases::Name,
    scene::{self, Setting},
};

fn answered(ocsp: Ocsp) -> Edit {
    inputs(move |inputs, machine| scene::nvidia(machine, inputs, Rims::Fitting, ocsp))
}

/// An edit of the response about a certificate above the GPUs' own.
fn edited(edit: impl Fn(&mut Vec<u8>) + 'static) -> Edit {
    inputs(move |inputs, _| {
        // what is said of leafs is a bare refusal
        let said = inputs.ocsp.iter_mut().find(|response| response.len() > 100).expect("somebody answered");
        let mut response = STANDARD.decode(&said).expect("base64");
        edit(&mut response);
        *said = STANDARD.encode(response);
    })
}

fn refused(name: &str, about: &str, edit: Edit) -> Case {
    refuse(GpuRevocation, &format!("ocsp-{name}"), about, edit)
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        undecided(GpuRevocation, "ocsp-none", "nobody was asked", inputs(|inputs, _| inputs.ocsp.clear())),
        refused("revoked", "the provisioner's certificate is revoked", answered(Ocsp::Revoked)),
        refused("hold", "the provisioner's certificate is on hold", answered(Ocsp::Hold)),
        refused(
            "unknown",
            "the responder does not know the provisioner's certificate",
            answered(Ocsp::Unknown),
        ),
        refused("stale", "the responses are no longer valid", answered(Ocsp::Stale)),
        refused(
            "responder-other",
            "the responder was certified by an impostor",
            answered(Ocsp::OtherResponder),
        ),
        refused(
            "responder-unfit",
            "the responder was certified for something else",
            answered(Ocsp::NotAResponder),
        ),
        refused("many", "a response speaks of nine certificates", answered(Ocsp::Many)),
        undecided(
            GpuRevocation,
            "ocsp-unauthorized",
            "the responder declines to answer",
            answered(Ocsp::Unauthorized),
        ),
        undecided(
            GpuRevocation,
            "ocsp-other-machine",
            "the responses are about another machine's certificates",
            inputs(|inputs, _| {
                let other = Setting { seed: 2, ..Name::OneGpu.setting() }.machine(|_| ());
                let rims = std::mem::take(&mut inputs.rims);
                scene::nvidia(&other, inputs, Rims::Fitting, Ocsp::Good);
                inputs.rims = rims;
            }),
        ),
        refused(
            "edited",
            "a response is said to be a day younger",
            edited(|response| {
                let at = response.windows(8).position(|bytes| bytes == b"20260920").expect("a date");
                response[at + 7] = b'1';
            }),
        ),
        refused(
            "signature",
            "the last bit of a response's certificate is flipped",
            edited(|response| {
                let at = response.len() - 1;
                response[at] ^= 1;
            }),
        ),
        refused("cut", "a response is cut short", edited(|response| response.truncate(100))),
        refused("empty", "a response has no bytes", edited(Vec::clear)),
    ]
}

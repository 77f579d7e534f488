//! What NVIDIA's attestation service says of the same evidence.

use jurat_simulated::Nras;
use jurat_verify::CheckId::GpuNras;

use super::{Case, Edit, inputs, refuse, undecided};
use crate::{bases::Name, format, scene};

fn answered(nras: Nras) -> Edit {
    inputs(move |inputs, machine| scene::nras(machine, inputs, nras))
}

fn edited(edit: impl Fn(&mut format::Nras) + 'static) -> Edit {
    inputs(move |inputs, _| edit(inputs.nras.as_mut().expect("NVIDIA answered")))
}

fn refused(name: &str, about: &str, edit: Edit) -> Case {
    refuse(GpuNras, &format!("nras-{name}"), about, edit)
}

/// Another character of base64url in a place of a token.
fn other(text: &mut String, at: usize) {
    let digit = if text[at..].starts_with('A') { "B" } else { "A" };
    text.replace_range(at..=at, digit);
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        undecided(GpuNras, "nras-none", "NVIDIA was not asked", inputs(|inputs, _| inputs.nras = None)),
        refused("nonce-mismatch", "NVIDIA refuses the evidence for its nonce", answered(Nras::NonceMismatch)),
        refused(
            "measurements",
            "NVIDIA's overall result is false, for a measurement",
            answered(Nras::OtherMeasurements),
        ),
        refused(
            "contradictory",
            "NVIDIA's overall result is true, and a GPU's own claims are not",
            answered(Nras::Contradictory),
        ),
        refused("nonce-other", "NVIDIA's verdict is over another nonce", answered(Nras::OtherNonce)),
        refused("driver-other", "NVIDIA's verdict is about another driver", answered(Nras::OtherDriver)),
        refused("one-missing", "NVIDIA's verdict is about one GPU less", answered(Nras::OneMissing))
            .on(Name::TwoGpus),
        refused(
            "key-other",
            "the tokens are signed with a key that the key set does not have",
            answered(Nras::OtherKey),
        ),
        refused("unsigned", "the tokens are not signed: their algorithm is none", answered(Nras::Unsigned)),
        refused("expired", "the tokens have expired", answered(Nras::Expired)),
        refused("keys-uncertified", "nobody has certified the keys", answered(Nras::UncertifiedKeys)),
        undecided(
            GpuNras,
            "nras-root-other",
            "the keys are certified by somebody who is not pinned",
            inputs(|inputs, _| {
                let impostor = scene::Setting { seed: 3, ..Name::OneGpu.setting() };
                let impostor = impostor.machine(|m| m.roots = jurat_simulated::Roots::Fresh);
                scene::nras(&impostor, inputs, Nras::Holds);
            }),
        ),
        refused(
            "digest",
            "the token of the GPU is not the one that the overall token names",
            edited(|nras| {
                let at = nras.answer.rfind('.').expect("a token") + 5;
                other(&mut nras.answer, at);
            }),
        ),
        refused(
            "signature",
            "the signature of the overall token is another",
            edited(|nras| {
                let at =
                    nras.answer.find("\",{").or(nras.answer.find("\"],{")).expect("the overall token ends")
                        - 40;
                other(&mut nras.answer, at);
            }),
        ),
        refused(
            "claims",
            "the claims of the overall token are edited",
            edited(|nras| {
                let at = nras.answer.find('.').expect("a token") + 20;
                other(&mut nras.answer, at);
            }),
        ),
        refused("text", "NVIDIA's answer is no detached EAT", edited(|nras| nras.answer = "{}".into())),
        refused("keys-none", "the key set is empty", edited(|nras| nras.jwks = "{\"keys\":[]}".into())),
        refused("keys-text", "the key set is no JSON", edited(|nras| nras.jwks = "[".into())),
        refused(
            "other-machine",
            "NVIDIA's verdict is about another machine's GPU",
            inputs(|inputs, machine| {
                let other = scene::Setting { seed: 2, ..Name::OneGpu.setting() }.machine(|_| ());
                let strangers = scene::Machine { gpu_nonce: machine.gpu_nonce, tee: other.tee };
                let payload = scene::payload(&machine.gpu_nonce, &scene::evidence(&strangers));
                let exchange = machine.tee.nras(&payload, Nras::Holds, scene::NOW).expect("evidence");
                inputs.nras = Some(format::Nras { answer: exchange.answer, jwks: exchange.jwks });
            }),
        ),
    ]
}

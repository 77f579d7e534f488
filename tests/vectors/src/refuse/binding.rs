//! What ties quote, signer, nonce, claims and GPU evidence to each other.

use jurat_proto::{Layout, Nonce, report_data};
use jurat_simulated::{Nras, Ocsp, Rims};
use jurat_verify::CheckId::{BindAddress, BindClaims, BindGpu, BindNonce, BindTls, GpuMode, GpuNonce};

use super::{Case, Edit, data, inputs, refuse, report, undecided};
use crate::{
    bases::Name,
    scene::{Machine, Setting, key, nras, nvidia, signer, swap},
};

fn member(name: &'static str, value: impl Into<serde_json::Value>) -> Edit {
    let value = value.into();
    report(move |report| drop(report.insert(name.into(), value.clone())))
}

fn without(name: &'static str) -> Edit {
    report(move |report| drop(report.remove(name)))
}

/// A text member with one part replaced.
fn edited(name: &'static str, from: &'static str, to: &'static str) -> Edit {
    report(move |report| {
        let mut text = report[name].as_str().expect("a text").to_owned();
        swap(&mut text, from, to);
        report.insert(name.into(), text.into());
    })
}

/// Anyone may ask for a quote of `dstack-v1`, and chooses its trailing half: here the commitment of `jurat-v1` to
/// evidence and claims of his own making.
fn forged() -> Edit {
    data(|data| {
        let commitment = Nonce::new(*data[32..].first_chunk().expect("32 bytes"));
        *data = *report_data(&signer().address(), &commitment, Layout::DstackV1).as_bytes();
    })
}

fn policy(from: &'static str, to: &'static str) -> Edit {
    inputs(move |inputs, _| swap(&mut inputs.policy, from, to))
}

fn own_nonce(nonce: Option<Nonce>) -> Edit {
    inputs(move |inputs, _| inputs.nonce = nonce.map(|nonce| nonce.to_string()))
}

pub(super) fn cases() -> Vec<Case> {
    let other = key(0x22);
    vec![
        refuse(
            BindAddress,
            "address-other",
            "the report names another signer's address",
            member("signing_address", other.address().to_string()),
        ),
        refuse(
            BindAddress,
            "address-text",
            "signing_address is no address",
            member("signing_address", "0x11"),
        ),
        refuse(BindAddress, "address-none", "the report names no signer", without("signing_address")),
        refuse(
            BindAddress,
            "key-other",
            "the public key is another signer's",
            member("signing_public_key", other.to_string()),
        ),
        refuse(
            BindAddress,
            "key-text",
            "signing_public_key is no point",
            member("signing_public_key", "00".repeat(64)),
        ),
        refuse(BindAddress, "key-none", "the report names no public key", without("signing_public_key")),
        refuse(
            BindAddress,
            "signer-other",
            "address and key are another signer's",
            member("signing_address", other.address().to_string()),
        )
        .and(member("signing_public_key", other.to_string())),
        refuse(
            BindAddress,
            "algorithm",
            "the signer's algorithm is ed25519",
            member("signing_algo", "ed25519"),
        ),
        refuse(
            BindAddress,
            "binding-misnamed",
            "a jurat-v1 report calls its binding dstack-v1",
            member("binding", "dstack-v1"),
        ),
        refuse(
            BindAddress,
            "binding-unknown",
            "the report names a binding that nobody knows",
            member("binding", "jurat-v9"),
        ),
        refuse(
            BindAddress,
            "separator-forged",
            "a dstack-v1 quote whose nonce is a forged jurat-v1 commitment",
            forged(),
        ),
        refuse(
            BindNonce,
            "separator-forged-downgraded",
            "the same, where the policy takes dstack-v1 too and the report names no binding",
            forged(),
        )
        .and(policy("bindings = [\"jurat-v1\"]", "bindings = [\"jurat-v1\", \"dstack-v1\"]"))
        .and(without("binding"))
        .and(policy("  \"bind.claims\",\n  \"bind.model\",\n  \"bind.gpu\",\n  \"bind.tls\",\n", "")),
        refuse(
            BindAddress,
            "separator-zero",
            "the separator is twelve zeroes, the rest is as jurat-v1 has it",
            data(|data| data[20..32].fill(0)),
        ),
        refuse(BindAddress, "separator-other", "the separator is jurat-v2's", data(|data| data[27] = b'2')),
        refuse(BindAddress, "data-other-signer", "the quote names another signer", data(|data| data[0] ^= 1)),
        refuse(
            BindAddress,
            "binding-downgraded",
            "a dstack-v1 report, where the policy wants jurat-v1",
            policy("dstack-v1", "jurat-v1"),
        )
        .on(Name::DstackV1),
        refuse(
            BindAddress,
            "spki-edited",
            "the report names another TLS key than the quote",
            member("tls_cert_fingerprint", "00".repeat(32)),
        )
        .on(Name::DstackV2),
        refuse(
            BindAddress,
            "spki-none",
            "the report names no TLS key, under dstack-v2",
            without("tls_cert_fingerprint"),
        )
        .on(Name::DstackV2),
        refuse(
            BindGpu,
            "data-commitment",
            "the quote carries another commitment",
            data(|data| data[63] ^= 1),
        ),
        refuse(
            BindGpu,
            "gpu-nonce-alone",
            "the quote commits to another machine's GPUs; these were made to sign the same nonce",
            gpu_nonce_alone(),
        )
        .and(inputs(|inputs, _| {
            nvidia(&elsewhere(), inputs, Rims::Fitting, Ocsp::Good);
            nras(&elsewhere(), inputs, Nras::Holds);
        })),
        refuse(
            BindGpu,
            "payload-spaced",
            "nvidia_payload has a space more: a hash is over bytes",
            edited("nvidia_payload", "\"evidence_list\":", "\"evidence_list\": "),
        ),
        refuse(
            BindGpu,
            "switches-invented",
            "evidence of switches that the quote does not commit to",
            member("nvswitch_payload", "{}"),
        )
        // nor is it legible
        .beside(&[GpuMode]),
        refuse(
            BindClaims,
            "claims-edited",
            "the claims name another release",
            edited("claims", "0.1.0", "0.1.1"),
        ),
        refuse(BindClaims, "claims-none", "the claims are left out", without("claims")),
        refuse(
            BindNonce,
            "nonce-other",
            "the caller drew another nonce",
            own_nonce(Some(Nonce::new([0xa5; 32]))),
        ),
        undecided(
            BindNonce,
            "nonce-none",
            "the caller drew no nonce, and the policy wants one",
            own_nonce(None),
        ),
        refuse(
            BindGpu,
            "nonce-stated",
            "the caller drew no nonce, and the report names another than the quote commits to",
            own_nonce(None),
        )
        .and(member("request_nonce", "a5".repeat(32))),
        refuse(
            BindNonce,
            "nonce-other-dstack",
            "the caller drew another nonce, under dstack-v1",
            own_nonce(Some(Nonce::new([0xa5; 32]))),
        )
        .on(Name::DstackV1),
        refuse(
            BindNonce,
            "data-nonce-dstack",
            "the quote of dstack-v1 carries another nonce",
            data(|data| data[63] ^= 1),
        )
        .on(Name::DstackV1),
        refuse(
            BindTls,
            "peer-other",
            "the connection ends at another key",
            inputs(|inputs, _| inputs.peer_spki = Some("00".repeat(32))),
        ),
        refuse(
            BindTls,
            "peer-other-dstack",
            "the connection ends at another key, under dstack-v2",
            inputs(|inputs, _| inputs.peer_spki = Some("00".repeat(32))),
        )
        .on(Name::DstackV2),
        undecided(
            BindTls,
            "peer-none",
            "nobody looked at the connection's key",
            inputs(|inputs, _| inputs.peer_spki = None),
        ),
        undecided(
            BindNonce,
            "nonce-none-dstack",
            "the caller drew no nonce, under dstack-v1",
            own_nonce(None),
        )
        .on(Name::DstackV1),
        undecided(
            BindClaims,
            "claims-not-committed",
            "the policy wants claims, which dstack-v1 does not carry",
            policy("\"bind.nonce\",\n", "\"bind.nonce\",\n  \"bind.claims\",\n"),
        )
        .on(Name::DstackV1),
        undecided(
            BindClaims,
            "claims-source-not-attested",
            "the policy leaves out a manner of making model digests, and dstack-v1 carries no claims that name one",
            policy("platforms = ", "manifest_sources = [\"none\", \"at_start\"]\nplatforms = "),
        )
        .on(Name::DstackV1),
        undecided(
            BindGpu,
            "gpu-not-committed",
            "the policy wants the quote to commit to the evidence, which dstack-v1 does not",
            policy("\"bind.nonce\",\n", "\"bind.nonce\",\n  \"bind.gpu\",\n"),
        )
        .on(Name::DstackV1),
        refuse(
            GpuNonce,
            "gpu-nonce-old",
            "the quote is new, the GPUs answered an older nonce",
            super::evidence(|gpus, machine| {
                let older =
                    crate::scene::Machine { tee: machine.tee.clone(), gpu_nonce: Nonce::new([0xa5; 32]) };
                *gpus = crate::scene::evidence(&older);
            }),
        ),
        undecided(
            BindNonce,
            "kept-by-time",
            "a report of half an hour ago, whose nonce nobody drew, is asked to be live",
            inputs(|inputs, _| inputs.now += 1800),
        )
        .and(own_nonce(None)),
    ]
}

/// The second attack of the binding: GPUs of another machine sign the nonce that this one's should have.
fn gpu_nonce_alone() -> Edit {
    report(|report| {
        let machine = elsewhere();
        let payload = crate::scene::payload(&machine.gpu_nonce, &crate::scene::evidence(&machine));
        report.insert("nvidia_payload".into(), payload.into());
    })
}

/// A machine of other keys; its GPUs are asked to sign what the base's are.
fn elsewhere() -> Machine {
    Setting { seed: 2, ..Name::OneGpu.setting() }.machine(|_| ())
}

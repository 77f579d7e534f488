//! Which GPUs' evidence a report carries. The quote commits to all of it.

use jurat_simulated::{GpuChain, GpuFirmware, GpuNonce, ProtectedPcie};
use jurat_verify::CheckId;

use super::{Case, Edit, claims, evidence, inputs, machine, payload, refuse, undecided};
use crate::{
    bases::Name,
    scene::{self, Gpu, Machine, Setting, swap},
};

/// The evidence of another machine's GPUs over what these are asked to sign.
fn strangers(machine: &Machine) -> Vec<Gpu> {
    let other = Setting { seed: 2, ..Name::OneGpu.setting() }.machine(|_| ());
    scene::evidence(&Machine { gpu_nonce: machine.gpu_nonce, ..other })
}

fn unlisted() -> Edit {
    payload(String::clear)
}

pub(super) fn cases() -> Vec<Case> {
    use CheckId::{
        GpuFirmware as FirmwareCheck, GpuMode, GpuNonce as NonceCheck, GpuPresent, GpuRevocation,
        GpuSignature,
    };
    vec![
        refuse(GpuPresent, "gpu-none", "there is no GPU evidence at all", unlisted()),
        refuse(
            GpuPresent,
            "gpu-empty",
            "the list of GPUs is empty",
            payload(|text| {
                *text = format!("{}],\"arch\":\"HOPPER\"}}", &text[..text.find('[').expect("a list") + 1])
            }),
        ),
        refuse(GpuPresent, "gpu-missing", "one of two GPUs is missing", evidence(|gpus, _| drop(gpus.pop())))
            .on(Name::TwoGpus),
        refuse(
            GpuPresent,
            "gpu-missing-of-eight",
            "one of eight GPUs is missing",
            evidence(|gpus, _| drop(gpus.remove(3))),
        )
        .on(Name::EightGpus),
        refuse(
            GpuPresent,
            "gpu-twice",
            "one GPU's evidence stands for two",
            evidence(|gpus, _| gpus[1] = gpus[0].clone()),
        )
        .on(Name::TwoGpus),
        refuse(
            GpuPresent,
            "gpu-twice-dstack",
            "one GPU's evidence is there twice, under dstack-v1",
            evidence(|gpus, _| gpus.push(gpus[0].clone())),
        )
        .on(Name::DstackV1),
        refuse(
            GpuPresent,
            "gpu-more",
            "evidence of a GPU that the claims do not count",
            claims(|text| swap(text, "\"gpus\":2", "\"gpus\":1")),
        )
        .on(Name::TwoGpus),
        refuse(
            GpuPresent,
            "gpu-more-than-any",
            "evidence of 33 GPUs",
            payload(|text| {
                let entry = "{\"certificate\":\"AA==\",\"evidence\":\"AA==\"}";
                let (nonce, list) = (&text[..75], vec![entry; 33].join(","));
                *text = format!("{nonce},\"evidence_list\":[{list}]}}");
            }),
        )
        .on(Name::DstackV1),
        refuse(
            GpuSignature,
            "gpu-strangers",
            "the certificates are another GPU's under the same root",
            machine(|m| m.gpu_chain = GpuChain::Strangers),
        ),
        refuse(
            GpuSignature,
            "gpu-chains-exchanged",
            "two GPUs have each other's certificates",
            evidence(|gpus, _| {
                let first = std::mem::take(&mut gpus[0].certificates);
                gpus[0].certificates = std::mem::replace(&mut gpus[1].certificates, first);
            }),
        )
        .on(Name::TwoGpus),
        refuse(
            GpuSignature,
            "gpu-chain-of-a-stranger",
            "one of two GPUs has a stranger's certificates",
            evidence(|gpus, machine| {
                gpus[1].certificates = strangers(machine)[0].certificates.clone();
            }),
        )
        // nor does anybody vouch for those certificates
        .beside(&[GpuRevocation])
        .on(Name::TwoGpus),
        refuse(
            NonceCheck,
            "gpu-other-nonce",
            "the GPU signs another nonce than it is asked",
            machine(|m| m.gpu_nonce = GpuNonce::Other(jurat_proto::Nonce::new([0xa5; 32]))),
        ),
        refuse(
            NonceCheck,
            "gpu-request-nonce",
            "the GPU signs the caller's nonce itself, as under dstack-v1",
            machine(|m| m.gpu_nonce = GpuNonce::Other(scene::NONCE)),
        ),
        refuse(
            NonceCheck,
            "gpu-one-other-nonce",
            "one of two GPUs signs another nonce",
            evidence(|gpus, machine| {
                gpus[1].report[4] ^= 1;
                machine.tee.resign_gpu_report(1, &mut gpus[1].report).expect("a report");
            }),
        )
        .on(Name::TwoGpus),
        refuse(
            NonceCheck,
            "payload-nonce",
            "nvidia_payload names another nonce than its reports are over",
            payload(|text| {
                let at = "{\"nonce\":\"".len();
                text.replace_range(at..at + 64, &"a5".repeat(32));
            }),
        ),
        refuse(
            NonceCheck,
            "payload-swapped",
            "GPU evidence of another report of the same machine",
            evidence(|gpus, machine| {
                let other = jurat_proto::gpu_nonce(
                    jurat_proto::Binding::JuratV1,
                    &scene::signer(),
                    &jurat_proto::Nonce::new([0xa5; 32]),
                );
                *gpus = scene::evidence(&Machine { tee: machine.tee.clone(), gpu_nonce: other });
            }),
        ),
        refuse(GpuPresent, "payload-text", "nvidia_payload is no JSON", payload(|text| *text = "{".into())),
        refuse(GpuPresent, "payload-array", "nvidia_payload is a list", payload(|text| *text = "[]".into())),
        refuse(
            GpuPresent,
            "payload-base64",
            "a GPU's evidence is no base64",
            payload(|text| swap(text, "\"evidence\":\"E", "\"evidence\":\"*")),
        ),
        refuse(
            GpuPresent,
            "payload-member",
            "a GPU has no certificate",
            payload(|text| swap(text, "\"certificate\"", "\"certificates\"")),
        ),
        refuse(
            GpuPresent,
            "payload-list-twice",
            "nvidia_payload has two lists",
            payload(|text| swap(text, "\"evidence_list\"", "\"evidence_list\":[],\"evidence_list\"")),
        ),
        refuse(
            GpuPresent,
            "payload-nonce-text",
            "nvidia_payload's nonce is no nonce",
            payload(|text| text.replace_range(10..74, "00")),
        ),
        refuse(
            FirmwareCheck,
            "firmware-other",
            "the GPU reports other firmware than its certificate was issued to",
            machine(|m| m.gpu_firmware = GpuFirmware::Other),
        ),
        undecided(
            GpuMode,
            "mode-protected-pcie",
            "protected PCIe, where nobody vouches for the switches",
            machine(|m| m.protected_pcie = ProtectedPcie::On),
        ),
        refuse(
            GpuMode,
            "mode-mixed",
            "one of two GPUs is in protected-PCIe mode",
            evidence(|gpus, machine| {
                let mode = gpus[1].report.len() - 97;
                gpus[1].report[mode] = 0xaa;
                machine.tee.resign_gpu_report(1, &mut gpus[1].report).expect("a report");
            }),
        )
        .on(Name::TwoGpus),
        refuse(
            GpuPresent,
            "gpu-none-required",
            "no GPU is claimed, and the policy wants one",
            inputs(|inputs, _| {
                swap(&mut inputs.policy, "  \"bind.tls\",\n", "  \"bind.tls\",\n  \"gpu.present\",\n")
            }),
        )
        .on(Name::NoGpu),
    ]
}

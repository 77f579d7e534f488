//! The same report under another policy.

use jurat_verify::{
    CheckId::{BindModel, BindSigner, GpuChain, GpuVersions, TdxMeasurements, TdxPlatform, TdxQuote},
    Policy,
};

use super::{Case, Edit, claims, inputs, refuse, undecided};
use crate::{
    bases::{
        Name,
        policy::{MEMBERS, quote},
    },
    format::Inputs,
    scene::{key, model, swap},
};

pub(super) fn cases() -> Vec<Case> {
    let hardware = ["production", "permissive", "0g"].map(|name| {
        let about = format!("a simulated report under the policy {name}");
        let policy = Policy::named(name).expect("built in").to_toml();
        let edit = inputs(move |inputs, _| inputs.policy.clone_from(&policy));
        // the look-alike of NVIDIA's root is not believed either
        refuse(TdxQuote, &format!("simulated-under-{name}"), &about, edit).beside(&[GpuChain])
    });
    let tee = refuse(
        TdxQuote,
        "simulated-by-its-word",
        "a report that calls itself simulated, under roots of hardware",
        inputs(|inputs, _| swap(&mut inputs.policy, "roots = \"simulated\"", "roots = \"production\"")),
    );
    let tee = tee.beside(&[GpuChain]).on(Name::DstackV1);
    hardware.into_iter().chain([tee]).chain(pinned()).collect()
}

fn policy(edit: impl Fn(&mut String) + 'static) -> Edit {
    inputs(move |inputs: &mut Inputs, _| edit(&mut inputs.policy))
}

/// A list of the policy with one entry, another than the base's.
fn other(list: &'static str, entry: String) -> Edit {
    policy(move |policy| {
        let at = policy.find(&format!("\n{list} = ")).expect("it has the list") + 1;
        let end = policy[at..].find('\n').expect("it ends") + at;
        policy.replace_range(at..end, &format!("{list} = [\"{entry}\"]"));
    })
}

fn without(list: &'static str) -> Edit {
    policy(move |policy| {
        *policy = policy
            .lines()
            .filter(|line| !line.starts_with(list))
            .fold(String::new(), |text, line| text + line + "\n")
    })
}

/// What the policy pins, and the machine is not.
fn pinned() -> Vec<Case> {
    let digest = model().sha256.unwrap_or_default();
    let named = digest.clone();
    let mut cases = vec![
        refuse(
            TdxPlatform,
            "platform-other",
            "the policy names another platform",
            other("platforms", "0a".repeat(16)),
        ),
        undecided(
            TdxPlatform,
            "platform-none",
            "the policy requires a platform and names none",
            without("platforms"),
        ),
        refuse(
            BindSigner,
            "signer-pinned",
            "the policy pins another signer",
            other("signers", key(0x22).address().to_string()),
        ),
        undecided(
            BindSigner,
            "signer-none",
            "the policy requires a signer and pins none",
            without("signers"),
        ),
        refuse(BindModel, "model-other", "the policy names another model", other("models", "0a".repeat(32))),
        undecided(BindModel, "model-none", "the policy requires a model and names none", without("models")),
        refuse(
            BindModel,
            "claims-model-none",
            "attested claims of no model, where the policy names one",
            claims(|text| {
                let (at, end) = (
                    text.find("\"model\":{").expect("a model") + 8,
                    text.find("},\"manifest_source\"").expect("a source"),
                );
                text.replace_range(at..=end, "{}");
            }),
        ),
        refuse(
            BindModel,
            "claims-model-digest",
            "attested claims of another manifest than their files make",
            claims(move |text| {
                swap(text, &named, &"0a".repeat(32));
            }),
        )
        .and(other("models", "0a".repeat(32))),
        refuse(
            BindModel,
            "claims-model-files",
            "attested claims in which a file of the model is another",
            claims(|text| {
                swap(text, "\"config.json\"", "\"config.jsom\"");
            }),
        ),
        refuse(
            BindModel,
            "claims-model-text",
            "attested claims whose model is named by no SHA-256",
            claims(move |text| swap(text, &digest, "a model")),
        ),
        undecided(
            TdxMeasurements,
            "measurements-none",
            "the policy requires reference values and has none",
            policy(|policy| {
                policy.truncate(policy.find("\n[[measurements]]").expect("it has a set"));
            }),
        ),
        refuse(
            TdxMeasurements,
            "measurements-compose",
            "the reference set pins a compose file, and no application is measured",
            policy(|policy| {
                policy.push_str(&format!("compose_hash = \"{}\"\n", "0a".repeat(32)));
            }),
        ),
    ];
    let versions = [
        (
            "driver-minimum",
            "min_driver = \"000.000.00\"",
            "min_driver = \"000.000.01\"",
            "the driver is older than the policy's minimum",
        ),
        (
            "driver-list",
            "min_driver = \"000.000.00\"",
            "drivers = [\"000.000.01\"]",
            "the driver is none of the policy's",
        ),
        (
            "vbios-minimum",
            "min_vbios = \"EE.EE.EE.EE.EE\"",
            "min_vbios = \"EE.EE.EE.EE.EF\"",
            "the VBIOS is older than the policy's minimum",
        ),
        (
            "vbios-list",
            "min_vbios = \"EE.EE.EE.EE.EE\"",
            "vbioses = [\"EE.EE.EE.EE.ED\"]",
            "the VBIOS is none of the policy's",
        ),
        (
            "architecture",
            "[\"HOPPER\"]",
            "[\"BLACKWELL\"]",
            "the GPU is of another generation than the policy's",
        ),
    ];
    cases.extend(versions.map(|(name, from, to, about)| {
        refuse(GpuVersions, &format!("versions-{name}"), about, policy(move |policy| swap(policy, from, to)))
    }));
    cases.push(undecided(
        GpuVersions,
        "versions-none",
        "the policy requires versions and names none",
        policy(|policy| {
            let at = policy.find("\n[gpu]").expect("it has demands");
            let end = policy.find("\n[[").expect("it has a set");
            policy.replace_range(at..end, "");
        }),
    ));
    cases.extend(MEMBERS.map(|(name, at, length)| {
        let about = format!("the reference set pins {name} to another value, in its last bit");
        refuse(
            TdxMeasurements,
            &format!("measurements-{}", name.replace('_', "-")),
            &about,
            policy(move |policy| {
                let mut value = quote()[48 + at..][..length].to_vec();
                value[length - 1] ^= 1;
                let line = format!("{name} = \"{}\"\n", hex::encode(value));
                match policy.find(&format!("\n{name} = ")) {
                    Some(at) => {
                        let end = policy[at + 1..].find('\n').expect("it ends") + at + 2;
                        policy.replace_range(at + 1..end, &line);
                    }
                    None => policy.push_str(&line),
                }
            }),
        )
    }));
    cases
}

//! The same report under another policy.

use jurat_verify::{
    CheckId::{self, GpuChain, TdxMeasurements, TdxQuote},
    Policy,
};

use super::{Case, inputs, refuse, undecided};
use crate::{bases::Name, scene::swap};

pub(super) fn cases() -> Vec<Case> {
    let hardware = ["production", "permissive", "0g"].map(|name| {
        let about = format!("a simulated report under the policy {name}");
        let policy = Policy::named(name).expect("built in").to_toml();
        let edit = inputs(move |inputs, _| inputs.policy.clone_from(&policy));
        // the look-alike of NVIDIA's root is not believed either
        refuse(TdxQuote, &format!("simulated-under-{name}"), &about, edit).beside(&[GpuChain])
    });
    let words = [(TdxMeasurements, "measurements"), (CheckId::GpuMeasurements, "gpu-measurements")];
    let unmade = words.map(|(check, name)| {
        let about = format!("the policy requires {check}, and there is nothing to compare with");
        undecided(
            check,
            &format!("required-{name}"),
            &about,
            inputs(move |inputs, _| {
                swap(
                    &mut inputs.policy,
                    "  \"tdx.quote\",\n",
                    &format!("  \"tdx.quote\",\n  \"{check}\",\n"),
                );
            }),
        )
    });
    let tee = refuse(
        TdxQuote,
        "simulated-by-its-word",
        "a report that calls itself simulated, under roots of hardware",
        inputs(|inputs, _| swap(&mut inputs.policy, "roots = \"simulated\"", "roots = \"production\"")),
    );
    let tee = tee.beside(&[GpuChain]).on(Name::DstackV1);
    hardware.into_iter().chain(unmade).chain([tee]).collect()
}

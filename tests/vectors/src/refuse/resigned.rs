//! What the platform and the quoting enclave themselves signed, and must not have: no signature is wrong here.

use jurat_proto::UnixSeconds;
use jurat_simulated::{Nras, Ocsp, QuoteForm, Revoked, Rims, Roots, Tcb};
use jurat_verify::CheckId::{GpuRevocation, TdxDebug, TdxEventlog, TdxQuote, TdxTcb};

use super::{Case, Edit, evidence, inputs, machine, quote, refuse};
use crate::{
    bases::Name,
    scene::{self, Machine, NOW},
};

/// An edit of the TD's report, signed anew by the attestation key.
fn td(edit: impl Fn(&mut [u8]) + 'static) -> Edit {
    quote(move |quote, machine| {
        edit(quote);
        machine.tee.resign_quote(quote).expect("a quote");
    })
}

/// An edit of the quoting enclave's report, signed anew by the platform.
fn enclave(edit: impl Fn(&mut [u8]) + 'static) -> Edit {
    quote(move |quote, machine| {
        edit(&mut quote[770..1154]);
        machine.tee.resign_enclave_report(quote).expect("a quote");
    })
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        refuse(TdxDebug, "td-debug", "the TD is under debug", machine(|m| *m = m.clone().debug())),
        refuse(TdxDebug, "td-profiling", "the TD is profiled", td(|quote| quote[168] |= 0x10)),
        refuse(
            TdxQuote,
            "td-reserved",
            "a reserved attribute of debugging is set",
            td(|quote| quote[168] |= 2),
        ),
        refuse(TdxQuote, "td-sept-ve", "SEPT_VE_DISABLE is off", machine(|m| m.td_attributes = 0)),
        refuse(
            TdxQuote,
            "td-reserved-security",
            "a reserved attribute of security is set",
            td(|quote| quote[169] |= 1),
        ),
        refuse(
            TdxQuote,
            "td-mrsignerseam",
            "the TDX module is not Intel's",
            machine(|m| m.measurements.mr_signer_seam[0] = 1),
        ),
        refuse(
            TdxQuote,
            "td-seam-attributes",
            "the TDX module has attributes that its identity forbids",
            td(|quote| quote[160] = 1),
        ),
        refuse(
            TdxQuote,
            "td-module-svn",
            "the TDX module is older than any that its identity knows",
            td(|quote| quote[48] = 5),
        ),
        refuse(
            TdxQuote,
            "td-module-major",
            "the TDX module is of a version that the collateral does not know",
            td(|quote| quote[49] = 9),
        ),
        refuse(
            TdxQuote,
            "td-microcode-svn",
            "the late microcode is older than any level of the collateral",
            td(|quote| quote[50] = 0),
        ),
        refuse(TdxQuote, "td-service", "a service TD is attached", service_td()),
        refuse(
            TdxQuote,
            "enclave-mrsigner-signed",
            "the quoting enclave is of another signer",
            enclave(|report| report[128] ^= 1),
        ),
        refuse(
            TdxQuote,
            "enclave-product-signed",
            "the quoting enclave is another product",
            enclave(|report| report[256] ^= 1),
        ),
        refuse(
            TdxQuote,
            "enclave-debug-signed",
            "the quoting enclave is under debug",
            enclave(|report| report[48] |= 2),
        ),
        refuse(
            TdxQuote,
            "enclave-miscselect-signed",
            "the quoting enclave has other MISCSELECT",
            enclave(|report| report[16] = 1),
        ),
        refuse(
            TdxQuote,
            "enclave-svn-signed",
            "the quoting enclave is older than any level of its identity",
            enclave(|report| report[258] = 0),
        ),
        refuse(
            TdxQuote,
            "enclave-data-signed",
            "the quoting enclave vouches for another attestation key",
            enclave(|report| report[320] ^= 1),
        ),
        refuse(
            TdxQuote,
            "platform-revoked",
            "the platform's certificate is revoked",
            machine(|m| m.revoked = Revoked::Platform),
        ),
        refuse(
            TdxQuote,
            "platform-ca-revoked",
            "the platform CA's certificate is revoked",
            machine(|m| m.revoked = Revoked::PlatformCa),
        ),
        refuse(
            TdxQuote,
            "tcb-signer-revoked",
            "the certificate that signs the collateral is revoked",
            machine(|m| m.revoked = Revoked::TcbSigner),
        ),
        refuse(
            TdxQuote,
            "tcb-revoked",
            "the platform's TCB level is Revoked",
            machine(|m| m.tcb = Tcb::Revoked),
        ),
        refuse(
            TdxQuote,
            "collateral-expired",
            "every part of the collateral ended a second ago",
            machine(|m| m.next_update = UnixSeconds(NOW.0 - 1)),
        )
        // as are NVIDIA's statements about certificates
        .beside(&[GpuRevocation]),
        refuse(
            TdxQuote,
            "intel-root-other",
            "Intel's root is an impostor of the same name",
            machine(|m| m.roots = Roots::Fresh),
        )
        .and(evidence(|gpus, machine| {
            let genuine = Name::OneGpu.setting().machine(|_| ());
            *gpus = scene::evidence(&Machine { gpu_nonce: machine.gpu_nonce, ..genuine });
        }))
        .and(inputs(|inputs, _| {
            let genuine = Name::OneGpu.setting().machine(|_| ());
            scene::nvidia(&genuine, inputs, Rims::Fitting, Ocsp::Good);
            scene::nras(&genuine, inputs, Nras::Holds);
        })),
    ];
    let statuses = [
        (Tcb::SwHardeningNeeded, "sw-hardening-needed", "SWHardeningNeeded"),
        (Tcb::ConfigurationNeeded, "configuration-needed", "ConfigurationNeeded"),
        (Tcb::OutOfDate, "out-of-date", "OutOfDate"),
    ];
    cases.extend(statuses.map(|(tcb, name, word)| {
        let about = format!("the platform is {word}, which the policy does not accept");
        refuse(TdxTcb, &format!("tcb-{name}"), &about, machine(move |m| m.tcb = tcb))
    }));
    let registers = [(376, "rtmr0"), (424, "rtmr1"), (472, "rtmr2"), (520, "rtmr3")];
    cases.extend(registers.map(|(at, name)| {
        let about =
            format!("the enclave quotes {}, which the event log does not lead to", name.to_uppercase());
        refuse(TdxEventlog, &format!("td-{name}"), &about, td(move |quote| quote[at] ^= 1))
    }));
    cases
}

/// Only a TD 1.5 report has `MRSERVICETD`: the machine quotes one, and it is not zero.
fn service_td() -> Edit {
    quote(|quote, _| {
        let setting = crate::bases::Name::OneGpu.setting();
        let machine = setting.machine(|blueprint| blueprint.quote = QuoteForm::V5Td15);
        let data = jurat_proto::ReportData::new(*quote[568..].first_chunk().expect("a quote"));
        let made = jurat_attest::QuoteProvider::quote(&mut machine.tee.quote_provider(), &data);
        *quote = made.expect("the stage quotes").bytes;
        quote[54 + 600] = 1;
        machine.tee.resign_quote(quote).expect("a quote");
    })
}

//! The service before its own judge: ready means, I can prove it.

use std::{sync::Arc, sync::mpsc};

use jurat_attest::{Attester, ReportRequest};
use jurat_proto::{Binding, Nonce, Report, ReportBody};
use jurat_verify::{Inputs, Policy, Verdict, verify_report};

use crate::{exit::Failure, service};

/// Asks the evidence engine for a report under a fresh nonce and judges it. Blocks as long as the hardware does.
pub(crate) fn judge(attester: &Attester, policy: &Policy) -> Result<Verdict, Failure> {
    let nonce = fresh_nonce()?;
    let body = ask(attester, nonce)?;
    let report = serde_json::to_string(&Report::from((*body).clone())).map_err(Failure::unavailable)?;
    Ok(verify_report(&report, policy, Inputs::live(service::now().seconds()).nonce(nonce)))
}

fn ask(attester: &Attester, nonce: Nonce) -> Result<Arc<ReportBody>, Failure> {
    let (send, receive) = mpsc::channel();
    attester.request(ReportRequest { binding: Binding::JuratV1, nonce: Some(nonce) }, move |result| {
        // The receiver waits below for as long as it takes.
        let _ = send.send(result);
    });
    receive.recv().map_err(Failure::unavailable)?.map_err(Failure::unavailable)
}

/// 32 bytes of the operating system's randomness.
pub(crate) fn fresh_nonce() -> Result<Nonce, Failure> {
    use getrandom::rand_core::TryRng;
    let mut bytes = [0; 32];
    getrandom::SysRng.try_fill_bytes(&mut bytes).map_err(|error| {
        Failure::unavailable(format_args!("the operating system gave no randomness: {error}"))
    })?;
    Ok(Nonce::new(bytes))
}

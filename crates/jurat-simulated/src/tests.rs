//! What is minted, judged by others: quotes by `dcap-qvl`, GPU evidence by a reading written for the test.

mod files;
mod intel;
mod log;
mod nvidia;
mod reproducible;
mod resigned;
mod services;

use std::num::NonZeroU32;

use jurat_attest::QuoteProvider;
use jurat_proto::{ReportData, UnixSeconds};

use crate::{Blueprint, SimulatedTee};

/// 2026-09-21.
const NOW: UnixSeconds = UnixSeconds(1_790_000_000);
const DAY: u64 = 24 * 60 * 60;

fn blueprint() -> Blueprint {
    Blueprint::new(NOW, NonZeroU32::MIN)
}

/// Mints after `change` and quotes 64 bytes of 7.
fn quoted(change: impl FnOnce(&mut Blueprint)) -> (SimulatedTee, Vec<u8>) {
    let mut blueprint = blueprint();
    change(&mut blueprint);
    let tee = blueprint.mint().unwrap();
    let quote = tee.quote_provider().quote(&ReportData::new([7; 64])).unwrap().bytes;
    (tee, quote)
}

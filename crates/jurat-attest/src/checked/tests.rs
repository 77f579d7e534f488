use std::{fs, path::Path};

use super::*;
use crate::GpuArchitecture;

struct Quotes<F>(F);

impl<F: FnMut(&ReportData) -> Vec<u8> + Send> QuoteProvider for Quotes<F> {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn quote(&mut self, report_data: &ReportData) -> Result<Quote, QuoteFailure> {
        Ok(Quote { bytes: (self.0)(report_data), event_log: None, vm_config: None, info: None })
    }

    fn collateral(&self) -> Option<String> {
        panic!("no collateral today")
    }
}

fn checked(make: impl FnMut(&ReportData) -> Vec<u8> + Send + 'static) -> CheckedQuotes {
    CheckedQuotes::new(Box::new(Quotes(make)))
}

fn quote(version: u16, report_data: &ReportData) -> Vec<u8> {
    let start = if version == 5 { 54 } else { 48 };
    let mut quote = vec![0; start + 584];
    quote[..2].copy_from_slice(&version.to_le_bytes());
    quote[4] = 0x81;
    if version == 5 {
        quote[48] = 2;
    }
    quote[start + 520..start + 584].copy_from_slice(report_data.as_bytes());
    quote
}

const ASKED: ReportData = ReportData::new([0xab; 64]);

#[test]
fn the_quote_asked_for_passes() {
    for version in [4, 5] {
        let given = checked(move |data| quote(version, data)).quote(&ASKED).unwrap();
        assert_eq!(given.bytes, quote(version, &ASKED));
    }
}

#[test]
fn every_other_quote_is_refused() {
    let other = |change: fn(&mut Vec<u8>)| {
        checked(move |data| {
            let mut bytes = quote(4, data);
            change(&mut bytes);
            bytes
        })
    };
    for (mut quotes, word) in [
        (other(|bytes| bytes[48 + 520] ^= 1), "report data"),
        (other(|bytes| bytes[48 + 583] ^= 0x80), "report data"),
        (other(|bytes| bytes[0] = 3), "version 3"),
        (other(|bytes| bytes[4] = 0), "TEE type"),
        (other(|bytes| bytes.truncate(631)), "short"),
        (other(Vec::clear), "short"),
    ] {
        let failure = quotes.quote(&ASKED).unwrap_err();
        assert!(
            matches!(&failure, QuoteFailure::Wrong(text) if text.contains(word)),
            "wanted {word}: {failure}"
        );
    }
}

#[test]
fn a_machine_that_is_open_to_debuggers_is_named() {
    let mut quotes = checked(|data| {
        let mut bytes = quote(4, data);
        bytes[48 + 120] |= 1;
        bytes
    });
    assert_eq!(quotes.quote(&ASKED).unwrap_err(), QuoteFailure::DebugTd);
}

#[test]
fn a_stale_quote_is_refused() {
    let mut first = None;
    let mut quotes = checked(move |data| first.get_or_insert_with(|| quote(4, data)).clone());
    assert!(quotes.quote(&ASKED).is_ok());
    assert!(matches!(quotes.quote(&ReportData::new([1; 64])), Err(QuoteFailure::Wrong(_))));
}

#[test]
fn a_panic_is_a_failure() {
    let mut quotes = checked(|_| panic!("device {} on fire", 7));
    assert_eq!(
        quotes.quote(&ASKED).unwrap_err(),
        QuoteFailure::Failed("panicked: device 7 on fire".to_owned())
    );
    assert_eq!(quotes.collateral(), None);
}

/// A provider that says it has `counts` GPUs, one number after the other, and hands out `gpus`, or panics.
#[derive(Default)]
struct Gpus {
    counts: Vec<u32>,
    gpus: Option<Vec<GpuEvidence>>,
    switches: Option<Vec<SwitchEvidence>>,
}

impl GpuProvider for Gpus {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn count(&mut self) -> Result<u32, GpuFailure> {
        Ok(if self.counts.len() > 1 { self.counts.remove(0) } else { self.counts[0] })
    }

    fn evidence(&mut self, _nonce: &Nonce) -> Result<Vec<GpuEvidence>, GpuFailure> {
        Ok(self.gpus.clone().expect("evidence"))
    }

    fn switches(&mut self, _nonce: &Nonce) -> Result<Option<Vec<SwitchEvidence>>, GpuFailure> {
        Ok(self.switches.clone())
    }
}

const NONCE: Nonce = Nonce::new([7; 32]);

fn gpu(name: &str, nonce: u8) -> GpuEvidence {
    let mut report = vec![0x11, 0xe0, 0x01, 0xff];
    report.extend_from_slice(&[nonce; 32]);
    GpuEvidence { certificate_chain: name.into(), report, architecture: GpuArchitecture::Hopper }
}

fn gpus(counts: &[u32], gpus: Option<Vec<GpuEvidence>>) -> CheckedGpus {
    CheckedGpus::new(Box::new(Gpus { counts: counts.to_vec(), gpus, switches: None }))
}

#[test]
fn gpu_evidence_is_of_every_gpu_and_over_our_nonce() {
    let both = vec![gpu("a", 7), gpu("b", 7)];
    assert_eq!(gpus(&[2], Some(both.clone())).evidence(&NONCE), Ok(both));
    for (count, evidence, word) in [
        (2, vec![gpu("a", 7)], "machine has 2"),
        (1, vec![gpu("a", 7), gpu("b", 7)], "machine has 1"),
        (0, vec![], "machine has 0"),
        (2, vec![gpu("a", 7), gpu("b", 8)], "GPU 1 does not carry the nonce"),
        (2, vec![gpu("a", 7), gpu("a", 7)], "GPU 1 is that of GPU 0"),
        (1, vec![GpuEvidence { report: vec![7; 35], ..gpu("a", 7) }], "does not carry"),
        (1, vec![gpu("", 7)], "no certificates"),
    ] {
        let outcome = gpus(&[count], Some(evidence.clone())).evidence(&NONCE);
        let named = matches!(&outcome, Err(GpuFailure::Wrong(text)) if text.contains(word));
        assert!(named, "{word}: {evidence:?}: {outcome:?}");
    }
    let panicked = gpus(&[1], None).evidence(&NONCE);
    assert!(matches!(panicked, Err(GpuFailure::Failed(text)) if text.starts_with("panicked")));
}

/// The claims say how many there are, and claims never change.
#[test]
fn a_count_that_changes_is_a_failure() {
    let mut gpus = gpus(&[1, 2, 1], Some(vec![gpu("a", 7)]));
    assert!(gpus.evidence(&NONCE).is_ok());
    let outcome = gpus.evidence(&NONCE);
    assert!(matches!(&outcome, Err(GpuFailure::Wrong(text)) if text.contains("had 1")), "{outcome:?}");
    assert!(gpus.evidence(&NONCE).is_ok(), "it is back");
}

#[test]
fn switches_answer_our_nonce_too() {
    let ask = |switches| CheckedGpus::new(Box::new(Gpus { switches, ..Gpus::default() })).switches(&NONCE);
    let switch = |nonce| {
        let GpuEvidence { certificate_chain, report, .. } = gpu("s", nonce);
        SwitchEvidence { certificate_chain, report }
    };
    assert_eq!(ask(None), Ok(None));
    assert_eq!(ask(Some(vec![switch(7)])), Ok(Some(vec![switch(7)])));
    for bad in [vec![], vec![switch(8)], vec![switch(7), switch(8)]] {
        assert!(matches!(ask(Some(bad.clone())), Err(GpuFailure::Switches(_))), "{bad:?}");
    }
}

/// Genuine quotes, where the folder of samples is at hand.
#[test]
fn genuine_quotes_pass() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples");
    let quotes = ["nanogpt-ecdsa-1xGPU-20260610/quote.bin", "venice-ecdsa-8xH100-20260610/quote.bin"];
    for name in quotes {
        let Ok(bytes) = fs::read(samples.join(name)) else {
            eprintln!("skipped: no {name} in {}", samples.display());
            continue;
        };
        let asked = QuoteView::parse(&bytes).unwrap().report_data();
        let mut provider = checked(move |_| bytes.clone());
        assert!(provider.quote(&asked).is_ok(), "{name}");
        assert!(matches!(provider.quote(&ASKED), Err(QuoteFailure::Wrong(_))), "{name}");
    }
}

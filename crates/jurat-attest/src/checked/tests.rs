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
        (other(|bytes| bytes[48 + 120] |= 1), "DEBUG"),
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

/// A provider that says it has `.0` GPUs and hands out `.1`, or panics.
struct Gpus(u32, Option<Vec<GpuEvidence>>);

impl GpuProvider for Gpus {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn count(&mut self) -> Result<u32, GpuFailure> {
        Ok(self.0)
    }

    fn evidence(&mut self, _nonce: &Nonce) -> Result<Vec<GpuEvidence>, GpuFailure> {
        Ok(self.1.clone().expect("evidence"))
    }
}

fn gpu(nonce: u8) -> GpuEvidence {
    let mut report = vec![0x11, 0xe0, 0x01, 0xff];
    report.extend_from_slice(&[nonce; 32]);
    GpuEvidence { certificate_chain: b"pem".to_vec(), report, architecture: GpuArchitecture::Hopper }
}

#[test]
fn gpu_evidence_is_of_every_gpu_and_over_our_nonce() {
    let nonce = Nonce::new([7; 32]);
    let ask = |count, evidence| CheckedGpus::new(Box::new(Gpus(count, evidence))).evidence(&nonce);
    assert_eq!(ask(2, Some(vec![gpu(7), gpu(7)])), Ok(vec![gpu(7), gpu(7)]));
    for (count, evidence) in [
        (2, vec![gpu(7)]),
        (1, vec![gpu(7), gpu(7)]),
        (0, vec![]),
        (2, vec![gpu(7), gpu(8)]),
        (1, vec![GpuEvidence { report: vec![7; 35], ..gpu(7) }]),
        (1, vec![GpuEvidence { certificate_chain: Vec::new(), ..gpu(7) }]),
    ] {
        let outcome = ask(count, Some(evidence.clone()));
        assert!(matches!(outcome, Err(GpuFailure::Wrong(_))), "{count}, {evidence:?}: {outcome:?}");
    }
    assert!(matches!(ask(1, None), Err(GpuFailure::Failed(text)) if text.starts_with("panicked")));
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

//! What every provider's evidence must be before anyone sees it, the simulated provider's included.
//!
//! Not a judgement: the signatures are the judge's business. A provider that is confused, stale or lying about
//! what was asked is found here.

use jurat_proto::{Nonce, QuoteView, ReportData};

use crate::{GpuEvidence, GpuFailure, GpuProvider, Quote, QuoteFailure, QuoteProvider, Tee, caught::caught};

/// A quote provider whose quotes are TDX quotes (version 4 or 5) over the report data asked for, of a TD that is
/// not open to debuggers. Anything else, panics included, is a failure.
pub struct CheckedQuotes {
    provider: Box<dyn QuoteProvider>,
}

impl CheckedQuotes {
    /// Puts the checks around `provider`.
    pub fn new(provider: Box<dyn QuoteProvider>) -> Self {
        Self { provider }
    }
}

impl QuoteProvider for CheckedQuotes {
    fn name(&self) -> &'static str {
        self.provider.name()
    }

    fn tee(&self) -> Tee {
        self.provider.tee()
    }

    fn quote(&mut self, report_data: &ReportData) -> Result<Quote, QuoteFailure> {
        let quote = caught(|| self.provider.quote(report_data)).map_err(QuoteFailure::Failed)??;
        check_quote(&quote.bytes, report_data).map_err(QuoteFailure::Wrong)?;
        Ok(quote)
    }

    fn collateral(&self) -> Option<String> {
        caught(|| self.provider.collateral()).ok().flatten()
    }
}

fn check_quote(bytes: &[u8], asked: &ReportData) -> Result<(), String> {
    let quote = QuoteView::parse(bytes).map_err(|error| error.to_string())?;
    let found = quote.report_data();
    if found != *asked {
        return Err(format!("it carries the report data {found}, asked for was {asked}"));
    }
    if quote.is_debug() {
        return Err("the TD runs with the attribute DEBUG: its host can read all of its memory".to_owned());
    }
    Ok(())
}

/// A GPU provider whose evidence is of every GPU, each over the nonce asked for. Anything else, panics included, is
/// a failure.
pub struct CheckedGpus {
    provider: Box<dyn GpuProvider>,
}

impl CheckedGpus {
    /// Puts the checks around `provider`.
    pub fn new(provider: Box<dyn GpuProvider>) -> Self {
        Self { provider }
    }
}

impl GpuProvider for CheckedGpus {
    fn name(&self) -> &'static str {
        self.provider.name()
    }

    fn count(&mut self) -> Result<u32, GpuFailure> {
        caught(|| self.provider.count()).map_err(GpuFailure::Failed)?
    }

    fn evidence(&mut self, nonce: &Nonce) -> Result<Vec<GpuEvidence>, GpuFailure> {
        let count = self.count()?;
        let evidence = caught(|| self.provider.evidence(nonce)).map_err(GpuFailure::Failed)??;
        check_gpus(&evidence, count, nonce).map_err(GpuFailure::Wrong)?;
        Ok(evidence)
    }
}

fn check_gpus(evidence: &[GpuEvidence], count: u32, nonce: &Nonce) -> Result<(), String> {
    if evidence.is_empty() || u32::try_from(evidence.len()) != Ok(count) {
        return Err(format!("evidence of {} GPUs, the machine has {count}", evidence.len()));
    }
    for (index, gpu) in evidence.iter().enumerate() {
        // The nonce stands in the SPDM request, which the signature covers and the report begins with.
        if gpu.report.get(4..36) != Some(nonce.as_bytes().as_slice()) {
            return Err(format!("the evidence of GPU {index} does not carry the nonce {nonce}"));
        }
        if gpu.certificate_chain.is_empty() {
            return Err(format!("the evidence of GPU {index} has no certificates"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! What every provider's evidence must be before anyone sees it, the simulated provider's included.
//!
//! Not a judgement: the signatures are the judge's business. A provider that is confused, stale or lying about
//! what was asked is found here.

use jurat_proto::{Nonce, QuoteView, ReportData};

use crate::{
    GpuEvidence, GpuFailure, GpuProvider, Quote, QuoteFailure, QuoteProvider, SwitchEvidence, Tee,
    caught::caught,
};

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
        check_quote(&quote.bytes, report_data)?;
        Ok(quote)
    }

    fn collateral(&self) -> Option<String> {
        caught(|| self.provider.collateral()).ok().flatten()
    }
}

fn check_quote(bytes: &[u8], asked: &ReportData) -> Result<(), QuoteFailure> {
    let quote = QuoteView::parse(bytes).map_err(|error| QuoteFailure::Wrong(error.to_string()))?;
    let found = quote.report_data();
    if found != *asked {
        let what = format!("it carries the report data {found}, asked for was {asked}");
        return Err(QuoteFailure::Wrong(what));
    }
    if quote.is_debug() { Err(QuoteFailure::DebugTd) } else { Ok(()) }
}

/// A GPU provider whose evidence is of every GPU, each over the nonce asked for. Anything else, panics included, is
/// a failure.
pub struct CheckedGpus {
    provider: Box<dyn GpuProvider>,
    /// How many there were when they were first counted: what the claims say, which cannot change any more.
    first_count: Option<u32>,
}

impl CheckedGpus {
    /// Puts the checks around `provider`.
    pub fn new(provider: Box<dyn GpuProvider>) -> Self {
        Self { provider, first_count: None }
    }
}

impl GpuProvider for CheckedGpus {
    fn name(&self) -> &'static str {
        self.provider.name()
    }

    fn count(&mut self) -> Result<u32, GpuFailure> {
        let count = caught(|| self.provider.count()).map_err(GpuFailure::Failed)??;
        let first = *self.first_count.get_or_insert(count);
        if count != first {
            return Err(GpuFailure::Wrong(format!("the machine has {count} GPUs, and had {first} at first")));
        }
        Ok(count)
    }

    fn evidence(&mut self, nonce: &Nonce) -> Result<Vec<GpuEvidence>, GpuFailure> {
        let count = self.count()?;
        let evidence = caught(|| self.provider.evidence(nonce)).map_err(GpuFailure::Failed)??;
        check_gpus(&evidence, count, nonce).map_err(GpuFailure::Wrong)?;
        Ok(evidence)
    }

    fn switches(&mut self, nonce: &Nonce) -> Result<Option<Vec<SwitchEvidence>>, GpuFailure> {
        let evidence = caught(|| self.provider.switches(nonce)).map_err(GpuFailure::Switches)??;
        for (index, switch) in evidence.iter().flatten().enumerate() {
            check_device(&switch.report, &switch.certificate_chain, nonce)
                .map_err(|what| GpuFailure::Switches(format!("the evidence of switch {index} {what}")))?;
        }
        if evidence.as_ref().is_some_and(Vec::is_empty) {
            return Err(GpuFailure::Switches("the evidence is of no switch".to_owned()));
        }
        Ok(evidence)
    }
}

fn check_gpus(evidence: &[GpuEvidence], count: u32, nonce: &Nonce) -> Result<(), String> {
    if evidence.is_empty() || u32::try_from(evidence.len()) != Ok(count) {
        return Err(format!("evidence of {} GPUs, the machine has {count}", evidence.len()));
    }
    for (index, gpu) in evidence.iter().enumerate() {
        check_device(&gpu.report, &gpu.certificate_chain, nonce)
            .map_err(|what| format!("the evidence of GPU {index} {what}"))?;
        // Every GPU has a certificate of its own.
        let twin =
            evidence.iter().take(index).position(|other| other.certificate_chain == gpu.certificate_chain);
        if let Some(twin) = twin {
            return Err(format!("the evidence of GPU {index} is that of GPU {twin}"));
        }
    }
    Ok(())
}

fn check_device(report: &[u8], certificate_chain: &[u8], nonce: &Nonce) -> Result<(), String> {
    // The nonce stands in the SPDM request, which the signature covers and the report begins with.
    if report.get(4..36) != Some(nonce.as_bytes().as_slice()) {
        return Err(format!("does not carry the nonce {nonce}"));
    }
    if certificate_chain.is_empty() {
        return Err("has no certificates".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! The stage behind the two boundaries to hardware that `jurat-attest` defines.

use std::sync::Arc;

use jurat_attest::{GpuEvidence, GpuFailure, GpuProvider, Quote, QuoteFailure, QuoteProvider, Tee};
use jurat_proto::{Nonce, ReportData, sha256};

use crate::{GpuNonce, tee::Stage};

/// A source of simulated quotes. It never blocks and brings its collateral along.
pub struct SimulatedQuotes {
    stage: Arc<Stage>,
}

impl SimulatedQuotes {
    pub(crate) fn new(stage: Arc<Stage>) -> Self {
        Self { stage }
    }
}

impl QuoteProvider for SimulatedQuotes {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn tee(&self) -> Tee {
        Tee::Simulated
    }

    fn quote(&mut self, report_data: &ReportData) -> Result<Quote, QuoteFailure> {
        let bytes = self.stage.enclave.quote(report_data);
        Ok(Quote {
            bytes: bytes.map_err(|error| QuoteFailure::Failed(error.to_string()))?,
            event_log: Some(self.stage.event_log.clone()),
            // there is no VM to describe
            vm_config: None,
            info: self.stage.info.clone(),
        })
    }

    fn collateral(&self) -> Option<String> {
        Some(self.stage.collateral.clone())
    }
}

/// A source of simulated GPU evidence. It never blocks.
pub struct SimulatedGpus {
    stage: Arc<Stage>,
    reports: u64,
}

impl SimulatedGpus {
    pub(crate) fn new(stage: Arc<Stage>) -> Self {
        Self { stage, reports: 0 }
    }

    /// Evidence of the one GPU at `index`, from 0; `None` if there is none.
    pub fn evidence_of(&mut self, index: usize, nonce: &Nonce) -> Option<Result<GpuEvidence, GpuFailure>> {
        let Self { stage, reports } = self;
        let gpu = stage.gpus.get(index)?;
        let signed = match &stage.gpu_nonce {
            GpuNonce::Asked => nonce,
            GpuNonce::Other(other) => other,
        };
        *reports = reports.wrapping_add(1);
        // differs from report to report, and needs no source that can fail
        let responder = sha256(&[&stage.seed[..], nonce.as_bytes(), &reports.to_be_bytes()].concat());
        let report = gpu.report(signed, responder.as_bytes());
        Some(report.map_err(|error| GpuFailure::Failed(error.to_string())).map(|report| GpuEvidence {
            certificate_chain: gpu.certificates.clone().into_bytes(),
            report,
            architecture: stage.gpu_architecture,
        }))
    }
}

impl GpuProvider for SimulatedGpus {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn count(&mut self) -> Result<u32, GpuFailure> {
        u32::try_from(self.stage.gpus.len()).map_err(|error| GpuFailure::Failed(error.to_string()))
    }

    fn evidence(&mut self, nonce: &Nonce) -> Result<Vec<GpuEvidence>, GpuFailure> {
        (0..self.stage.gpus.len()).map_while(|index| self.evidence_of(index, nonce)).collect()
    }
}

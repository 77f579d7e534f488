//! A deadline for quote providers that have none of their own.

use std::time::Duration;

use jurat_proto::ReportData;

use crate::{
    Quote, QuoteFailure, QuoteProvider, Tee,
    caught::caught,
    worker::{Lapse, Worker},
};

type Answer = Result<Quote, QuoteFailure>;

/// A quote provider on a thread of its own, so that a call that never returns does not take its caller along.
///
/// Until a late call has returned, every further one is answered with [`QuoteFailure::Busy`]. The provider must not
/// bring collateral: it is for hardware's alone.
pub struct TimelyQuotes {
    name: &'static str,
    tee: Tee,
    patience: Duration,
    worker: Worker<ReportData, Answer>,
}

impl TimelyQuotes {
    /// Puts `provider` on a thread and gives each call `patience`.
    ///
    /// # Errors
    ///
    /// [`QuoteFailure::Failed`] if the system gives no thread.
    pub fn new(mut provider: Box<dyn QuoteProvider>, patience: Duration) -> Result<Self, QuoteFailure> {
        let (name, tee) = (provider.name(), provider.tee());
        let work = move |report_data: ReportData| {
            caught(|| provider.quote(&report_data)).unwrap_or_else(|panic| Err(QuoteFailure::Failed(panic)))
        };
        let worker = Worker::start("jurat-quotes", work)
            .map_err(|error| QuoteFailure::Failed(format!("no thread for it: {error}")))?;
        Ok(Self { name, tee, patience, worker })
    }
}

impl QuoteProvider for TimelyQuotes {
    fn name(&self) -> &'static str {
        self.name
    }

    fn tee(&self) -> Tee {
        self.tee
    }

    fn quote(&mut self, report_data: &ReportData) -> Answer {
        self.worker.ask(*report_data, self.patience).map_err(|lapse| match lapse {
            Lapse::Late => QuoteFailure::TimedOut(format!(
                "{} gave no answer within {} s",
                self.name,
                self.patience.as_secs_f64()
            )),
            Lapse::Occupied => {
                QuoteFailure::Busy(format!("an earlier call to {} has not returned", self.name))
            }
            Lapse::Gone => QuoteFailure::Failed(format!("the thread of {} has ended", self.name)),
        })?
    }
}

#[cfg(test)]
mod tests;

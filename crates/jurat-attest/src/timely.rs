//! A deadline for GPU providers, none of which has one of its own.

use std::time::Duration;

use jurat_proto::Nonce;

use crate::{
    GpuEvidence, GpuFailure, GpuProvider, SwitchEvidence,
    caught::caught,
    worker::{Lapse, Worker},
};

/// A GPU provider on a thread of its own, which opens the driver and keeps it: a device that never answers takes
/// that thread along and no other.
///
/// Until the late answer has come, every further call fails at once: one question at a time, as real devices want.
pub struct TimelyGpus {
    name: &'static str,
    patience: Duration,
    worker: Worker<Question, Answer>,
}

#[derive(Clone, Copy)]
enum Question {
    Count,
    Evidence(Nonce),
    Switches(Nonce),
}

enum Answer {
    Count(Result<u32, GpuFailure>),
    Evidence(Result<Vec<GpuEvidence>, GpuFailure>),
    Switches(Result<Option<Vec<SwitchEvidence>>, GpuFailure>),
}

impl TimelyGpus {
    /// Long enough for eight GPUs one after the other, whose secure processors answer within a second or two each.
    pub const PATIENCE: Duration = Duration::from_secs(30);

    /// Puts `gpus` on a thread and gives each call `patience`.
    ///
    /// # Errors
    ///
    /// [`GpuFailure::Failed`] if the system gives no thread.
    pub fn new(mut gpus: Box<dyn GpuProvider>, patience: Duration) -> Result<Self, GpuFailure> {
        let name = gpus.name();
        let work = move |question| match question {
            Question::Count => Answer::Count(survived(|| gpus.count())),
            Question::Evidence(nonce) => Answer::Evidence(survived(|| gpus.evidence(&nonce))),
            Question::Switches(nonce) => Answer::Switches(survived(|| gpus.switches(&nonce))),
        };
        let worker = Worker::start("jurat-gpus", work)
            .map_err(|error| GpuFailure::Failed(format!("no thread for it: {error}")))?;
        Ok(Self { name, patience, worker })
    }

    fn ask(&mut self, question: Question) -> Result<Answer, GpuFailure> {
        self.worker.ask(question, self.patience).map_err(|lapse| match lapse {
            Lapse::Late => {
                GpuFailure::TimedOut(format!("no answer within {} s", self.patience.as_secs_f64()))
            }
            Lapse::Occupied => GpuFailure::TimedOut("it has still not answered an earlier call".to_owned()),
            Lapse::Gone => GpuFailure::Failed("its thread has ended".to_owned()),
        })
    }
}

fn survived<T>(work: impl FnOnce() -> Result<T, GpuFailure>) -> Result<T, GpuFailure> {
    caught(work).unwrap_or_else(|panic| Err(GpuFailure::Failed(panic)))
}

/// The worker answers what it was asked.
fn mixed_up() -> GpuFailure {
    GpuFailure::Failed("it answered another question".to_owned())
}

impl GpuProvider for TimelyGpus {
    fn name(&self) -> &'static str {
        self.name
    }

    fn count(&mut self) -> Result<u32, GpuFailure> {
        let Answer::Count(count) = self.ask(Question::Count)? else { return Err(mixed_up()) };
        count
    }

    fn evidence(&mut self, nonce: &Nonce) -> Result<Vec<GpuEvidence>, GpuFailure> {
        let Answer::Evidence(evidence) = self.ask(Question::Evidence(*nonce))? else {
            return Err(mixed_up());
        };
        evidence
    }

    fn switches(&mut self, nonce: &Nonce) -> Result<Option<Vec<SwitchEvidence>>, GpuFailure> {
        let Answer::Switches(evidence) = self.ask(Question::Switches(*nonce))? else {
            return Err(mixed_up());
        };
        evidence
    }
}

#[cfg(test)]
mod tests;

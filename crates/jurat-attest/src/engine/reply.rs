//! A promise to answer exactly once.

use std::{sync::Arc, time::Instant};

use jurat_proto::ReportBody;

use super::ReportFailure;
use crate::caught::caught;

/// Who asked for a report.
pub trait Caller: Send {
    /// Whether anybody still wants the answer. Asked now and then, with locks held: it must not block. What was not
    /// begun is not begun for callers that are gone; what was begun is finished all the same.
    fn waits(&self) -> bool {
        true
    }

    /// Takes the answer: exactly once, or never if [`Caller::waits`] has said no before.
    fn take(self: Box<Self>, outcome: Result<Arc<ReportBody>, ReportFailure>);
}

/// A callback that waits for ever.
pub(super) struct Callback<F>(pub(super) F);

impl<F> Caller for Callback<F>
where
    F: FnOnce(Result<Arc<ReportBody>, ReportFailure>) + Send,
{
    fn take(self: Box<Self>, outcome: Result<Arc<ReportBody>, ReportFailure>) {
        (self.0)(outcome);
    }
}

/// A caller and its patience. Dropped unanswered (the engine's thread died), it answers [`ReportFailure::Stopped`].
pub(super) struct Reply {
    caller: Option<Box<dyn Caller>>,
    until: Instant,
}

impl Reply {
    pub(super) fn new(caller: impl Caller + 'static, until: Instant) -> Self {
        Self { caller: Some(Box::new(caller)), until }
    }

    /// When it is to be answered, one way or the other.
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.caller.as_ref().is_some_and(|caller| caught(|| caller.waits()).unwrap_or(false))
    }

    /// Answers. A panic in the caller is its own loss, not the engine's.
    pub(super) fn send(mut self, outcome: Result<Arc<ReportBody>, ReportFailure>) {
        self.call(outcome);
    }

    /// Drops a caller that is gone; nothing of its own runs.
    pub(super) fn forget(mut self) {
        self.caller = None;
    }

    fn call(&mut self, outcome: Result<Arc<ReportBody>, ReportFailure>) {
        if let Some(caller) = self.caller.take()
            && let Err(panic) = caught(|| caller.take(outcome))
        {
            tracing::error!(%panic, "a caller failed to take its report");
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.call(Err(ReportFailure::Stopped));
    }
}

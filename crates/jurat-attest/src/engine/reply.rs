//! A promise to answer exactly once.

use std::sync::Arc;

use jurat_proto::ReportBody;

use super::ReportFailure;
use crate::caught::caught;

type Callback = Box<dyn FnOnce(Result<Arc<ReportBody>, ReportFailure>) + Send>;

/// A caller's callback. Dropped unanswered (the engine's thread died), it answers [`ReportFailure::Stopped`].
pub(super) struct Reply(Option<Callback>);

impl Reply {
    pub(super) fn new(
        callback: impl FnOnce(Result<Arc<ReportBody>, ReportFailure>) + Send + 'static,
    ) -> Self {
        Self(Some(Box::new(callback)))
    }

    /// Answers. A panic in the callback is the caller's loss, not the engine's.
    pub(super) fn send(mut self, outcome: Result<Arc<ReportBody>, ReportFailure>) {
        self.call(outcome);
    }

    fn call(&mut self, outcome: Result<Arc<ReportBody>, ReportFailure>) {
        if let Some(callback) = self.0.take()
            && let Err(panic) = caught(|| callback(outcome))
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

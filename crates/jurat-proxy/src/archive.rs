//! Asking the archive without holding up the connections that share a worker's thread.

use jurat_ledger::{Archive, StoreError};

use crate::context::Context;

/// Asks on a thread that may block, unless the archive answers from memory.
pub(crate) async fn ask<T: Send + 'static>(
    context: &Context,
    question: impl FnOnce(&Archive) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let appender = context.parts.appender.clone();
    if appender.archive().is_quick() {
        return question(appender.archive());
    }
    tokio::task::spawn_blocking(move || question(appender.archive()))
        .await
        .unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
}

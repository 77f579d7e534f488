//! Shared reports as bytes: some 250 KB of JSON with eight GPUs, which need not be written for each that asks.

use std::{cell::RefCell, collections::VecDeque, sync::Arc};

use bytes::Bytes;
use jurat_proto::ReportBody;

use super::{EventLogForm, render};
use crate::error::Refusal;

/// Three bindings, each in two forms.
const KEPT: usize = 6;

/// One worker's share of them, the newest last.
#[derive(Default)]
pub(crate) struct Prepared(RefCell<VecDeque<Entry>>);

struct Entry {
    /// Held, so that its address is nobody else's: the engine changes no report that somebody holds.
    body: Arc<ReportBody>,
    form: EventLogForm,
    bytes: Bytes,
}

impl Prepared {
    /// `body` as it is served; written anew only if it is not the one that it was, as when its age has changed.
    pub(super) fn bytes(&self, body: &Arc<ReportBody>, form: EventLogForm) -> Result<Bytes, Refusal> {
        let mut entries = self.0.borrow_mut();
        if let Some(entry) = entries.iter().find(|entry| Arc::ptr_eq(&entry.body, body) && entry.form == form)
        {
            return Ok(entry.bytes.clone());
        }
        let bytes = render(body, form)?;
        if entries.len() >= KEPT {
            entries.pop_front();
        }
        entries.push_back(Entry { body: Arc::clone(body), form, bytes: bytes.clone() });
        Ok(bytes)
    }
}

//! An answer on its way to the judge.

use std::sync::Arc;

use actix_web::{rt, web};
use jurat_proto::ReceiptId;
use jurat_witness::Statement;
use reqwest::header::HeaderMap;
use tokio::task::JoinHandle;

use super::{Proxy, trust::Trusted};
use crate::answer::{self, Ruling};

/// An answer that flows or is held. Dropped before it is closed, its client has left.
pub(super) struct Case(Option<Parts>);

struct Parts {
    proxy: web::Data<Proxy>,
    /// Who was trusted when the request was sent.
    trusted: Arc<Trusted>,
    id: ReceiptId,
    credentials: HeaderMap,
}

impl Case {
    /// Opens it when the answer's head has come.
    pub(super) fn open(
        proxy: web::Data<Proxy>,
        trusted: Arc<Trusted>,
        id: ReceiptId,
        credentials: HeaderMap,
    ) -> Self {
        proxy.verdicts.begin(&id);
        Self(Some(Parts { proxy, trusted, id, credentials }))
    }

    /// Has it judged by what was witnessed. The verdict is told even if nobody waits for it any more.
    pub(super) fn close(mut self, witnessed: Statement) -> JoinHandle<Ruling> {
        let parts = self.0.take();
        rt::spawn(async move {
            // invariant: only this and `drop` take it
            let Some(parts) = parts else { return Ruling::undecided("receipt.unavailable", "judged twice") };
            let ruling = parts.judge(&witnessed).await;
            parts.proxy.verdicts.rule(&parts.id, &ruling);
            ruling
        })
    }

    /// Gives it up for a reason of our own.
    pub(super) fn give_up(mut self, ruling: &Ruling) {
        if let Some(parts) = self.0.take() {
            parts.proxy.verdicts.rule(&parts.id, ruling);
        }
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        if let Some(parts) = &self.0 {
            parts.proxy.verdicts.leave(&parts.id);
        }
    }
}

impl Parts {
    async fn judge(&self, witnessed: &Statement) -> Ruling {
        let trust = &self.proxy.trust;
        let record =
            match answer::receipt(&self.trusted.errand, &trust.base, &self.id, &self.credentials).await {
                Ok(record) => record,
                Err(ruling) => return ruling,
            };
        let signer = if answer::is_of(&record, &self.trusted.signer) {
            Arc::clone(&self.trusted)
        } else {
            match trust.signer_of(&record).await {
                Ok(Some(signer)) => signer,
                // A stranger's, as far as anybody can say: the trusted signer's check refuses it.
                Ok(None) => Arc::clone(&self.trusted),
                Err(why) => return Ruling::undecided("service.untrusted", why),
            }
        };
        answer::rule(&signer.signer, &record, &self.id, witnessed)
    }
}

/// What the judge said, once it has.
pub(super) fn heard(said: Result<Ruling, tokio::task::JoinError>) -> Ruling {
    said.unwrap_or_else(|error| {
        Ruling::undecided("receipt.unavailable", format_args!("the judge fell: {error}"))
    })
}

//! What the engine still sends behind a completing event: read for a moment, so that the connection can be
//! used again, and never relayed.

use std::{future::poll_fn, rc::Rc, time::Duration};

use crate::{context::Context, engine::EngineBody};

const LONGEST: Duration = Duration::from_secs(1);

/// Takes the rest of a body over. If it does not end soon its connection is closed.
pub(crate) fn rest_of(context: &Rc<Context>, body: &mut EngineBody) {
    if body.is_over() {
        return;
    }
    let mut body = body.take();
    let metrics = context.parts.metrics.clone();
    let reading = async move {
        while let Some(Ok(bytes)) = poll_fn(|task| body.poll_chunk(task)).await {
            metrics.surplus(bytes.len());
        }
    };
    actix_web::rt::spawn(async move {
        // Past its time the body is dropped, and its connection with it.
        let _ = tokio::time::timeout(LONGEST, reading).await;
    });
}

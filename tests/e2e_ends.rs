//! How an exchange ended is part of what is sworn: every fault of an answer, and what the client gets of it.
#![forbid(unsafe_code)]

use jurat_tests::{
    Sidecar,
    ends::{self, Case},
};

async fn hold(cases: Vec<Case>) {
    let engine = ends::engine(&cases).await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    ends::hold(&cases, &sidecar).await;
}

#[tokio::test]
async fn whole_and_failed_answers_end_as_the_spec_says() {
    hold(ends::whole_and_failed()).await;
}

#[tokio::test]
async fn a_cut_answer_is_never_sworn_to_as_whole() {
    hold(ends::truncated()).await;
}

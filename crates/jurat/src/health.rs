//! `jurat health`: whether the running service is ready, for health checks where there is no other program to ask.

use std::time::Duration;

use clap::Args;

use crate::{
    attest,
    exit::{Code, Failure, print},
    verify::block_on,
};

#[derive(Debug, Args)]
pub(crate) struct HealthOptions {
    /// Ask only whether it lives
    #[arg(long)]
    pub(crate) live: bool,
    /// The service's admin listener
    #[arg(long, env = "JURAT_ADMIN", default_value = "http://127.0.0.1:9464", value_name = "URL")]
    pub(crate) admin: String,
}

/// Readiness is looked up in memory, but for the engine's half second.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn run(options: HealthOptions) -> Result<Code, Failure> {
    let path = if options.live { "livez" } else { "readyz" };
    let url = format!("{}/{path}", options.admin.trim_end_matches('/'));
    let (status, body) = block_on(ask(&url))?.map_err(|error| attest::unheard(error, &options.admin))?;
    print(body.trim_end());
    if status.is_success() { Ok(Code::Done) } else { Err(Failure::unavailable("the service is not ready")) }
}

async fn ask(url: &str) -> reqwest::Result<(reqwest::StatusCode, String)> {
    let answer = attest::near()?.get(url).timeout(PATIENCE).send().await?;
    Ok((answer.status(), answer.text().await?))
}

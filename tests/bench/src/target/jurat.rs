//! The sidecar, in front of a look-alike TEE: key, receipts and chain are what they are in the field.

use std::{io, net::SocketAddr, path::Path};

use crate::{
    process::Process,
    target::{Stage, WORKERS},
};

/// `state` is where its receipts go; without it they stay in memory.
pub(super) fn start(
    stage: &Stage,
    program: &Path,
    state: Option<&Path>,
) -> io::Result<(SocketAddr, Option<Process>)> {
    let mut command = stage.command(program);
    command
        .args(["serve", "--simulated-tee", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .args(["--engine", &format!("http://{}", stage.engine)])
        .args(["--workers", &WORKERS.to_string()])
        .args(&stage.arguments);
    if let Some(state) = state {
        command.arg("--state-dir").arg(state);
    }
    const LISTENING: &str = "jurat: listening on http://";
    let process = Process::start_and_hear(command, &[LISTENING])?;
    let address = process.heard(LISTENING).and_then(|address| address.trim().parse().ok());
    let address = address.ok_or_else(|| io::Error::other("it listens on no address"))?;
    Ok((address, Some(process)))
}

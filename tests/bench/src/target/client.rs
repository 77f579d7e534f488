//! Relays that differ in their engine client alone (`tests/bench/clients`): why jurat has its own.

use std::{io, net::SocketAddr};

use crate::{
    process::Process,
    target::{Client, Stage},
};

pub(super) fn start(stage: &Stage, client: Client) -> io::Result<(SocketAddr, Option<Process>)> {
    let program = stage.clients.as_ref().ok_or_else(|| io::Error::other("--clients names no program"))?;
    let mut command = stage.command(program);
    command.args([client.word(), &stage.engine.to_string()]);
    const LISTENING: &str = "listening on ";
    let process = Process::start_and_hear(command, &[LISTENING])?;
    let address = process.heard(LISTENING).and_then(|address| address.trim().parse().ok());
    let address = address.ok_or_else(|| io::Error::other("the relay listens on no address"))?;
    Ok((address, Some(process)))
}

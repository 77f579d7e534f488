//! haproxy, configured as one would for streams.

use std::{io, net::SocketAddr, path::Path};

use crate::{
    process::Process,
    target::{Stage, WORKERS, free_port, open_files},
};

pub(super) fn start(stage: &Stage) -> io::Result<(SocketAddr, Option<Process>)> {
    let address = free_port()?;
    // Two files a connection, and some of its own.
    let connections = open_files() / 2 - 100;
    let engine = stage.engine;
    let configuration = format!(
        "global\n  nbthread {WORKERS}\n  maxconn {connections}\n\
         defaults\n  mode http\n  option http-keep-alive\n  option http-no-delay\n  http-reuse always\n\
         \x20 timeout connect 5s\n  timeout client 600s\n  timeout server 600s\n\
         frontend clients\n  bind {address} backlog 16384\n  default_backend engines\n\
         backend engines\n  server engine {engine} pool-max-conn 512\n"
    );
    let file = stage.folder.join("haproxy.cfg");
    std::fs::write(&file, configuration)?;
    let mut command = stage.command(Path::new("haproxy"));
    command.args(["-db", "-q", "-f"]).arg(&file);
    Ok((address, Some(Process::start(command)?)))
}

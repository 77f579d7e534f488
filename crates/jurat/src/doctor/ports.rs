//! The two listeners: are their ports free, or a running service's?

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
};

use super::{Findings, Line, PATIENCE};
use crate::{
    config::{Config, TlsChoice},
    verify::block_on,
};

pub(super) fn look(config: &Config, findings: &mut Findings) {
    let scheme = if config.tls == TlsChoice::Off { "http" } else { "https" };
    findings.add(port("port.data", config.listen, scheme, "/version", "\"commit\""));
    findings.add(port("port.admin", config.admin_listen, "http", "/livez", "live"));
}

/// A port that is taken is well if who has it answers as jurat does: `target` holds `mark`.
fn port(id: &'static str, address: SocketAddr, scheme: &str, target: &str, mark: &str) -> Line {
    match TcpListener::bind(address) {
        Ok(_) => Line::pass(id, format!("{address} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let url = format!("{scheme}://{}{target}", reached(address));
            match block_on(fetch(&url)) {
                Ok(Ok(text)) if text.contains(mark) => {
                    Line::pass(id, format!("{address} is a running jurat's"))
                }
                _ => Line::fail(id, format!("{address} is somebody else's"))
                    .advise("end who has it, or name another address"),
            }
        }
        Err(error) => Line::fail(id, format!("{address}: {error}")).advise(
            "name an address of this machine, and a port from 1024 on unless jurat may have lower ones",
        ),
    }
}

/// Where a listener on every address is reached from within.
pub(super) fn reached(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

async fn fetch(url: &str) -> reqwest::Result<String> {
    // Who holds the port is asked, not whether to trust it.
    let client =
        reqwest::Client::builder().no_proxy().timeout(PATIENCE).danger_accept_invalid_certs(true).build()?;
    client.get(url).send().await?.error_for_status()?.text().await
}

#[cfg(test)]
mod tests;

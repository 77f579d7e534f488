//! Where the engine listens.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

/// An engine's address: inside this machine or, if configured, at a literal address near it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineAddress {
    /// `http://IP:PORT`; `localhost` stands for 127.0.0.1.
    Tcp(SocketAddr),
    /// `unix:/path`.
    Unix(PathBuf),
}

/// Why a string is no engine's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Neither form.
    #[error("expected http://IP:PORT or unix:/path")]
    Form,
    /// A name that only DNS, and so the host, could resolve.
    #[error(
        "the engine must be named by a literal address, not by `{0}`: whoever answers DNS would choose the engine"
    )]
    Name(String),
    /// A public address: prompts would leave the machine in clear.
    #[error("the engine's address {0} is neither loopback nor private")]
    Public(IpAddr),
}

impl EngineAddress {
    /// Whether it lies inside this machine. Any other must be named in the measured configuration file.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().is_loopback(),
            Self::Unix(_) => true,
        }
    }

    /// The `Host` for a client that sent none.
    pub(crate) fn authority(&self) -> String {
        match self {
            Self::Tcp(address) => address.to_string(),
            Self::Unix(_) => "localhost".into(),
        }
    }
}

impl FromStr for EngineAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.starts_with('/') { Ok(Self::Unix(path.into())) } else { Err(AddressError::Form) };
        }
        let authority = text.strip_prefix("http://").ok_or(AddressError::Form)?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let (host, port) = authority.rsplit_once(':').ok_or(AddressError::Form)?;
        let port: u16 = port.parse().map_err(|_| AddressError::Form)?;
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let ip = match literal {
            "localhost" => IpAddr::from([127, 0, 0, 1]),
            _ => {
                literal.parse().map_err(|_| match host.contains(['/', '@', '?', '#']) || host.is_empty() {
                    true => AddressError::Form,
                    false => AddressError::Name(host.into()),
                })?
            }
        };
        let near = match ip {
            IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        };
        if near { Ok(Self::Tcp(SocketAddr::new(ip, port))) } else { Err(AddressError::Public(ip)) }
    }
}

impl fmt::Display for EngineAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

//! What the program says about the server, checked before anything is connected.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use crate::store::Bounds;

/// Default of [`SharedSettings::timeout`].
pub(super) const TIMEOUT: Duration = Duration::from_secs(2);
/// Default of [`SharedSettings::prefix`].
const PREFIX: &str = "jurat";
/// The port where the URL names none.
const PORT: u16 = 6379;

/// Where the shared store is, and how to speak to it. Holds no secret: these are read from their files at every
/// connect, so that they can be changed while the program runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedSettings {
    /// The server.
    pub url: ServerUrl,
    /// The server's user, where it is not `default`.
    pub username: Option<String>,
    /// File with the password, and nothing else but a line's end.
    pub password_file: Option<PathBuf>,
    /// File with the certificates (PEM) that the server's must descend from. `rediss` needs it: there is no other
    /// set of roots that a program in an enclave should take for granted.
    pub ca_file: Option<PathBuf>,
    /// For a server that asks its clients for one.
    pub client_certificate: Option<ClientCertificate>,
    /// Begins every key's name. Replicas that share receipts have the same.
    pub prefix: String,
    /// How much is kept under the prefix, and how long, by all replicas together.
    pub bounds: Bounds,
    /// Longest time that a call may take.
    pub timeout: Duration,
    /// So many replicas of the server must have a batch before it counts as kept.
    pub wait_replicas: Option<u8>,
}

/// What the program shows to a server that asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// File with its certificates, its own first, PEM.
    pub cert_file: PathBuf,
    /// File with its key, PEM.
    pub key_file: PathBuf,
}

/// A setting that can't be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The URL has another form than the three that are known.
    #[error(
        "the store's address must be redis://HOST[:PORT][/DB], rediss://HOST[:PORT][/DB] or redis+unix:///PATH[?db=DB]"
    )]
    Url,
    /// Addresses are printed and measured: a secret has no place in them.
    #[error(
        "the store's address must not carry a user or a password; name the user apart and the password by file"
    )]
    Secret,
    /// A server's certificate is judged by nothing.
    #[error("rediss:// needs a file of root certificates (for a public authority, the system's bundle)")]
    NoRoots,
    /// Certificates are named for an address that does not use them.
    #[error("certificate files are named, but the store's address is not rediss://")]
    NoTls,
    /// A user without a password.
    #[error("the store's user is named, but no password file")]
    NoPassword,
    /// Keys need a prefix of plain characters.
    #[error(
        "the store's prefix must be 1 to 64 characters of a-z, A-Z, 0-9, '.', '_', '-', ':', '{{' and '}}'"
    )]
    Prefix,
    /// No call can be made in no time, and the program must not stand still for long.
    #[error("the store's timeout must be from 50 ms to 60 s")]
    Timeout,
}

impl SharedSettings {
    /// Settings with every other knob at its default.
    pub fn new(url: ServerUrl, bounds: Bounds) -> Self {
        Self {
            url,
            username: None,
            password_file: None,
            ca_file: None,
            client_certificate: None,
            prefix: PREFIX.to_owned(),
            bounds,
            timeout: TIMEOUT,
            wait_replicas: None,
        }
    }

    /// Refuses what can't be meant.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let named = self.ca_file.is_some() || self.client_certificate.is_some();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:{}".contains(&byte);
        if self.url.is_tls() && self.ca_file.is_none() {
            return Err(SettingsError::NoRoots);
        }
        if !self.url.is_tls() && named {
            return Err(SettingsError::NoTls);
        }
        if self.username.is_some() && self.password_file.is_none() {
            return Err(SettingsError::NoPassword);
        }
        if !(1..=64).contains(&self.prefix.len()) || !self.prefix.bytes().all(plain) {
            return Err(SettingsError::Prefix);
        }
        if !(Duration::from_millis(50)..=Duration::from_secs(60)).contains(&self.timeout) {
            return Err(SettingsError::Timeout);
        }
        Ok(())
    }
}

/// The address of a server: `redis://`, `rediss://` (TLS) or `redis+unix://`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    pub(super) place: Place,
    pub(super) database: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Tcp { host: String, port: u16 },
    Tls { host: String, port: u16 },
    Unix(PathBuf),
}

impl ServerUrl {
    /// The socket of a server on this machine.
    pub fn unix(path: &Path) -> Self {
        Self { place: Place::Unix(path.to_owned()), database: 0 }
    }

    fn is_tls(&self) -> bool {
        matches!(self.place, Place::Tls { .. })
    }
}

impl FromStr for ServerUrl {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        let (scheme, rest) = text.split_once("://").ok_or(SettingsError::Url)?;
        if rest.contains('@') && scheme != "redis+unix" {
            return Err(SettingsError::Secret);
        }
        if scheme == "redis+unix" {
            let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
            let database =
                if query.is_empty() { "" } else { query.strip_prefix("db=").ok_or(SettingsError::Url)? };
            if !path.starts_with('/') {
                return Err(SettingsError::Url);
            }
            return Ok(Self { place: Place::Unix(path.into()), database: number(database)? });
        }
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = host_and_port(authority)?;
        let place = match scheme {
            "redis" => Place::Tcp { host, port },
            "rediss" => Place::Tls { host, port },
            _ => return Err(SettingsError::Url),
        };
        Ok(Self { place, database: number(database)? })
    }
}

fn host_and_port(authority: &str) -> Result<(String, u16), SettingsError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or(SettingsError::Url)?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().map_err(|_| SettingsError::Url)?,
        None if port.is_empty() => PORT,
        None => return Err(SettingsError::Url),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    if host.is_empty() || !host.bytes().all(plain) {
        return Err(SettingsError::Url);
    }
    Ok((host.to_owned(), port))
}

fn number(text: &str) -> Result<u32, SettingsError> {
    if text.is_empty() { Ok(0) } else { text.parse().map_err(|_| SettingsError::Url) }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port) = match &self.place {
            Place::Unix(path) => {
                write!(f, "redis+unix://{}", path.display())?;
                return if self.database == 0 { Ok(()) } else { write!(f, "?db={}", self.database) };
            }
            Place::Tcp { host, port } => ("redis", host, port),
            Place::Tls { host, port } => ("rediss", host, port),
        };
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")?;
        } else {
            write!(f, "{scheme}://{host}:{port}")?;
        }
        if self.database == 0 { Ok(()) } else { write!(f, "/{}", self.database) }
    }
}

#[cfg(test)]
mod tests;

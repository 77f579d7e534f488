//! Where TLS ends. All of it comes from the file alone: it is in the claims, and changes what they mean.

use std::{
    fmt::{self, Display, Formatter},
    net::IpAddr,
    path::PathBuf,
    str::FromStr,
};

use rustls::pki_types::DnsName;
use serde::Deserialize;

use super::{
    file::File,
    knobs::{Knobs, Named},
};
use crate::exit::Failure;

/// The knob `tls`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TlsKind {
    #[default]
    Off,
    SelfSigned,
    Files,
}

impl Display for TlsKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::SelfSigned => "self-signed",
            Self::Files => "files",
        })
    }
}

/// Where TLS ends, with what that needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TlsChoice {
    /// Elsewhere, or nowhere.
    Off,
    /// Here, under a key that the process draws.
    SelfSigned {
        /// What the certificate says until another is found.
        names: Vec<TlsName>,
        /// Where a certificate of somebody else's for the same key will lie.
        certificate: Option<PathBuf>,
    },
    /// Here, under a key from a file.
    Files { certificate: PathBuf, key: PathBuf },
}

/// A name in a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TlsName {
    Dns(String),
    Ip(IpAddr),
}

impl FromStr for TlsName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Ip(address));
        }
        // A wildcard stands for one label, and no other may bear it.
        DnsName::try_from(text.strip_prefix("*.").unwrap_or(text))
            .map(|_| Self::Dns(text.to_ascii_lowercase()))
            .map_err(|_| "is no name of a host")
    }
}

impl Display for TlsName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => name.fmt(f),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

impl TlsChoice {
    pub(super) fn settle(knobs: &mut Knobs, file: &File) -> Result<Self, Failure> {
        let kind = knobs.value("tls", None, file.tls, TlsKind::Off);
        let Named(certificate) = knobs.path("tls_certificate", None, file.tls_certificate.as_ref());
        let Named(key) = knobs.path("tls_key", None, file.tls_key.as_ref());
        let names = file.tls_names.as_ref().map(|names| names.join(","));
        let shown = knobs.value("tls_names", None, names, "localhost".to_owned());
        let names = shown.split(',').map(|name| {
            let refused = |why| Failure::config(format_args!("tls_names: `{name}` {why}"));
            name.parse().map_err(refused)
        });
        let names = names.collect::<Result<_, _>>()?;
        match (kind, certificate, key) {
            (TlsKind::Off, None, None) => Ok(Self::Off),
            (TlsKind::Off, ..) => Err(Failure::config(
                "tls_certificate and tls_key mean nothing without tls",
            )
            .hint(
                "say `tls = \"files\"`, or `tls = \"self-signed\"` for a key that never leaves the process",
            )),
            (TlsKind::SelfSigned, certificate, None) => Ok(Self::SelfSigned { names, certificate }),
            (TlsKind::SelfSigned, _, Some(_)) => {
                Err(Failure::config("tls_key: under `tls = \"self-signed\"` the process draws its own key"))
            }
            (TlsKind::Files, Some(certificate), Some(key)) => Ok(Self::Files { certificate, key }),
            (TlsKind::Files, ..) => {
                Err(Failure::config("`tls = \"files\"` needs both tls_certificate and tls_key"))
            }
        }
    }
}

//! Who comes in, and how fast. From the file alone, as lists and files of secrets are.

use std::{net::IpAddr, num::NonZeroUsize, path::PathBuf};

use jurat_proxy::{Doors, ForwardedHeader, IpNet, Proxies, Rate};

use super::{
    file::File,
    knobs::{Knobs, Named},
};
use crate::{exit::Failure, tokens::Tokens};

/// Where tokens are, and the limits.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    tokens: Option<PathBuf>,
    receipt_tokens: Option<PathBuf>,
    admin_tokens: Option<PathBuf>,
    connections_per_address: Option<NonZeroUsize>,
    address_rate: Option<Rate>,
    token_rate: Option<Rate>,
    proxies: Proxies,
}

/// The knob `forwarded_header`; the first is the default.
const HEADERS: [(&str, ForwardedHeader); 2] =
    [("x-forwarded-for", ForwardedHeader::XForwardedFor), ("forwarded", ForwardedHeader::Forwarded)];

impl Admission {
    pub(super) fn settle(knobs: &mut Knobs, file: &File) -> Result<Self, Failure> {
        let mut path = |name, path: &Option<PathBuf>| knobs.path(name, None, path.as_ref());
        let Named(tokens) = path("tokens", &file.tokens);
        let Named(receipt_tokens) = path("receipt_tokens", &file.receipt_tokens);
        let Named(admin_tokens) = path("admin_tokens", &file.admin_tokens);
        // 0 for none.
        let each = knobs.value("connections_per_address", None, file.connections_per_address, 0);
        let connections_per_address = NonZeroUsize::new(each);
        let address_rate =
            rate(knobs, ["address_rate", "address_burst"], file.address_rate, file.address_burst)?;
        let token_rate = rate(knobs, ["token_rate", "token_burst"], file.token_rate, file.token_burst)?;
        let shown = file.trusted_proxies.as_ref().map(|networks| networks.join(","));
        let shown = knobs.value("trusted_proxies", None, shown, "none".to_owned());
        let networks = shown.split(',').map(str::trim).filter(|network| !matches!(*network, "" | "none"));
        let network = |text: &str| {
            let host = || text.parse::<IpAddr>().ok().map(IpNet::from);
            let found = text.parse().ok().or_else(host);
            let what = "is no network such as 10.0.0.0/8";
            found.ok_or_else(|| Failure::config(format_args!("trusted_proxies: `{text}` {what}")))
        };
        let networks = networks.map(network).collect::<Result<_, _>>()?;
        let header = knobs.choice("forwarded_header", file.forwarded_header.as_deref(), HEADERS)?;
        let proxies = Proxies { networks, header };
        Ok(Self {
            tokens,
            receipt_tokens,
            admin_tokens,
            connections_per_address,
            address_rate,
            token_rate,
            proxies,
        })
    }

    /// Reads the files; what is to be followed comes beside the doors.
    pub(crate) fn open(&self) -> Result<(Doors, Vec<Tokens>), Failure> {
        let mut files = Vec::new();
        let mut keyring = |path: &Option<PathBuf>| {
            let Some(path) = path else { return Ok(None) };
            let tokens = Tokens::read(path)?;
            let keyring = tokens.keyring.clone();
            files.push(tokens);
            Ok::<_, Failure>(Some(keyring))
        };
        let doors = Doors {
            data: keyring(&self.tokens)?,
            receipts: keyring(&self.receipt_tokens)?,
            admin: keyring(&self.admin_tokens)?,
            proxies: self.proxies.clone(),
            connections_per_address: self.connections_per_address,
            address_rate: self.address_rate,
            token_rate: self.token_rate,
        };
        Ok((doors, files))
    }
}

/// A rate that may be absent: 0 for none.
fn rate(
    knobs: &mut Knobs,
    [name, of_burst]: [&'static str; 2],
    per_second: Option<f64>,
    burst: Option<u32>,
) -> Result<Option<Rate>, Failure> {
    let per_second = knobs.value(name, None, per_second, 0.0);
    let burst = knobs.value(of_burst, None, burst, 10);
    if per_second == 0.0 {
        return Ok(None);
    }
    let named = |error| Failure::config(format_args!("{name} `{per_second}`, {of_burst} `{burst}`: {error}"));
    Rate::new(per_second, burst).map(Some).map_err(named)
}

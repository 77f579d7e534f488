//! Where a request comes from. A header says so only if whoever sent it is a proxy that the operator has named: anybody
//! can write a header.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use actix_web::http::header::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// The header in which proxies say for whom they ask. Exactly one is believed: the other is the client's to write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, a list of addresses.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// Proxies whose word is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Where they are.
    pub networks: Vec<IpNet>,
    /// How they say it.
    pub header: ForwardedHeader,
}

/// One who comes: an IPv4 address, or the network of 64 bits in which one IPv6 host has all addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Source(IpAddr);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
            v4 => v4,
        })
    }
}

impl Proxies {
    /// The nearest hop that is no trusted proxy. What can't be read is as far as anybody is followed.
    pub(super) fn source(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Source {
        let mut nearest = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical();
        if !self.trusts(nearest) {
            return nearest.into();
        }
        let name = match self.header {
            ForwardedHeader::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            ForwardedHeader::Forwarded => HeaderName::from_static("forwarded"),
        };
        let values: Vec<_> = headers.get_all(name).map(|value| value.as_bytes()).collect();
        for hop in values.iter().rev().flat_map(|value| value.rsplit(|byte| *byte == b',')) {
            let Some(address) = std::str::from_utf8(hop).ok().and_then(|hop| self.address(hop.trim())) else {
                break;
            };
            nearest = address.to_canonical();
            if !self.trusts(nearest) {
                break;
            }
        }
        nearest.into()
    }

    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    fn address(&self, hop: &str) -> Option<IpAddr> {
        let node = match self.header {
            ForwardedHeader::XForwardedFor => hop,
            ForwardedHeader::Forwarded => {
                let pairs = hop.split(';').filter_map(|pair| pair.split_once('='));
                let node = pairs.map(|(key, node)| (key.trim(), node.trim()));
                node.filter(|(key, _)| key.eq_ignore_ascii_case("for")).map(|(_, node)| node).next()?
            }
        };
        let node = node.strip_prefix('"').and_then(|node| node.strip_suffix('"')).unwrap_or(node);
        let bare = node.strip_prefix('[').and_then(|node| node.strip_suffix(']')).unwrap_or(node);
        bare.parse().ok().or_else(|| node.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
    }
}

//! Who comes in, and how fast: what is asked of a request before it is anybody's business but the door's. Answers given
//! here are no exchanges: they have no receipt, so that strangers cannot flush the archive.

mod gate;
mod origin;
mod pace;
mod seats;
mod tokens;

use std::{net::SocketAddr, num::NonZeroUsize, sync::Arc, time::Instant};

use actix_web::{HttpRequest, http::header::HeaderMap};
use gate::Gate;
pub(crate) use gate::Place;
pub use ipnet::IpNet;
use origin::Source;
pub use origin::{ForwardedHeader, Proxies};
use pace::Pacer;
pub use pace::Rate;
pub(crate) use seats::Seat;
use seats::Seats;
pub use tokens::{Keyring, Token};

use crate::{context::Context, error::Refusal, owner, server::MOST_HEAD};

/// Longest target of a request, bytes.
const MOST_TARGET: usize = 8 << 10;

/// Who is let in where, and how fast.
#[derive(Debug, Clone, Default)]
pub struct Doors {
    /// Who may ask the engine; `None` for anybody.
    pub data: Option<Arc<Keyring>>,
    /// Who may fetch receipts, whosesoever; `None` for anybody who knows an id, within the receipts' scope.
    pub receipts: Option<Arc<Keyring>>,
    /// Who may use the admin listener; `None` for anybody who reaches it.
    pub admin: Option<Arc<Keyring>>,
    /// Whose word on a client's address is believed.
    pub proxies: Proxies,
    /// Connections that one address may hold at once; `None` for as many as it likes. Of proxies that are believed none is
    /// counted: many clients come from them.
    pub connections_per_address: Option<NonZeroUsize>,
    /// Pace of one address.
    pub address_rate: Option<Rate>,
    /// Pace of one token that has none of its own.
    pub token_rate: Option<Rate>,
}

/// The doors with who stands before them.
#[derive(Debug)]
pub struct Admission {
    doors: Doors,
    seats: Option<Arc<Seats>>,
    addresses: Pacer<Source>,
    /// By their digests.
    tokens: Pacer<[u8; 32]>,
    relayed: Arc<Gate>,
}

/// What becomes of the credentials that a request brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// They are the engine's to judge.
    Forwarded,
    /// jurat's own door took them.
    Consumed,
}

/// What a bearer may fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// What the receipts' scope allows it.
    Own,
    /// Whatever is kept.
    All,
}

impl Admission {
    /// Opens the doors. `relayed`: how many requests that are not sworn to may be under way; those that are have the
    /// appender's bound.
    pub fn new(doors: Doors, relayed: usize) -> Arc<Self> {
        let (addresses, tokens) = (Pacer::default(), Pacer::default());
        let seats = doors.connections_per_address.map(Seats::new);
        Arc::new(Self { doors, seats, addresses, tokens, relayed: Gate::new(relayed) })
    }

    /// Whether one more connection of this peer is borne; it is until the seat is dropped.
    pub(crate) fn seat(&self, peer: Option<SocketAddr>) -> Option<Seat> {
        let peer = peer.map(|peer| peer.ip().to_canonical());
        match (&self.seats, peer) {
            (Some(seats), Some(peer)) if !self.doors.proxies.trusts(peer) => seats.take(peer.into()),
            // Who has no address any more has left.
            _ => Some(Seat::free()),
        }
    }

    /// A place among those that are relayed and not sworn to.
    pub(crate) fn place(&self) -> Result<Place, Refusal> {
        self.relayed.enter().ok_or(Refusal::Overloaded)
    }

    /// What holds for every request of the data port: a head of bounded size, at the address's pace.
    pub(crate) fn knock(&self, request: &HttpRequest) -> Result<(), Refusal> {
        fits(request)?;
        let Some(rate) = self.doors.address_rate else { return Ok(()) };
        let source = self.doors.proxies.source(request.peer_addr().map(|peer| peer.ip()), request.headers());
        self.addresses.admit(source, rate, Instant::now()).map_err(Refusal::RateLimited)
    }

    /// The door to the engine.
    pub(crate) fn to_engine(&self, context: &Context, headers: &HeaderMap) -> Result<Credentials, Refusal> {
        let Some(keyring) = &self.doors.data else { return Ok(Credentials::Forwarded) };
        self.enter(keyring, context, headers)?;
        Ok(Credentials::Consumed)
    }

    /// Whether the token that a request brings opens the door to the engine; nothing is counted.
    pub(crate) fn would_let_in(&self, context: &Context, headers: &HeaderMap) -> Result<(), Refusal> {
        match &self.doors.data {
            Some(keyring) => Self::token(keyring, context, headers).map(drop),
            None => Ok(()),
        }
    }

    /// The door to receipts: for whoever has a token for it, and for clients with the token they asked the engine by.
    pub(crate) fn to_receipts(&self, context: &Context, headers: &HeaderMap) -> Result<Reach, Refusal> {
        let Some(keyring) = &self.doors.receipts else { return Ok(Reach::Own) };
        match (self.enter(keyring, context, headers), &self.doors.data) {
            (Ok(()), _) => Ok(Reach::All),
            (Err(Refusal::TokenInvalid), Some(data)) => {
                self.enter(data, context, headers).map(|()| Reach::Own)
            }
            (Err(refusal), _) => Err(refusal),
        }
    }

    /// The door of the admin listener.
    pub(crate) fn to_admin(&self, context: &Context, headers: &HeaderMap) -> Result<(), Refusal> {
        match &self.doors.admin {
            Some(keyring) => self.enter(keyring, context, headers),
            None => Ok(()),
        }
    }

    fn enter(&self, keyring: &Keyring, context: &Context, headers: &HeaderMap) -> Result<(), Refusal> {
        let token = Self::token(keyring, context, headers)?;
        let Some(rate) = token.rate().or(self.doors.token_rate) else { return Ok(()) };
        self.tokens.admit(*token.digest(), rate, Instant::now()).map_err(Refusal::RateLimited)
    }

    fn token(keyring: &Keyring, context: &Context, headers: &HeaderMap) -> Result<Token, Refusal> {
        let presented = owner::presented(headers).ok_or(Refusal::TokenRequired)?;
        keyring.find(presented, context.now()).ok_or(Refusal::TokenInvalid)
    }
}

/// HTTP/2 refuses such a head by itself, and HTTP/1.1 one of twice the size.
fn fits(request: &HttpRequest) -> Result<(), Refusal> {
    let target = request.uri();
    let length = target.path().len() + target.query().map_or(0, |query| query.len() + 1);
    if length > MOST_TARGET {
        return Err(Refusal::UriTooLong);
    }
    // As RFC 9113 section 6.5.2 counts them: 32 bytes for the room that a header takes.
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 32);
    if headers.sum::<usize>() > MOST_HEAD as usize { Err(Refusal::HeadersTooLarge) } else { Ok(()) }
}

#[cfg(test)]
mod tests;

//! What the clients do.

use std::time::Duration;

use crate::{clock::Nanos, script::Script};

/// One client's errand, over and over on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    /// An exchange of its own kind each time.
    Exchange(Script),
    /// An exchange, then its receipt.
    ExchangeAndReceipt(Script),
    /// A stream whose end comes with that of all others, every tenth of a second.
    EndTogether {
        /// Events before the end.
        events: u32,
    },
    /// `GET` of a path.
    Get(&'static str),
    /// The same with a nonce that is new each time.
    GetWithNonce(&'static str),
}

impl Errand {
    /// The exchange to ask for next, if the errand is one. The first stream of a client is cut to a random
    /// length, so that ends come evenly.
    pub(super) fn script(self, first: bool) -> Option<Script> {
        match self {
            Self::Exchange(Script::Stream { events, gap, end_at }) if first && gap > 0 => {
                let events = 1 + getrandom::u32().expect("the system has randomness") % events;
                Some(Script::Stream { events, gap, end_at })
            }
            Self::Exchange(script) | Self::ExchangeAndReceipt(script) => Some(script),
            Self::EndTogether { events } => {
                let tenth = Nanos::SECOND / 10;
                let end_at = (Nanos::now().0 + tenth / 2).next_multiple_of(tenth);
                Some(Script::Stream { events, gap: 0, end_at })
            }
            Self::Get(_) | Self::GetWithNonce(_) => None,
        }
    }
}

/// A load.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) errand: Errand,
    pub(crate) connections: usize,
    pub(crate) threads: usize,
    /// Over which the clients begin, one by one.
    pub(crate) spread: Duration,
    /// Before anything is counted.
    pub(crate) warm: Duration,
    /// At most this long is counted.
    pub(crate) window: Duration,
    /// Exchanges after which the load ends; `u64::MAX` for none.
    pub(crate) limit: u64,
    /// How many answers' receipts each thread remembers, to be judged behind the window.
    pub(crate) remembered: usize,
}

impl Plan {
    pub(crate) fn new(errand: Errand, connections: usize) -> Self {
        Self {
            errand,
            connections,
            threads: connections.min(2),
            spread: Duration::from_millis(100),
            warm: Duration::from_millis(400),
            window: Duration::from_millis(1200),
            limit: u64::MAX,
            remembered: 16,
        }
    }

    pub(crate) fn windows(self, warm: f64, window: f64) -> Self {
        Self { warm: Duration::from_secs_f64(warm), window: Duration::from_secs_f64(window), ..self }
    }

    pub(crate) fn spread(self, seconds: f64) -> Self {
        Self { spread: Duration::from_secs_f64(seconds), ..self }
    }

    pub(crate) fn limit(self, limit: u64) -> Self {
        Self { limit, warm: Duration::ZERO, window: Duration::from_secs(3600), ..self }
    }
}

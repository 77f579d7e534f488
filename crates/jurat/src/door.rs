//! The data port's listening socket at the end of its life: closed so that nobody's request is lost in it.
//!
//! A connection that waits in the kernel's queue when its listener goes is reset, and whoever had sent a request on it
//! can't know what became of it. So nobody new is let into the queue first, then it is emptied, then it goes: whoever
//! comes meanwhile is refused, has sent nothing, and may safely ask elsewhere.

use std::{
    io::ErrorKind,
    net::{Shutdown, TcpListener},
    time::Duration,
};

use socket2::{SockFilter, SockRef};

use crate::exit::Failure;

/// How long those who are in the queue get to be taken from it, and to send their request.
pub(crate) const EMPTIED: Duration = Duration::from_millis(100);

/// Lets every segment through but one that asks for a new connection: classic BPF over the TCP header, whose flags are
/// in byte 13. Linux' `linux/filter.h` has the codes.
const NOBODY_NEW: [SockFilter; 5] = [
    SockFilter::new(0x30, 0, 0, 13),   // load byte 13
    SockFilter::new(0x54, 0, 0, 0x12), // and SYN | ACK
    SockFilter::new(0x15, 0, 1, 0x02), // SYN alone?
    SockFilter::new(0x06, 0, 0, 0),    // drop it
    SockFilter::new(0x06, 0, 0, u32::MAX),
];

/// A hold on the listening socket beside its server's.
#[derive(Debug)]
pub(crate) struct Door(TcpListener);

impl Door {
    pub(crate) fn of(listener: &TcpListener) -> Result<Self, Failure> {
        listener.try_clone().map(Self).map_err(Failure::unavailable)
    }

    /// Lets nobody new into the queue. Their kernels ask again after a second, and by then it is shut.
    pub(crate) fn nobody_new(&self) {
        if let Err(error) = SockRef::from(&self.0).attach_filter(&NOBODY_NEW) {
            tracing::warn!(%error, "connections made at this very moment may be lost");
        }
    }

    /// Whoever connects from now on is refused, whoever else holds the socket open. Once is enough, twice does no harm.
    pub(crate) fn shut(&self) {
        match SockRef::from(&self.0).shutdown(Shutdown::Read) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotConnected => {}
            Err(error) => {
                tracing::warn!(%error, "the data port was not shut: who connects now waits in vain")
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! Readiness of many sockets for one thread, and a deadline to the nanosecond: a paced event that waits for a
//! timer's tick would come in bursts.

use std::{io, os::fd::AsFd};

use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, Event, EventData, EventFlags},
    fd::OwnedFd,
};

use crate::clock::Nanos;

/// What a socket is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Bytes to read.
    Read,
    /// Bytes to read or room to write.
    Both,
    /// A connection to accept; one of several waiting threads is woken.
    Accept,
}

/// The sockets of one thread.
pub(crate) struct Reactor {
    epoll: OwnedFd,
    events: Vec<Event>,
}

impl Reactor {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?, events: Vec::with_capacity(256) })
    }

    pub(crate) fn add(&self, socket: impl AsFd, token: usize, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(token as u64), flags(interest))?)
    }

    pub(crate) fn change(&self, socket: impl AsFd, token: usize, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, socket, EventData::new_u64(token as u64), flags(interest))?)
    }

    /// Waits until something is ready or the deadline is there; fills `ready` with tokens.
    pub(crate) fn wait(&mut self, deadline: Option<Nanos>, ready: &mut Vec<usize>) -> io::Result<()> {
        let timeout = deadline.map(Nanos::left);
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        ready.clear();
        // invariant: every token was a usize
        ready.extend(self.events.drain(..).map(|event| event.data.u64() as usize));
        Ok(())
    }
}

fn flags(interest: Interest) -> EventFlags {
    match interest {
        Interest::Read => EventFlags::IN,
        Interest::Both => EventFlags::IN | EventFlags::OUT,
        Interest::Accept => EventFlags::IN | EventFlags::EXCLUSIVE,
    }
}

//! Turns: what begins waits behind what flows.
//!
//! A worker's loop does what is ready in the order in which it became ready, and looks at its sockets when that is done. A
//! thousand connections that come at once would all be begun, and the requests that they bring answered, before the next
//! event of any stream is read. So a few of them begin, the loop looks at its sockets, and a few more do: it costs them nothing
//! but their place in the queue.
//!
//! Requests of connections that are there already don't wait: actix-http takes a body that breaks off for a client that has left
//! if the handler has not asked for it yet, and closes without an answer.

use std::{cell::Cell, rc::Rc};

use actix_web::rt;
use tokio::{sync::Semaphore, task::yield_now};

/// How many begin between two looks at the sockets. Each takes some 100 µs, its first request included.
const AT_A_TIME: usize = 8;

/// The turns of one worker.
pub(crate) struct Turns {
    left: Semaphore,
    /// Whether somebody sees to it that there will be more.
    coming: Cell<bool>,
}

impl Turns {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self { left: Semaphore::new(AT_A_TIME), coming: Cell::new(false) })
    }

    /// Waits for a turn, behind whoever waits already.
    pub(crate) async fn take(self: &Rc<Self>) {
        if self.left.available_permits() == 0 {
            self.provide();
        }
        // The semaphore is never closed.
        if let Ok(turn) = self.left.acquire().await {
            turn.forget();
        }
    }

    /// A task of its own, as whoever waits may leave.
    fn provide(self: &Rc<Self>) {
        if self.coming.replace(true) {
            return;
        }
        let turns = Rc::clone(self);
        rt::spawn(async move {
            while turns.left.available_permits() == 0 {
                // tokio goes on behind this when it has looked at the sockets, and not before.
                yield_now().await;
                turns.left.add_permits(AT_A_TIME);
            }
            turns.coming.set(false);
        });
    }
}

#[cfg(test)]
mod tests;

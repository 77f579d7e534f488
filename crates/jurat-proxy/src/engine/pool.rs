//! Idle connections to the engine, one pool a worker: a connection never changes threads.

use std::{
    cell::RefCell,
    io,
    rc::Rc,
    time::{Duration, Instant},
};

use super::{Connection, EngineAddress};

/// vLLM closes a connection that has been idle for 5 s; one that is younger is still there, but for the
/// time a packet takes.
const IDLE: Duration = Duration::from_secs(4);
/// Idle connections kept by a worker.
const MOST: usize = 512;

/// The pool.
pub(crate) struct Pool {
    address: EngineAddress,
    idle: RefCell<Vec<Connection>>,
}

impl Pool {
    pub(crate) fn new(address: EngineAddress) -> Rc<Self> {
        Rc::new(Self { address, idle: RefCell::default() })
    }

    pub(crate) fn address(&self) -> &EngineAddress {
        &self.address
    }

    /// The youngest idle connection that is still quiet, else a new one. One that the engine has closed is
    /// found out here, while nothing has been sent: no request is ever sent twice.
    pub(crate) async fn lease(&self) -> io::Result<Connection> {
        while let Some(mut connection) = self.pop() {
            if connection.idle_since.elapsed() < IDLE && connection.is_quiet() {
                return Ok(connection);
            }
        }
        Connection::open(&self.address).await
    }

    /// Takes back a connection whose last exchange ended cleanly.
    pub(crate) fn give_back(&self, mut connection: Connection) {
        if !connection.is_quiet() {
            return;
        }
        connection.idle_since = Instant::now();
        let mut idle = self.idle.borrow_mut();
        // Oldest first: whatever is too old stands at the front.
        let fresh = idle.iter().position(|one| one.idle_since.elapsed() < IDLE).unwrap_or(idle.len());
        idle.drain(..fresh);
        if idle.len() < MOST {
            idle.push(connection);
        }
    }

    fn pop(&self) -> Option<Connection> {
        self.idle.borrow_mut().pop()
    }
}

//! What systemd is told of the process, by the datagrams of `sd_notify(3)`: that it is ready, that it lives, that it
//! goes. Where `NOTIFY_SOCKET` names nobody, nobody is told.

use std::{
    env,
    ffi::OsStr,
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    time::Duration,
};

use actix_web::rt::time::sleep;
use jurat_proxy::Readiness;

use crate::exit::Failure;

/// How often a change of readiness is looked for.
const GLANCE: Duration = Duration::from_millis(500);
/// What ending takes beside the grace of answers under way: the workers' last words, and the archive's last commits.
const LAST_COMMITS: Duration = Duration::from_secs(30);

/// Whoever started the process and wants to hear of it.
#[derive(Debug)]
pub(crate) struct Supervisor {
    socket: UnixDatagram,
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// The one that the environment names. A name that leads nowhere is a failure: the process would be killed
    /// for its silence later.
    pub(crate) fn of_environment() -> Result<Option<Self>, Failure> {
        let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let text = |name| env::var(name).ok();
        let mine = text("WATCHDOG_PID").is_none_or(|id| id == std::process::id().to_string());
        let every = text("WATCHDOG_USEC").and_then(|text| text.parse().ok()).map(Duration::from_micros);
        let supervisor =
            Self::at(&name, every.filter(|every| mine && !every.is_zero())).map_err(|error| {
                Failure::unavailable(format_args!("NOTIFY_SOCKET {}: {error}", name.to_string_lossy()))
            })?;
        Ok(Some(supervisor))
    }

    /// At a path, or behind `@` at an abstract name.
    fn at(name: &OsStr, watchdog: Option<Duration>) -> io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', abstract_name @ ..] => SocketAddr::from_abstract_name(abstract_name)?,
            _ => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        // A supervisor that does not read must not stop the service.
        socket.set_nonblocking(true)?;
        Ok(Self { socket, watchdog })
    }

    fn tell(&self, state: &str) {
        if let Err(error) = self.socket.send(state.as_bytes()) {
            tracing::warn!(%error, "the supervisor could not be told");
        }
    }

    /// Tells it, for as long as the process runs: once that the service is ready, at each change whether it is, and
    /// twice in each period of the watchdog that the process's event loop turns.
    pub(crate) async fn attend(&self, readiness: impl Fn() -> Readiness) {
        let pause = self.watchdog.map_or(GLANCE, |every| GLANCE.min(every / 2));
        let (mut told, mut last) = (false, None);
        loop {
            let state = readiness();
            let now = state.is_ready();
            if now && !told {
                self.tell("READY=1");
                told = true;
            }
            // What it was told at the end stands.
            if !state.is_draining() && last.replace(now) != Some(now) {
                self.tell(if now { "STATUS=ready" } else { "STATUS=not ready: see /readyz" });
            }
            if self.watchdog.is_some() {
                self.tell("WATCHDOG=1");
            }
            sleep(pause).await;
        }
    }

    /// Tells it that the process goes, and how long that may take.
    pub(crate) fn going(&self, grace: Duration) {
        let micros = (grace + LAST_COMMITS).as_micros();
        self.tell(&format!("STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC={micros}"));
    }
}

#[cfg(test)]
mod tests;

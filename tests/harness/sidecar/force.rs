//! What only a torture does to a sidecar: starts that may fail, and ends that nobody asked for.

use std::{
    ffi::OsString, net::SocketAddr, os::unix::process::ExitStatusExt as _, path::Path, process::ExitStatus,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep, timeout};

use super::{READY, Sidecar, SidecarBuilder, Wire};
use crate::{
    client::{Client, request},
    heard::Heard,
};

/// A program that ended before it listened.
#[derive(Debug, Clone)]
pub struct Departure {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Everything it wrote to stderr.
    pub said: String,
}

impl SidecarBuilder {
    /// A durable archive in this folder.
    #[must_use]
    pub fn state_dir(self, folder: &Path) -> Self {
        let folder = folder.to_str().expect("the folder's name is UTF-8");
        self.args(["--state-dir", folder])
    }

    /// A variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Starts it and waits until it listens, ready or not; or until it has ended by itself.
    pub async fn launch(self) -> Result<Sidecar, Departure> {
        let mut child = self
            .command()
            .spawn()
            .unwrap_or_else(|error| panic!("start {}: {error}", self.program.display()));
        let (heard, listening) = Heard::listen(child.stderr.take().expect("stderr is piped"));
        let unset = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut sidecar =
            Sidecar { child, heard, data: unset, admin: unset, wire: Wire::Plain, _config: self.config };
        for prefix in ["jurat: listening on ", "jurat: admin on "] {
            let until = Instant::now() + READY;
            let address = loop {
                if let Some(address) = sidecar.announced(prefix) {
                    break address;
                }
                if let Ok(Some(status)) = sidecar.child.try_wait() {
                    // Its last words may still be in the pipe.
                    let _ = timeout(Duration::from_secs(5), listening).await;
                    return Err(Departure {
                        code: status.code(),
                        signal: status.signal(),
                        said: sidecar.said(),
                    });
                }
                let said = sidecar.said();
                assert!(Instant::now() < until, "the sidecar did not say {prefix:?}, but:\n{said}");
                sleep(Duration::from_millis(5)).await;
            };
            let (wire, address) = address;
            if prefix.contains("admin") {
                sidecar.admin = address;
            } else {
                (sidecar.data, sidecar.wire) = (address, wire);
            }
        }
        Ok(sidecar)
    }
}

impl Sidecar {
    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid().cast_signed()).expect("a process has an id");
        kill_process(pid, signal).expect("signal the sidecar");
    }

    /// Waits for its end, however it comes; `None` if it does not within the limit.
    pub async fn exit(&mut self, limit: Duration) -> Option<ExitStatus> {
        timeout(limit, self.child.wait()).await.ok().and_then(Result::ok)
    }

    /// Waits until `/readyz` says so, or the other way round.
    pub async fn readiness_within(&self, ready: Readiness, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        loop {
            let status = self.ask_admin("/readyz").await;
            if status == Some(ready.status()) {
                return true;
            }
            if Instant::now() >= until {
                return false;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn ask_admin(&self, target: &str) -> Option<u16> {
        let mut client = Client::connect(self.admin()).await.ok()?;
        client.send(&request("GET", target, &[], b"")).await.ok()?;
        client.answer().await.ok().map(|answer| answer.status())
    }
}

/// What `/readyz` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// 200.
    Green,
    /// 503.
    Red,
}

impl Readiness {
    fn status(self) -> u16 {
        match self {
            Self::Green => 200,
            Self::Red => 503,
        }
    }
}

//! A server of one's own, to be hurt.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use super::{BOUNDS, ServerUrl, SharedSettings, SharedStore};
use crate::store::{Bounds, Store};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Log on disk, and an answer only when it is there.
const DURABLE: &[&str] = &["--appendonly", "yes", "--appendfsync", "always"];

pub(super) struct Machine {
    child: Child,
    options: Vec<String>,
    pub(super) dir: PathBuf,
}

impl Machine {
    /// `None`, and said so, where there is no `redis-server`.
    pub(super) fn start(options: &[&str]) -> Option<Self> {
        if !has("redis-server") {
            eprintln!("skipped: no redis-server on this machine");
            return None;
        }
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("jurat-redis-{}-{count}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let socket = dir.join("s").display().to_string();
        let place = dir.display().to_string();
        let base =
            ["--port", "0", "--unixsocket", &socket, "--dir", &place, "--save", "", "--logfile", "log"];
        let options: Vec<String> =
            base.iter().chain(DURABLE).chain(options).map(ToString::to_string).collect();
        let child = spawn(&options);
        let machine = Self { child, options, dir };
        machine.wait();
        Some(machine)
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.dir.join("s")
    }

    pub(super) fn settings(&self) -> SharedSettings {
        SharedSettings::new(ServerUrl::unix(&self.socket()), BOUNDS)
    }

    pub(super) fn store(&self) -> SharedStore {
        SharedStore::new(&self.settings()).unwrap()
    }

    pub(super) fn bounded(&self, bounds: Bounds) -> SharedStore {
        SharedStore::new(&SharedSettings { bounds, ..self.settings() }).unwrap()
    }

    /// A store that gives up after half a second.
    pub(super) fn hasty(&self) -> SharedStore {
        SharedStore::new(&SharedSettings { timeout: Duration::from_millis(500), ..self.settings() }).unwrap()
    }

    /// What redis-cli says to a command.
    pub(super) fn cli(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli").arg("-s").arg(self.socket()).args(words).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// As a crash: nothing is written any more.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(super) fn restart(&mut self) {
        self.child = spawn(&self.options);
    }

    pub(super) fn pause(&self) {
        self.signal("-STOP");
    }

    pub(super) fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Until it listens.
    pub(super) fn wait(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::os::unix::net::UnixStream::connect(self.socket()).is_err() {
            assert!(
                Instant::now() < deadline,
                "{}",
                fs::read_to_string(self.dir.join("log")).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Until a store takes receipts.
    pub(super) fn wait_for(store: &SharedStore) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while let Err(error) = store.recover() {
            assert!(Instant::now() < deadline, "{error}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn spawn(options: &[String]) -> Child {
    Command::new("redis-server").args(options).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Whether a program is there.
pub(super) fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// Runs a program that must succeed.
pub(super) fn run(program: &str, dir: &Path, words: &[&str]) {
    let output = Command::new(program).current_dir(dir).args(words).output().unwrap();
    assert!(output.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Machine {
    /// Runs a line of Lua in the server.
    pub(super) fn eval(&self, lua: &str) -> String {
        self.cli(&["EVAL", lua, "0"])
    }
}

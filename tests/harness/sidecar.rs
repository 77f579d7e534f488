//! The program under test as a process.

mod force;

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use crate::{
    binary,
    client::{Answer, Client, request},
    heard::Heard,
    scratch::Scratch,
};

pub use force::{Departure, Readiness};

/// A debug build attests itself in a second or two; a loaded machine needs longer.
const READY: Duration = Duration::from_secs(60);

/// How a sidecar is started.
#[derive(Debug, Clone)]
pub struct SidecarBuilder {
    program: PathBuf,
    engine: String,
    tee: &'static [&'static str],
    args: Vec<String>,
    environment: Vec<(String, OsString)>,
    folder: Option<PathBuf>,
    user: Option<u32>,
    config: Option<Arc<Scratch>>,
}

impl SidecarBuilder {
    /// With this configuration file, which goes when the sidecar does.
    #[must_use]
    pub fn config(mut self, text: &str) -> Self {
        let folder = Scratch::new();
        let path = folder.write("jurat.toml", text);
        self.config = Some(Arc::new(folder));
        self.args(["--config", path.to_str().expect("the folder's name is UTF-8")])
    }

    /// More arguments of `jurat serve`.
    #[must_use]
    pub fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.args.extend(args.into_iter().map(str::to_owned));
        self
    }

    /// More variables of its environment.
    #[must_use]
    pub fn variables<'a>(mut self, variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.environment.extend(variables.into_iter().map(|(name, value)| (name.to_owned(), value.into())));
        self
    }

    /// In this working folder.
    #[must_use]
    pub fn working_in(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// As this user, which takes root.
    #[must_use]
    pub fn user(mut self, id: u32) -> Self {
        self.user = Some(id);
        self
    }

    /// On the machine's own hardware, or what a configuration file names as such, and not under a simulated TEE.
    #[must_use]
    pub fn hardware(mut self) -> Self {
        self.tee = &[];
        self
    }

    /// Another program than the one the tests find themselves.
    #[must_use]
    pub fn program(mut self, program: PathBuf) -> Self {
        self.program = program;
        self
    }

    /// Starts it in the expectation that it will not: its exit code and what it said.
    pub async fn refused(self) -> (Option<i32>, String) {
        let started = self.command().output();
        let output = timeout(READY, started).await.expect("it ends by itself").expect("it can be run");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Starts it and waits until it is ready. Panics, with everything it said, if it is not.
    pub async fn start(self) -> Sidecar {
        let sidecar = self.launch().await.unwrap_or_else(|left| {
            panic!("the sidecar left at once (code {:?}) and said:\n{}", left.code, left.said)
        });
        sidecar.wait_until_ready().await;
        sidecar
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("serve")
            .args(self.tee)
            .args(["--engine", &self.engine])
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(&self.args)
            .env_remove("RUST_LOG")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        if let Some(user) = self.user {
            command.uid(user);
        }
        command
    }
}

/// A running `jurat serve --simulated-tee`; killed when dropped.
#[derive(Debug)]
pub struct Sidecar {
    child: Child,
    heard: Heard,
    data: SocketAddr,
    admin: SocketAddr,
    wire: Wire,
    _config: Option<Arc<Scratch>>,
}

/// What is spoken on the data port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    Plain,
    Secured,
}

impl Sidecar {
    /// In front of this engine (what `--engine` takes).
    pub fn before(engine: &str) -> SidecarBuilder {
        SidecarBuilder {
            program: binary::simulated().clone(),
            engine: engine.to_owned(),
            tee: &["--simulated-tee"],
            args: Vec::new(),
            environment: Vec::new(),
            folder: None,
            user: None,
            config: None,
        }
    }

    /// The data port.
    pub fn address(&self) -> SocketAddr {
        self.data
    }

    /// The admin port.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Everything it wrote to stderr so far.
    pub fn said(&self) -> String {
        self.heard.said()
    }

    /// A connection to the data port.
    pub async fn connect(&self) -> Client {
        let connected = match self.wire {
            Wire::Plain => Client::connect(self.data).await,
            Wire::Secured => Client::connect_secured(self.data).await,
        };
        connected.expect("the sidecar listens")
    }

    /// One exchange on a connection of its own.
    pub async fn ask(&self, method: &str, target: &str, headers: &[&str], body: &[u8]) -> Answer {
        let mut client = self.connect().await;
        client.send(&request(method, target, headers, body)).await.expect("the sidecar reads");
        client.answer().await.unwrap_or_else(|error| {
            panic!("no answer to {method} {target}: {error}; the sidecar said:\n{}", self.said())
        })
    }

    /// `GET` on the data port.
    pub async fn fetch(&self, target: &str) -> Answer {
        self.ask("GET", target, &[], b"").await
    }

    /// `POST` of JSON on the data port.
    pub async fn post(&self, target: &str, body: &[u8]) -> Answer {
        self.ask("POST", target, &["Content-Type: application/json"], body).await
    }

    /// `GET` on the admin port.
    pub async fn fetch_admin(&self, target: &str) -> Answer {
        let mut client = Client::connect(self.admin).await.expect("the admin listener listens");
        client.send(&request("GET", target, &[], b"")).await.expect("the admin listener reads");
        client.answer().await.expect("the admin listener answers")
    }

    /// `GET /metrics` on the admin port.
    pub async fn metrics(&self) -> String {
        let answer = self.fetch_admin("/metrics").await;
        assert_eq!(answer.status(), 200, "/metrics");
        String::from_utf8(answer.body).expect("metrics are UTF-8")
    }

    /// A counter or a gauge, by its name and labels as metrics have them; `None` while it has never been touched.
    pub async fn metric(&self, series: &str) -> Option<u64> {
        let text = self.metrics().await;
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
        Some(value.parse().unwrap_or_else(|_| panic!("{series} is {value:?}")))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("the sidecar runs")
    }

    /// A line of `/proc/PID/status`, in KiB.
    pub fn memory_kib(&self, name: &str) -> u64 {
        memory_kib(self.pid(), name)
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Waits for its exit.
    pub async fn exit_code(&mut self, limit: Duration) -> Option<i32> {
        timeout(limit, self.child.wait()).await.ok().and_then(Result::ok).and_then(|status| status.code())
    }

    fn announced(&self, prefix: &str) -> Option<(Wire, SocketAddr)> {
        let found = self.heard.behind(prefix)?;
        let (scheme, address) = found.split_once("://")?;
        let wire = if scheme == "https" { Wire::Secured } else { Wire::Plain };
        let address = address.parse();
        Some((wire, address.unwrap_or_else(|_| panic!("an address behind {prefix:?}: {found:?}"))))
    }

    async fn wait_until_ready(&self) {
        let until = Instant::now() + READY;
        loop {
            let last = self.fetch_admin("/readyz").await;
            if last.status() == 200 {
                return;
            }
            let body = String::from_utf8_lossy(&last.body).into_owned();
            assert!(
                Instant::now() < until,
                "/readyz stays {}: {body}; it said:\n{}",
                last.status(),
                self.said()
            );
            sleep(Duration::from_millis(10)).await;
        }
    }
}

pub(crate) fn memory_kib(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("read /proc");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok())
        .unwrap_or_else(|| panic!("{name} in /proc/{pid}/status"))
}

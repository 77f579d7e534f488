//! Two sidecars on one real `redis-server`, which is killed, started again, stopped and slowed.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use jurat_tests::{Client, Sidecar, SidecarBuilder};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    time::{Instant, sleep},
};

use crate::{
    disk::Mode,
    field::{Field, Portion, Size},
    load::Target,
};

const A_WHILE: Duration = Duration::from_millis(500);
/// How soon sidecars must find a server that is back.
const RECOVERED: Duration = Duration::from_secs(40);

/// What happens to the server while clients ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blow {
    /// SIGKILL, and started again on its files.
    Killed,
    /// SIGSTOP for so long: a server that is there and says nothing, as behind a partition.
    Silent(Duration),
    /// Every command waits (`CLIENT PAUSE`, again and again).
    Slow,
}

pub(crate) async fn play(field: &mut Field, size: Size) {
    if !Path::new("/usr/bin/redis-server").exists() {
        field.account.books().tally.skipped = Some("no redis-server".into());
        return;
    }
    let all = [
        Blow::Killed,
        Blow::Silent(Duration::from_millis(800)),
        Blow::Silent(Duration::from_secs(6)),
        Blow::Slow,
    ];
    let (blows, modes): (&[Blow], &[Mode]) = match size.extent {
        Portion::All => (&all, &[Mode::Refuse, Mode::Memory]),
        Portion::Few => (&all[..1], &[Mode::Refuse]),
    };
    let Some(mut server) = Server::start(field.folder.path("redis")).await else {
        return field.account.wrong("redis-server does not start");
    };
    for &mode in modes {
        pair(field, &mut server, mode, blows).await;
    }
    // Everything is there in a server that was killed once more, for a sidecar that served none of it.
    server.kill().await;
    field.account.require(server.run().await, "redis-server does not start on its own files");
    let Some(third) = field.start(with(field, &server, Mode::Refuse)).await else { return };
    field.settle_all(&third).await;
    field.stop(third).await;
    server.kill().await;
}

/// Two sidecars through all blows, one after the other.
async fn pair(field: &mut Field, server: &mut Server, mode: Mode, blows: &[Blow]) {
    let Some(left) = field.start(with(field, server, mode)).await else { return };
    let Some(right) = field.start(with(field, server, mode)).await else { return };
    let (Some(at_left), Some(at_right)) = (field.target(&left).await, field.target(&right).await) else {
        return;
    };
    for &blow in blows {
        field.account.books().tally.rounds += 1;
        let before = field.account.books().tally.complaints.len();
        round(field, server, [&left, &right], [at_left, at_right], mode, blow).await;
        for complaint in field.account.books().tally.complaints.iter_mut().skip(before) {
            *complaint = format!("{blow:?}, {mode:?}: {complaint}");
        }
    }
    field.stop(left).await;
    field.stop(right).await;
}

async fn round(
    field: &mut Field,
    server: &mut Server,
    sidecars: [&Sidecar; 2],
    [left, right]: [Target; 2],
    mode: Mode,
    blow: Blow,
) {
    // Each one's receipts are looked for at the other, right behind the answer's last byte.
    let across = [Target { look: right.ask, ..left }, Target { look: left.ask, ..right }];
    let unavailable = field.account.books().tally.unavailable;
    let load = field.load_on(&across);
    sleep(A_WHILE).await;
    load.stop().await;
    let failed = field.account.books().tally.unavailable - unavailable;
    field
        .account
        .require(failed == 0, format!("{failed} lookups at the other failed, the server being well"));
    // Under the blow each is asked itself: in memory mode a receipt waits at its own sidecar.
    let load = match mode {
        Mode::Refuse => field.load_on(&across),
        Mode::Memory => field.load_on(&[left, right]),
    };
    sleep(A_WHILE).await;
    deal(field, server, blow).await;
    for sidecar in sidecars {
        field.require_green(sidecar, RECOVERED, "once the server is back").await;
    }
    let so_far = field.account.acknowledged();
    sleep(A_WHILE).await;
    load.stop().await;
    field.account.require(field.account.acknowledged() > so_far, "no answer after the recovery");
    field.settle(sidecars[0]).await;
}

async fn deal(field: &mut Field, server: &mut Server, blow: Blow) {
    match blow {
        Blow::Killed => {
            server.kill().await;
            sleep(field.dice.milliseconds(0, 3000)).await;
            field.account.require(server.run().await, "redis-server does not start on its own files");
        }
        Blow::Silent(time) => {
            server.signal(Signal::STOP);
            sleep(time).await;
            server.signal(Signal::CONT);
        }
        Blow::Slow => {
            for _ in 0..8 {
                server.say("CLIENT PAUSE 250 ALL").await;
                sleep(Duration::from_millis(350)).await;
            }
        }
    }
}

fn with(field: &Field, server: &Server, mode: Mode) -> SidecarBuilder {
    let url = format!("redis://{}", server.address);
    field.bare().args(["--store-url", &url]).args(mode.arguments())
}

/// Debian's server, writing every command to disk before it answers.
struct Server {
    folder: PathBuf,
    address: SocketAddr,
    child: Option<Child>,
}

impl Server {
    async fn start(folder: PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&folder).expect("make a folder for the server");
        let address = TcpListener::bind("127.0.0.1:0").await.ok()?.local_addr().ok()?;
        let mut server = Self { folder, address, child: None };
        server.run().await.then_some(server)
    }

    /// Runs it and waits until it has read its files.
    async fn run(&mut self) -> bool {
        let port = self.address.port().to_string();
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "yes"])
            .args(["--appendfsync", "always", "--maxmemory-policy", "noeviction", "--dir"])
            .arg(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let Ok(child) = child else { return false };
        self.child = Some(child);
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if self.say("PING").await.starts_with(b"+PONG") {
                return true;
            }
            sleep(Duration::from_millis(20)).await;
        }
        false
    }

    /// One inline command; gives what came at once.
    async fn say(&self, command: &str) -> Vec<u8> {
        let Ok(mut client) = Client::connect(self.address).await else { return Vec::new() };
        match client.send(format!("{command}\r\n").as_bytes()).await {
            Ok(()) => client.drain_for(Duration::from_millis(30)).await,
            Err(_) => Vec::new(),
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.as_ref().and_then(Child::id).and_then(|pid| Pid::from_raw(pid.cast_signed()));
        kill_process(pid.expect("the server runs"), signal).expect("signal the server");
    }

    async fn kill(&mut self) {
        self.signal(Signal::KILL);
        if let Some(mut child) = self.child.take() {
            // Whatever its status: it is gone.
            let _ = child.wait().await;
        }
    }
}

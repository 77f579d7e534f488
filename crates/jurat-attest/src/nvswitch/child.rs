//! A program run with a deadline, a bound on what it writes, and nothing of ours in its environment.

use std::{
    io::{self, Read},
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid},
};

/// Tokens and the like in our own environment are none of its business.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Of what it complains about, so much reaches the log.
const LONGEST_COMPLAINT: usize = 400;

/// Why a program yielded nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    #[error("it does not start: {0}")]
    Start(io::Error),
    #[error("it did not end within {} s", .0.as_secs_f64())]
    Late(Duration),
    #[error("it wrote more than {0} bytes")]
    Long(usize),
    #[error("its output could not be read: {0}")]
    Read(io::Error),
    #[error("it ended with {status}: {complaint}")]
    Failed { status: ExitStatus, complaint: String },
}

/// What `program` writes to its standard output before it ends well. Otherwise it is killed, its children with it.
pub(super) fn run(
    program: &str,
    arguments: impl Iterator<Item = String>,
    patience: Duration,
    longest: usize,
) -> Result<Vec<u8>, RunError> {
    let until = Instant::now() + patience;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(RunError::Start)?;
    let output = drain(child.stdout.take(), longest);
    let complaint = drain(child.stderr.take(), LONGEST_COMPLAINT);
    let outcome = attend(&child, &output, longest, until).map_err(|failure| match failure {
        None => RunError::Late(patience),
        Some(failure) => failure,
    });
    // Also after success: whatever it left running has no business here. The group outlives its leader's end, and
    // nobody else can have its number before the leader is waited for.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    let status = child.wait().map_err(RunError::Read)?;
    let bytes = outcome?;
    if !status.success() {
        let said =
            complaint.recv_timeout(Duration::from_millis(100)).ok().and_then(Result::ok).unwrap_or_default();
        let complaint = String::from_utf8_lossy(said.get(..LONGEST_COMPLAINT).unwrap_or(&said));
        return Err(RunError::Failed { status, complaint: complaint.trim().escape_debug().to_string() });
    }
    Ok(bytes)
}

type Drained = mpsc::Receiver<io::Result<Vec<u8>>>;

/// Reads to the end, or one byte past `longest`; the rest goes nowhere, so that the writer is not stopped by it. A
/// thread of its own: pipes have no deadline.
fn drain(pipe: Option<impl Read + Send + 'static>, longest: usize) -> Drained {
    let (tell, drained) = mpsc::sync_channel(1);
    let read = move || {
        let mut bytes = Vec::new();
        let limit = u64::try_from(longest).unwrap_or(u64::MAX).saturating_add(1);
        let Some(mut pipe) = pipe else { return };
        let outcome = pipe.by_ref().take(limit).read_to_end(&mut bytes).map(|_| bytes);
        // Nobody listens any more if it came too late.
        let _ = tell.send(outcome);
        let _ = io::copy(&mut pipe, &mut io::sink());
    };
    // Without a thread the receiver is disconnected, which reads as "nothing came".
    let _ = thread::Builder::new().name("jurat-nvswitch".to_owned()).spawn(read);
    drained
}

/// Waits for the output and then for the end; `None` says that it took too long.
fn attend(
    child: &Child,
    output: &Drained,
    longest: usize,
    until: Instant,
) -> Result<Vec<u8>, Option<RunError>> {
    const PAUSE: Duration = Duration::from_millis(5);
    let left = || until.saturating_duration_since(Instant::now());
    let bytes = match output.recv_timeout(left()) {
        Ok(bytes) => bytes.map_err(|error| Some(RunError::Read(error)))?,
        Err(_) => return Err(None),
    };
    if bytes.len() > longest {
        return Err(Some(RunError::Long(longest)));
    }
    // Its output is closed, so its end is near. NOWAIT: its number stays its own until it is killed and waited for.
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    while !left().is_zero() {
        match waitid(WaitId::Pid(Pid::from_child(child)), ended) {
            Ok(Some(_)) => return Ok(bytes),
            Ok(None) | Err(Errno::INTR) => thread::sleep(PAUSE),
            Err(error) => return Err(Some(RunError::Read(error.into()))),
        }
    }
    Err(None)
}

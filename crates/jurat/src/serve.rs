//! `jurat serve`

use std::{any::Any, io::Write as _, rc::Rc};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    cli::ServeOptions,
    config::Config,
    exit::{Code, Failure, say},
    service::Service,
    supervisor::Supervisor,
    telemetry,
};

/// Left out: what actix says of each start, and of each answer that is cut off on purpose.
const LOGGED: &str = "info,actix_server=warn,actix_http=off";

pub(crate) fn run(options: ServeOptions) -> Result<Code, Failure> {
    let config = Config::load(&options)?;
    telemetry::start(LOGGED);
    harden();
    let supervisor = Supervisor::of_environment()?.map(Rc::new);
    let service = Service::build(config)?;
    actix_web::rt::System::new().block_on(async {
        let (running, data, admin) = service.start()?;
        let servers = [actix_web::rt::spawn(data), actix_web::rt::spawn(admin)];
        let mut terminate = signal(SignalKind::terminate()).map_err(Failure::unavailable)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::unavailable)?;
        if let Some(supervisor) = supervisor.clone() {
            let readiness = running.readiness();
            actix_web::rt::spawn(async move { supervisor.attend(readiness).await });
        }
        one_more(&mut terminate, &mut interrupt).await;
        if let Some(supervisor) = &supervisor {
            supervisor.going(running.grace());
        }
        say("draining; a second signal ends at once");
        tokio::select! {
            () = running.drain() => {}
            () = one_more(&mut terminate, &mut interrupt) => {}
        }
        let lost = tokio::select! {
            lost = running.end() => lost,
            () = one_more(&mut terminate, &mut interrupt) => {
                return Err(Failure::unavailable("ended before the archive was closed"));
            }
        };
        for server in servers {
            server.abort();
        }
        match lost {
            0 => Ok(Code::Done),
            lost => Err(Failure::unavailable(format_args!(
                "{lost} receipts were in memory alone, as the store was down to the end: they are lost"
            ))),
        }
    })
}

/// One more signal, of either kind.
pub(crate) async fn one_more(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// What the process owes its clients before it holds a key: no core dump that could show it, no panic that quotes what
/// passed, and as many open files as the machine allows.
pub(crate) fn harden() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
    tell_panics_without_quoting();
    if let Err(error) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
        tracing::warn!(%error, "core dumps could not be ruled out");
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "the process could not be made undumpable");
    }
    if !lock_memory() {
        tracing::debug!("memory is not locked: what is swapped out lies on the swap device in the clear");
    }
    let files = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files }) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

fn tell_panics_without_quoting() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        // Nobody may be there to read it, which must not be a panic again.
        let _ = writeln!(std::io::stderr(), "jurat: panicked at {at}: {}", told_of(panic.payload()));
    }));
}

/// What a log may have of a panic: words that stand in the source. Those that were made at the time may quote a prompt, as
/// a string that is cut at the wrong place does.
fn told_of(payload: &(dyn Any + Send)) -> &'static str {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("its words are withheld, as they may quote what passed")
}

/// Whether no page of this process will ever be written to a swap device, which may be the host's disk.
///
/// Only where nothing limits it: under a limit, allocations would begin to fail when it is reached.
pub(crate) fn lock_memory() -> bool {
    use rustix::{
        mm::{MlockAllFlags, mlockall},
        process::{Resource, Rlimit, getrlimit, setrlimit},
    };
    // With the right to it, the limit goes; without, it stays as it is.
    let _ = setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None });
    let unlimited = getrlimit(Resource::Memlock).current.is_none();
    unlimited && mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT).is_ok()
}

#[cfg(test)]
mod tests;

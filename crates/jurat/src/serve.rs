//! `jurat serve`

use tokio::signal::unix::{SignalKind, signal};

use crate::{
    cli::ServeOptions,
    config::Config,
    exit::{Code, Failure, say},
    service::Service,
    telemetry,
};

pub(crate) fn run(options: ServeOptions) -> Result<Code, Failure> {
    let config = Config::load(&options)?;
    telemetry::start("info");
    harden();
    let service = Service::build(config)?;
    actix_web::rt::System::new().block_on(async {
        let (running, data, admin) = service.start()?;
        let servers = [actix_web::rt::spawn(data), actix_web::rt::spawn(admin)];
        let mut terminate = signal(SignalKind::terminate()).map_err(Failure::unavailable)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::unavailable)?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        say("draining; a second signal ends at once");
        tokio::select! {
            () = running.drain() => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        running.end().await;
        for server in servers {
            server.abort();
        }
        Ok(Code::Done)
    })
}

/// What the process owes its clients before it holds a key: no core dump that could show it, and as many
/// open files as the machine allows.
pub(crate) fn harden() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
    if let Err(error) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
        tracing::warn!(%error, "core dumps could not be ruled out");
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "the process could not be made undumpable");
    }
    let files = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files }) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

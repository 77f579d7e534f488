//! The sidecar put together: parse, build, run, drain, each a value.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use actix_web::{
    dev::{Server, ServerHandle},
    rt::time::sleep,
};
use getrandom::rand_core::TryRng;
use jurat_attest::{Attester, Identity, Settings};
use jurat_client::{Client, Errands};
use jurat_ledger::{Appender, OnFailure};
use jurat_proto::UnixMillis;
use jurat_proxy::{
    Admission, Latches, Metrics, Parts, Readiness, Reporter, Serving, admin_server, data_server,
};
use jurat_verify::Policy;
use jurat_witness::Signer;

use crate::{
    archive,
    config::Config,
    door::{self, Door},
    exit::{Failure, say},
    identity,
    reporter::Evidence,
    selfcheck::{self, Terms},
    tee,
    telemetry::Export,
    tls::Tls,
    tokens::Tokens,
};

/// The program's release.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The source revision, if the build named it.
pub(crate) const COMMIT: &str = match option_env!("JURAT_COMMIT") {
    Some(commit) => commit,
    None => "",
};

/// How often a drain looks whether it is over.
const GLANCE: Duration = Duration::from_millis(10);
/// How long the last bytes of answers that ended get to leave.
const FLUSH: Duration = Duration::from_millis(100);
/// How long the workers may take to drop the answers that were cut off.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The clock. Nobody else in the program reads one.
pub(crate) fn now() -> UnixMillis {
    // A clock before 1970 is a broken one; receipts then say 0, which nobody takes for a time.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Bytes of the operating system's randomness.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    let drawn = getrandom::SysRng.try_fill_bytes(&mut bytes);
    drawn.map(|()| bytes).map_err(|error| {
        Failure::unavailable(format_args!("the operating system gave no randomness: {error}"))
    })
}

/// The service, attested and bound, not yet running.
pub(crate) struct Service {
    config: Config,
    policy: Policy,
    parts: Parts,
    evidence: Arc<Evidence>,
    export: Export,
    tls: Option<Tls>,
    listener: TcpListener,
    admin_listener: TcpListener,
}

/// The running service.
pub(crate) struct Running {
    /// Where clients connect: the demonstration is one.
    #[cfg(feature = "simulated-tee")]
    pub(crate) address: SocketAddr,
    #[cfg(feature = "simulated-tee")]
    pub(crate) signer: jurat_proto::Address,
    latches: Arc<Latches>,
    appender: Appender,
    export: Export,
    door: Door,
    handle: ServerHandle,
    admin_handle: ServerHandle,
    grace: Duration,
}

impl Service {
    /// Binds, makes the key, attests it. Fails closed: without evidence there is no service.
    pub(crate) fn build(config: Config) -> Result<Self, Failure> {
        let policy = crate::policy::load(&config.policy)?;
        let listener = bind(config.listen)?;
        let admin_listener = bind(config.admin_listen)?;
        let tee = tee::open(&config)?;

        let born = identity::key(&config)?;
        let public_key = *born.key.public_key();
        let mut tls = Tls::open(&config.tls)?;
        let (doors, token_files) = config.admission.open()?;
        let claims = identity::claims(&config, &born, tls.as_ref(), tee.gpu_count)?;
        let text = claims.to_json();
        let signer = Signer::new(born.key, &text);
        let (store, store_at_start) = archive::open(&config.receipts)?;

        let tls_spki = tls.as_ref().map(|tls| tls.spki);
        let identity = Identity { public_key, claims: text.clone(), tls_spki };
        let attester =
            Attester::start(identity, tee.quotes, tee.gpus, Settings::default()).map_err(|error| {
                let hint = tee::hint(&error);
                Failure::unavailable(error).hint(hint)
            })?;
        let latches = Arc::new(Latches::default());
        latches.report_made();
        let evidence = Evidence::new(attester, &text);
        let chains = archive::chains(Arc::clone(&evidence), claims);
        let on_failure = archive::on_failure(&config.receipts);
        let settings = jurat_ledger::Settings {
            capacity: config.concurrency,
            on_failure,
            store: store_at_start,
            chains,
        };
        let appender = Appender::start(signer, store, now, settings).map_err(Failure::unavailable)?;
        keep_report(&evidence, &appender, on_failure)?;
        Arc::clone(&evidence).keep_on(appender.clone())?;
        let export = Export::start(config.otlp_endpoint.as_ref())?;
        let parts = Parts {
            appender,
            reporter: Arc::clone(&evidence) as Arc<dyn Reporter>,
            scope: config.receipts.scope,
            admission: Admission::new(doors, config.concurrency),
            engine: config.engine.clone(),
            demands: config.demands.clone(),
            limits: config.limits.clone(),
            clock: now,
            metrics: Metrics::new(VERSION, COMMIT),
            latches,
            csr: tls.as_ref().map(Tls::requests),
            watcher: export.watcher(),
            version: VERSION,
            commit: COMMIT,
        };
        token_files.into_iter().try_for_each(Tokens::watch)?;
        if let Some(tls) = &mut tls {
            tls.watch(Arc::clone(&parts.metrics))?;
        }
        Ok(Self { config, policy, parts, evidence, export, tls, listener, admin_listener })
    }

    /// Starts both listeners. Must be called within an actix system.
    pub(crate) fn start(self) -> Result<(Running, Server, Server), Failure> {
        let (address, admin) = (local(&self.listener)?, local(&self.admin_listener)?);
        let serving = Serving {
            workers: self.config.workers,
            connections: self.config.concurrency.saturating_mul(2),
            head_timeout: self.config.head_timeout,
        };
        let settings = self.tls.as_ref().map(Tls::settings).transpose()?;
        let scheme = if settings.is_some() { "https" } else { "http" };
        let door = Door::of(&self.listener)?;
        let data = data_server(self.parts.clone(), self.listener, serving, settings)
            .map_err(Failure::unavailable)?;
        let admin_server =
            admin_server(self.parts.clone(), self.admin_listener).map_err(Failure::unavailable)?;
        say(format_args!("listening on {scheme}://{address}"));
        say(format_args!("admin on http://{admin}"));
        let signer = self.parts.appender.address();
        say(format_args!("signing address {signer}"));
        if let Some(tls) = &self.tls {
            tls.announce();
        }
        let terms = Terms {
            errands: errands(&self.config, &self.policy)?,
            policy: self.policy,
            kind: self.config.self_check,
            every: self.config.self_check_every,
        };
        selfcheck::keep_on(&self.evidence, terms, Arc::clone(&self.parts.latches))?;
        let running = Running {
            #[cfg(feature = "simulated-tee")]
            address,
            #[cfg(feature = "simulated-tee")]
            signer,
            latches: self.parts.latches,
            appender: self.parts.appender,
            export: self.export,
            door,
            handle: data.handle(),
            admin_handle: admin_server.handle(),
            grace: self.config.drain_grace,
        };
        Ok((running, data, admin_server))
    }
}

impl Running {
    /// Looks at the latches whenever it is called.
    pub(crate) fn readiness(&self) -> impl Fn() -> Readiness + 'static {
        let (appender, latches) = (self.appender.clone(), Arc::clone(&self.latches));
        move || Readiness::of(&appender, &latches)
    }

    /// How long answers under way get at the end.
    pub(crate) fn grace(&self) -> Duration {
        self.grace
    }

    /// The door is shut, then nothing new is taken; returns when the answers under way have ended, or when their
    /// grace is over.
    pub(crate) async fn drain(&self) {
        self.door.nobody_new();
        sleep(door::EMPTIED).await;
        self.handle.pause().await;
        // The acceptor must have let go of the socket, or it takes its end for a failure.
        sleep(GLANCE).await;
        self.door.shut();
        self.latches.drain();
        let until = Instant::now() + self.grace;
        while self.latches.answers_under_way() + self.appender.in_flight() > 0 && Instant::now() < until {
            sleep(GLANCE).await;
        }
        // What was written last is on its way out of the servers' buffers.
        sleep(FLUSH).await;
    }

    /// Ends at once, still consistent: whatever is under way is sworn to as timed out.
    ///
    /// Says how many receipts end with the process although they were to outlive it.
    pub(crate) async fn end(&self) -> u64 {
        self.latches.drain();
        self.latches.grace_over();
        self.handle.stop(false).await;
        self.door.shut();
        self.admin_handle.stop(false).await;
        // The workers drop what they held in their own time, and each drop is a receipt.
        let until = Instant::now() + LAST_WORDS;
        while self.appender.in_flight() > 0 && Instant::now() < until {
            sleep(GLANCE).await;
        }
        // Its last commits may take as long as the disk does; a further signal must still be heard.
        let appender = self.appender.clone();
        let lost = tokio::task::spawn_blocking(move || appender.close()).await.unwrap_or(0);
        self.export.flush().await;
        lost
    }
}

/// Who goes to the vendors for the self-check.
fn errands(config: &Config, policy: &Policy) -> Result<Option<Errands>, Failure> {
    let Some(sources) = config.vendors.sources(policy.roots) else { return Ok(None) };
    let client = Client::new().map_err(Failure::unavailable)?;
    Ok(Some(Errands::new(client, sources)))
}

/// Before the first receipt: the report that proves its signer.
fn keep_report(evidence: &Evidence, appender: &Appender, on_failure: OnFailure) -> Result<(), Failure> {
    match (evidence.keep(appender.archive()), on_failure) {
        (Err(failure), OnFailure::Refuse) => Err(failure),
        (Err(failure), OnFailure::Memory(_)) => {
            tracing::error!(?failure, "the report could not be kept beside the receipts");
            Ok(())
        }
        (Ok(()), _) => Ok(()),
    }
}

pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .map_err(|error| Failure::unavailable(format_args!("can't listen on {address}: {error}")))
}

pub(crate) fn local(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(Failure::unavailable)
}

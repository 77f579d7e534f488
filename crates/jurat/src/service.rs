//! The sidecar put together: parse, build, run, drain, each a value.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use actix_web::dev::{Server, ServerHandle};
use getrandom::rand_core::UnwrapErr;
use jurat_attest::{Attester, Identity, Settings};
use jurat_ledger::{Appender, MemoryStore};
use jurat_proto::{Claims, KeyOrigin, ManifestSource, Model, Software, Tls, UnixMillis};
use jurat_proxy::{Latches, Metrics, Parts, Serving, admin_server, data_server};
use jurat_verify::{Outcome, Policy};
use jurat_witness::{Key, Signer};

use crate::{
    config::Config,
    exit::{Failure, say},
    reporter::Evidence,
    selfcheck, tee,
};

/// The program's release.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The source revision, if the build named it.
pub(crate) const COMMIT: &str = match option_env!("JURAT_COMMIT") {
    Some(commit) => commit,
    None => "",
};

/// The clock. Nobody else in the program reads one.
pub(crate) fn now() -> UnixMillis {
    // A clock before 1970 is a broken one; receipts then say 0, which nobody takes for a time.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The service, attested and bound, not yet running.
pub(crate) struct Service {
    config: Config,
    policy: Policy,
    parts: Parts,
    attester: Attester,
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

        let key = Key::generate(&mut UnwrapErr(getrandom::SysRng));
        let public_key = *key.public_key();
        let claims = claims(&config, &key, tee.gpu_count).to_json();
        let signer = Signer::new(key, &claims);

        let identity = Identity { public_key, claims, tls_spki: None };
        let attester =
            Attester::start(identity, tee.quotes, tee.gpus, Settings::default()).map_err(|error| {
                let hint = tee::hint(&error);
                Failure::unavailable(error).hint(hint)
            })?;
        let latches = Arc::new(Latches::default());
        latches.report_made();
        let store = Arc::new(MemoryStore::new(config.store));
        let appender =
            Appender::start(signer, store, now, config.concurrency).map_err(Failure::unavailable)?;
        let parts = Parts {
            appender,
            reporter: Arc::new(Evidence(attester.clone())),
            engine: config.engine.clone(),
            limits: config.limits.clone(),
            clock: now,
            metrics: Metrics::new(VERSION, COMMIT),
            latches,
            version: VERSION,
            commit: COMMIT,
        };
        Ok(Self { config, policy, parts, attester, listener, admin_listener })
    }

    /// Starts both listeners. Must be called within an actix system.
    pub(crate) fn start(self) -> Result<(Running, Server, Server), Failure> {
        let (address, admin) = (local(&self.listener)?, local(&self.admin_listener)?);
        let serving = Serving {
            workers: self.config.workers,
            connections: self.config.concurrency.saturating_mul(2),
            grace: self.config.drain_grace,
        };
        let data = data_server(self.parts.clone(), self.listener, serving).map_err(Failure::unavailable)?;
        let admin_server =
            admin_server(self.parts.clone(), self.admin_listener, serving).map_err(Failure::unavailable)?;
        say(format_args!("listening on http://{address}"));
        say(format_args!("admin on http://{admin}"));
        let signer = self.parts.appender.address();
        say(format_args!("signing address {signer}"));
        check_self(self.attester, self.policy, Arc::clone(&self.parts.latches))?;
        let running = Running {
            #[cfg(feature = "simulated-tee")]
            address,
            #[cfg(feature = "simulated-tee")]
            signer,
            latches: self.parts.latches,
            appender: self.parts.appender,
            handle: data.handle(),
            admin_handle: admin_server.handle(),
            grace: self.config.drain_grace,
        };
        Ok((running, data, admin_server))
    }
}

impl Running {
    /// Not ready any more; answers under way end, then the archive is closed.
    pub(crate) async fn drain(&self) {
        self.latches.drain();
        let (latches, grace) = (Arc::clone(&self.latches), self.grace);
        let over = actix_web::rt::spawn(async move {
            // A moment before the server drops what is left: that was not the clients' leaving.
            tokio::time::sleep(grace.saturating_sub(Duration::from_millis(100))).await;
            latches.grace_over();
        });
        self.handle.stop(true).await;
        over.abort();
        self.end().await;
    }

    /// Ends at once, still consistent: whatever is under way is sworn to as timed out.
    pub(crate) async fn end(&self) {
        self.latches.drain();
        self.latches.grace_over();
        self.handle.stop(false).await;
        self.admin_handle.stop(false).await;
        self.appender.close();
    }
}

fn claims(config: &Config, key: &Key, gpus: u32) -> Claims {
    Claims {
        version: 1,
        signing_address: key.public_key().address(),
        signing_public_key: *key.public_key(),
        chain: *key.chain(),
        key: KeyOrigin::Fresh,
        key_provenance: None,
        tls: Tls::None,
        tls_spki_sha256: None,
        gpus,
        model: Model::default(),
        manifest_source: ManifestSource::None,
        software: Software { version: VERSION.into(), commit: COMMIT.into() },
        config_sha256: config.digest(),
        started_at: now(),
    }
}

/// Judges on a thread of its own: the hardware may take seconds, and clients may already be served.
fn check_self(attester: Attester, policy: Policy, latches: Arc<Latches>) -> Result<(), Failure> {
    let judging = move || match selfcheck::judge(&attester, &policy) {
        Ok(verdict) if verdict.outcome() == Outcome::Trusted => latches.self_check_passed(),
        Ok(verdict) => {
            tracing::error!(outcome = %verdict.outcome(), policy = verdict.policy(), "the self-check did not pass: not ready");
            for check in verdict.checks() {
                tracing::error!(id = %check.id, status = %check.status, reason = %check.reason, "self-check");
            }
        }
        Err(failure) => tracing::error!(?failure, "the self-check could not be made: not ready"),
    };
    std::thread::Builder::new()
        .name("jurat-self-check".into())
        .spawn(judging)
        .map_err(Failure::unavailable)?;
    Ok(())
}

fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .map_err(|error| Failure::unavailable(format_args!("can't listen on {address}: {error}")))
}

fn local(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(Failure::unavailable)
}

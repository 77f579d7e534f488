//! Counters in OpenMetrics form. Labels come from closed lists, never from a client or the engine.

use std::sync::{Arc, atomic::AtomicU64};

use actix_web::HttpResponse;
use jurat_ledger::{Appender, Health};
use jurat_proto::End;
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::Registry,
};

use crate::{context::EvidenceFigures, error::Reason, readiness::Readiness};

/// Label `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndLabel {
    end: Ending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Ending(End);

impl EncodeLabelValue for Ending {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        EncodeLabelValue::encode(&self.0.as_str(), encoder)
    }
}

/// Label `result`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

/// Label `reason`: the code of an error of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// Why a connection is closed at once: its address has as many as it may.
const ADDRESS_FULL: ReasonLabel = ReasonLabel { reason: "address_full" };

/// Label `part`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartLabel {
    part: &'static str,
}

/// Label `state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

/// What the archive may be in, by name.
const STATES: [(&str, Health); 4] = [
    ("well", Health::Well),
    ("failing", Health::Failing),
    ("in_memory", Health::InMemory),
    ("stopped", Health::Stopped),
];

/// Label `latch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LatchLabel {
    latch: &'static str,
}

/// What is read when somebody asks, not counted as it happens.
#[derive(Default)]
struct Readings {
    ready: Gauge,
    latches: Family<LatchLabel, Gauge>,
    in_flight: Gauge,
    receipts: Gauge,
    receipt_bytes: Gauge,
    evicted: Gauge,
    store: Family<StateLabel, Gauge>,
    reports_waiting: Gauge,
    report_age: Seconds,
    evidence_made: Family<PartLabel, Gauge>,
    evidence_failed: Family<PartLabel, Gauge>,
    evidence_last: Family<PartLabel, Seconds>,
    evidence_longest: Family<PartLabel, Seconds>,
}

/// A number of seconds, with its fractions.
type Seconds = Gauge<f64, AtomicU64>;

/// The service's metrics.
pub struct Metrics {
    registry: Registry,
    exchanges: Family<EndLabel, Counter>,
    lookups: Family<ResultLabel, Counter>,
    reports: Family<ResultLabel, Counter>,
    unsworn: Counter,
    surplus_bytes: Counter,
    refusals: Family<ReasonLabel, Counter>,
    connections_refused: Family<ReasonLabel, Counter>,
    handshakes_failed: Counter,
    certificates: Family<ResultLabel, Counter>,
    certificate_ends: Gauge,
    read: Readings,
}

impl Metrics {
    /// Registers everything under `jurat_`.
    pub fn new(version: &str, commit: &str) -> Arc<Self> {
        let mut metrics = Self {
            registry: Registry::with_prefix("jurat"),
            exchanges: Family::default(),
            lookups: Family::default(),
            reports: Family::default(),
            unsworn: Counter::default(),
            surplus_bytes: Counter::default(),
            refusals: Family::default(),
            connections_refused: Family::default(),
            handshakes_failed: Counter::default(),
            certificates: Family::default(),
            certificate_ends: Gauge::default(),
            read: Readings::default(),
        };
        let build = Info::new([("version", version.to_owned()), ("commit", commit.to_owned())]);
        let registry = &mut metrics.registry;
        registry.register("build", "The program", build);
        registry.register("exchanges", "Exchanges by how they ended", metrics.exchanges.clone());
        registry.register("receipt_lookups", "Receipt lookups by result", metrics.lookups.clone());
        registry.register("reports", "Report requests by result", metrics.reports.clone());
        registry.register(
            "receipts_not_stored",
            "Answers given up for want of a receipt",
            metrics.unsworn.clone(),
        );
        registry.register(
            "surplus_bytes",
            "Bytes that the engine sent behind a completing event, not relayed",
            metrics.surplus_bytes.clone(),
        );
        registry.register(
            "refusals",
            "Errors that jurat itself answered with, by their code",
            metrics.refusals.clone(),
        );
        registry.register(
            "connections_refused",
            "Connections that were closed at once, by why",
            metrics.connections_refused.clone(),
        );
        registry.register(
            "tls_handshakes_failed",
            "Connections that came to no agreement on keys",
            metrics.handshakes_failed.clone(),
        );
        registry.register(
            "tls_certificates",
            "Certificates found in a file, by whether they were taken",
            metrics.certificates.clone(),
        );
        registry.register(
            "tls_certificate_not_after_seconds",
            "When the certificate that is shown ends, seconds since 1970; 0 without TLS",
            metrics.certificate_ends.clone(),
        );
        metrics.read.register(registry);
        metrics.begin();
        Arc::new(metrics)
    }

    /// Counters begin at nought: a first event is then a step up, and an alert on it fires.
    fn begin(&self) {
        for end in End::ALL {
            drop(self.exchanges.get_or_create(&EndLabel { end: Ending(end) }));
        }
        for result in ["found", "unknown", "expired", "error"] {
            drop(self.lookups.get_or_create(&ResultLabel { result }));
        }
        for result in ["made", "refused"] {
            drop(self.reports.get_or_create(&ResultLabel { result }));
        }
        drop(self.connections_refused.get_or_create(&ADDRESS_FULL));
        for result in ["taken", "refused"] {
            drop(self.certificates.get_or_create(&ResultLabel { result }));
        }
    }

    pub(crate) fn exchange(&self, end: End) {
        self.exchanges.get_or_create(&EndLabel { end: Ending(end) }).inc();
    }

    pub(crate) fn lookup(&self, result: &'static str) {
        self.lookups.get_or_create(&ResultLabel { result }).inc();
    }

    pub(crate) fn report(&self, result: &'static str) {
        self.reports.get_or_create(&ResultLabel { result }).inc();
    }

    pub(crate) fn not_stored(&self) {
        self.unsworn.inc();
    }

    pub(crate) fn surplus(&self, bytes: usize) {
        self.surplus_bytes.inc_by(bytes as u64);
    }

    /// Counts an answer if it is an error of ours.
    pub(crate) fn answered<B>(&self, response: &HttpResponse<B>) {
        if let Some(Reason(reason)) = response.extensions().get() {
            self.refusals.get_or_create(&ReasonLabel { reason }).inc();
        }
    }

    /// Counts a connection that was one too many for its address.
    pub(crate) fn connection_refused(&self) {
        self.connections_refused.get_or_create(&ADDRESS_FULL).inc();
    }

    pub(crate) fn handshake_failed(&self) {
        self.handshakes_failed.inc();
    }

    /// Counts a certificate that was taken; `ends` is when it is no longer valid, seconds since 1970.
    pub fn certificate_taken(&self, ends: u64) {
        self.certificates.get_or_create(&ResultLabel { result: "taken" }).inc();
        self.certificate_ends.set(i64::try_from(ends).unwrap_or(i64::MAX));
    }

    /// Counts a certificate that was not taken.
    pub fn certificate_refused(&self) {
        self.certificates.get_or_create(&ResultLabel { result: "refused" }).inc();
    }

    /// The exposition text.
    pub(crate) fn text(
        &self,
        appender: &Appender,
        evidence: &EvidenceFigures,
        readiness: &Readiness,
    ) -> Result<String, std::fmt::Error> {
        self.read.take(appender, evidence, readiness);
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Readings {
    fn register(&self, registry: &mut Registry) {
        registry.register("ready", "1 if the service is ready", self.ready.clone());
        registry.register("latch", "1 for a latch of readiness that is green", self.latches.clone());
        registry.register("exchanges_in_flight", "Exchanges under way", self.in_flight.clone());
        registry.register("receipts_kept", "Receipts in the store", self.receipts.clone());
        registry.register(
            "receipts_kept_bytes",
            "Bytes of the store's bound in use",
            self.receipt_bytes.clone(),
        );
        registry.register("receipts_evicted", "Receipts given up for age or room", self.evicted.clone());
        registry.register("store_state", "1 for the state that the store is in", self.store.clone());
        registry.register("reports_waiting", "Reports that wait to be made", self.reports_waiting.clone());
        registry.register(
            "report_age_seconds",
            "Age of the report that is given without a nonce",
            self.report_age.clone(),
        );
        registry.register("evidence_made", "Evidence made, by part", self.evidence_made.clone());
        registry.register("evidence_failed", "Evidence that failed, by part", self.evidence_failed.clone());
        registry.register(
            "evidence_last_seconds",
            "How long the newest evidence took, by part",
            self.evidence_last.clone(),
        );
        registry.register(
            "evidence_longest_seconds",
            "How long the slowest evidence took, by part",
            self.evidence_longest.clone(),
        );
    }

    fn take(&self, appender: &Appender, evidence: &EvidenceFigures, readiness: &Readiness) {
        self.ready.set(i64::from(readiness.is_ready()));
        for (latch, green) in readiness.latches() {
            self.latches.get_or_create(&LatchLabel { latch }).set(i64::from(green));
        }
        let gauge = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let usage = appender.archive().usage();
        self.in_flight.set(gauge(appender.in_flight() as u64));
        self.receipts.set(gauge(usage.receipts));
        self.receipt_bytes.set(gauge(usage.bytes));
        self.evicted.set(gauge(usage.evicted));
        let health = appender.health();
        for (state, of) in STATES {
            self.store.get_or_create(&StateLabel { state }).set(i64::from(health == of));
        }
        self.reports_waiting.set(gauge(evidence.waiting));
        self.report_age.set(evidence.shared_age.unwrap_or_default().as_secs_f64());
        for (part, figures) in &evidence.parts {
            let label = PartLabel { part };
            self.evidence_made.get_or_create(&label).set(gauge(figures.made));
            self.evidence_failed.get_or_create(&label).set(gauge(figures.failed));
            self.evidence_last.get_or_create(&label).set(figures.last.as_secs_f64());
            self.evidence_longest.get_or_create(&label).set(figures.longest.as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests;

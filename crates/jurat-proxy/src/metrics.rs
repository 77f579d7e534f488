//! Counters in OpenMetrics form. Labels come from closed lists, never from a client or the engine.

use std::sync::Arc;

use jurat_ledger::Appender;
use jurat_proto::End;
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::Registry,
};

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

/// The service's metrics.
pub struct Metrics {
    registry: Registry,
    exchanges: Family<EndLabel, Counter>,
    lookups: Family<ResultLabel, Counter>,
    reports: Family<ResultLabel, Counter>,
    unsworn: Counter,
    surplus_bytes: Counter,
    in_flight: Gauge,
    receipts: Gauge,
    receipt_bytes: Gauge,
    evicted: Gauge,
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
            in_flight: Gauge::default(),
            receipts: Gauge::default(),
            receipt_bytes: Gauge::default(),
            evicted: Gauge::default(),
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
        registry.register("exchanges_in_flight", "Exchanges under way", metrics.in_flight.clone());
        registry.register("receipts_kept", "Receipts in the store", metrics.receipts.clone());
        registry.register(
            "receipts_kept_bytes",
            "Bytes of the store's bound in use",
            metrics.receipt_bytes.clone(),
        );
        registry.register("receipts_evicted", "Receipts given up for age or room", metrics.evicted.clone());
        Arc::new(metrics)
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

    /// The exposition text.
    pub(crate) fn text(&self, appender: &Appender) -> Result<String, std::fmt::Error> {
        let usage = appender.archive().usage();
        let gauge = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.in_flight.set(gauge(appender.in_flight() as u64));
        self.receipts.set(gauge(usage.receipts));
        self.receipt_bytes.set(gauge(usage.bytes));
        self.evicted.set(gauge(usage.evicted));
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

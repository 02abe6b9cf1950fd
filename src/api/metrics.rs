//! Counts of what was done, in the OpenMetrics form. No label holds anything of the business.

use std::sync::atomic::AtomicI64;

use jiff::Timestamp;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::{Registry, Unit},
};

use crate::{
    domain::{delivery::DeliveryState, run::RunState},
    run::Counts,
};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByState {
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByChannel {
    channel: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByTarget {
    target: &'static str,
}

/// The daemon's counts.
pub struct Metrics {
    registry: Registry,
    runs: Family<ByState, Counter>,
    deliveries: Family<ByChannel, Counter>,
    tick: Gauge<i64, AtomicI64>,
    audit_unsent: Family<ByTarget, Gauge<i64, AtomicI64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("daybrief");
        let (runs, deliveries, tick) = (Family::default(), Family::default(), Gauge::default());
        registry.register(
            "build",
            "The program",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register(
            "runs",
            "Runs by the state that they came to",
            Family::clone(&runs),
        );
        registry.register(
            "deliveries",
            "Attempts at deliveries by the state that they came to",
            Family::clone(&deliveries),
        );
        registry.register_with_unit(
            "last_tick_timestamp",
            "When the scheduler last looked for due briefs",
            Unit::Seconds,
            Gauge::clone(&tick),
        );
        let audit_unsent = Family::default();
        registry.register(
            "audit_unsent_rows",
            "Rows of the audit trail that are not yet sent to a receiver",
            Family::clone(&audit_unsent),
        );
        Self {
            audit_unsent,
            registry,
            runs,
            deliveries,
            tick,
        }
    }

    /// The scheduler looked for due briefs.
    pub fn ticked(&self, now: Timestamp) {
        self.tick.set(now.as_second());
    }

    /// So many rows of the audit trail are not yet sent to a receiver.
    pub fn audit_unsent(&self, target: &'static str, rows: u64) {
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        self.audit_unsent
            .get_or_create(&ByTarget { target })
            .set(rows);
    }

    /// When it last did, in seconds since 1970 UTC.
    pub fn last_tick(&self) -> i64 {
        self.tick.get()
    }

    /// All counts as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Counts for Metrics {
    fn run(&self, state: &RunState) {
        let state = state.name();
        self.runs.get_or_create(&ByState { state }).inc();
    }

    fn delivery(&self, channel: &'static str, state: &DeliveryState) {
        let state = state.name();
        self.deliveries
            .get_or_create(&ByChannel { channel, state })
            .inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told_in_the_open_metrics_form() {
        let metrics = Metrics::new();
        metrics.run(&RunState::Due);
        metrics.ticked("2026-11-24T06:00:00Z".parse().unwrap());
        let text = metrics.text();
        assert!(
            text.contains("daybrief_runs_total{state=\"due\"} 1"),
            "{text}"
        );
        assert!(
            text.contains("daybrief_last_tick_timestamp_seconds 1795500000"),
            "{text}"
        );
        assert!(text.trim_end().ends_with("# EOF"), "{text}");
    }
}

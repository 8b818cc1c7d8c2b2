//! What became of telemetry.

use crate::export::otlp::Signal;

/// Numbers of spans, data points and log records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count([u64; Signal::ALL.len()]);

impl Count {
    /// Returns the number of a signal.
    #[must_use]
    pub fn of(self, signal: Signal) -> u64 {
        let [traces, metrics, logs] = self.0;
        match signal {
            Signal::Traces => traces,
            Signal::Metrics => metrics,
            Signal::Logs => logs,
        }
    }

    /// Returns the sum over all signals.
    #[must_use]
    pub fn total(self) -> u64 {
        self.0.iter().sum()
    }

    pub(super) fn add(&mut self, signal: Signal, count: u64) {
        let [traces, metrics, logs] = &mut self.0;
        let sum = match signal {
            Signal::Traces => traces,
            Signal::Metrics => metrics,
            Signal::Logs => logs,
        };
        *sum = sum.saturating_add(count);
    }
}

/// What became of everything that was to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Taken by the collector.
    pub sent: Count,
    /// Left out because the queue was full.
    pub dropped: Count,
    /// Refused by the collector: whole requests, and parts of requests (partial success).
    pub rejected: Count,
    /// Given up after the collector did not take it for long enough.
    pub failed: Count,
}

impl Totals {
    /// Returns how much did not arrive.
    #[must_use]
    pub fn lost(self) -> u64 {
        self.dropped.total() + self.rejected.total() + self.failed.total()
    }
}

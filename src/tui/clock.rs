//! The clock of a capture: packets set it; while a live capture is silent, it advances with uptime.

use super::event::Uptime;
use crate::base::{Fact, Timestamp};
use crate::ledger::{Entry, Record};

/// The time in the capture.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CaptureClock {
    uptime: Uptime,
    /// The time of the latest packet.
    latest: Timestamp,
    /// The uptime at which the latest packet became known.
    latest_at: Uptime,
}

impl CaptureClock {
    /// Returns the time that the program has run.
    pub(super) fn uptime(&self) -> Uptime {
        self.uptime
    }

    /// Sets the time that the program has run.
    pub(super) fn set_uptime(&mut self, uptime: Uptime) {
        self.uptime = uptime;
    }

    /// Records the time of the latest packet of an entry.
    pub(super) fn record_entry(&mut self, entry: &Entry) {
        let time = match entry {
            Entry::Record(
                Record::Request(exchange) | Record::Interrupted(exchange) | Record::Exchange(exchange),
            ) => {
                let end = exchange.request.span.end;
                exchange.response.map_or(end, |response| end.later(response.span.end)).time
            }
            Entry::Fact(Fact::Payload(payload)) => payload.span.end.time,
            Entry::Fact(Fact::Capture(capture)) => capture.last.unwrap_or_default().time,
            _ => return,
        };
        self.record(time);
    }

    /// Records that a packet was captured at `time`.
    fn record(&mut self, time: Timestamp) {
        if time > self.latest {
            (self.latest, self.latest_at) = (time, self.uptime);
        }
    }

    /// Returns the time of the latest packet.
    pub(super) fn latest(&self) -> Timestamp {
        self.latest
    }

    /// Returns the time of the latest packet plus the uptime that passed since it became known.
    pub(super) fn running(&self) -> Timestamp {
        let passed = self.uptime.saturating_sub(self.latest_at).as_nanos();
        self.latest.plus(i64::try_from(passed).unwrap_or(i64::MAX))
    }
}

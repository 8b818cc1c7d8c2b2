//! The progress of reading: how much was read, how fast packets arrive, how it ended.

use std::time::Duration;

use super::event::{Loading, Uptime};

/// The shortest time over which packets per second are measured.
const MIN_MEASURED: Duration = Duration::from_secs(1);

/// The progress of reading the source.
#[derive(Debug, Default)]
pub(super) struct ReadProgress {
    loading: Loading,
    has_ended: bool,
    failure: Option<String>,
    rate: PacketRate,
}

impl ReadProgress {
    /// Returns how much of the source was read.
    pub(super) fn loading(&self) -> Loading {
        self.loading
    }

    /// Sets how much of the source was read.
    pub(super) fn set_loading(&mut self, loading: Loading) {
        self.loading = loading;
    }

    /// Whether reading ended, with or without a failure.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Returns the reason why reading failed; `None` if it did not fail.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Records the end of the capture.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
    }

    /// Records that the capture cannot be read any further.
    pub(super) fn fail(&mut self, reason: String) {
        (self.has_ended, self.failure) = (true, Some(reason));
    }

    /// Returns the packets per second of a live capture or of a file that grows.
    pub(super) fn packets_per_second(&self) -> u64 {
        self.rate.per_second
    }

    /// Records the number of packets read so far. Packets that a followed file held when it was
    /// opened do not count for the rate.
    pub(super) fn record_packets(&mut self, packets: u64, uptime: Uptime, is_followed: bool) {
        if self.loading.total.is_some() || (is_followed && self.rate.measured_at.is_zero()) {
            self.rate.restart(packets, uptime);
        } else {
            self.rate.record(packets, uptime);
        }
    }
}

/// Packets per second, between the last two measurements.
#[derive(Clone, Copy, Debug, Default)]
struct PacketRate {
    per_second: u64,
    measured_at: Uptime,
    packets: u64,
}

impl PacketRate {
    fn restart(&mut self, packets: u64, uptime: Uptime) {
        (self.packets, self.measured_at) = (packets, uptime);
    }

    fn record(&mut self, packets: u64, uptime: Uptime) {
        let passed = uptime.saturating_sub(self.measured_at);
        if passed >= MIN_MEASURED {
            let more = u128::from(packets.saturating_sub(self.packets));
            self.per_second = u64::try_from(more * 1000 / passed.as_millis().max(1)).unwrap_or(u64::MAX);
            self.restart(packets, uptime);
        }
    }
}

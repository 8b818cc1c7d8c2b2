//! When what is in progress is looked up, for commands that answer while the capture goes on.

use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::ledger::store::InProgress;

/// Interval at which what is in progress is looked up without a request, and how many times as long
/// as that takes it is not looked up again.
const INTERVAL: Duration = Duration::from_secs(1);
const FACTOR: u32 = 20;

/// When to look up what is in progress.
pub(super) struct Schedule {
    /// `None` for files that are read to their end: they are soon over.
    next: Option<Instant>,
    /// Not before this time, also if it is asked for.
    earliest: Instant,
    /// Packets at the last time.
    packets: u64,
}

impl Schedule {
    pub(super) fn new(is_live: bool) -> Self {
        let now = now();
        Self { next: is_live.then_some(now + INTERVAL), earliest: now, packets: 0 }
    }

    /// Whether it is time, if somebody waits for it or not.
    pub(super) fn is_due(&self, is_wanted: bool) -> bool {
        self.next.is_some_and(|next| {
            let now = now();
            now >= next || (is_wanted && now >= self.earliest)
        })
    }

    /// Looks up what is in progress. The second value is whether packets came since the last time.
    pub(super) fn look_up(&mut self, engine: &Engine) -> (InProgress, bool) {
        let start = now();
        let in_progress = engine.in_progress();
        let end = now();
        self.earliest = end + (end - start) * FACTOR;
        self.next = Some(self.earliest.max(start + INTERVAL));
        let packets = in_progress.capture.packets;
        let is_new = packets != self.packets;
        self.packets = packets;
        (in_progress, is_new)
    }
}

#[expect(clippy::disallowed_methods, reason = "how often it is looked up depends on the system's clock")]
fn now() -> Instant {
    Instant::now()
}

//! Counters of each process: requests that are open, and bytes of messages.

use std::collections::BTreeMap;

use crate::base::Timestamp;

/// Changes that are kept, at most. With more, those of a longer time are one.
const MAX_CHANGES: usize = 65_536;

/// The first time in which changes are one when there are too many, in nanoseconds.
const FIRST_STEP: i64 = 1_000_000;

/// What changes at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Requests that begin, less those that end.
    pub(super) open: i64,
    /// Bytes of requests that are complete.
    pub(super) sent: u64,
    /// Bytes of responses that are complete.
    pub(super) received: u64,
}

impl Change {
    fn add(&mut self, other: Self) {
        self.open = self.open.saturating_add(other.open);
        self.sent = self.sent.saturating_add(other.sent);
        self.received = self.received.saturating_add(other.received);
    }
}

/// The changes of all processes, in memory that does not grow with the capture.
#[derive(Debug)]
pub(super) struct Counters {
    /// By time and process.
    changes: BTreeMap<(i64, u32), Change>,
    /// The time in which changes are one, in nanoseconds.
    step: i64,
}

impl Default for Counters {
    fn default() -> Self {
        Self { changes: BTreeMap::new(), step: 1 }
    }
}

impl Counters {
    /// Adds a change of a process.
    pub(super) fn record(&mut self, at: Timestamp, pid: u32, change: Change) {
        let tick = self.tick(at.0);
        self.changes.entry((tick, pid)).or_default().add(change);
        while self.changes.len() > MAX_CHANGES {
            self.step = self.step.saturating_mul(2).max(FIRST_STEP);
            for ((at, pid), change) in std::mem::take(&mut self.changes) {
                self.changes.entry((self.tick(at), pid)).or_default().add(change);
            }
            if self.step > i64::MAX / 4 {
                break;
            }
        }
    }

    /// Returns the time in which changes are one, in nanoseconds; 1 if none were joined.
    pub(super) fn step(&self) -> i64 {
        self.step
    }

    /// Returns what the counters of each process are from each change on, in the order of time.
    pub(super) fn totals(&self) -> impl Iterator<Item = (Timestamp, u32, Change)> {
        let mut totals: BTreeMap<u32, Change> = BTreeMap::new();
        self.changes.iter().map(move |((at, pid), change)| {
            let total = totals.entry(*pid).or_default();
            total.add(*change);
            (Timestamp(*at), *pid, *total)
        })
    }

    fn tick(&self, at: i64) -> i64 {
        at - at.rem_euclid(self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_stay_right_when_changes_are_joined() {
        let mut counters = Counters::default();
        let count = 3 * MAX_CHANGES as i64;
        for at in 0..count {
            counters.record(Timestamp(at * 1_000_000), 1, Change { open: 1, sent: 2, received: 0 });
            counters.record(Timestamp(at * 1_000_000 + 500), 1, Change { open: -1, sent: 0, received: 3 });
        }
        assert!(counters.changes.len() <= MAX_CHANGES);
        assert!(counters.step() > FIRST_STEP);
        let last = counters.totals().last().unwrap().2;
        assert_eq!(last, Change { open: 0, sent: 2 * count as u64, received: 3 * count as u64 });
        let times: Vec<Timestamp> = counters.totals().map(|(at, ..)| at).collect();
        assert!(times.is_sorted());
    }
}

//! The times of packets in capture order: finds where they go back, and how much time passed.

use crate::base::{Timestamp, limits};

/// Follows packet times.
///
/// ```text
///   packet time    earliest ─────────▶ latest
///                       earliest ──────────────▶ latest      a step back by more than TIME_STEP
/// ```
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// The earliest and the latest time since the last step; `None` before the first packet.
    current: Option<(Timestamp, Timestamp)>,
    /// Time that passed before the last step, in nanoseconds.
    before: i64,
}

impl Clock {
    /// Takes the time of the next packet. Returns by how many nanoseconds time went back; `None` if
    /// it did not, or by no more than the order of capture explains.
    pub(super) fn push(&mut self, time: Timestamp) -> Option<i64> {
        let Some((earliest, latest)) = self.current else {
            self.current = Some((time, time));
            return None;
        };
        let back = latest.since(time);
        if back > limits::TIME_STEP {
            self.before = self.length_ns();
            self.current = Some((time, time));
            return Some(back);
        }
        self.current = Some((earliest.min(time), latest.max(time)));
        None
    }

    /// The time that passed, in nanoseconds: from the earliest to the latest packet, without what
    /// steps took back.
    pub(super) fn length_ns(&self) -> i64 {
        let current = self.current.map_or(0, |(earliest, latest)| latest.since(earliest));
        self.before.saturating_add(current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(times: &[i64]) -> (Vec<Option<i64>>, i64) {
        let mut clock = Clock::default();
        let steps = times.iter().map(|time| clock.push(Timestamp(*time))).collect();
        (steps, clock.length_ns())
    }

    const S: i64 = 1_000_000_000;

    #[test]
    fn a_step_back_is_found_once_and_takes_nothing_from_the_length() {
        let (steps, length) = run(&[10 * S, 12 * S, 7 * S, 8 * S, 9 * S]);
        assert_eq!(steps, [None, None, Some(5 * S), None, None]);
        assert_eq!(length, 4 * S);
    }

    #[test]
    fn packets_of_several_queues_are_no_step() {
        let (steps, length) = run(&[10 * S, 10 * S - 250_000_000, 10 * S + 3, 10 * S + 1, 11 * S]);
        assert!(steps.iter().all(Option::is_none));
        assert_eq!(length, S + 250_000_000);
    }

    #[test]
    fn nothing_has_no_length() {
        assert_eq!(run(&[]).1, 0);
        assert_eq!(run(&[5]).1, 0);
        assert!(run(&[i64::MAX, i64::MIN, i64::MAX]).1 >= 0);
    }
}

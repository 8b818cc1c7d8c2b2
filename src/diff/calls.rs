//! The calls of a capture by method and name: how long they took, and how many failed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::chance::{Durations, Failures};
use crate::base::{Side, Status, limits};
use crate::ledger::{Cause, Exchange};

/// The calls of one method and, if the method has names, one tool, prompt or resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallKey {
    /// The side that sends the request.
    pub origin: Side,
    /// The method.
    pub method: Arc<str>,
    /// The tool, the prompt or the resource URI; `None` for methods without one.
    pub name: Option<Arc<str>>,
}

/// Values that stay few: every second one, then every fourth, and so on.
#[derive(Clone, Debug, Default)]
struct Sample {
    values: Vec<i64>,
    /// Number of values for each one that is kept, as a power of two.
    thinned: u32,
    seen: u64,
}

impl Sample {
    /// Takes a value. `has_room` is whether one more may be kept. Returns by how much the number of
    /// kept values changed.
    fn push(&mut self, ns: i64, has_room: bool) -> isize {
        let before = self.values.len();
        self.seen += 1;
        if (self.seen - 1).is_multiple_of(1 << self.thinned) {
            let is_full = self.values.len() >= limits::MAX_COMPARED_VALUES || !has_room;
            if is_full && !self.values.is_empty() {
                let mut is_kept = false;
                self.values.retain(|_| {
                    is_kept = !is_kept;
                    is_kept
                });
                self.thinned += 1;
            }
            if (self.seen - 1).is_multiple_of(1 << self.thinned) {
                self.values.push(ns);
            }
        }
        self.values.len().cast_signed() - before.cast_signed()
    }

    /// The values with their counts, ascending.
    fn steps(&self) -> Vec<(i64, u64)> {
        let mut steps: Vec<_> = self.values.iter().map(|value| (*value, 1)).collect();
        steps.sort_unstable();
        steps
    }
}

/// The calls of a row.
#[derive(Clone, Debug, Default)]
pub(super) struct CallStats {
    answered: Sample,
    waits: Sample,
    pub(super) failures: Failures,
    unknown: u64,
}

impl CallStats {
    /// The durations. If more were seen than are kept, a sample.
    pub(super) fn durations(&self) -> Durations {
        // Both are thinned out alike, so that their numbers can be compared.
        let thinned = self.answered.thinned.max(self.waits.thinned);
        let steps = |sample: &Sample| {
            let step = 1 << (thinned - sample.thinned);
            let kept =
                Sample { values: sample.values.iter().step_by(step).copied().collect(), ..Sample::default() };
            kept.steps()
        };
        Durations::new(steps(&self.answered), steps(&self.waits), self.unknown >> thinned)
    }
}

/// The calls of a capture.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    rows: BTreeMap<CallKey, CallStats>,
    text_len: usize,
    values: usize,
    /// Calls beyond the rows that are kept.
    pub(super) left_out: u64,
}

impl Calls {
    /// Counts an exchange.
    pub(super) fn push(&mut self, exchange: &Exchange) {
        let key = CallKey {
            origin: exchange.origin,
            method: Arc::clone(&exchange.method),
            name: exchange.name.clone(),
        };
        if !self.rows.contains_key(&key) {
            let len = key.method.len() + key.name.as_ref().map_or(0, |name| name.len());
            if self.rows.len() >= limits::MAX_TABLE_ROWS || self.text_len + len > limits::MAX_TABLE_TEXT {
                self.left_out += 1;
                return;
            }
            self.text_len += len;
        }
        let row = self.rows.entry(key).or_default();
        row.failures.calls += 1;
        // Nobody is to blame for what was open when the capture ended.
        let is_open = exchange.cause == Some(Cause::CaptureEnd);
        if exchange.status == Status::Undetermined || is_open {
            row.failures.unknown += 1;
        } else if exchange.is_failure() {
            row.failures.failed += 1;
        }
        let (sample, ns) = match (exchange.latency_ns(), exchange.unanswered_ns()) {
            (Some(ns), _) => (&mut row.answered, ns),
            (None, Some(ns)) => (&mut row.waits, ns),
            (None, None) => {
                row.unknown += u64::from(exchange.status == Status::Undetermined);
                return;
            }
        };
        let has_room = self.values < limits::MAX_ALL_COMPARED_VALUES;
        self.values = self.values.saturating_add_signed(sample.push(ns, has_room));
    }

    /// The rows, by key.
    pub(super) fn rows(&self) -> &BTreeMap<CallKey, CallStats> {
        &self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_stays_small_and_even() {
        let mut sample = Sample::default();
        let mut kept = 0_isize;
        for value in 0..100_000 {
            kept += sample.push(value, true);
        }
        assert_eq!(kept, sample.values.len().cast_signed());
        assert!(sample.values.len() <= limits::MAX_COMPARED_VALUES);
        let step = 1 << sample.thinned;
        assert!(sample.values.iter().enumerate().all(|(at, value)| *value == step * at as i64));
        for value in 0..1000 {
            sample.push(value, false);
        }
        assert!(sample.values.len() <= limits::MAX_COMPARED_VALUES);
    }
}

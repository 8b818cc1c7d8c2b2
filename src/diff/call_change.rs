//! The differences between the calls of two captures.

use super::calls::{CallKey, CallStats};
use super::chance::{self, Certainty, Failures, Verdict};
use super::profile::Profile;
use crate::ledger::Percentile;

/// Methods and names that are compared: those with the most calls. A comparison takes a
/// millisecond.
const MAX_COMPARED: usize = 2000;

/// Differences of durations that matter: a twentieth, and a tenth of a millisecond.
const MIN_SHARE: i64 = 20;
const MIN_NS: i64 = 100_000;

/// The percentiles that are compared, in thousandths, with their names.
pub(super) const PERCENTILES: [(u64, &str); 2] = [(500, "p50"), (950, "p95")];

/// The calls of one method and name, before and after.
#[derive(Clone, Debug)]
pub struct CallChange {
    /// Method and name.
    pub key: CallKey,
    /// The percentiles 50 and 95.
    pub percentiles: [PercentileChange; 2],
    /// Calls and failures, before and after.
    pub failures: [Failures; 2],
    /// Whether the share of failures changed.
    pub failing: Verdict,
}

/// A percentile, before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PercentileChange {
    /// The percentile of each; `None` without calls that have a duration.
    pub values: [Option<Percentile>; 2],
    /// Whether it changed.
    pub verdict: Verdict,
}

impl PercentileChange {
    /// Returns by how much it changed, in nanoseconds; `None` if one of them is not known.
    #[must_use]
    pub fn change_ns(&self) -> Option<i64> {
        let [before, after] = self.values;
        Some(after?.ns.saturating_sub(before?.ns))
    }

    fn of(per_mille: u64, before: Option<&CallStats>, after: Option<&CallStats>) -> Self {
        let durations = |stats: Option<&CallStats>| stats.map(CallStats::durations).unwrap_or_default();
        let (before, after) = (durations(before), durations(after));
        let values = [before.percentile(per_mille), after.percentile(per_mille)];
        let change = Self { values, verdict: Verdict::Alike };
        match change.change_ns() {
            Some(ns) if is_large(ns, values) => {
                Self { verdict: chance::compare_percentile(per_mille, &before, &after), ..change }
            }
            _ => change,
        }
    }
}

/// Whether a difference of durations matters.
fn is_large(ns: i64, values: [Option<Percentile>; 2]) -> bool {
    let least = values.iter().flatten().map(|value| value.ns).min().unwrap_or(0);
    ns.saturating_abs() >= MIN_NS.max(least / MIN_SHARE)
}

impl CallChange {
    /// Whether the calls are those of both captures.
    #[must_use]
    pub fn is_of_both(&self) -> bool {
        self.failures.iter().all(|failures| failures.calls > 0)
    }

    /// Whether a difference is told.
    #[must_use]
    pub fn is_told(&self) -> bool {
        let differs = |verdict: Verdict| matches!(verdict, Verdict::Higher(_) | Verdict::Lower(_));
        !self.is_of_both()
            || differs(self.failing)
            || self.percentiles.iter().any(|percentile| differs(percentile.verdict))
    }

    /// Whether it cannot be told if there is a difference.
    #[must_use]
    pub fn is_untold(&self) -> bool {
        let is_untold = |verdict: Verdict| matches!(verdict, Verdict::Untold(_));
        is_untold(self.failing) || self.percentiles.iter().any(|percentile| is_untold(percentile.verdict))
    }

    /// The number of regressions: surely slower, surely failing more often.
    #[must_use]
    pub fn regressions(&self) -> usize {
        let is_slower = self.percentiles.iter().any(|it| it.verdict == Verdict::Higher(Certainty::Sure));
        usize::from(is_slower) + usize::from(self.failing == Verdict::Higher(Certainty::Sure))
    }
}

/// Compares the calls of two captures: those that got slower first, then by key. The second value
/// is the number of calls that were not compared.
pub(super) fn compare(before: &Profile, after: &Profile) -> (Vec<CallChange>, u64) {
    let (one, other) = (before.calls.rows(), after.calls.rows());
    let calls = |stats: Option<&CallStats>| stats.map_or(0, |stats| stats.failures.calls);
    let mut keys: Vec<&CallKey> =
        one.keys().chain(other.keys().filter(|key| !one.contains_key(*key))).collect();
    keys.sort_by_key(|key| std::cmp::Reverse(calls(one.get(*key)) + calls(other.get(*key))));
    let beyond = keys.split_off(keys.len().min(MAX_COMPARED));
    let left_out: u64 = beyond.iter().map(|key| calls(one.get(*key)) + calls(other.get(*key))).sum();
    let change = |key: &CallKey| {
        let (one, other) = (one.get(key), other.get(key));
        let failures = [one, other].map(|stats| stats.map(|stats| stats.failures).unwrap_or_default());
        let is_of_both = one.is_some() && other.is_some();
        CallChange {
            key: key.clone(),
            percentiles: PERCENTILES.map(|(per_mille, _)| PercentileChange::of(per_mille, one, other)),
            failing: if is_of_both {
                let [before, after] = failures;
                chance::compare_failures(before, after)
            } else {
                Verdict::Alike
            },
            failures,
        }
    };
    let mut changes: Vec<CallChange> = keys.into_iter().map(change).collect();
    changes.sort_by(|one, other| {
        let worse = |change: &CallChange| {
            let slower = change.percentiles.iter().filter_map(|it| match it.verdict {
                Verdict::Higher(certainty) => Some((certainty, it.change_ns())),
                _ => None,
            });
            (change.regressions(), slower.max())
        };
        worse(other).cmp(&worse(one)).then_with(|| one.key.cmp(&other.key))
    });
    (changes, left_out + before.calls.left_out + after.calls.left_out)
}

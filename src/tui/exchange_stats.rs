//! Statistics of the exchanges of a session or of the calls of a tool.

use super::activity::Activity;
use crate::ledger::{self, Exchange, Percentile};

/// The number of histogram steps for each power of two. A percentile is off by 1.6 % at most.
const STEPS: usize = 32;

/// Counts, percentiles and activity of a set of exchanges.
#[derive(Clone, Debug, Default)]
pub(super) struct ExchangeStats {
    /// Exchanges that are over.
    exchanges: u64,
    /// Those that failed: by the tool, in JSON-RPC, in HTTP, or without a response.
    failed: u64,
    /// A histogram of the totals: the steps that are not empty with their counts, in order of step.
    /// Sparse, because there may be as many instances as exchanges.
    totals: Vec<(u16, u32)>,
    /// The shortest and the longest total, in nanoseconds.
    range: (i64, i64),
    /// The same for the time that exchanges without an answer waited.
    waits: Vec<(u16, u32)>,
    waits_range: (i64, i64),
    activity: Activity,
}

impl ExchangeStats {
    /// Returns the number of exchanges that are over.
    #[must_use]
    pub(super) fn exchanges(&self) -> u64 {
        self.exchanges
    }

    /// Returns the number of exchanges that failed: by the tool, in JSON-RPC, in HTTP, or without a
    /// response.
    #[must_use]
    pub(super) fn failed(&self) -> u64 {
        self.failed
    }

    /// Returns when the requests began.
    #[must_use]
    pub(super) fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Records an exchange that is over. `room` is what all histograms may still take.
    pub(super) fn record(&mut self, exchange: &Exchange, room: &mut StepRoom) {
        self.exchanges += 1;
        self.activity.record(exchange.request.span.start.time);
        self.failed += u64::from(exchange.is_failure());
        if let Some(waited) = exchange.unanswered_ns() {
            add(&mut self.waits, &mut self.waits_range, waited, room);
        } else if let Some(total) = exchange.latency_ns() {
            add(&mut self.totals, &mut self.range, total, room);
        }
    }

    /// Returns the total that `per_mille` of the exchanges do not exceed, see
    /// [`ledger::percentile`]; `None` if none was answered, or waited for an answer.
    #[must_use]
    pub(super) fn quantile(&self, per_mille: u64) -> Option<Percentile> {
        let middles = |steps: &[(u16, u32)], (least, largest): (i64, i64)| -> Vec<(i64, u64)> {
            // Clamping makes it exact if there is one total.
            let middle =
                |(step, count): &(u16, u32)| (middle_of(*step).clamp(least, largest), (*count).into());
            steps.iter().map(middle).collect()
        };
        let (answered, waits) = (middles(&self.totals, self.range), middles(&self.waits, self.waits_range));
        ledger::percentile(&answered, &waits, per_mille)
    }
}

/// The number of histogram steps that a set of statistics may still take.
#[derive(Debug)]
pub(super) struct StepRoom(usize);

impl Default for StepRoom {
    /// 8 MB of steps.
    fn default() -> Self {
        Self(1 << 20)
    }
}

/// Adds a value to a histogram and to its range. Without room for another step it is counted in the
/// nearest one.
fn add(steps: &mut Vec<(u16, u32)>, range: &mut (i64, i64), ns: i64, room: &mut StepRoom) {
    let (least, largest) = if steps.is_empty() { (ns, ns) } else { *range };
    *range = (least.min(ns), largest.max(ns));
    let step = step_of(ns.max(1).unsigned_abs());
    match steps.binary_search_by_key(&step, |(step, _)| *step) {
        Err(at) if room.0 > 0 || steps.is_empty() => {
            steps.reserve_exact(1);
            steps.insert(at, (step, 1));
            room.0 = room.0.saturating_sub(1);
        }
        Ok(at) | Err(at) => {
            let nearest = at.min(steps.len().saturating_sub(1));
            if let Some((_, count)) = steps.get_mut(nearest) {
                *count = count.saturating_add(1);
            }
        }
    }
}

/// Returns the middle of a histogram step, in nanoseconds.
fn middle_of(step: u16) -> i64 {
    let (power, part) = (usize::from(step) / STEPS, usize::from(step) % STEPS);
    (2f64.powi(power as i32) * (1.0 + (part as f64 + 0.5) / STEPS as f64)) as i64
}

/// Returns the histogram step of a total: linear within each power of two.
fn step_of(ns: u64) -> u16 {
    let power = ns.ilog2();
    let part = (u128::from(ns - (1 << power)) * STEPS as u128) >> power;
    // Fits: there are 64 powers of two at most.
    (power as usize * STEPS + part as usize) as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::sample;

    proptest! {
        #[test]
        fn quantiles_are_near(totals in prop::collection::vec(1i64..100_000_000_000, 1..200), per_mille in 1u64..=1000) {
            let mut stats = ExchangeStats::default();
            for total in &totals {
                stats.record(&sample::exchange(1, "ping", None, *total), &mut StepRoom::default());
            }
            let mut sorted = totals;
            sorted.sort_unstable();
            let rank = (sorted.len() as u64 * per_mille).div_ceil(1000).max(1) as usize;
            let (want, got) = (sorted[rank - 1] as f64, stats.quantile(per_mille).unwrap().ns as f64);
            prop_assert!((got / want - 1.0).abs() <= 0.016 || want < 64.0, "{got} for {want}");
            let last = sorted[sorted.len() - 1] as f64;
            prop_assert!(stats.quantile(1000).unwrap().ns as f64 <= last, "no more than the largest");
        }
    }

    #[test]
    fn without_room_exchanges_are_counted_in_the_nearest_step() {
        let (mut stats, mut room) = (ExchangeStats::default(), StepRoom(2));
        for total in [1_000, 9_000, 5_000_000, 10] {
            stats.record(&sample::exchange(1, "ping", None, total), &mut room);
        }
        assert_eq!((stats.exchanges(), stats.totals.len()), (4, 2));
        assert_eq!(stats.totals.iter().map(|(_, count)| count).sum::<u32>(), 4);
    }
}

//! Counts that are kept while exchanges come, in memory that does not grow with their number.

use crate::base::Timestamp;
use crate::ledger::{Exchange, Status};

/// Buckets of [`Rates`]: more than any screen has columns.
const BUCKETS: usize = 512;

/// The width that buckets begin with, in nanoseconds.
const NARROWEST: i64 = 10_000_000;

/// How many exchanges began in each stretch of time, and how many of them failed. Stretches grow with the capture.
#[derive(Clone, Debug)]
pub struct Rates {
    start: Option<i64>,
    width: i64,
    buckets: Vec<[u32; 2]>,
}

impl Default for Rates {
    fn default() -> Self {
        Self { start: None, width: NARROWEST, buckets: Vec::new() }
    }
}

impl Rates {
    /// When the first stretch begins; `None` before the first exchange.
    #[must_use]
    pub fn start(&self) -> Option<Timestamp> {
        self.start.map(Timestamp)
    }

    /// The width of a stretch, in nanoseconds.
    #[must_use]
    pub fn width_ns(&self) -> i64 {
        self.width
    }

    /// Exchanges and failures of all stretches, put together to so many columns at most.
    #[must_use]
    pub fn columns(&self, most: usize) -> Vec<[u32; 2]> {
        let together = usize::try_from(self.together(most)).unwrap_or(1);
        let sum = |chunk: &[[u32; 2]]| chunk.iter().fold([0, 0], |[a, b], [c, d]| [a + c, b + d]);
        self.buckets.chunks(together).map(sum).collect()
    }

    /// How many stretches make one of so many columns.
    #[must_use]
    pub fn together(&self, most: usize) -> i64 {
        self.buckets.len().div_ceil(most.max(1)).max(1) as i64
    }

    pub(super) fn count(&mut self, exchange: &Exchange) {
        let time = exchange.request.span.start.time.0;
        let start = *self.start.get_or_insert(time);
        // How many stretches are missing in front: exchanges are told as they end, and one that took long began early.
        let before =
            |width: i64| start.saturating_sub(time).max(0).unsigned_abs().div_ceil(width.unsigned_abs());
        let place = |width: i64| time.saturating_sub(start).max(0).unsigned_abs() / width.unsigned_abs();
        while before(self.width).saturating_add(place(self.width).max(self.buckets.len() as u64))
            >= BUCKETS as u64
        {
            self.buckets = self.columns(self.buckets.len().div_ceil(2).max(1));
            self.width = self.width.saturating_mul(2);
        }
        let missing = before(self.width);
        self.buckets.splice(0..0, std::iter::repeat_n([0, 0], missing as usize));
        self.start = Some(start.saturating_sub(self.width.saturating_mul(missing as i64)));
        let at = place(self.width) as usize;
        if at >= self.buckets.len() {
            self.buckets.resize(at + 1, [0, 0]);
        }
        if let Some([all, failed]) = self.buckets.get_mut(at) {
            *all += 1;
            *failed += u32::from(!matches!(exchange.status, Status::Ok | Status::Cancelled));
        }
    }
}

/// Steps of a stats's histogram for each power of two: a percentile is off by 1.6 % at most.
const STEPS: usize = 32;

/// How the exchanges of a session fared.
#[derive(Clone, Debug, Default)]
pub struct ExchangeStats {
    /// Exchanges that are over.
    pub exchanges: u64,
    /// Those that failed: of the tool, of JSON-RPC, of HTTP, or never answered.
    pub failed: u64,
    /// The steps in which totals lie, each with how many, in their order: there may be as many tallies as exchanges.
    totals: Vec<(u16, u32)>,
    /// The least and the largest total, in nanoseconds.
    range: (i64, i64),
    /// When the requests began.
    pub activity: Activity,
}

/// Stretches of time of an [`Activity`]: as many as its sparkline has columns where it has the whole of them.
const STRETCHES: usize = 24;

/// How many exchanges began when, in a few stretches of time that double as more is to be covered: 60 bytes, for a
/// hundred thousand sessions have one each.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    /// How often [`NARROWEST`] was doubled.
    doubled: u8,
    /// The first stretch, counted from the epoch in stretches; nothing was counted where all counts are 0.
    first: i64,
    counts: [u16; STRETCHES],
}

impl Activity {
    /// Counts of `columns` equal parts of the time between `start` and `end`, each with what began in it or near it.
    #[must_use]
    pub fn columns(&self, start: Timestamp, end: Timestamp, columns: usize) -> Vec<u32> {
        let mut all = vec![0_u32; columns];
        let length = i128::from(end.since(start).max(1));
        let width = i128::from(self.width());
        for (at, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            // What is known is the stretch: its middle stands for it, or the nearest that is shown.
            let middle = (i128::from(self.first) + at as i128) * width + width / 2 - i128::from(start.0);
            let place = (middle * columns as i128 / length).clamp(0, columns.saturating_sub(1) as i128);
            if let Some(sum) = usize::try_from(place).ok().and_then(|place| all.get_mut(place)) {
                *sum += u32::from(*count);
            }
        }
        all
    }

    fn width(&self) -> i64 {
        NARROWEST.checked_shl(self.doubled.into()).unwrap_or(i64::MAX)
    }

    fn count(&mut self, time: Timestamp) {
        if self.counts.iter().all(|count| *count == 0) {
            self.first = time.0.div_euclid(self.width());
        }
        loop {
            let at = time.0.div_euclid(self.width());
            let (low, high) = (self.first.min(at), (self.first + self.used() - 1).max(at));
            if high - low < STRETCHES as i64 {
                // What began before the first of them moves all.
                let moved = usize::try_from(self.first - low).unwrap_or(0);
                self.counts.rotate_right(moved.min(STRETCHES));
                self.first = low;
                let place = usize::try_from(at - low).ok();
                if let Some(count) = place.and_then(|place| self.counts.get_mut(place)) {
                    *count = count.saturating_add(1);
                }
                return;
            }
            self.widen();
        }
    }

    /// Stretches up to the last that has anything.
    fn used(&self) -> i64 {
        self.counts.iter().rposition(|count| *count > 0).map_or(1, |last| last as i64 + 1)
    }

    /// Makes one stretch of two.
    fn widen(&mut self) {
        let mut wider = [0_u16; STRETCHES];
        let first = self.first.div_euclid(2);
        for (at, count) in self.counts.iter().enumerate() {
            let place = usize::try_from((self.first + at as i64).div_euclid(2) - first).ok();
            if let Some(sum) = place.and_then(|place| wider.get_mut(place)) {
                *sum = sum.saturating_add(*count);
            }
        }
        *self = Self { doubled: self.doubled + 1, first, counts: wider };
    }
}

impl ExchangeStats {
    pub(super) fn count(&mut self, exchange: &Exchange) {
        self.exchanges += 1;
        self.activity.count(exchange.request.span.start.time);
        self.failed += u64::from(!matches!(exchange.status, Status::Ok | Status::Cancelled));
        let Some(total) = exchange.total_ns().filter(|_| exchange.status.is_answered()) else { return };
        let (least, largest) = if self.totals.is_empty() { (total, total) } else { self.range };
        self.range = (least.min(total), largest.max(total));
        let step = step_of(total.max(1).unsigned_abs());
        match self.totals.binary_search_by_key(&step, |(step, _)| *step) {
            Ok(at) => {
                self.totals.get_mut(at).into_iter().for_each(|(_, count)| *count = count.saturating_add(1))
            }
            Err(at) => {
                self.totals.reserve_exact(1);
                self.totals.insert(at, (step, 1));
            }
        }
    }

    /// The total that so many per mille of the answered exchanges do not exceed, in nanoseconds; `None` where
    /// none was answered.
    #[must_use]
    pub fn quantile_ns(&self, per_mille: u64) -> Option<i64> {
        let all: u64 = self.totals.iter().map(|(_, count)| u64::from(*count)).sum();
        let rank = (all * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        let (step, _) = self.totals.iter().find(|(_, count)| {
            seen += u64::from(*count);
            seen >= rank
        })?;
        // The middle of the step; exact where there is one total.
        let (power, part) = (usize::from(*step) / STEPS, usize::from(*step) % STEPS);
        let middle = 2f64.powi(power as i32) * (1.0 + (part as f64 + 0.5) / STEPS as f64);
        let (least, largest) = self.range;
        Some((middle as i64).clamp(least, largest))
    }
}

/// Linear steps within each power of two.
fn step_of(ns: u64) -> u16 {
    let power = ns.ilog2();
    let part = (u128::from(ns - (1 << power)) * STEPS as u128) >> power;
    // 64 powers at most.
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
                stats.count(&sample::exchange(1, "ping", None, *total));
            }
            let mut sorted = totals;
            sorted.sort_unstable();
            let rank = (sorted.len() as u64 * per_mille).div_ceil(1000).max(1) as usize;
            let (want, got) = (sorted[rank - 1] as f64, stats.quantile_ns(per_mille).unwrap() as f64);
            prop_assert!((got / want - 1.0).abs() <= 0.016 || want < 64.0, "{got} for {want}");
            let last = sorted[sorted.len() - 1] as f64;
            prop_assert!(stats.quantile_ns(1000).unwrap() as f64 <= last, "no more than the largest");
        }

        #[test]
        fn activity_loses_nothing(numbers in prop::collection::vec(1u64..1_000_000, 1..300), columns in 1usize..40) {
            let mut stats = ExchangeStats::default();
            for n in &numbers {
                stats.count(&sample::exchange(*n, "ping", None, 1));
            }
            let time = |n: &u64| sample::exchange(*n, "ping", None, 1).request.span.start.time;
            let (start, end) = (numbers.iter().map(time).min().unwrap(), numbers.iter().map(time).max().unwrap());
            let shown = stats.activity.columns(start, end, columns);
            prop_assert_eq!(shown.iter().sum::<u32>() as usize, numbers.len());
            // No count is farther from its place than a stretch is wide, which is some part of the whole.
            let width = stats.activity.width();
            prop_assert!(width <= (end.since(start) / 6).max(NARROWEST), "{width}");
        }

        #[test]
        fn no_exchange_is_lost(numbers in prop::collection::vec(1u64..100_000, 1..300), most in 1usize..100) {
            let mut rates = Rates::default();
            for n in &numbers {
                rates.count(&sample::exchange(*n, "ping", None, 1));
            }
            let time = |n: &u64| sample::exchange(*n, "ping", None, 1).request.span.start.time;
            let first = numbers.iter().map(time).min().unwrap();
            let start = rates.start().unwrap();
            prop_assert!(start <= first && first.since(start) < rates.width_ns(), "the axis begins with what began first");
            let columns = rates.columns(most);
            prop_assert!(columns.len() <= most && rates.buckets.len() <= BUCKETS);
            prop_assert_eq!(columns.iter().map(|[all, _]| *all as usize).sum::<usize>(), numbers.len());
        }
    }
}

//! The number of exchanges that began, and that failed, over time.

use crate::base::Timestamp;
use crate::ledger::Exchange;

/// The largest number of buckets: more than any screen has columns.
const MAX_BUCKETS: usize = 512;

/// The width of a bucket at first, in nanoseconds.
const MIN_WIDTH: i64 = 10_000_000;

/// Exchanges and failures over time, in buckets of equal width. The width doubles as the capture
/// grows beyond [`MAX_BUCKETS`] of them.
#[derive(Clone, Debug)]
pub(super) struct ExchangeRates {
    /// The start of the first bucket, in nanoseconds since the epoch; `None` before the first
    /// exchange.
    start: Option<i64>,
    width: i64,
    /// Exchanges and failures of each bucket.
    buckets: Vec<[u32; 2]>,
}

impl Default for ExchangeRates {
    fn default() -> Self {
        Self { start: None, width: MIN_WIDTH, buckets: Vec::new() }
    }
}

impl ExchangeRates {
    /// Returns the start of the first bucket; `None` before the first exchange.
    #[must_use]
    pub(super) fn start(&self) -> Option<Timestamp> {
        self.start.map(Timestamp)
    }

    /// Returns the width of a bucket, in nanoseconds.
    #[must_use]
    pub(super) fn width_ns(&self) -> i64 {
        self.width
    }

    /// Returns exchanges and failures over time, with buckets merged into at most `limit` columns.
    #[must_use]
    pub(super) fn columns(&self, limit: usize) -> Vec<[u32; 2]> {
        let per_column = usize::try_from(self.buckets_per_column(limit)).unwrap_or(1);
        let sum = |chunk: &[[u32; 2]]| chunk.iter().fold([0, 0], |[a, b], [c, d]| [a + c, b + d]);
        self.buckets.chunks(per_column).map(sum).collect()
    }

    /// Returns the number of buckets that are merged into one of at most `limit` columns.
    #[must_use]
    pub(super) fn buckets_per_column(&self, limit: usize) -> i64 {
        self.buckets.len().div_ceil(limit.max(1)).max(1) as i64
    }

    /// Records an exchange that is over.
    pub(super) fn record(&mut self, exchange: &Exchange) {
        let time = exchange.request.span.start.time.0;
        let start = *self.start.get_or_insert(time);
        // Exchanges are recorded as they end: a long one began before the first bucket.
        let missing_before =
            |width: i64| start.saturating_sub(time).max(0).unsigned_abs().div_ceil(width.unsigned_abs());
        let index_at = |width: i64| time.saturating_sub(start).max(0).unsigned_abs() / width.unsigned_abs();
        while missing_before(self.width).saturating_add(index_at(self.width).max(self.buckets.len() as u64))
            >= MAX_BUCKETS as u64
        {
            self.buckets = self.columns(self.buckets.len().div_ceil(2).max(1));
            self.width = self.width.saturating_mul(2);
        }
        let missing = missing_before(self.width);
        self.buckets.splice(0..0, std::iter::repeat_n([0, 0], missing as usize));
        self.start = Some(start.saturating_sub(self.width.saturating_mul(missing as i64)));
        let index = index_at(self.width) as usize;
        if index >= self.buckets.len() {
            self.buckets.resize(index + 1, [0, 0]);
        }
        if let Some([all, failed]) = self.buckets.get_mut(index) {
            *all += 1;
            *failed += u32::from(exchange.is_failure());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::sample;

    proptest! {
        #[test]
        fn no_exchange_is_lost(numbers in prop::collection::vec(1u64..100_000, 1..300), limit in 1usize..100) {
            let mut rates = ExchangeRates::default();
            for n in &numbers {
                rates.record(&sample::exchange(*n, "ping", None, 1));
            }
            let time = |n: &u64| sample::exchange(*n, "ping", None, 1).request.span.start.time;
            let first = numbers.iter().map(time).min().unwrap();
            let start = rates.start().unwrap();
            prop_assert!(start <= first && first.since(start) < rates.width_ns(), "first bucket has the first exchange");
            let columns = rates.columns(limit);
            prop_assert!(columns.len() <= limit && rates.buckets.len() <= MAX_BUCKETS);
            prop_assert_eq!(columns.iter().map(|[all, _]| *all as usize).sum::<usize>(), numbers.len());
        }
    }
}

//! When the exchanges of a session began, small enough for a hundred thousand sessions.

use crate::base::Timestamp;

/// The width of a bucket at first, in nanoseconds.
const MIN_WIDTH: i64 = 10_000_000;

/// The number of buckets: as many as the widest sparkline has columns.
const BUCKETS: usize = 24;

/// The number of exchanges that began in each of [`BUCKETS`] stretches of time. The stretches
/// double in width as the time to cover grows.
#[derive(Clone, Debug, Default)]
pub(super) struct Activity {
    /// How often the width was doubled.
    doublings: u8,
    /// The first bucket, counted in widths since the epoch. Meaningless while all counts are 0.
    first: i64,
    counts: [u16; BUCKETS],
}

impl Activity {
    /// Returns the counts of `columns` equal parts of the time between `start` and `end`. An
    /// exchange is counted in the column at the middle of its bucket, or in the nearest one.
    #[must_use]
    pub(super) fn columns(&self, start: Timestamp, end: Timestamp, columns: usize) -> Vec<u32> {
        let mut all = vec![0_u32; columns];
        let length = i128::from(end.since(start).max(1));
        let width = i128::from(self.width());
        for (at, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let middle = (i128::from(self.first) + at as i128) * width + width / 2 - i128::from(start.0);
            let column = (middle * columns as i128 / length).clamp(0, columns.saturating_sub(1) as i128);
            if let Some(sum) = usize::try_from(column).ok().and_then(|column| all.get_mut(column)) {
                *sum += u32::from(*count);
            }
        }
        all
    }

    /// Records an exchange that began at `time`.
    pub(super) fn record(&mut self, time: Timestamp) {
        if self.counts.iter().all(|count| *count == 0) {
            self.first = time.0.div_euclid(self.width());
        }
        loop {
            let bucket = time.0.div_euclid(self.width());
            let (low, high) = (self.first.min(bucket), (self.first + self.used() - 1).max(bucket));
            if high - low < BUCKETS as i64 {
                // A time before the first bucket moves all buckets.
                let moved = usize::try_from(self.first - low).unwrap_or(0);
                self.counts.rotate_right(moved.min(BUCKETS));
                self.first = low;
                let index = usize::try_from(bucket - low).ok();
                if let Some(count) = index.and_then(|index| self.counts.get_mut(index)) {
                    *count = count.saturating_add(1);
                }
                return;
            }
            self.widen();
        }
    }

    fn width(&self) -> i64 {
        MIN_WIDTH.checked_shl(self.doublings.into()).unwrap_or(i64::MAX)
    }

    /// Returns the number of buckets up to the last one that is not empty; at least 1.
    fn used(&self) -> i64 {
        self.counts.iter().rposition(|count| *count > 0).map_or(1, |last| last as i64 + 1)
    }

    /// Doubles the width: two buckets become one.
    fn widen(&mut self) {
        let mut wider = [0_u16; BUCKETS];
        let first = self.first.div_euclid(2);
        for (at, count) in self.counts.iter().enumerate() {
            let index = usize::try_from((self.first + at as i64).div_euclid(2) - first).ok();
            if let Some(sum) = index.and_then(|index| wider.get_mut(index)) {
                *sum = sum.saturating_add(*count);
            }
        }
        *self = Self { doublings: self.doublings + 1, first, counts: wider };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_exchange_is_lost(seconds in prop::collection::vec(1i64..1_000_000, 1..300), columns in 1usize..40) {
            let times = || seconds.iter().map(|second| Timestamp(second * 1_000_000_000));
            let mut activity = Activity::default();
            times().for_each(|time| activity.record(time));
            let (start, end) = (times().min().unwrap(), times().max().unwrap());
            let shown = activity.columns(start, end, columns);
            prop_assert_eq!(shown.iter().sum::<u32>() as usize, seconds.len());
            // A bucket is a small part of the whole.
            let width = activity.width();
            prop_assert!(width <= (end.since(start) / 6).max(MIN_WIDTH), "{width}");
        }
    }
}

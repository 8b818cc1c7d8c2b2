//! Percentiles of durations, in bounded memory.

use super::histogram::Histogram;
use crate::base::Room;

/// Values that are kept before a histogram replaces them. Most rows never have more, so their
/// percentiles are exact and take less memory than the smallest histogram.
const EXACT: usize = 64;

/// The distribution of durations in nanoseconds, which may be negative.
///
/// Up to [`EXACT`] values are kept as they are. Then a histogram counts them, with the digits given
/// to [`Series::record`], and a second histogram counts the negative ones. If there is no room for
/// them, every second value is kept, then every fourth, and so on: a sample.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    values: Values,
    /// Number of values for each one that is kept, as a power of two.
    thinned: u32,
    count: u64,
    min: i64,
    max: i64,
}

#[derive(Clone, Debug)]
enum Values {
    Exact(Vec<i64>),
    Counted(Box<Histograms>),
}

/// The histograms of the non-negative values, and of the absolute values of the negative ones.
#[derive(Clone, Debug)]
struct Histograms {
    non_negative: Histogram,
    negative: Option<Histogram>,
    digits: u8,
}

impl Default for Values {
    fn default() -> Self {
        Self::Exact(Vec::new())
    }
}

impl Series {
    /// The number of values.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Whether the next value creates the histogram. Its digits are then final.
    pub(super) fn is_about_to_spill(&self) -> bool {
        matches!(&self.values, Values::Exact(values) if values.len() == EXACT && self.thinned == 0)
    }

    /// Adds a value. `digits` is the number of significant digits (1 to 5) of the histogram, if
    /// this value creates it. Takes the memory from `room`.
    pub(super) fn record(&mut self, ns: i64, digits: u8, room: &mut Room) {
        (self.min, self.max) = match self.count {
            0 => (ns, ns),
            _ => (self.min.min(ns), self.max.max(ns)),
        };
        self.count += 1;
        match &mut self.values {
            Values::Exact(values) if self.thinned == 0 && has_room(values, room) => values.push(ns),
            Values::Exact(values) => {
                let is_full = self.thinned == 0 && values.len() >= EXACT && !room.is_empty();
                if is_full {
                    let mut counted = Histograms::of(values, digits, room);
                    counted.record(ns, room);
                    self.values = Values::Counted(Box::new(counted));
                } else {
                    self.sample(ns);
                }
            }
            Values::Counted(counted) => counted.record(ns, room),
        }
    }

    /// Returns the same series. Takes its memory from `room`, or what is left of that: the copy may
    /// need more.
    pub(super) fn copy(&self, room: &mut Room) -> Self {
        room.take_most(match &self.values {
            Values::Exact(values) => size_of_val(&**values),
            Values::Counted(counted) => {
                counted.non_negative.allocated() + counted.negative.as_ref().map_or(0, Histogram::allocated)
            }
        });
        self.clone()
    }

    /// Keeps a value if it belongs to the sample, which is thinned out if it is full.
    fn sample(&mut self, ns: i64) {
        let Values::Exact(values) = &mut self.values else { return };
        if !(self.count - 1).is_multiple_of(1 << self.thinned) {
            return;
        }
        if values.len() >= EXACT.min(values.capacity()) && !values.is_empty() {
            let mut is_kept = false;
            values.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
            self.thinned += 1;
            if !(self.count - 1).is_multiple_of(1 << self.thinned) {
                return;
            }
        }
        values.push(ns);
    }

    /// Returns the smallest value that at least `per_mille` thousandths of the values do not exceed
    /// (nearest rank); `None` if there are no values. Exact, or within one unit of the last digit
    /// of the histogram, or that of a sample.
    pub(super) fn quantile(&self, per_mille: u64) -> Option<i64> {
        let rank = |count: u64| count.saturating_mul(per_mille).div_ceil(1000).max(1);
        let value = match &self.values {
            Values::Exact(values) => {
                let mut sorted = values.clone();
                sorted.sort_unstable();
                sorted.get(usize::try_from(rank(sorted.len() as u64)).ok()? - 1).copied()?
            }
            Values::Counted(counted) => counted.at(rank(self.count))?,
        };
        Some(value.clamp(self.min, self.max))
    }

    /// Returns the values with their counts, in ascending order: exact, or the middles of the
    /// histogram's buckets.
    pub(super) fn steps(&self) -> Vec<(i64, u64)> {
        match &self.values {
            Values::Exact(values) => {
                let mut sorted: Vec<_> = values.iter().map(|value| (*value, 1 << self.thinned)).collect();
                sorted.sort_unstable();
                sorted
            }
            Values::Counted(counted) => {
                let clamped = |(value, count): (i64, u64)| (value.clamp(self.min, self.max), count);
                counted.steps().into_iter().map(clamped).collect()
            }
        }
    }

    /// The smallest value, exact; `None` if there are no values.
    pub(super) fn min(&self) -> Option<i64> {
        (self.count > 0).then_some(self.min)
    }

    /// The largest value, exact; `None` if there are no values.
    pub(super) fn max(&self) -> Option<i64> {
        (self.count > 0).then_some(self.max)
    }
}

/// Whether a list of few values has room for another one, taken from `room` if it has to grow.
fn has_room(values: &Vec<i64>, room: &mut Room) -> bool {
    let has_place = values.len() < values.capacity();
    values.len() < EXACT && (has_place || room.take(size_of::<i64>() * values.capacity().max(4)))
}

impl Histograms {
    /// Counts a list of values.
    fn of(values: &[i64], digits: u8, room: &mut Room) -> Self {
        let mut counted = Self { non_negative: Histogram::new(digits), negative: None, digits };
        for value in values {
            counted.record(*value, room);
        }
        counted
    }

    #[inline]
    fn record(&mut self, ns: i64, room: &mut Room) {
        let histogram = match u64::try_from(ns) {
            Ok(_) => &mut self.non_negative,
            Err(_) => self.negative.get_or_insert_with(|| Histogram::new(self.digits)),
        };
        if !histogram.record(ns.unsigned_abs()) {
            record_growing(histogram, ns.unsigned_abs(), room);
        }
    }

    /// The middles of the buckets with their counts, in ascending order.
    fn steps(&self) -> Vec<(i64, u64)> {
        let negative = self.negative.iter().flat_map(|negative| negative.steps().rev());
        let negative = negative.map(|(size, count)| (size.saturating_neg(), count));
        negative.chain(self.non_negative.steps()).collect()
    }

    /// The value with `rank` (from 1) in ascending order.
    fn at(&self, rank: u64) -> Option<i64> {
        let below = self.negative.as_ref().map_or(0, Histogram::len);
        match rank.checked_sub(below) {
            None | Some(0) => {
                let size = self.negative.as_ref()?.nth(below - rank + 1)?;
                Some(size.saturating_neg())
            }
            Some(rank) => self.non_negative.nth(rank),
        }
    }
}

/// Counts a value for which the histogram has to grow. It does as long as there is room; then the
/// value counts as the largest that the histogram holds.
#[cold]
fn record_growing(histogram: &mut Histogram, size: u64, room: &mut Room) {
    if !room.is_empty() {
        room.take_most(histogram.grow_for(size));
    }
    if !histogram.record(size) {
        histogram.record_largest();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn series(values: &[i64], digits: u8) -> Series {
        let mut series = Series::default();
        for value in values {
            series.record(*value, digits, &mut Room::new(usize::MAX));
        }
        series
    }

    #[test]
    fn a_histogram_grows_to_hours() {
        let hours: Vec<i64> = (0..200).map(|i| i * 3_600_000_000_000).collect();
        let series = series(&hours, 3);
        let median = series.quantile(500).unwrap() as f64;
        assert!((median / 99.0 / 3_600_000_000_000.0 - 1.0).abs() < 0.001, "{median}");
        assert_eq!(series.max(), Some(199 * 3_600_000_000_000));
        assert_eq!(Series::default().quantile(500), None);
    }

    #[test]
    fn the_extremes_of_i64_are_counted() {
        let series = series(&[i64::MIN, i64::MAX, 0].repeat(40), 2);
        assert!(series.quantile(0).unwrap() < i64::MIN / 10 * 9);
        assert_eq!(series.quantile(500), Some(0));
        assert_eq!(series.min(), Some(i64::MIN));
        assert!(series.quantile(990).unwrap() > i64::MAX / 10 * 9);
    }

    /// Without room for histograms the values of a sample stand for all.
    #[test]
    fn without_room_percentiles_are_those_of_a_sample() {
        for (bytes, kept) in [(0, 4), (100, 8), (512, EXACT)] {
            let (mut series, mut room) = (Series::default(), Room::new(bytes));
            for value in 1..=100_000 {
                series.record(value, 2, &mut room);
                let Values::Exact(values) = &series.values else { panic!("a histogram was made") };
                assert!(values.capacity() <= kept, "{} values in {bytes} bytes", values.capacity());
            }
            assert_eq!((series.count(), series.min(), series.max()), (100_000, Some(1), Some(100_000)));
            let median = series.quantile(500).unwrap();
            let allowed = 100_000 / i64::try_from(kept).unwrap();
            assert!((50_000 - median).abs() <= allowed, "{median} of {kept} values");
        }
    }

    #[test]
    fn zero_stays_zero() {
        let values: Vec<i64> = (0..100).map(|i| if i < 90 { 0 } else { 1_000_000 }).collect();
        assert_eq!(series(&values, 2).quantile(500), Some(0));
    }

    proptest! {
        /// Compares with a sorted list.
        #[test]
        fn same_as_a_sorted_list(
            values in prop::collection::vec(prop_oneof![-5_000_000i64..5_000_000, 0i64..20_000_000_000], 1..400),
            per_mille in 0u64..=1000,
            digits in 1u8..=3,
        ) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let rank = (values.len() as u64 * per_mille).div_ceil(1000).max(1) as usize;
            let want = sorted[rank - 1];
            let got = series(&values, digits).quantile(per_mille).unwrap();
            let allowed = if values.len() <= EXACT {
                0
            } else {
                (want.abs() / 10i64.pow(u32::from(digits))).max(64)
            };
            prop_assert!((got - want).abs() <= allowed, "{got} for {want}, off by more than {allowed}");
        }
    }
}

//! Percentiles of durations, in bounded memory.

use hdrhistogram::Histogram;
use hdrhistogram::iterators::IterationValue;

/// Values that are kept before a histogram replaces them. Most rows never have more, so their
/// percentiles are exact and take less memory than the smallest histogram.
const EXACT: usize = 64;

/// Lowest value that a histogram distinguishes from 0, in nanoseconds. Packet clocks tick in
/// microseconds, and a histogram keeps fewer counts the larger this is.
const UNIT: u64 = 64;

/// The distribution of durations in nanoseconds, which may be negative.
///
/// Up to [`EXACT`] values are kept as they are. Then a histogram counts them, with the digits given
/// to [`Series::record`], and a second histogram counts the negative ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    values: Values,
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
    non_negative: Histogram<u32>,
    negative: Option<Histogram<u32>>,
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
        matches!(&self.values, Values::Exact(values) if values.len() == EXACT)
    }

    /// Adds a value. `digits` is the number of significant digits (1 to 5) of the histogram, if
    /// this value creates it.
    pub(super) fn record(&mut self, ns: i64, digits: u8) {
        (self.min, self.max) = match self.count {
            0 => (ns, ns),
            _ => (self.min.min(ns), self.max.max(ns)),
        };
        self.count += 1;
        match &mut self.values {
            Values::Exact(values) if values.len() < EXACT => values.push(ns),
            Values::Exact(values) => match Histograms::of(values, digits) {
                Some(mut counted) => {
                    counted.record(ns);
                    self.values = Values::Counted(Box::new(counted));
                }
                // Only if `digits` is out of range.
                None => values.push(ns),
            },
            Values::Counted(counted) => counted.record(ns),
        }
    }

    /// Returns the smallest value that at least `per_mille` thousandths of the values do not exceed
    /// (nearest rank); `None` if there are no values. Exact, or within one unit of the last digit
    /// of the histogram.
    pub(super) fn quantile(&self, per_mille: u64) -> Option<i64> {
        let rank = self.count.saturating_mul(per_mille).div_ceil(1000).max(1);
        let value = match &self.values {
            Values::Exact(values) => {
                let mut sorted = values.clone();
                sorted.sort_unstable();
                sorted.get(usize::try_from(rank).ok()? - 1).copied()?
            }
            Values::Counted(counted) => counted.at(rank)?,
        };
        Some(value.clamp(self.min, self.max))
    }

    /// Returns the values with their counts, in ascending order: exact, or the middles of the
    /// histogram's buckets.
    pub(super) fn steps(&self) -> Vec<(i64, u64)> {
        match &self.values {
            Values::Exact(values) => {
                let mut sorted: Vec<_> = values.iter().map(|value| (*value, 1)).collect();
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

impl Histograms {
    fn of(values: &[i64], digits: u8) -> Option<Self> {
        let mut counted = Self { non_negative: histogram(digits)?, negative: None, digits };
        for value in values {
            counted.record(*value);
        }
        Some(counted)
    }

    fn record(&mut self, ns: i64) {
        if ns >= 0 {
            count(&mut self.non_negative, ns.unsigned_abs());
            return;
        }
        if self.negative.is_none() {
            self.negative = histogram(self.digits);
        }
        if let Some(negative) = &mut self.negative {
            count(negative, ns.unsigned_abs());
        }
    }

    /// The middles of the buckets with their counts, in ascending order.
    fn steps(&self) -> Vec<(i64, u64)> {
        let negative = self.negative.as_ref().map(steps_of).unwrap_or_default();
        let negative = negative.into_iter().rev().map(|(size, count)| (size.saturating_neg(), count));
        negative.chain(steps_of(&self.non_negative)).collect()
    }

    /// The value with `rank` (from 1) in ascending order.
    fn at(&self, rank: u64) -> Option<i64> {
        let below = self.negative.as_ref().map_or(0, Histogram::len);
        match rank.checked_sub(below) {
            None | Some(0) => {
                let size = nth(self.negative.as_ref()?, below - rank + 1)?;
                Some(size.saturating_neg())
            }
            Some(rank) => nth(&self.non_negative, rank),
        }
    }
}

/// Creates a histogram that grows with its largest value.
fn histogram(digits: u8) -> Option<Histogram<u32>> {
    let mut histogram = Histogram::new_with_bounds(UNIT, 2 * UNIT, digits).ok()?;
    histogram.auto(true);
    Some(histogram)
}

fn count(histogram: &mut Histogram<u32>, size: u64) {
    // `record` grows the histogram and `saturating_record` would clamp. The histogram has a place
    // for every absolute value of an i64, so the second call is never needed.
    if histogram.record(size).is_err() {
        histogram.saturating_record(size);
    }
}

/// The value with `rank` (from 1) in ascending order: the middle of its bucket.
fn nth(histogram: &Histogram<u32>, rank: u64) -> Option<i64> {
    let mut seen = 0;
    for step in histogram.iter_recorded() {
        seen += step.count_since_last_iteration();
        if seen >= rank {
            return Some(middle(histogram, step.value_iterated_to()));
        }
    }
    None
}

/// The middles of the buckets with their counts, in ascending order.
fn steps_of(histogram: &Histogram<u32>) -> Vec<(i64, u64)> {
    let step = |step: IterationValue<u32>| {
        (middle(histogram, step.value_iterated_to()), step.count_since_last_iteration())
    };
    histogram.iter_recorded().map(step).collect()
}

/// The middle of the bucket of a value.
fn middle(histogram: &Histogram<u32>, value: u64) -> i64 {
    if value < UNIT {
        // A message in one packet takes no time; the middle of the first bucket is not 0.
        return 0;
    }
    i64::try_from(histogram.median_equivalent(value)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn series(values: &[i64], digits: u8) -> Series {
        let mut series = Series::default();
        for value in values {
            series.record(*value, digits);
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
                (want.abs() / 10i64.pow(u32::from(digits))).max(UNIT as i64)
            };
            prop_assert!((got - want).abs() <= allowed, "{got} for {want}, off by more than {allowed}");
        }
    }
}

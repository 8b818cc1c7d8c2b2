//! Durations in; percentiles out, in memory that does not grow with their number.

use hdrhistogram::Histogram;

/// Values that are kept one by one before a histogram takes over. Most rows of most captures never reach it, and so
/// have exact percentiles in less memory than the smallest histogram.
const EXACT: usize = 64;

/// Lowest value that a histogram tells from 0, in nanoseconds. Packet clocks tick in microseconds; 64 ns save six of
/// the powers of two that a histogram keeps counts for.
const UNIT: u64 = 64;

/// Durations in nanoseconds, negative ones too, and what can be asked about their distribution.
///
/// Up to 64 values are kept as they are: percentiles are exact. From then on a histogram counts them with the digits
/// that [`Series::record`] was told, and a second one the negative values, which a wait may have: nothing is clamped.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    store: Store,
    count: u64,
    min: i64,
    max: i64,
}

#[derive(Clone, Debug)]
enum Store {
    Exact(Vec<i64>),
    Counted(Box<Counted>),
}

/// Values below 0 are counted by their size.
#[derive(Clone, Debug)]
struct Counted {
    from_zero: Histogram<u32>,
    negative: Option<Histogram<u32>>,
    digits: u8,
}

impl Default for Store {
    fn default() -> Self {
        Self::Exact(Vec::new())
    }
}

impl Series {
    /// Whether the next value makes a histogram of it: the digits that it is recorded with are those for good.
    pub(super) fn is_about_to_spill(&self) -> bool {
        matches!(&self.store, Store::Exact(values) if values.len() == EXACT)
    }

    /// Adds a value. `digits` are the significant digits (1 to 5) of the histogram, should this value ask for one.
    pub(super) fn record(&mut self, ns: i64, digits: u8) {
        (self.min, self.max) = match self.count {
            0 => (ns, ns),
            _ => (self.min.min(ns), self.max.max(ns)),
        };
        self.count += 1;
        match &mut self.store {
            Store::Exact(values) if values.len() < EXACT => values.push(ns),
            Store::Exact(values) => match Counted::of(values, digits) {
                Some(mut counted) => {
                    counted.record(ns);
                    self.store = Store::Counted(Box::new(counted));
                }
                // Only for digits beyond 5, which nobody asks for.
                None => values.push(ns),
            },
            Store::Counted(counted) => counted.record(ns),
        }
    }

    /// The smallest value that at least `per_mille` thousandths of all values do not exceed (nearest rank); `None`
    /// where there is no value. Off by at most one unit of the last digit that the histogram keeps.
    pub(super) fn quantile(&self, per_mille: u64) -> Option<i64> {
        let rank = self.count.saturating_mul(per_mille).div_ceil(1000).max(1);
        let value = match &self.store {
            Store::Exact(values) => {
                let mut sorted = values.clone();
                sorted.sort_unstable();
                sorted.get(usize::try_from(rank).ok()? - 1).copied()?
            }
            Store::Counted(counted) => counted.at(rank)?,
        };
        Some(value.clamp(self.min, self.max))
    }

    /// The smallest value, exact; `None` where there is none.
    pub(super) fn min(&self) -> Option<i64> {
        (self.count > 0).then_some(self.min)
    }

    /// The largest value, exact; `None` where there is none.
    pub(super) fn max(&self) -> Option<i64> {
        (self.count > 0).then_some(self.max)
    }
}

impl Counted {
    fn of(values: &[i64], digits: u8) -> Option<Self> {
        let mut counted = Self { from_zero: histogram(digits)?, negative: None, digits };
        for value in values {
            counted.record(*value);
        }
        Some(counted)
    }

    fn record(&mut self, ns: i64) {
        if ns >= 0 {
            count(&mut self.from_zero, ns.unsigned_abs());
            return;
        }
        if self.negative.is_none() {
            self.negative = histogram(self.digits);
        }
        if let Some(negative) = &mut self.negative {
            count(negative, ns.unsigned_abs());
        }
    }

    /// The value with `rank` (from 1) in ascending order.
    fn at(&self, rank: u64) -> Option<i64> {
        let below = self.negative.as_ref().map_or(0, Histogram::len);
        match rank.checked_sub(below) {
            None | Some(0) => {
                let size = nth(self.negative.as_ref()?, below - rank + 1)?;
                Some(size.saturating_neg())
            }
            Some(rank) => nth(&self.from_zero, rank),
        }
    }
}

/// Grows by itself as larger values come.
fn histogram(digits: u8) -> Option<Histogram<u32>> {
    let mut histogram = Histogram::new_with_bounds(UNIT, 2 * UNIT, digits).ok()?;
    histogram.auto(true);
    Some(histogram)
}

fn count(histogram: &mut Histogram<u32>, size: u64) {
    // Grows where `saturating_record` would clamp; every size of an i64 has a place, so nothing is left over.
    if histogram.record(size).is_err() {
        histogram.saturating_record(size);
    }
}

/// The value with `rank` (from 1) in ascending order: the middle of the bucket that it fell in.
fn nth(histogram: &Histogram<u32>, rank: u64) -> Option<i64> {
    let mut seen = 0;
    for step in histogram.iter_recorded() {
        seen += step.count_since_last_iteration();
        if seen >= rank {
            if step.value_iterated_to() < UNIT {
                // What came in one packet took no time: the middle would make 32 ns of it.
                return Some(0);
            }
            let middle = histogram.median_equivalent(step.value_iterated_to());
            return Some(i64::try_from(middle).unwrap_or(i64::MAX));
        }
    }
    None
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
    fn grows_to_hours_and_beyond() {
        let hours: Vec<i64> = (0..200).map(|i| i * 3_600_000_000_000).collect();
        let series = series(&hours, 3);
        let median = series.quantile(500).unwrap() as f64;
        assert!((median / 99.0 / 3_600_000_000_000.0 - 1.0).abs() < 0.001, "{median}");
        assert_eq!(series.max(), Some(199 * 3_600_000_000_000));
        assert_eq!(Series::default().quantile(500), None);
    }

    #[test]
    fn the_extremes_of_i64_do_no_harm() {
        let series = series(&[i64::MIN, i64::MAX, 0].repeat(40), 2);
        assert!(series.quantile(0).unwrap() < i64::MIN / 10 * 9);
        assert_eq!(series.quantile(500), Some(0));
        assert_eq!(series.min(), Some(i64::MIN));
        assert!(series.quantile(990).unwrap() > i64::MAX / 10 * 9);
    }

    #[test]
    fn what_took_no_time_stays_so() {
        let values: Vec<i64> = (0..100).map(|i| if i < 90 { 0 } else { 1_000_000 }).collect();
        assert_eq!(series(&values, 2).quantile(500), Some(0));
    }

    proptest! {
        /// Against the stupid oracle, a sorted list: exact while short, within the digits once counted.
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

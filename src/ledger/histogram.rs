//! Counts of values by size, with a fixed number of significant digits.
//!
//! ```text
//!   bucket 0           |0|1|2|…|half-1|half|…|2·half-1|          steps of UNIT
//!   bucket 1                           |half| … |2·half-1|       steps of 2·UNIT
//!   bucket 2                                      |half| … |     steps of 4·UNIT
//! ```
//!
//! The layout is that of HdrHistogram (<http://hdrhistogram.org>): the lower half of each bucket but
//! the first is covered by the one before it. Written anew because each exchange counts about ten
//! values, and the crate takes several times the instructions; a test compares both.

/// Lowest value that is distinguished from 0, as a power of two. In nanoseconds 64: packet clocks
/// tick in microseconds, and a histogram keeps fewer counts the larger this is.
const UNIT_BITS: u32 = 6;

/// Counts that are summed up together to find a rank.
const CHUNK: usize = 64;

/// Counts of values. Grows with the largest value.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    /// Half of the steps of a bucket, as a power of two.
    half_bits: u32,
    total: u64,
    counts: Vec<u32>,
}

impl Histogram {
    /// Creates an empty histogram of values with this many significant digits (1 to 5).
    pub(super) fn new(digits: u8) -> Self {
        // Values up to 2·10^digits are to be told apart by one.
        let steps = 2 * 10_u32.pow(u32::from(digits.clamp(1, 5)));
        let half_bits = steps.next_power_of_two().trailing_zeros() - 1;
        Self { half_bits, total: 0, counts: vec![0; 2 << half_bits] }
    }

    /// Returns what is allocated for the counts, in bytes.
    pub(super) fn allocated(&self) -> usize {
        self.counts.len() * size_of::<u32>()
    }

    /// Returns the number of values.
    pub(super) fn len(&self) -> u64 {
        self.total
    }

    /// Counts a value; false, and it is not counted, if the histogram has to grow for it.
    #[inline]
    pub(super) fn record(&mut self, value: u64) -> bool {
        let at = self.index(value);
        let Some(count) = self.counts.get_mut(at) else { return false };
        *count = count.saturating_add(1);
        self.total += 1;
        true
    }

    /// Counts a value as the largest that fits.
    pub(super) fn record_largest(&mut self) {
        if let Some(count) = self.counts.last_mut() {
            *count = count.saturating_add(1);
            self.total += 1;
        }
    }

    /// Makes room for a value. Returns the memory that this takes, in bytes.
    pub(super) fn grow_for(&mut self, value: u64) -> usize {
        let before = self.counts.len();
        let half = 1 << self.half_bits;
        let needed = (self.index(value) / half + 1) * half;
        self.counts.resize(needed.max(before), 0);
        (self.counts.len() - before) * size_of::<u32>()
    }

    /// Returns the middles of the steps that hold values, with their counts, in ascending order.
    pub(super) fn steps(&self) -> impl DoubleEndedIterator<Item = (i64, u64)> + '_ {
        let counted = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        counted.map(|(at, count)| (self.middle(at), u64::from(*count)))
    }

    /// Returns the value with `rank` (from 1) in ascending order, as the middle of its step.
    pub(super) fn nth(&self, rank: u64) -> Option<i64> {
        // Most steps hold nothing: first the chunk, then the step in it.
        let (mut seen, mut passed) = (0, 0);
        for chunk in self.counts.chunks(CHUNK) {
            // A sum of as many counts of 32 bits fits into 64.
            let sum = chunk.iter().fold(0, |sum: u64, count| sum.wrapping_add(u64::from(*count)));
            if sum > 0 && seen + sum >= rank {
                break;
            }
            seen += sum;
            passed += chunk.len();
        }
        let at = self.counts.get(passed..)?.iter().position(|count| {
            seen += u64::from(*count);
            seen >= rank && *count > 0
        });
        at.map(|at| self.middle(passed + at))
    }

    /// Returns the index of the step of a value.
    #[inline]
    fn index(&self, value: u64) -> usize {
        let bits = self.half_bits + 1 + UNIT_BITS;
        // The bucket that holds it, and its step there: beyond the first bucket at least half.
        let bucket = (64 - (value | 1).leading_zeros()).saturating_sub(bits);
        let step = (value >> (bucket + UNIT_BITS)) as usize;
        ((bucket as usize) << self.half_bits) + step
    }

    /// Returns the middle of the step at an index.
    fn middle(&self, at: usize) -> i64 {
        if at == 0 {
            // A message in one packet takes no time; the middle of the first step is not 0.
            return 0;
        }
        let bucket = (at >> self.half_bits).saturating_sub(1);
        let step = (at - (bucket << self.half_bits)) as u64;
        let bits = bucket as u32 + UNIT_BITS;
        i64::try_from((step << bits) + (1 << bits) / 2).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram as Oracle;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counts_as_hdrhistogram_does(
            values in prop::collection::vec(
                prop_oneof![0u64..300, 0u64..10_000_000, any::<u64>(), Just(u64::MAX)], 1..200),
            // The oracle has a count for each value it tells apart: with five digits, millions.
            digits in 1u8..=3,
            rank in 1u64..=200,
        ) {
            let mut oracle = Oracle::<u32>::new_with_bounds(1 << UNIT_BITS, 2 << UNIT_BITS, digits).unwrap();
            oracle.auto(true);
            let mut histogram = Histogram::new(digits);
            for value in &values {
                oracle.record(*value).unwrap();
                if !histogram.record(*value) {
                    histogram.grow_for(*value);
                    prop_assert!(histogram.record(*value));
                }
            }
            prop_assert_eq!((histogram.len(), histogram.counts.len()), (oracle.len(), oracle.distinct_values()));
            let middle = |value| match value {
                0..64 => 0,
                _ => i64::try_from(oracle.median_equivalent(value)).unwrap_or(i64::MAX),
            };
            let steps: Vec<_> = oracle
                .iter_recorded()
                .map(|step| (middle(step.value_iterated_to()), step.count_since_last_iteration()))
                .collect();
            prop_assert_eq!(histogram.steps().collect::<Vec<_>>(), steps);
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let nth = sorted.get(rank as usize - 1).map(|value| middle(*value));
            prop_assert_eq!(histogram.nth(rank), nth);
        }
    }

    #[test]
    fn what_does_not_fit_counts_as_the_largest() {
        let mut histogram = Histogram::new(1);
        assert!(histogram.record(2047) && !histogram.record(2048));
        histogram.record_largest();
        assert_eq!(histogram.steps().collect::<Vec<_>>(), [(2016, 2)]);
        assert_eq!(histogram.nth(2), Some(2016));
        assert_eq!(histogram.nth(3), None);
    }
}

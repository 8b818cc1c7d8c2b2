//! Histograms of durations: with the buckets of the conventions, and with exponential ones.

use super::names::BUCKETS;

/// Buckets of an exponential histogram, at most: the default of OpenTelemetry SDKs.
const MAX_BUCKETS: i32 = 160;

/// The scale that an exponential histogram begins with: the largest of OpenTelemetry SDKs.
const FIRST_SCALE: i32 = 20;

/// Numbers of durations up to each of [`BUCKETS`], and above the last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explicit {
    /// Number of durations in each bucket.
    pub counts: [u64; BUCKETS.len() + 1],
    /// Their sum, in nanoseconds.
    pub sum_ns: u128,
}

impl Explicit {
    /// Counts a duration in nanoseconds; one below 0 counts as 0.
    pub fn record(&mut self, ns: i64) {
        let ns = ns.max(0);
        let bucket = BUCKETS.partition_point(|limit| *limit < seconds(ns.unsigned_abs().into()));
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum_ns += u128::from(ns.unsigned_abs());
    }

    /// Returns the number of durations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Numbers of durations in buckets whose limits grow by a factor: `2^(2^-scale)`. The scale falls
/// when they no longer fit (OpenTelemetry metrics data model, "ExponentialHistogram").
#[derive(Clone, Debug, PartialEq)]
pub struct Exponential {
    /// The scale.
    pub scale: i32,
    /// The index of the first bucket: bucket `i` counts durations above `factor^i` seconds and
    /// of at most `factor^(i + 1)`.
    pub offset: i32,
    /// Number of durations in each bucket.
    pub counts: Vec<u64>,
    /// Number of durations of 0.
    pub zero: u64,
    /// The sum of all, in nanoseconds.
    pub sum_ns: u128,
    /// The shortest and the longest, in nanoseconds; `None` without any.
    pub range_ns: Option<(u64, u64)>,
}

impl Default for Exponential {
    fn default() -> Self {
        Self { scale: FIRST_SCALE, offset: 0, counts: Vec::new(), zero: 0, sum_ns: 0, range_ns: None }
    }
}

impl Exponential {
    /// Counts a duration in nanoseconds; one below 0 counts as 0.
    pub fn record(&mut self, ns: i64) {
        let ns = ns.max(0).unsigned_abs();
        self.sum_ns += u128::from(ns);
        let (shortest, longest) = self.range_ns.unwrap_or((ns, ns));
        self.range_ns = Some((shortest.min(ns), longest.max(ns)));
        if ns == 0 {
            self.zero += 1;
            return;
        }
        let mut index = index(seconds(ns.into()), self.scale);
        if self.counts.is_empty() {
            self.offset = index;
        }
        let end = self.offset.saturating_add(i32::try_from(self.counts.len()).unwrap_or(MAX_BUCKETS));
        let (mut low, mut high) = (self.offset.min(index), (end - 1).max(index));
        let mut by = 0;
        while high.saturating_sub(low) >= MAX_BUCKETS {
            (low, high, by) = (low >> 1, high >> 1, by + 1);
        }
        self.widen(by);
        index >>= by;
        self.extend_to(index);
        let place = usize::try_from(index - self.offset).unwrap_or(0);
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
    }

    /// Returns the number of durations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.zero + self.counts.iter().sum::<u64>()
    }

    /// Joins each `2^by` buckets to one.
    fn widen(&mut self, by: i32) {
        if by == 0 {
            return;
        }
        let first = self.offset >> by;
        let mut joined: Vec<u64> = Vec::new();
        for (at, count) in self.counts.iter().enumerate() {
            let index = self.offset + i32::try_from(at).unwrap_or(MAX_BUCKETS);
            let place = usize::try_from((index >> by) - first).unwrap_or(0);
            joined.resize(joined.len().max(place + 1), 0);
            if let Some(into) = joined.get_mut(place) {
                *into += count;
            }
        }
        (self.counts, self.offset, self.scale) = (joined, first, self.scale - by);
    }

    /// Adds empty buckets up to `index`.
    fn extend_to(&mut self, index: i32) {
        let before = usize::try_from(self.offset - index).unwrap_or(0);
        if before > 0 {
            self.counts.splice(0..0, std::iter::repeat_n(0, before));
            self.offset = index;
        }
        let len = usize::try_from(index - self.offset + 1).unwrap_or(0);
        self.counts.resize(self.counts.len().max(len), 0);
    }
}

/// Returns nanoseconds as seconds.
#[must_use]
pub fn seconds(ns: u128) -> f64 {
    ns as f64 / 1e9
}

/// The bucket of a number of seconds above 0.
fn index(seconds: f64, scale: i32) -> i32 {
    ((seconds.log2() * f64::from(scale).exp2()).ceil() as i32).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_limit_belongs_to_its_bucket() {
        let mut histogram = Explicit::default();
        for ns in [-5, 0, 10_000_000, 10_000_001, 300_000_000_000, i64::MAX] {
            histogram.record(ns);
        }
        assert_eq!((histogram.counts[0], histogram.counts[1]), (3, 1));
        assert_eq!((histogram.counts[13], histogram.counts[14]), (1, 1));
        assert_eq!(histogram.count(), 6);
    }

    proptest! {
        /// Every duration is counted once, in a bucket whose limits it lies between, whatever came
        /// before.
        #[test]
        fn exponential_buckets_hold_what_lies_between_their_limits(
            all in prop::collection::vec(prop_oneof![0..i64::MAX, 1..1_000_000_000_i64, Just(0)], 1..60)
        ) {
            let mut histogram = Exponential::default();
            all.iter().for_each(|ns| histogram.record(*ns));
            prop_assert_eq!(histogram.count(), all.len() as u64);
            prop_assert!(histogram.counts.len() <= 160);
            let factor = (-f64::from(histogram.scale)).exp2();
            for (at, count) in histogram.counts.iter().enumerate() {
                let from = (f64::from(histogram.offset) + at as f64) * factor;
                let within = |ns: &&i64| {
                    let log = seconds(ns.unsigned_abs().into()).log2();
                    **ns > 0 && log > from - 1e-9 && log <= from + factor + 1e-9
                };
                prop_assert!(all.iter().filter(within).count() as u64 >= *count);
            }
            let exact: u128 = all.iter().map(|ns| u128::from(ns.unsigned_abs())).sum();
            prop_assert_eq!(histogram.sum_ns, exact);
        }
    }
}

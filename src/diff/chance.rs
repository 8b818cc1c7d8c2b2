//! Whether a difference between two samples may be chance.
//!
//! Quantiles are compared by the bootstrap (Efron, "Bootstrap Methods: Another Look at the
//! Jackknife", 1979) of the curve of Kaplan and Meier: what a call without an answer shows is a
//! lower limit. A quantile of a resample is the value at a share of the curve that follows a beta
//! distribution, so a draw needs no resample. Rates are compared by Fisher's exact test. The seed
//! is fixed: the same captures give the same words.

use crate::ledger::{Percentile, curve, percentile};

/// Draws for one comparison.
const DRAWS: u32 = 2000;

/// The share of draws, or of chance, beyond which a difference is sure, and likely.
const SURE: f64 = 0.001;
const LIKELY: f64 = 0.025;

/// Slack for the rounding of shares.
const EPSILON: f64 = 1e-9;

/// How sure a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// Chance makes such a difference at most once in forty comparisons.
    Likely,
    /// Chance makes such a difference at most once in a thousand comparisons.
    Sure,
}

impl Certainty {
    /// The word in the outputs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Likely => "likely",
            Self::Sure => "sure",
        }
    }

    /// Returns how sure a difference is that chance makes with this probability; `None` if it is
    /// not.
    fn of(chance: f64) -> Option<Self> {
        match chance {
            _ if chance <= SURE + EPSILON => Some(Self::Sure),
            _ if chance <= LIKELY + EPSILON => Some(Self::Likely),
            _ => None,
        }
    }
}

/// What two samples say about a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is higher in the second.
    Higher(Certainty),
    /// It is lower in the second.
    Lower(Certainty),
    /// No difference, or one that chance makes.
    Alike,
    /// It cannot be told, for this reason.
    Untold(&'static str),
}

/// Why nothing can be told.
pub(super) const FEW: &str = "too few calls";
const UNKNOWN: &str = "calls whose outcome was not captured decide it";
const WAITS: &str = "calls without an answer decide it";

/// The durations of calls.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Durations {
    answered: Vec<(i64, u64)>,
    waits: Vec<(i64, u64)>,
    /// Share of calls that are answered within a duration.
    curve: Vec<(i64, f64)>,
    /// Share of calls that took, or waited, at most a duration.
    known: Vec<(i64, f64)>,
    calls: u64,
    /// Calls whose duration the capture does not tell.
    unknown: u64,
}

/// What is assumed of the calls whose duration is not known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unknown {
    /// They are as the others.
    Alike,
    /// They were faster than all others.
    Fastest,
    /// They were slower than all others.
    Slowest,
}

/// A drawn quantile.
#[derive(Clone, Copy)]
struct Drawn {
    least: i64,
    /// `None` if it is a lower limit.
    most: Option<i64>,
}

impl Durations {
    /// Creates the durations of calls: the values in nanoseconds with their counts, ascending.
    pub(super) fn new(answered: Vec<(i64, u64)>, waits: Vec<(i64, u64)>, unknown: u64) -> Self {
        let calls = answered.iter().chain(&waits).map(|(_, count)| count).sum();
        let mut all: Vec<_> = answered.iter().chain(&waits).copied().collect();
        all.sort_unstable();
        let curve = curve(&answered, &waits);
        let mut below = 0;
        let share = |(ns, count): (i64, u64)| {
            below += count;
            (ns, below as f64 / calls as f64)
        };
        let known = all.into_iter().map(share).collect();
        Self { answered, waits, curve, known, calls, unknown }
    }

    /// Returns a percentile, in thousandths; `None` without calls.
    pub(super) fn percentile(&self, per_mille: u64) -> Option<Percentile> {
        percentile(&self.answered, &self.waits, per_mille)
    }

    /// Draws a quantile of a resample.
    fn draw(&self, per_mille: u64, assumed: Unknown, rng: &mut Rng) -> Drawn {
        let unknown = if assumed == Unknown::Alike { 0 } else { self.unknown };
        let calls = self.calls + unknown;
        let rank = (calls * per_mille).div_ceil(1000).clamp(1, calls.max(1));
        let share = rng.beta(rank as f64, (calls - rank + 1) as f64);
        let unknown_share = unknown as f64 / calls.max(1) as f64;
        let share = match assumed {
            Unknown::Alike => share,
            Unknown::Slowest => share / (1.0 - unknown_share),
            Unknown::Fastest if share <= unknown_share => {
                return Drawn { least: i64::MIN, most: Some(i64::MIN) };
            }
            Unknown::Fastest => (share - unknown_share) / (1.0 - unknown_share),
        };
        let at = |steps: &[(i64, f64)]| {
            let found = steps.partition_point(|(_, within)| *within + EPSILON < share);
            steps.get(found).map(|(ns, _)| *ns)
        };
        match at(&self.curve) {
            Some(ns) => Drawn { least: ns, most: Some(ns) },
            None => {
                let longest = self.curve.last().map(|(ns, _)| *ns);
                let least = at(&self.known).or(self.known.last().map(|(ns, _)| *ns)).max(longest);
                Drawn { least: least.unwrap_or(0), most: None }
            }
        }
    }
}

/// Compares a percentile, in thousandths, of two samples.
pub(super) fn compare_percentile(per_mille: u64, before: &Durations, after: &Durations) -> Verdict {
    // With fewer the percentile is the longest value, of which a sample says little.
    let least = (1000 / (1000 - per_mille.min(999))).max(8);
    if before.calls < least || after.calls < least {
        return Verdict::Untold(FEW);
    }
    match drawn(per_mille, before, after, [Unknown::Alike; 4]) {
        Verdict::Higher(_) | Verdict::Lower(_) if before.unknown + after.unknown > 0 => {
            use Unknown::{Fastest, Slowest};
            match drawn(per_mille, before, after, [Slowest, Fastest, Fastest, Slowest]) {
                Verdict::Alike => Verdict::Untold(UNKNOWN),
                told => told,
            }
        }
        told => told,
    }
}

/// Compares drawn quantiles: for `Higher` with the first two assumptions, of before and after, for
/// `Lower` with the last two.
fn drawn(per_mille: u64, before: &Durations, after: &Durations, assumed: [Unknown; 4]) -> Verdict {
    let [before_high, after_low, before_low, after_high] = assumed;
    let mut rng = Rng::new(per_mille);
    let (mut higher, mut lower, mut open) = (0_u32, 0_u32, 0_u32);
    for _ in 0..DRAWS {
        let (one, other) =
            (before.draw(per_mille, before_high, &mut rng), after.draw(per_mille, after_low, &mut rng));
        higher += u32::from(one.most.is_some_and(|most| other.least > most));
        open += u32::from(one.most.is_none() || other.most.is_none());
        let (one, other) = if before_high == before_low && after_low == after_high {
            (one, other)
        } else {
            (before.draw(per_mille, before_low, &mut rng), after.draw(per_mille, after_high, &mut rng))
        };
        lower += u32::from(other.most.is_some_and(|most| one.least > most));
    }
    let chance = |agreeing: u32| f64::from(DRAWS - agreeing) / f64::from(DRAWS);
    match (Certainty::of(chance(higher)), Certainty::of(chance(lower))) {
        (Some(certainty), _) => Verdict::Higher(certainty),
        (_, Some(certainty)) => Verdict::Lower(certainty),
        // Most resamples hold the percentile of one of them as a lower limit only.
        _ if open > DRAWS / 2 && before.waits.len() + after.waits.len() > 0 => Verdict::Untold(WAITS),
        _ => Verdict::Alike,
    }
}

/// How many calls failed, of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// Calls that failed.
    pub failed: u64,
    /// Calls.
    pub calls: u64,
    /// Calls whose outcome the capture does not tell; they are not among those that failed.
    pub unknown: u64,
}

/// Compares the shares of calls that failed.
pub(super) fn compare_failures(before: Failures, after: Failures) -> Verdict {
    let both = |before: Failures, after: Failures| {
        let higher = Certainty::of(fisher(before, after)).map(Verdict::Higher);
        higher.or_else(|| Certainty::of(fisher(after, before)).map(Verdict::Lower))
    };
    let known = |it: Failures| Failures { calls: it.calls - it.unknown.min(it.calls), unknown: 0, ..it };
    let all_failed = |it: Failures| Failures { failed: it.failed + it.unknown, ..it };
    if before.calls == 0 || after.calls == 0 {
        return Verdict::Untold(FEW);
    }
    match both(known(before), known(after)) {
        Some(told) if before.unknown + after.unknown == 0 => told,
        Some(told @ Verdict::Higher(_)) => {
            // Also if those that are not known failed before, and did not fail after.
            let certainty = Certainty::of(fisher(all_failed(before), after));
            certainty.map_or(Verdict::Untold(UNKNOWN), |certainty| match told {
                Verdict::Higher(known) => Verdict::Higher(known.min(certainty)),
                told => told,
            })
        }
        Some(_) => {
            let certainty = Certainty::of(fisher(all_failed(after), before));
            certainty.map_or(Verdict::Untold(UNKNOWN), Verdict::Lower)
        }
        None if before.failed * after.calls == after.failed * before.calls => Verdict::Alike,
        // If every call failed, it would not be told either.
        None if Certainty::of(fisher(known(before), Failures { failed: after.calls, ..after })).is_none()
            && before.failed < before.calls =>
        {
            Verdict::Untold(FEW)
        }
        None => Verdict::Alike,
    }
}

/// The probability that chance puts at least so many of all failures into `after` (Fisher's exact
/// test, one-sided).
fn fisher(before: Failures, after: Failures) -> f64 {
    let [a, b] = [before, after].map(|it| it.calls as f64);
    let failures = (before.failed + after.failed) as f64;
    let choose = |n: f64, k: f64| ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k);
    let mut k = after.failed as f64;
    if after.failed == 0 {
        return 1.0;
    }
    let mut term = (choose(b, k) + choose(a, failures - k) - choose(a + b, failures)).exp();
    let mut sum = 0.0;
    // The terms fall by a factor below 1, except where there is no difference to speak of.
    while term > 0.0 && k <= failures.min(b) {
        sum += term;
        if sum > LIKELY * 4.0 || term < sum * 1e-12 {
            break;
        }
        term *= (b - k) * (failures - k) / ((k + 1.0) * (a - failures + k + 1.0));
        k += 1.0;
    }
    sum.min(1.0)
}

/// The natural logarithm of a factorial: Stirling's series, exact to 10^-10 with what is shifted.
fn ln_factorial(n: f64) -> f64 {
    let (mut x, mut shift) = (n + 1.0, 0.0);
    while x < 10.0 {
        shift += x.ln();
        x += 1.0;
    }
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5));
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - shift
}

/// Random numbers: SplitMix64 (Steele, Lea and Flood, 2014).
struct Rng(u64);

impl Rng {
    fn new(seed: u64) -> Self {
        Self(seed ^ 0x6d63_7064_756d_7031)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between 0 and 1, without both.
    fn uniform(&mut self) -> f64 {
        ((self.next() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// Normal, by the method of Box and Muller.
    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Gamma with a shape of at least 1, by the method of Marsaglia and Tsang (2000).
    fn gamma(&mut self, shape: f64) -> f64 {
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && self.uniform().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (x, y) = (self.gamma(a), self.gamma(b));
        x / (x + y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(values: impl IntoIterator<Item = i64>) -> Vec<(i64, u64)> {
        let mut steps: Vec<_> = values.into_iter().map(|ms| (ms * 1_000_000, 1)).collect();
        steps.sort_unstable();
        steps
    }

    fn durations(values: impl IntoIterator<Item = i64>) -> Durations {
        Durations::new(steps(values), Vec::new(), 0)
    }

    fn with_unknown(values: impl IntoIterator<Item = i64>, unknown: u64) -> Durations {
        Durations::new(steps(values), Vec::new(), unknown)
    }

    /// Values that spread over a range, in a fixed order.
    fn spread(count: i64, from: i64, range: i64) -> impl Iterator<Item = i64> {
        (0..count).map(move |n| from + n * 7919 % range)
    }

    #[test]
    fn what_does_not_overlap_is_sure() {
        let (fast, slow) = (durations(spread(50, 10, 10)), durations(spread(40, 50, 10)));
        for per_mille in [500, 950] {
            assert_eq!(compare_percentile(per_mille, &fast, &slow), Verdict::Higher(Certainty::Sure));
            assert_eq!(compare_percentile(per_mille, &slow, &fast), Verdict::Lower(Certainty::Sure));
            assert_eq!(compare_percentile(per_mille, &fast, &fast), Verdict::Alike);
        }
    }

    #[test]
    fn few_calls_tell_nothing() {
        let (few, many) = (durations(spread(7, 10, 10)), durations(spread(40, 500, 10)));
        assert_eq!(compare_percentile(500, &few, &many), Verdict::Untold(FEW));
        let some = durations(spread(19, 10, 10));
        assert!(matches!(compare_percentile(500, &some, &many), Verdict::Higher(_)));
        assert_eq!(compare_percentile(950, &some, &many), Verdict::Untold(FEW));
    }

    /// Half of the resamples of one sample exceed those of a like one.
    #[test]
    fn what_overlaps_is_alike() {
        let (one, other) = (durations(spread(60, 10, 50)), durations(spread(60, 12, 50)));
        assert_eq!(compare_percentile(500, &one, &other), Verdict::Alike);
        assert_eq!(compare_percentile(950, &one, &other), Verdict::Alike);
    }

    #[test]
    fn waits_are_lower_limits() {
        let answered = durations(spread(40, 10, 10));
        let hanging = Durations::new(steps(spread(20, 10, 10)), steps([60_000; 20]), 0);
        assert_eq!(compare_percentile(950, &answered, &hanging), Verdict::Higher(Certainty::Sure));
        assert_eq!(compare_percentile(950, &hanging, &answered), Verdict::Lower(Certainty::Sure));
        // It took at least 30 s before and 60 s after: perhaps it took two minutes in both.
        let waited = Durations::new(Vec::new(), steps([30_000; 20]), 0);
        let longer = Durations::new(Vec::new(), steps([60_000; 20]), 0);
        assert_eq!(compare_percentile(500, &waited, &longer), Verdict::Untold(WAITS));
    }

    #[test]
    fn what_was_not_captured_is_not_held_against_anybody() {
        let (fast, slow) = (spread(50, 10, 10), spread(50, 50, 10));
        let (fast, slow): (Vec<_>, Vec<_>) = (fast.collect(), slow.collect());
        let told =
            |a, b| compare_percentile(950, &with_unknown(fast.clone(), a), &with_unknown(slow.clone(), b));
        assert_eq!(told(0, 0), Verdict::Higher(Certainty::Sure));
        assert_eq!(told(10, 0), Verdict::Untold(UNKNOWN), "the missing ones may have been slow");
        assert_eq!(told(0, 3), Verdict::Higher(Certainty::Sure), "the others are slow");
    }

    #[test]
    fn rates_are_compared_by_the_exact_test() {
        let rate = |failed, calls| Failures { failed, calls, unknown: 0 };
        assert_eq!(compare_failures(rate(0, 100), rate(20, 100)), Verdict::Higher(Certainty::Sure));
        assert_eq!(compare_failures(rate(20, 100), rate(0, 100)), Verdict::Lower(Certainty::Sure));
        assert_eq!(compare_failures(rate(5, 100), rate(7, 100)), Verdict::Alike);
        assert_eq!(compare_failures(rate(0, 3), rate(2, 3)), Verdict::Untold(FEW));
        assert_eq!(compare_failures(rate(1, 3), rate(1, 3)), Verdict::Alike);
        let unknown = Failures { failed: 0, calls: 100, unknown: 30 };
        assert_eq!(compare_failures(unknown, rate(20, 100)), Verdict::Untold(UNKNOWN));
        let millions = (rate(1_000, 1_000_000), rate(2_000, 1_000_000));
        assert_eq!(compare_failures(millions.0, millions.1), Verdict::Higher(Certainty::Sure));
    }

    /// The lady who tastes tea: all of four cups, by chance once in 70 times.
    #[test]
    fn fishers_example() {
        let before = Failures { failed: 0, calls: 4, unknown: 0 };
        let after = Failures { failed: 4, calls: 4, unknown: 0 };
        assert!((fisher(before, after) - 1.0 / 70.0).abs() < 1e-9);
        assert!((ln_factorial(10.0) - 3_628_800_f64.ln()).abs() < 1e-9);
        assert!(ln_factorial(0.0).abs() < 1e-9);
    }

    /// Two samples of one distribution differ surely once in a thousand times.
    #[test]
    fn chance_is_seldom_told_as_a_difference() {
        let mut rng = Rng::new(1);
        let mut sample = || {
            let values: Vec<i64> = (0..60).map(|_| (1000.0 * rng.gamma(2.0)) as i64).collect();
            durations(values)
        };
        let mut told = [0; 2];
        for _ in 0..200 {
            let (one, other) = (sample(), sample());
            for (at, per_mille) in [500, 950].into_iter().enumerate() {
                let verdict = compare_percentile(per_mille, &one, &other);
                told[at] += i32::from(!matches!(verdict, Verdict::Alike));
            }
        }
        assert!(told[0] <= 16 && told[1] <= 16, "likely in 5 % of both directions: {told:?} of 200");
    }
}

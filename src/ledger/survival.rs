//! Percentiles of durations of which some are known as a lower limit only: a call that was
//! cancelled after a minute would have taken at least a minute.
//!
//! Leaving such calls out makes a tool whose calls hang look fast; counting them as if they were
//! answered makes it look slow only up to the patience of its clients. The estimate of Kaplan and
//! Meier ("Nonparametric Estimation from Incomplete Observations", 1958) uses what is known: a call
//! counts among those that could still be answered for as long as it waited.

/// A percentile of durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percentile {
    /// In nanoseconds.
    pub ns: i64,
    /// Whether it is a lower limit: too many calls waited longer than any answered one took.
    pub is_at_least: bool,
}

/// Slack for the rounding of the product of shares. One call among 10^8 makes a larger difference.
const EPSILON: f64 = 1e-9;

/// Returns the smallest duration that `per_mille` thousandths of the calls do not exceed, as
/// estimated from answered calls and from waits without an answer; `None` if there are neither.
///
/// Both are values in nanoseconds with their counts, in ascending order. Without waits it is the
/// value of the nearest rank. If the answered calls do not reach the percentile, it is at least the
/// longest of them, and at least the value of its rank among answered calls and waits.
#[must_use]
pub fn percentile(answered: &[(i64, u64)], waits: &[(i64, u64)], per_mille: u64) -> Option<Percentile> {
    let count = |steps: &[(i64, u64)]| steps.iter().map(|(_, count)| count).sum::<u64>();
    let calls = count(answered).saturating_add(count(waits));
    if count(waits) == 0 {
        return at_rank(answered.iter().copied(), calls, per_mille)
            .map(|ns| Percentile { ns, is_at_least: false });
    }
    let wanted = 1.0 - per_mille as f64 / 1000.0;
    let (mut unanswered_share, mut open) = (1.0, calls);
    let mut shorter_waits = waits.iter().copied().peekable();
    for (ns, answers) in answered {
        // A wait as long as an answered call was still open when that was answered.
        while let Some((_, ended)) = shorter_waits.next_if(|(wait, _)| wait < ns) {
            open = open.saturating_sub(ended);
        }
        unanswered_share *= 1.0 - *answers as f64 / open.max(1) as f64;
        open = open.saturating_sub(*answers);
        if unanswered_share <= wanted + EPSILON {
            return Some(Percentile { ns: *ns, is_at_least: false });
        }
    }
    let longest = answered.last().map(|(ns, _)| *ns);
    let at_least = at_rank(merged(answered, waits), calls, per_mille)?;
    Some(Percentile { ns: longest.map_or(at_least, |longest| longest.max(at_least)), is_at_least: true })
}

/// Returns the share of calls that are answered within each duration of `answered`, as estimated
/// from answered calls and from waits without an answer (as in [`percentile`]): 1 at the end unless
/// calls waited longer than any answered one took.
#[must_use]
pub fn curve(answered: &[(i64, u64)], waits: &[(i64, u64)]) -> Vec<(i64, f64)> {
    let mut open: u64 = answered.iter().chain(waits).map(|(_, count)| count).sum();
    let mut unanswered_share = 1.0;
    let mut shorter_waits = waits.iter().copied().peekable();
    let step = |(ns, answers): &(i64, u64)| {
        while let Some((_, ended)) = shorter_waits.next_if(|(wait, _)| wait < ns) {
            open = open.saturating_sub(ended);
        }
        unanswered_share *= 1.0 - *answers as f64 / open.max(1) as f64;
        open = open.saturating_sub(*answers);
        (*ns, 1.0 - unanswered_share)
    };
    answered.iter().map(step).collect()
}

/// Returns the value of the nearest rank of `per_mille` among `count` values in ascending order.
fn at_rank(steps: impl Iterator<Item = (i64, u64)>, count: u64, per_mille: u64) -> Option<i64> {
    let rank = count.saturating_mul(per_mille).div_ceil(1000).max(1);
    let mut below = 0_u64;
    for (ns, count) in steps {
        below = below.saturating_add(count);
        if below >= rank {
            return Some(ns);
        }
    }
    None
}

/// The values of both, in ascending order.
fn merged<'a>(a: &'a [(i64, u64)], b: &'a [(i64, u64)]) -> impl Iterator<Item = (i64, u64)> + 'a {
    let (mut a, mut b) = (a.iter().copied().peekable(), b.iter().copied().peekable());
    std::iter::from_fn(move || match (a.peek(), b.peek()) {
        (Some((one, _)), Some((other, _))) if other < one => b.next(),
        (Some(_), _) => a.next(),
        (None, _) => b.next(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn steps(values: &[i64]) -> Vec<(i64, u64)> {
        let mut sorted: Vec<_> = values.iter().map(|value| (*value, 1)).collect();
        sorted.sort_unstable();
        sorted
    }

    fn of(answered: &[i64], waits: &[i64], per_mille: u64) -> (i64, bool) {
        let found = percentile(&steps(answered), &steps(waits), per_mille).unwrap();
        (found.ns, found.is_at_least)
    }

    #[test]
    fn a_tool_whose_calls_hang_is_not_fast() {
        let fast = [5; 7];
        assert_eq!(of(&fast, &[60_000; 3], 500), (5, false));
        assert_eq!(of(&fast, &[60_000; 3], 900), (60_000, true));
        assert_eq!(of(&[], &[10, 20, 60], 500), (20, true), "nothing was answered");
        assert_eq!(percentile(&[], &[], 500), None);
    }

    #[test]
    fn the_curve_ends_at_one_if_everything_was_answered() {
        assert_eq!(curve(&[(5, 1), (7, 3)], &[]), [(5, 0.25), (7, 1.0)]);
        assert_eq!(curve(&[(5, 1), (7, 1)], &[(60, 2)]), [(5, 0.25), (7, 0.5)]);
        // What was given up before says nothing.
        assert_eq!(curve(&[(5, 2)], &[(1, 8)]), [(5, 1.0)]);
    }

    #[test]
    fn calls_that_were_cancelled_at_once_say_little() {
        assert_eq!(of(&[100; 5], &[1; 5], 500), (100, false));
        assert_eq!(of(&[100; 5], &[1; 95], 990), (100, false));
        // One call waited longer: the tail is not known.
        let waits = [vec![1; 95], vec![200]].concat();
        assert_eq!(of(&[100; 5], &waits, 900), (100, true));
        assert_eq!(of(&[100; 5], &waits, 1000), (200, true));
    }

    /// The same estimate by redistribution to the right (Efron, 1967): the share of a wait goes to
    /// the calls that were open longer, in equal parts.
    fn redistributed(answered: &[i64], waits: &[i64], per_mille: u64) -> Option<i64> {
        let mut all: Vec<(i64, bool, f64)> = answered.iter().map(|ns| (*ns, false, 1.0)).collect();
        all.extend(waits.iter().map(|ns| (*ns, true, 1.0)));
        all.sort_by_key(|(ns, is_wait, _)| (*ns, *is_wait));
        for at in 0..all.len() {
            if all[at].1 {
                let share = std::mem::take(&mut all[at].2);
                let later = all.len() - at - 1;
                all[at + 1..].iter_mut().for_each(|call| call.2 += share / later as f64);
            }
        }
        let wanted = all.len() as f64 * per_mille as f64 / 1000.0 - 1e-6;
        let mut below = 0.0;
        let reaches = |(_, _, share): &&(i64, bool, f64)| {
            below += share;
            below >= wanted
        };
        all.iter().filter(|call| !call.1).find(reaches).map(|call| call.0)
    }

    proptest! {
        #[test]
        fn shares_of_waits_go_to_longer_calls(
            answered in prop::collection::vec(0_i64..40, 0..40),
            waits in prop::collection::vec(0_i64..60, 1..20),
            per_mille in prop::sample::select(vec![1_u64, 250, 500, 900, 950, 990, 1000]),
        ) {
            let found = percentile(&steps(&answered), &steps(&waits), per_mille).unwrap();
            match redistributed(&answered, &waits, per_mille) {
                Some(want) => prop_assert_eq!((found.ns, found.is_at_least), (want, false)),
                None => prop_assert!(found.is_at_least),
            }
        }

        /// A higher percentile is never lower, and once one is a lower limit all higher ones are.
        #[test]
        fn percentiles_ascend(
            answered in prop::collection::vec(0_i64..40, 0..40),
            waits in prop::collection::vec(0_i64..60, 0..20),
        ) {
            let all = (1..=1000).filter_map(|it| percentile(&steps(&answered), &steps(&waits), it));
            let all: Vec<_> = all.collect();
            prop_assert!(all.is_sorted_by_key(|found| (found.is_at_least, found.ns)) || all.is_empty());
            prop_assert!(all.is_sorted_by_key(|found| found.ns));
        }
    }
}

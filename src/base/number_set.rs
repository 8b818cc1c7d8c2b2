//! Sets of numbers that are given more or less in order: packets, connections, exchanges.

use std::collections::VecDeque;

/// Numbers that [`NumberSet::of_latest`] remembers: 8 MiB.
const LATEST: u64 = 1 << 26;

/// A set of numbers. It takes a bit for each number down to the smallest that it can hold.
#[derive(Clone, Debug)]
pub struct NumberSet {
    words: VecDeque<u64>,
    /// The number of words that were forgotten: those of the smallest numbers.
    forgotten: u64,
    /// The largest number of words.
    most: u64,
}

impl Default for NumberSet {
    /// Creates a set of any numbers: a bit for each down to 0.
    fn default() -> Self {
        Self::with_words(u64::MAX)
    }
}

impl NumberSet {
    /// Creates a set that takes 8 MiB at most: what lies 67 million (2^26) and more below its
    /// largest number is forgotten.
    #[must_use]
    pub fn of_latest() -> Self {
        Self::with_words(LATEST / 64)
    }

    /// Creates a set of at most `most` times 64 numbers.
    fn with_words(most: u64) -> Self {
        Self { words: VecDeque::new(), forgotten: 0, most }
    }

    /// Adds a number; one that is too far below the largest is not added.
    pub fn insert(&mut self, number: u64) {
        if let Some(word) = self.word_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    /// Whether a number is in it.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        let at = (number / 64).checked_sub(self.forgotten).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.words.get(at)).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Whether it has no number.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Adds the numbers of another set.
    pub fn extend(&mut self, other: &Self) {
        for (at, more) in (other.forgotten..).zip(&other.words) {
            if let Some(word) = self.word_mut(at) {
                *word |= more;
            }
        }
    }

    /// Returns a word, and makes room for it; `None` if it was forgotten.
    fn word_mut(&mut self, number: u64) -> Option<&mut u64> {
        let at = number.checked_sub(self.forgotten)?;
        let excess = (at + 1).saturating_sub(self.most);
        if excess > 0 {
            let leaves = usize::try_from(excess).unwrap_or(usize::MAX).min(self.words.len());
            self.words.drain(..leaves);
            self.forgotten += excess;
        }
        let at = usize::try_from(at - excess).ok()?;
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        self.words.get_mut(at)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::NumberSet;

    proptest! {
        #[test]
        fn it_is_a_set(a in prop::collection::vec(0_u64..400, 0..20), b in prop::collection::vec(0_u64..400, 0..20)) {
            let of = |numbers: &[u64]| {
                let mut set = NumberSet::default();
                numbers.iter().for_each(|number| set.insert(*number));
                set
            };
            let (mut set, other) = (of(&a), of(&b));
            prop_assert_eq!(set.is_empty(), a.is_empty());
            set.extend(&other);
            let all: BTreeSet<u64> = a.into_iter().chain(b).collect();
            for number in 0..500 {
                prop_assert_eq!(set.contains(number), all.contains(&number));
            }
        }

        #[test]
        fn a_limited_one_is_a_set_of_the_latest(
            numbers in prop::collection::vec(0_u64..2000, 0..40),
            most in 1_u64..20,
        ) {
            let mut set = NumberSet::with_words(most);
            let mut expected = BTreeSet::new();
            let mut least = 0;
            for number in numbers {
                set.insert(number);
                least = least.max((number / 64 + 1).saturating_sub(most) * 64);
                expected.insert(number);
                expected.retain(|it| *it >= least);
                prop_assert!(set.words.len() as u64 <= most);
                for number in 0..2100 {
                    prop_assert_eq!(set.contains(number), expected.contains(&number));
                }
            }
        }

        #[test]
        fn a_number_far_ahead_takes_no_more_memory(number: u64) {
            let mut set = NumberSet::with_words(4);
            set.insert(7);
            set.insert(number);
            prop_assert!(set.contains(number));
            prop_assert!(set.words.capacity() <= 8);
        }
    }
}

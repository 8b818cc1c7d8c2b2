//! Sets of numbers that are given in order: packets, connections.

/// A set of numbers. It takes a bit for each number down to the largest.
#[derive(Clone, Debug, Default)]
pub struct NumberSet {
    words: Vec<u64>,
}

impl NumberSet {
    /// Adds a number.
    pub fn insert(&mut self, number: u64) {
        let Ok(at) = usize::try_from(number / 64) else { return };
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        if let Some(word) = self.words.get_mut(at) {
            *word |= 1 << (number % 64);
        }
    }

    /// Whether a number is in it.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        let word = usize::try_from(number / 64).ok().and_then(|at| self.words.get(at));
        word.is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Whether it has no number.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Adds all numbers of another set.
    pub fn extend(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
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
    }
}

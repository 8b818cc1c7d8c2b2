//! The numbers of the open exchanges with one id.

use std::collections::VecDeque;
use std::iter::Chain;
use std::slice;

/// Numbers in ascending order. Nearly always there is one, which needs no memory of its own.
#[derive(Debug)]
pub(super) enum Numbers {
    One(u64),
    /// Any number of them.
    Several(VecDeque<u64>),
}

impl Numbers {
    /// Adds a number that is greater than all others.
    pub(super) fn push(&mut self, n: u64) {
        match self {
            Self::One(first) => *self = Self::Several([*first, n].into()),
            Self::Several(list) => list.push_back(n),
        }
    }

    /// Removes a number; returns whether it was there.
    pub(super) fn remove(&mut self, n: u64) -> bool {
        match self {
            Self::One(only) => {
                let is_it = *only == n;
                if is_it {
                    *self = Self::Several(VecDeque::new());
                }
                is_it
            }
            // Most often it is the oldest.
            Self::Several(list) if list.front() == Some(&n) => list.pop_front().is_some(),
            Self::Several(list) => list.binary_search(&n).is_ok_and(|at| list.remove(at).is_some()),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Several(list) => list.len(),
        }
    }

    pub(super) fn front(&self) -> Option<&u64> {
        self.iter().next()
    }

    pub(super) fn back(&self) -> Option<&u64> {
        self.iter().next_back()
    }

    pub(super) fn iter(&self) -> Iter<'_> {
        let (first, second) = match self {
            Self::One(only) => (slice::from_ref(only), &[][..]),
            Self::Several(list) => list.as_slices(),
        };
        first.iter().chain(second)
    }
}

/// Numbers, oldest first.
type Iter<'a> = Chain<slice::Iter<'a, u64>, slice::Iter<'a, u64>>;

impl<'a> IntoIterator for &'a Numbers {
    type Item = &'a u64;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn same_as_a_list(removed in proptest::collection::vec(0u64..8, 0..20), count in 1u64..8) {
            let (mut numbers, mut list) = (Numbers::One(0), vec![0]);
            for n in 1..count {
                numbers.push(n);
                list.push(n);
            }
            for n in removed {
                let is_there = list.contains(&n);
                list.retain(|other| *other != n);
                proptest::prop_assert_eq!(numbers.remove(n), is_there);
                proptest::prop_assert_eq!(numbers.iter().copied().collect::<Vec<_>>(), &*list);
                proptest::prop_assert_eq!((numbers.front(), numbers.back()), (list.first(), list.last()));
                proptest::prop_assert_eq!((numbers.len(), numbers.is_empty()), (list.len(), list.is_empty()));
            }
        }
    }
}

//! Findings that are reported once of each subject.

use std::collections::HashSet;
use std::hash::Hash;

use foldhash::fast::RandomState;

/// Subjects of reported findings, at most `MOST`. Beyond that nothing new is reported.
#[derive(Debug)]
pub(super) struct Reported<K, const MOST: usize> {
    keys: HashSet<K, RandomState>,
}

impl<K, const MOST: usize> Default for Reported<K, MOST> {
    fn default() -> Self {
        Self { keys: HashSet::default() }
    }
}

impl<K: Eq + Hash, const MOST: usize> Reported<K, MOST> {
    /// Adds a subject. Returns whether its finding is to be reported: it is new, and has room.
    pub(super) fn insert(&mut self, key: K) -> bool {
        self.keys.len() < MOST && self.keys.insert(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subject_once_and_no_more_than_fit() {
        let mut reported = Reported::<u8, 2>::default();
        let inserted = [1, 1, 2, 3, 2].map(|key| reported.insert(key));
        assert_eq!(inserted, [true, false, true, false, false]);
    }
}

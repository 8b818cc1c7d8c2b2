//! A set of rows of a table.

use std::collections::BTreeSet;

/// A set of rows, in ascending order. Most sets hold one, which takes no memory of its own.
#[derive(Debug, Default)]
pub(super) enum RowSet {
    /// No row.
    #[default]
    Empty,
    /// One row.
    One(usize),
    /// Any number of rows.
    Several(BTreeSet<usize>),
}

impl RowSet {
    /// Adds a row.
    pub(super) fn insert(&mut self, row: usize) {
        match self {
            Self::Empty => *self = Self::One(row),
            Self::One(only) if *only == row => {}
            Self::One(only) => *self = Self::Several(BTreeSet::from([*only, row])),
            Self::Several(rows) => {
                rows.insert(row);
            }
        }
    }

    /// Removes a row.
    pub(super) fn remove(&mut self, row: usize) {
        match self {
            Self::Empty => {}
            Self::One(only) if *only == row => *self = Self::Empty,
            Self::One(_) => {}
            Self::Several(rows) => {
                rows.remove(&row);
            }
        }
    }

    /// Returns whether the set has no rows.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::One(_) => false,
            Self::Several(rows) => rows.is_empty(),
        }
    }

    /// Returns the rows in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let (only, several) = match self {
            Self::Empty => (None, None),
            Self::One(only) => (Some(*only), None),
            Self::Several(rows) => (None, Some(rows)),
        };
        only.into_iter().chain(several.into_iter().flatten().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn same_as_a_tree(ops in proptest::collection::vec((proptest::bool::ANY, 0usize..4), 0..40)) {
            let (mut rows, mut tree) = (RowSet::default(), BTreeSet::new());
            for (adds, row) in ops {
                if adds {
                    rows.insert(row);
                    tree.insert(row);
                } else {
                    rows.remove(row);
                    tree.remove(&row);
                }
                proptest::prop_assert_eq!(rows.is_empty(), tree.is_empty());
                proptest::prop_assert!(rows.iter().eq(tree.iter().copied()));
            }
        }
    }
}

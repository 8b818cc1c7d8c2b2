//! A set of rows of a table.

use std::collections::BTreeSet;
use std::slice;

/// A set of rows, in ascending order. Most sets hold one or two, which take no memory of their own:
/// those of a session its stream and a POST.
#[derive(Debug, Default)]
pub(super) enum RowSet {
    /// No row.
    #[default]
    Empty,
    /// One row.
    One(usize),
    /// Two rows, in ascending order.
    Two([usize; 2]),
    /// Any number of rows.
    Several(BTreeSet<usize>),
}

impl RowSet {
    /// Adds a row.
    pub(super) fn insert(&mut self, row: usize) {
        match self {
            Self::Empty => *self = Self::One(row),
            Self::One(only) if *only == row => {}
            Self::One(only) => *self = Self::Two([row.min(*only), row.max(*only)]),
            Self::Two(rows) if rows.contains(&row) => {}
            Self::Two([first, second]) => *self = Self::Several(BTreeSet::from([*first, *second, row])),
            Self::Several(rows) => {
                rows.insert(row);
            }
        }
    }

    /// Removes a row.
    pub(super) fn remove(&mut self, row: usize) {
        match self {
            Self::One(only) if *only == row => *self = Self::Empty,
            Self::Two([first, second]) if *first == row => *self = Self::One(*second),
            Self::Two([first, second]) if *second == row => *self = Self::One(*first),
            Self::Empty | Self::One(_) | Self::Two(_) => {}
            Self::Several(rows) => {
                rows.remove(&row);
            }
        }
    }

    /// Returns whether the set has no rows.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::One(_) | Self::Two(_) => false,
            Self::Several(rows) => rows.is_empty(),
        }
    }

    /// Returns the rows in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let (few, several) = match self {
            Self::Empty => (&[][..], None),
            Self::One(only) => (slice::from_ref(only), None),
            Self::Two(rows) => (&rows[..], None),
            Self::Several(rows) => (&[][..], Some(rows)),
        };
        few.iter().chain(several.into_iter().flatten()).copied()
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

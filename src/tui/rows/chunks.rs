//! A sorted list of many rows: one in, one out, the row at a place; each in microseconds at a million rows.

use std::cmp::Ordering;

use super::Key;

/// Rows of a chunk before it is cut in two. Chosen: 512 rows of 32 bytes move in well under a microsecond, and a
/// million rows are some 3,000 chunks to walk.
const CHUNK: usize = 512;

/// A row: what it is sorted by, and where the exchange stands in the store.
pub(super) type Row = (Key, u32);

/// Rows in order, in chunks that are never empty.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    chunks: Vec<Vec<Row>>,
    len: usize,
    descending: bool,
}

impl Chunks {
    pub(super) fn new(descending: bool) -> Self {
        Self { chunks: Vec::new(), len: 0, descending }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn insert(&mut self, row: Row) {
        let at = self.chunk_of(&row).min(self.chunks.len().saturating_sub(1));
        self.len += 1;
        let descending = self.descending;
        let Some(chunk) = self.chunks.get_mut(at) else {
            self.chunks.push(vec![row]);
            return;
        };
        let place = chunk.partition_point(|known| order(known, &row, descending) == Ordering::Less);
        chunk.insert(place, row);
        if chunk.len() > CHUNK {
            // What comes in order fills its chunks.
            let keep = if place + 1 == chunk.len() { chunk.len() - 1 } else { chunk.len() / 2 };
            let behind = chunk.split_off(keep);
            self.chunks.insert(at + 1, behind);
        }
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, row: &Row) -> bool {
        let at = self.chunk_of(row);
        let descending = self.descending;
        let Some(chunk) = self.chunks.get_mut(at) else { return false };
        let Ok(place) = chunk.binary_search_by(|known| order(known, row, descending)) else { return false };
        chunk.remove(place);
        if chunk.is_empty() {
            self.chunks.remove(at);
        }
        self.len -= 1;
        true
    }

    /// The row at a place.
    pub(super) fn get(&self, mut place: usize) -> Option<u32> {
        for chunk in &self.chunks {
            match chunk.get(place) {
                Some((_, index)) => return Some(*index),
                None => place -= chunk.len(),
            }
        }
        None
    }

    /// Where a row stands; `None` where it does not.
    pub(super) fn place(&self, row: &Row) -> Option<usize> {
        let at = self.chunk_of(row);
        let chunk = self.chunks.get(at)?;
        let place = chunk.binary_search_by(|known| order(known, row, self.descending)).ok()?;
        Some(self.chunks.iter().take(at).map(Vec::len).sum::<usize>() + place)
    }

    /// The first chunk whose last row is not before the row; one beyond the last where there is none.
    fn chunk_of(&self, row: &Row) -> usize {
        self.chunks.partition_point(|chunk| {
            chunk.last().is_some_and(|last| order(last, row, self.descending) == Ordering::Less)
        })
    }
}

/// What has no value comes last, whatever the direction; what is equal in the order of the store.
fn order((a, at): &Row, (b, bt): &Row, descending: bool) -> Ordering {
    let by_key = match (a, b) {
        (Key::Missing, Key::Missing) => Ordering::Equal,
        (Key::Missing, _) => Ordering::Greater,
        (_, Key::Missing) => Ordering::Less,
        (a, b) if descending => b.cmp(a),
        (a, b) => a.cmp(b),
    };
    by_key.then_with(|| if descending { bt.cmp(at) } else { at.cmp(bt) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against the stupid oracle: a vector that is sorted anew.
        #[test]
        fn same_as_a_sorted_vector(
            steps in prop::collection::vec((any::<bool>(), 0i64..40, 0u32..2000), 1..1500),
            descending in any::<bool>(),
        ) {
            let (mut chunks, mut oracle): (Chunks, Vec<Row>) = (Chunks::new(descending), Vec::new());
            for (remove, key, index) in steps {
                let row = (if key == 0 { Key::Missing } else { Key::Number(key) }, index);
                if oracle.contains(&row) {
                    if remove {
                        prop_assert!(chunks.remove(&row));
                        oracle.retain(|known| *known != row);
                    }
                } else {
                    prop_assert!(!chunks.remove(&row));
                    chunks.insert(row.clone());
                    oracle.push(row);
                }
            }
            oracle.sort_by(|a, b| order(a, b, descending));
            prop_assert_eq!(chunks.len(), oracle.len());
            for (place, row) in oracle.iter().enumerate() {
                prop_assert_eq!(chunks.get(place), Some(row.1));
                prop_assert_eq!(chunks.place(row), Some(place));
            }
            prop_assert_eq!(chunks.get(oracle.len()), None);
        }
    }
}

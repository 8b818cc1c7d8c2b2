//! A sorted list of many rows: one in, one out, the row at a place; each in microseconds at a million rows.

use std::cmp::Ordering;

use super::sort_keys::{SortKey, SortKeys};

/// FilteredExchanges of a chunk before it is cut in two. Chosen: 512 rows of 16 bytes move in well under a microsecond, and a
/// million rows are some 2,000 chunks to walk.
const CHUNK: usize = 512;

/// A row: what it is sorted by, and where the exchange stands in the store.
pub(super) type SortedRow = (SortKey, u32);

/// FilteredExchanges in order, in chunks that are never empty. Whoever calls hands in the keys that the rows were made with.
#[derive(Debug, Default)]
pub(super) struct SortedChunks {
    chunks: Vec<Vec<SortedRow>>,
    len: usize,
}

impl SortedChunks {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Puts a row where it belongs, if it does not stand there yet.
    pub(super) fn insert(&mut self, row: SortedRow, keys: &SortKeys) {
        let mut at = self.chunk_of(row, keys).min(self.chunks.len().saturating_sub(1));
        let Some(chunk) = self.chunks.get_mut(at) else {
            self.chunks.push(vec![row]);
            self.len += 1;
            return;
        };
        let Err(mut place) = search(chunk, row, keys) else { return };
        self.len += 1;
        if chunk.len() >= CHUNK {
            // What comes in order fills its chunks; no chunk is ever larger, so none has more room than it needs.
            let keep = if place == chunk.len() { chunk.len() } else { chunk.len() / 2 };
            let behind = chunk.split_off(keep);
            if behind.is_empty() {
                self.chunks.insert(at + 1, vec![row]);
                return;
            }
            chunk.shrink_to_fit();
            self.chunks.insert(at + 1, behind);
            if place > keep {
                (at, place) = (at + 1, place - keep);
            }
        }
        if let Some(chunk) = self.chunks.get_mut(at) {
            chunk.insert(place, row);
        }
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, row: SortedRow, keys: &SortKeys) -> bool {
        let at = self.chunk_of(row, keys);
        let Some(chunk) = self.chunks.get_mut(at) else { return false };
        let Ok(place) = search(chunk, row, keys) else { return false };
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
    pub(super) fn place(&self, row: SortedRow, keys: &SortKeys) -> Option<usize> {
        let at = self.chunk_of(row, keys);
        let place = search(self.chunks.get(at)?, row, keys).ok()?;
        Some(self.chunks.iter().take(at).map(Vec::len).sum::<usize>() + place)
    }

    /// The first chunk whose last row is not before the row; one beyond the last where there is none.
    fn chunk_of(&self, row: SortedRow, keys: &SortKeys) -> usize {
        self.chunks.partition_point(|chunk| {
            chunk.last().is_some_and(|last| keys.order(*last, row) == Ordering::Less)
        })
    }
}

fn search(chunk: &[SortedRow], row: SortedRow, keys: &SortKeys) -> Result<usize, usize> {
    chunk.binary_search_by(|known| keys.order(*known, row))
}

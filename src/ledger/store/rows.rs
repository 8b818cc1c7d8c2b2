//! A list of rows that grows without moving them.

/// Number of rows in a chunk.
const CHUNK: usize = 256;

/// Rows by index, in chunks: a list that doubled would take three times its memory for a moment.
///
/// INVARIANT: every chunk but the last is full.
#[derive(Clone, Debug)]
pub struct Rows<T> {
    chunks: Vec<Vec<T>>,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T> Rows<T> {
    /// Appends a row.
    pub(super) fn push(&mut self, row: T) {
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(row),
            // The first chunk grows: most lists are short.
            Some(_) => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(row);
                self.chunks.push(chunk);
            }
            None => self.chunks.push(vec![row]),
        }
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// Returns whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Returns the row at `index`; `None` beyond the last.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    /// Returns all rows, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_index() {
        let mut rows = Rows::default();
        for index in 0..CHUNK * 2 + 3 {
            assert_eq!((rows.len(), rows.is_empty()), (index, index == 0));
            rows.push(index);
        }
        assert!((0..rows.len()).all(|index| rows.get(index) == Some(&index)));
        assert_eq!(rows.get(rows.len()), None);
        assert!(rows.iter().copied().eq(0..rows.len()));
    }
}

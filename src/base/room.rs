//! The memory that a kind of content may still take.

/// Memory that is left for a kind of content, in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Room(usize);

impl Room {
    /// Creates room of `bytes`.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    /// Takes this many bytes; false if they are not left.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let left = self.0.checked_sub(bytes);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }

    /// Gives back bytes that were taken.
    pub(crate) fn give_back(&mut self, bytes: usize) {
        self.0 += bytes;
    }

    /// Takes this many bytes, or all that are left.
    pub(crate) fn take_most(&mut self, bytes: usize) {
        self.0 = self.0.saturating_sub(bytes);
    }

    /// Returns how many bytes are left.
    pub(crate) fn left(&self) -> usize {
        self.0
    }

    /// Returns whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0 == 0
    }
}

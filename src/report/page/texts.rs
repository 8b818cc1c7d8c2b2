//! Limits of the texts that a page keeps.

use crate::base::limits;

/// Length of texts that are kept, in bytes, with a limit of their own.
#[derive(Debug)]
pub(super) struct TextShare {
    len: usize,
    most: usize,
}

impl TextShare {
    /// Creates a share of [`limits::MAX_PAGE_TEXT`], in tenths.
    const fn new(tenths: usize) -> Self {
        Self { len: 0, most: limits::MAX_PAGE_TEXT / 10 * tenths }
    }

    /// Returns whether a text of this length may be kept, and counts it if so.
    pub(super) fn has_room(&mut self, len: usize) -> bool {
        let has_room = self.len + len <= self.most;
        self.len += if has_room { len } else { 0 };
        has_room
    }

    /// Counts a text for which there may be no room.
    pub(super) fn add(&mut self, len: usize) {
        self.len += len;
    }

    pub(super) fn is_full(&self) -> bool {
        self.len > self.most
    }

    pub(super) fn remove(&mut self, len: usize) {
        self.len = self.len.saturating_sub(len);
    }
}

/// The texts of what is kept: none takes the room of another.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) timely: TextShare,
    pub(super) failed: TextShare,
    pub(super) slow: TextShare,
    /// Of notes and of the grid.
    pub(super) others: TextShare,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            timely: TextShare::new(5),
            failed: TextShare::new(2),
            slow: TextShare::new(2),
            others: TextShare::new(1),
        }
    }
}

#[cfg(test)]
impl Texts {
    /// Length of everything that is kept, in bytes.
    pub(super) fn len(&self) -> usize {
        self.timely.len + self.failed.len + self.slow.len + self.others.len
    }
}

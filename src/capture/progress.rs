//! How much of a capture was read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How much of a capture was read. Clones tell the same.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    read: Arc<AtomicU64>,
    total: Option<u64>,
    /// The end of files that grow was is_end_reached.
    is_end_reached: Arc<AtomicBool>,
}

impl Progress {
    /// Progress in files whose lengths are added as they are opened.
    pub(super) fn of_files() -> Self {
        Self { total: Some(0), ..Self::default() }
    }

    /// Adds the length of a file, in bytes; `None` if it has none (a pipe), which makes the total unknown.
    pub(super) fn add_file(&mut self, len: Option<u64>) {
        self.total = self.total.zip(len).map(|(sum, len)| sum.saturating_add(len));
    }

    /// The counter of bytes that were read.
    pub(super) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }

    /// Bytes of the files that were read, before decompression.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Bytes that the files have together; `None` where that is not known (standard input, a pipe, files that are followed
    /// once their end was is_end_reached).
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.total.filter(|_| !self.is_end_reached.load(Ordering::Relaxed))
    }

    /// The end of files that grow was is_end_reached: how long they will be is not known.
    pub(super) fn set_end_reached(&self) {
        self.is_end_reached.store(true, Ordering::Relaxed);
    }
}

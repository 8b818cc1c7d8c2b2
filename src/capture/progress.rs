//! Bytes read of a capture, for a progress bar.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bytes read of a capture. Clones share the counters.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    read: Arc<AtomicU64>,
    total: Option<u64>,
    /// Whether the end of growing files was reached.
    is_end_reached: Arc<AtomicBool>,
}

impl Progress {
    /// Creates a progress of length 0, to which files are added.
    pub(super) fn of_files() -> Self {
        Self { total: Some(0), ..Self::default() }
    }

    /// Adds the length of a file in bytes. `None` (a pipe) makes the total unknown.
    pub(super) fn add_file(&mut self, len: Option<u64>) {
        self.total = self.total.zip(len).map(|(sum, len)| sum.saturating_add(len));
    }

    /// The counter of bytes that were read.
    pub(super) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }

    /// Bytes read of the files, before decompression.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Total length of the files in bytes; `None` if it is unknown: standard input, a pipe, and
    /// followed files once their end was reached.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        if self.is_end_reached.load(Ordering::Relaxed) { None } else { self.total }
    }

    /// Records that the end of growing files was reached: the total is unknown from now on.
    pub(super) fn set_end_reached(&self) {
        self.is_end_reached.store(true, Ordering::Relaxed);
    }
}

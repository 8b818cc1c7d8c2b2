//! Whether there is something new.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counts what the analysis emitted; shared by the analysis and the server.
#[derive(Clone, Debug, Default)]
pub struct Changes(Arc<State>);

#[derive(Debug, Default)]
struct State {
    version: AtomicU64,
    is_over: AtomicBool,
}

/// What a page may be older than.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Current {
    /// The version of the data.
    pub(super) version: u64,
    /// Whether nothing will come any more.
    pub(super) is_over: bool,
}

impl Changes {
    /// Records that the data changed.
    pub fn record(&self) {
        self.0.version.fetch_add(1, Ordering::AcqRel);
    }

    /// Records that everything was read.
    pub fn end(&self) {
        self.record();
        self.0.is_over.store(true, Ordering::Release);
    }

    pub(super) fn current(&self) -> Current {
        // In this order: `end` counts the last version before it sets the flag.
        let is_over = self.0.is_over.load(Ordering::Acquire);
        Current { version: self.0.version.load(Ordering::Acquire), is_over }
    }
}

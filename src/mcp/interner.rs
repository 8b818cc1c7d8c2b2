//! Texts that come again and again: methods, tools, versions. Each is kept once.

use std::collections::HashSet;
use std::sync::Arc;

/// Texts that are shared.
#[derive(Debug, Default)]
pub(super) struct Interner {
    known: HashSet<Arc<str>, foldhash::fast::RandomState>,
}

/// Texts that are kept for sharing: beyond that each is a copy of its own (resource URIs have no end).
const MAX_SHARED: usize = 4096;

impl Interner {
    pub(super) fn share(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        if self.known.len() < MAX_SHARED {
            self.known.insert(Arc::clone(&new));
        }
        new
    }
}

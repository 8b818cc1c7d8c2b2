//! Shared copies of texts that recur: methods, tool names, versions.

use std::collections::HashSet;
use std::sync::Arc;

/// Number of distinct texts that are shared. Beyond it each text is a copy of its own, as resource
/// URIs have no end.
const MAX_SHARED: usize = 4096;

/// Shared texts.
#[derive(Debug, Default)]
pub(super) struct Interner {
    texts: HashSet<Arc<str>, foldhash::fast::RandomState>,
}

impl Interner {
    /// The shared copy of `text`.
    pub(super) fn share(&mut self, text: &str) -> Arc<str> {
        if let Some(shared) = self.texts.get(text) {
            return Arc::clone(shared);
        }
        let new: Arc<str> = text.into();
        if self.texts.len() < MAX_SHARED {
            self.texts.insert(Arc::clone(&new));
        }
        new
    }
}

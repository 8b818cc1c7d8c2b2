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
    /// The path and the revision that were shared last.
    path: Option<Arc<str>>,
    revision: Option<Arc<str>>,
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

    /// The copy of a request's path that is shared with the request before, if that has the same.
    /// Paths are not looked up, since clients choose them.
    pub(super) fn share_path(&mut self, path: &str) -> Arc<str> {
        share_latest(&mut self.path, path)
    }

    /// The same for the revision that a request names.
    pub(super) fn share_revision(&mut self, revision: &str) -> Arc<str> {
        share_latest(&mut self.revision, revision)
    }
}

fn share_latest(latest: &mut Option<Arc<str>>, text: &str) -> Arc<str> {
    match latest {
        Some(latest) if **latest == *text => Arc::clone(latest),
        _ => Arc::clone(latest.insert(text.into())),
    }
}

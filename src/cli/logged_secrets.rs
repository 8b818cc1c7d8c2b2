//! The secrets that were read from key logs (`--tls-keylog`). They are kept for reading the packets
//! again: no file of packets has them.

use std::sync::{Arc, Mutex};

use crate::capture::Item;

/// Secrets, shared between the thread that reads and those that read again.
#[derive(Clone, Debug, Default)]
pub(super) struct LoggedSecrets(Arc<Mutex<Vec<Item>>>);

impl LoggedSecrets {
    /// Adds an item with secrets. Their number is bounded by the size of the key logs that are
    /// read.
    pub(super) fn push(&self, secrets: &Item) {
        // A thread that panicked while it held the lock left a whole list.
        let mut all = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.push(secrets.clone());
    }

    /// Returns the secrets so far.
    pub(super) fn all(&self) -> Vec<Item> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

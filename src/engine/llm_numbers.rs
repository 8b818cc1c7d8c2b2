//! Numbers LLM calls in the order of their requests.

use std::collections::HashMap;

/// The numbers of the calls that are open. A connection ends all of its calls, so there are no more
/// than the lanes hold.
#[derive(Debug, Default)]
pub(super) struct LlmNumbers {
    open: HashMap<(u32, u32), u64, foldhash::fast::RandomState>,
    last: u64,
}

impl LlmNumbers {
    /// A call begins: on this connection, in this transaction.
    pub(super) fn begin(&mut self, key: (u32, u32)) {
        self.last += 1;
        self.open.insert(key, self.last);
    }

    /// Returns the number of a call that is over.
    pub(super) fn take(&mut self, key: (u32, u32)) -> u64 {
        self.open.remove(&key).unwrap_or_else(|| {
            self.last += 1;
            self.last
        })
    }
}

//! Early data (0-RTT, RFC 8446 section 2.3): records that count only if the server accepts them.

use super::record::Record;
use crate::base::limits;

/// The client's early data.
#[derive(Debug, Default)]
pub(super) struct Early {
    pub(super) verdict: Verdict,
    /// Records that may be early data, while that is undecided.
    records: Vec<Record>,
    bytes: usize,
}

/// What became of the early data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The client sends none, or the server does not read it: the client sends it again.
    #[default]
    Rejected,
    Undecided,
    Accepted,
}

impl Early {
    /// Keeps a record. False if there are too many: they are not early data, or a flood.
    pub(super) fn keep(&mut self, record: &Record) -> bool {
        if self.bytes >= limits::MAX_UNDECRYPTED {
            return false;
        }
        self.bytes += record.header.record_len();
        // It must not keep a block of the capture in memory.
        let body = bytes::Bytes::copy_from_slice(&record.body);
        self.records.push(Record { body, ..record.clone() });
        true
    }

    /// Decides. Returns the records that were kept, in order.
    pub(super) fn decide(&mut self, verdict: Verdict) -> Vec<Record> {
        self.verdict = verdict;
        self.bytes = 0;
        std::mem::take(&mut self.records)
    }

    /// Returns the number of bytes held.
    pub(super) fn held(&self) -> usize {
        self.bytes
    }
}

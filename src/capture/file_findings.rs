//! Findings about one file that have no position yet.

use crate::base::{Code, Finding, Findings, Origin, Timestamp};

/// Findings between two packets that are emitted one by one: a damaged file may have a million
/// blocks and no packet.
const MAX_PENDING: usize = 1000;

/// Findings about one file.
#[derive(Debug, Default)]
pub(super) struct FileFindings {
    /// Name of the file in messages.
    pub(super) name: String,
    /// Whether the file is compressed: offsets count decompressed bytes.
    pub(super) is_compressed: bool,
    pending: Vec<(Code, String)>,
    /// The code and the number of those that `pending` has no room for.
    more: Option<(Code, u64)>,
    has_time_out_of_range: bool,
    has_packet_without_time: bool,
}

impl FileFindings {
    /// Creates an empty list for the file `name`.
    pub(super) fn new(name: String) -> Self {
        Self { name, ..Self::default() }
    }

    /// Adds a finding about the record at `offset`, in bytes from the start of the file.
    pub(super) fn add(&mut self, code: Code, offset: u64, what: &str) {
        if self.pending.len() >= MAX_PENDING {
            let (_, count) = self.more.unwrap_or((code, 0));
            self.more = Some((code, count + 1));
            return;
        }
        let of = if self.is_compressed { " (decompressed)" } else { "" };
        let detail = format!("{}, offset {offset}{of}: {what}", self.name);
        self.pending.push((code, detail));
    }

    /// Converts nanoseconds since the epoch to a [`Timestamp`], clamped to its range. The first
    /// clamped time of a file adds a finding.
    pub(super) fn time(&mut self, ns: i128, offset: u64) -> Timestamp {
        if let Ok(ns) = i64::try_from(ns) {
            return Timestamp(ns);
        }
        if !self.has_time_out_of_range {
            self.has_time_out_of_range = true;
            let what = format!("a packet time of {} s since 1970", ns / 1_000_000_000);
            self.add(Code::CaptureTimeRange, offset, &what);
        }
        Timestamp(if ns < 0 { i64::MIN } else { i64::MAX })
    }

    /// Adds a finding, once per file: packets have no time.
    pub(super) fn no_time(&mut self, offset: u64) {
        if !self.has_packet_without_time {
            self.has_packet_without_time = true;
            let what = "simple packet blocks have no time";
            self.add(Code::CaptureNoTime, offset, what);
        }
    }

    /// Returns whether there are none.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        // There are `more` only if `pending` is full.
        self.pending.is_empty()
    }

    /// Moves the findings to `findings`, positioned at the packet `last`; `None` before the first
    /// packet.
    #[inline]
    pub(super) fn drain_into(&mut self, last: Option<Origin>, findings: &mut Findings) {
        // After nearly every packet.
        if !self.is_empty() {
            self.drain_pending(last, findings);
        }
    }

    fn drain_pending(&mut self, last: Option<Origin>, findings: &mut Findings) {
        if let Some((code, count)) = self.more.take() {
            self.pending.push((code, format!("{}: {count} more before the next packet", self.name)));
        }
        for (code, detail) in self.pending.drain(..) {
            findings.push(Finding {
                code,
                at: last,
                tcp_stream: None,
                session: None,
                exchange: None,
                count: 1,
                detail,
            });
        }
    }
}

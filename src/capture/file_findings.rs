//! Findings about one file that have no position yet.

use crate::base::{Code, Finding, Findings, Origin, Timestamp};

/// Findings about one file.
#[derive(Debug, Default)]
pub(super) struct FileFindings {
    /// Name of the file in messages.
    pub(super) name: String,
    /// Whether the file is compressed: offsets count decompressed bytes.
    pub(super) is_compressed: bool,
    pending: Vec<(Code, String)>,
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

    /// Moves the findings to `findings`, positioned at the packet `last`; `None` before the first
    /// packet.
    pub(super) fn drain_into(&mut self, last: Option<Origin>, findings: &mut Findings) {
        for (code, detail) in self.pending.drain(..) {
            findings.push(Finding {
                code,
                at: last,
                tcp_stream: None,
                session: None,
                exchange: None,
                detail,
            });
        }
    }
}

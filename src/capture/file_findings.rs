//! What is noticed about one file, until it is handed on as findings.

use crate::base::{Code, Finding, Findings, Origin, Timestamp};

/// The pending of one file.
#[derive(Debug, Default)]
pub(super) struct FileFindings {
    /// The file, as the operator named it.
    pub(super) name: String,
    /// Its offsets count decompressed bytes.
    pub(super) is_compressed: bool,
    pending: Vec<(Code, String)>,
    has_time_out_of_range: bool,
    has_packet_without_time: bool,
}

impl FileFindings {
    /// Nothing noticed yet about the file `name`.
    pub(super) fn new(name: String) -> Self {
        Self { name, ..Self::default() }
    }

    /// Notes that the record at `offset` is cut or damaged.
    pub(super) fn add(&mut self, code: Code, offset: u64, what: &str) {
        let of = if self.is_compressed { " (decompressed)" } else { "" };
        let detail = format!("{}, offset {offset}{of}: {what}", self.name);
        self.pending.push((code, detail));
    }

    /// A time in nanoseconds since 1970 as far as it can be told; said once of a file.
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

    /// Notes that packets have no time; said once of a file.
    pub(super) fn no_time(&mut self, offset: u64) {
        if !self.has_packet_without_time {
            self.has_packet_without_time = true;
            let what = "simple packet blocks have no time";
            self.add(Code::CaptureNoTime, offset, what);
        }
    }

    /// Hands the pending on, as seen after the packet `last` (`None` before the first).
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

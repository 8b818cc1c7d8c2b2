//! What is noticed about one file, until it is handed on as findings.

use crate::base::{Code, Finding, Findings, Origin, Timestamp};

/// The notes of one file.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// The file, as the operator named it.
    pub(super) name: String,
    /// Its offsets count decompressed bytes.
    pub(super) compressed: bool,
    notes: Vec<(Code, String)>,
    out_of_range: bool,
    without_time: bool,
}

impl Log {
    /// Nothing noticed yet about the file `name`.
    pub(super) fn new(name: String) -> Self {
        Self { name, ..Self::default() }
    }

    /// Notes that the record at `offset` is cut or damaged.
    pub(super) fn note(&mut self, code: Code, offset: u64, what: &str) {
        let of = if self.compressed { " (decompressed)" } else { "" };
        let detail = format!("{}, offset {offset}{of}: {what}", self.name);
        self.notes.push((code, detail));
    }

    /// A time in nanoseconds since 1970 as far as it can be told; said once of a file.
    pub(super) fn time(&mut self, ns: i128, offset: u64) -> Timestamp {
        if let Ok(ns) = i64::try_from(ns) {
            return Timestamp(ns);
        }
        if !self.out_of_range {
            self.out_of_range = true;
            let what = format!("a packet time of {} s since 1970", ns / 1_000_000_000);
            self.note(Code::CaptureTimeRange, offset, &what);
        }
        Timestamp(if ns < 0 { i64::MIN } else { i64::MAX })
    }

    /// Notes that packets have no time; said once of a file.
    pub(super) fn no_time(&mut self, offset: u64) {
        if !self.without_time {
            self.without_time = true;
            let what = "simple packet blocks have no time";
            self.note(Code::CaptureNoTime, offset, what);
        }
    }

    /// Hands the notes on, as seen after the packet `last` (`None` before the first).
    pub(super) fn hand_on(&mut self, last: Option<Origin>, findings: &mut Findings) {
        for (code, detail) in self.notes.drain(..) {
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

//! Findings that are added once per direction only.

use super::sink::{DirectionSink, count};
use crate::base::{Code, units};

/// Which of them were added.
#[derive(Debug, Default)]
pub(super) struct Reported {
    before_start: bool,
    after_end: bool,
    out_of_window: bool,
    time_back: bool,
}

impl Reported {
    /// Reports bytes from before the first that was read.
    pub(super) fn before_start(&mut self, bytes: u64, sink: &mut DirectionSink<'_, '_>) {
        if !std::mem::replace(&mut self.before_start, true) {
            let what = format!("{} from before the first that was read", count(bytes));
            sink.add(Code::TcpBeforeStart, &what);
        }
    }

    /// Reports bytes after the FIN.
    pub(super) fn after_end(&mut self, bytes: u64, sink: &mut DirectionSink<'_, '_>) {
        if !std::mem::replace(&mut self.after_end, true) {
            sink.add(Code::TcpAfterEnd, &format!("{} after the end", count(bytes)));
        }
    }

    /// Reports bytes outside of the window, unless there are none.
    pub(super) fn out_of_window(&mut self, bytes: u64, sink: &mut DirectionSink<'_, '_>) {
        if bytes > 0 && !std::mem::replace(&mut self.out_of_window, true) {
            let what = format!("{} far outside of what was sent so far", count(bytes));
            sink.add(Code::TcpOutOfWindow, &what);
        }
    }

    /// Reports bytes that were acknowledged `back` nanoseconds before they were sent.
    pub(super) fn time_back(&mut self, back: i64, sink: &mut DirectionSink<'_, '_>) {
        if !std::mem::replace(&mut self.time_back, true) {
            let what =
                format!("bytes acknowledged {} before the time of their packet", units::duration(back));
            sink.add(Code::CaptureTimeBack, &what);
        }
    }
}

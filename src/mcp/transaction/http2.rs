//! What frames of HTTP/2 say about a transaction: waits for windows, and what ended its stream.

use crate::base::Side;
use crate::base::http2::{ClosingFrame, Http2Facts, WindowWait};

/// What is known so far.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::mcp) struct Http2State {
    /// The waits of both messages, and the frame that ended the stream.
    all: Http2Facts,
    /// The wait of the event that is not complete.
    next_event: Option<WindowWait>,
    /// The wait of the latest event.
    event: Option<WindowWait>,
}

impl Http2State {
    /// What `side` sends next waited for a window.
    pub(in crate::mcp) fn add_wait(&mut self, side: Side, wait: WindowWait) {
        let add = |before: &mut Option<WindowWait>| {
            *before = Some(before.map_or(wait, |before| before.and(wait)));
        };
        if side == Side::Client {
            add(&mut self.all.request_wait);
        } else {
            add(&mut self.all.response_wait);
            add(&mut self.next_event);
        }
    }

    /// An event is complete: what waited before belongs to it.
    pub(in crate::mcp) fn begin_event(&mut self) {
        self.event = self.next_event.take();
    }

    /// This frame ends the stream.
    pub(in crate::mcp) fn set_closed_by(&mut self, frame: ClosingFrame) {
        self.all.closed_by = Some(frame);
    }

    /// Returns what is known of the transaction's own request and response.
    pub(in crate::mcp) fn all(&self) -> Http2Facts {
        self.all
    }

    /// Returns the wait of the latest event.
    pub(in crate::mcp) fn event_wait(&self) -> Option<WindowWait> {
        self.event
    }
}

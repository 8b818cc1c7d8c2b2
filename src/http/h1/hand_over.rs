//! The end of HTTP/1 on a direction that goes on in HTTP/2.

use super::direction::{Direction, State};
use crate::base::StreamBuf;

impl Direction {
    /// Leaves everything from here on to HTTP/2.
    pub(super) fn hand_over(&mut self) {
        self.state = State::HandedOver;
    }

    /// Takes the bytes that HTTP/2 begins with; `None` if HTTP/1 is not over, and its end not lost.
    pub(super) fn take_rest(&mut self) -> Option<StreamBuf> {
        let is_over = matches!(self.state, State::HandedOver | State::Lost | State::LostChunk);
        is_over.then(|| std::mem::take(&mut self.buf))
    }
}

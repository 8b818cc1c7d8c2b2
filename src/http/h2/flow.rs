//! Flow control (RFC 9113 section 5.2): how long data waited for a window.
//!
//! A stream waits if its own DATA frame used up the window of the stream or of the connection and
//! did not end the stream: its sender cut the data there. It waits until both windows are open
//! again, as far as the capture shows it at its place. That another stream could not send because
//! this one took the window of the connection is not in the packets, and not counted.
//!
//! Windows that began before the capture, or that a gap touched, are not known: nothing waits then.

use super::frame::DEFAULT_WINDOW;
use crate::base::Origin;
use crate::base::http2::WindowWait;

/// The window of the connection or of a stream for one sender.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    /// Bytes that may be sent, negative if the window was made smaller; `None` if not known.
    left: Option<i64>,
    /// The packet that opened it last after it was used up.
    opened: Option<Origin>,
}

impl Window {
    /// Creates a window of `size` bytes; `None` if the size is not known.
    pub(super) fn new(size: Option<i64>) -> Self {
        Self { left: size, opened: None }
    }

    /// Returns whether nothing may be sent.
    fn is_used_up(&self) -> bool {
        self.left.is_some_and(|left| left <= 0)
    }

    /// `bytes` are sent.
    pub(super) fn send(&mut self, bytes: u32) {
        self.left = self.left.map(|left| left.saturating_sub(i64::from(bytes)));
    }

    /// The receiver allows `bytes` more, or fewer if they are negative.
    pub(super) fn grow(&mut self, bytes: i64, at: Origin) {
        let was_used_up = self.is_used_up();
        self.left = self.left.map(|left| left.saturating_add(bytes));
        if was_used_up && !self.is_used_up() {
            self.opened = Some(at);
        }
    }

    /// The capture lacks how much was sent or allowed.
    pub(super) fn forget(&mut self) {
        self.left = None;
    }
}

/// What one sender may send on a connection.
#[derive(Debug)]
pub(super) struct Flow {
    /// The window of the connection.
    pub(super) connection: Window,
    /// The window with which a stream begins, in bytes; `None` if it is not known.
    initial: Option<i64>,
}

impl Default for Flow {
    fn default() -> Self {
        Self { connection: Window::new(Some(DEFAULT_WINDOW)), initial: Some(DEFAULT_WINDOW) }
    }
}

impl Flow {
    /// Returns the window of a new stream.
    pub(super) fn window(&self) -> Window {
        Window::new(self.initial)
    }

    /// The receiver sets the window with which streams begin. Returns the change for open streams
    /// (section 6.9.2); `None` if the window before is not known.
    pub(super) fn set_initial(&mut self, size: u32) -> Option<i64> {
        let before = self.initial.replace(i64::from(size))?;
        Some(i64::from(size) - before)
    }

    /// Frames of the receiver or of the sender are missing.
    pub(super) fn forget(&mut self) {
        self.connection.forget();
        self.forget_initial();
    }

    /// The window with which streams begin is not known.
    pub(super) fn forget_initial(&mut self) {
        self.initial = None;
    }
}

/// One direction of a stream, as far as flow control is concerned.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StreamFlow {
    pub(super) window: Window,
    /// The packet whose data used up a window, if nothing was sent since.
    waits_since: Option<Origin>,
}

impl StreamFlow {
    /// Creates the flow of a new stream.
    pub(super) fn new(window: Window) -> Self {
        Self { window, waits_since: None }
    }

    /// A DATA frame of `bytes` begins. Returns how long its data waited; `None` if it did not.
    pub(super) fn send(&mut self, bytes: u32, connection: &mut Window) -> Option<WindowWait> {
        let waited = self.waits_since.take().filter(|_| bytes > 0).and_then(|since| {
            let opened = [self.window.opened, connection.opened].into_iter().flatten();
            let ends = opened.filter(|opened| opened.packet > since.packet);
            ends.map(|opened| WindowWait::new(since, opened)).max_by_key(|wait| wait.ns)
        });
        self.window.send(bytes);
        connection.send(bytes);
        waited.filter(|wait| wait.ns > 0)
    }

    /// A DATA frame that does not end the stream ended in packet `at`.
    pub(super) fn sent(&mut self, connection: &Window, at: Origin) {
        if self.window.is_used_up() || connection.is_used_up() {
            self.waits_since = Some(at);
        }
    }

    /// Returns since when it waits for a window that was not opened yet.
    pub(super) fn waits(&self, connection: &Window) -> Option<Origin> {
        self.waits_since.filter(|_| self.window.is_used_up() || connection.is_used_up())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(packet: u64) -> Origin {
        Origin::new(packet, packet as i64 * 1_000)
    }

    fn send(stream: &mut StreamFlow, bytes: u32, flow: &mut Flow) -> i64 {
        stream.send(bytes, &mut flow.connection).map_or(0, |wait| wait.ns)
    }

    #[test]
    fn data_waits_from_the_frame_that_used_up_a_window_until_both_are_open() {
        let mut flow = Flow::default();
        let mut stream = StreamFlow::new(flow.window());
        assert_eq!(send(&mut stream, 65_535, &mut flow), 0);
        stream.sent(&flow.connection, at(10));
        assert!(stream.waits(&flow.connection).is_some());
        flow.connection.grow(100_000, at(12));
        assert!(stream.waits(&flow.connection).is_some(), "the stream's own window is closed");
        stream.window.grow(50_000, at(17));
        assert!(stream.waits(&flow.connection).is_none());
        assert_eq!(send(&mut stream, 100, &mut flow), 7_000);
        stream.sent(&flow.connection, at(18));
        assert_eq!(send(&mut stream, 100, &mut flow), 0, "the window was not used up");
    }

    #[test]
    fn an_end_without_data_waits_for_nothing() {
        let mut flow = Flow::default();
        let mut stream = StreamFlow::new(flow.window());
        send(&mut stream, 65_535, &mut flow);
        stream.sent(&flow.connection, at(1));
        flow.connection.grow(1, at(5));
        stream.window.grow(1, at(5));
        assert_eq!(send(&mut stream, 0, &mut flow), 0);
    }

    /// SETTINGS may make windows negative (RFC 9113 section 6.9.2).
    #[test]
    fn a_smaller_initial_window_closes_streams() {
        let mut flow = Flow::default();
        let mut stream = StreamFlow::new(flow.window());
        send(&mut stream, 1_000, &mut flow);
        let change = flow.set_initial(500).unwrap();
        stream.window.grow(change, at(2));
        stream.sent(&flow.connection, at(2));
        assert!(stream.waits(&flow.connection).is_some());
        stream.window.grow(501, at(9));
        assert_eq!(send(&mut stream, 1, &mut flow), 7_000);
    }

    #[test]
    fn an_unknown_window_makes_nothing_wait() {
        let mut flow = Flow::default();
        flow.forget();
        let mut stream = StreamFlow::new(flow.window());
        send(&mut stream, 1 << 20, &mut flow);
        stream.sent(&flow.connection, at(1));
        assert!(stream.waits(&flow.connection).is_none());
        assert_eq!(flow.set_initial(7), None);
    }
}

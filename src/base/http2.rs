//! What frames of HTTP/2 (RFC 9113) say about a request: how long it waited for a window, and why
//! its stream ended early.

use std::fmt;

use super::{Origin, PacketNo, Side};

/// Time in which content waited for a window (RFC 9113 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowWait {
    /// The time in nanoseconds; the sum if it waited several times.
    pub ns: i64,
    /// The packet that used up the window first.
    pub from: Origin,
    /// The packet that opened it last.
    pub to: Origin,
}

impl WindowWait {
    /// Creates one wait.
    #[must_use]
    pub fn new(from: Origin, to: Origin) -> Self {
        Self { ns: to.time.since(from.time).max(0), from, to }
    }

    /// Returns both waits as one: `later` began after this one.
    #[must_use]
    pub fn and(self, later: Self) -> Self {
        Self { ns: self.ns.saturating_add(later.ns), from: self.from, to: later.to }
    }
}

/// What HTTP/2 tells of an exchange besides its messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Http2Facts {
    /// How long the content of the request waited for a window; `None` if it did not, as far as the
    /// windows are known.
    pub request_wait: Option<WindowWait>,
    /// The same of the response, or of the event that holds it.
    pub response_wait: Option<WindowWait>,
    /// The frame that ended the stream before the response; `None` if none did.
    pub closed_by: Option<ClosingFrame>,
}

impl Http2Facts {
    /// Returns the facts to be kept; `None` if there are none.
    #[must_use]
    pub fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }
}

/// Error code of RST_STREAM and GOAWAY (RFC 9113 section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    /// The end is no error.
    pub const NO_ERROR: Self = Self(0);
    /// The stream is not needed any more.
    pub const CANCEL: Self = Self(8);

    /// Reads the code at the front of `payload`; 0 if it is too short.
    #[must_use]
    pub fn read(payload: &[u8]) -> Self {
        Self(payload.first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes)))
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            0 => "NO_ERROR",
            1 => "PROTOCOL_ERROR",
            2 => "INTERNAL_ERROR",
            3 => "FLOW_CONTROL_ERROR",
            4 => "SETTINGS_TIMEOUT",
            5 => "STREAM_CLOSED",
            6 => "FRAME_SIZE_ERROR",
            7 => "REFUSED_STREAM",
            8 => "CANCEL",
            9 => "COMPRESSION_ERROR",
            10 => "CONNECT_ERROR",
            11 => "ENHANCE_YOUR_CALM",
            12 => "INADEQUATE_SECURITY",
            13 => "HTTP_1_1_REQUIRED",
            other => return write!(f, "error {other}"),
        };
        f.write_str(name)
    }
}

/// The frame with which one side ended a stream early: RST_STREAM (RFC 9113 section 6.4), or
/// GOAWAY (section 6.8), which announces the end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosingFrame {
    /// The side that sent it.
    pub by: Side,
    /// The error code; `None` if the capture lacks it.
    pub code: Option<ErrorCode>,
    /// Of a GOAWAY, the last stream that its sender may have acted on; `None` for RST_STREAM.
    pub last_stream: Option<u32>,
    /// The packet that carried it.
    pub packet: PacketNo,
}

impl ClosingFrame {
    /// Returns the type of the frame.
    #[must_use]
    pub fn name(&self) -> &'static str {
        if self.last_stream.is_some() { "GOAWAY" } else { "RST_STREAM" }
    }
}

/// `RST_STREAM with CANCEL`, `GOAWAY with NO_ERROR, last stream 7`.
impl fmt::Display for ClosingFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if let Some(code) = self.code {
            write!(f, " with {code}")?;
        }
        match self.last_stream {
            Some(last) => write!(f, ", last stream {last}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_add_up_and_their_packets_span_them() {
        let at = |ns: i64| Origin::new(ns as u64, ns);
        let waits = WindowWait::new(at(1), at(4)).and(WindowWait::new(at(10), at(12)));
        assert_eq!((waits.ns, waits.from, waits.to), (5, at(1), at(12)));
        assert_eq!(WindowWait::new(at(9), at(3)).ns, 0, "packet times went back");
    }

    #[test]
    fn a_frame_is_shown_with_its_code() {
        let frame = |code: Option<u32>, last_stream| {
            let code = code.map(ErrorCode);
            ClosingFrame { by: Side::Client, code, last_stream, packet: PacketNo(1) }.to_string()
        };
        assert_eq!(frame(Some(8), None), "RST_STREAM with CANCEL");
        assert_eq!(frame(None, None), "RST_STREAM");
        assert_eq!(frame(Some(77), Some(7)), "GOAWAY with error 77, last stream 7");
    }
}

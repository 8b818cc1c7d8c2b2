//! The frames of HTTP/2 (RFC 9113 sections 4 and 6): bytes and their meaning, no state.

use std::fmt;

use crate::base::search;

/// Length of the header of a frame in bytes.
pub(super) const HEADER: usize = 9;

/// Offset of the type in the header.
const TYPE: usize = 3;

/// Largest payload of a frame before SETTINGS allow more (section 6.5.2), in bytes.
pub(super) const DEFAULT_MAX_FRAME: u32 = 16_384;

/// Window of the connection and of each stream before SETTINGS say otherwise (section 6.9.2), in
/// bytes.
pub(super) const DEFAULT_WINDOW: i64 = 65_535;

/// The connection preface that the client sends before its first frame (section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The type of a frame. Types without a constant are kept as their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind(pub(super) u8);

impl Kind {
    pub(super) const DATA: Self = Self(0);
    pub(super) const HEADERS: Self = Self(1);
    pub(super) const PRIORITY: Self = Self(2);
    pub(super) const RST_STREAM: Self = Self(3);
    pub(super) const SETTINGS: Self = Self(4);
    pub(super) const PUSH_PROMISE: Self = Self(5);
    pub(super) const PING: Self = Self(6);
    pub(super) const GOAWAY: Self = Self(7);
    pub(super) const WINDOW_UPDATE: Self = Self(8);
    pub(super) const CONTINUATION: Self = Self(9);
    /// RFC 7838 section 4.
    const ALTSVC: Self = Self(0xa);
    /// RFC 8336 section 2.
    const ORIGIN: Self = Self(0xc);
    /// RFC 9218 section 7.1.
    const PRIORITY_UPDATE: Self = Self(0x10);

    /// Returns whether the frame carries a header block or a part of one.
    pub(super) fn has_block(self) -> bool {
        matches!(self, Self::HEADERS | Self::PUSH_PROMISE | Self::CONTINUATION)
    }

    /// Returns whether the payload has to be complete before it can be read. All others are read
    /// piece by piece, or skipped.
    pub(super) fn is_read_whole(self) -> bool {
        self.has_block()
            || matches!(
                self,
                Self::RST_STREAM | Self::SETTINGS | Self::PING | Self::GOAWAY | Self::WINDOW_UPDATE
            )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::DATA => "DATA",
            Self::HEADERS => "HEADERS",
            Self::PRIORITY => "PRIORITY",
            Self::RST_STREAM => "RST_STREAM",
            Self::SETTINGS => "SETTINGS",
            Self::PUSH_PROMISE => "PUSH_PROMISE",
            Self::PING => "PING",
            Self::GOAWAY => "GOAWAY",
            Self::WINDOW_UPDATE => "WINDOW_UPDATE",
            Self::CONTINUATION => "CONTINUATION",
            Self(other) => return write!(f, "frame type {other}"),
        };
        f.write_str(name)
    }
}

/// Flags of a frame. Their meaning depends on the type.
const END_STREAM: u8 = 0x1;
const ACK: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// The header of a frame.
///
/// ```text
///   +-----------------------------------------------+
///   |                 length (24)                   |
///   +---------------+---------------+---------------+
///   |   type (8)    |   flags (8)   |
///   +-+-------------+---------------+-------------------------------+
///   |R|                     stream (31)                             |
///   +-+-------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// Length of the payload in bytes.
    pub(super) length: u32,
    pub(super) kind: Kind,
    flags: u8,
    /// The stream; 0 for the connection.
    pub(super) stream: u32,
    /// The reserved bit, which senders leave at 0.
    is_reserved: bool,
}

impl FrameHeader {
    /// Reads the header at the front of `bytes`; `None` if it is incomplete.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, stream @ ..] = *bytes.first_chunk::<HEADER>()?;
        let stream = u32::from_be_bytes(stream);
        Some(Self {
            length: u32::from_be_bytes([0, a, b, c]),
            kind: Kind(kind),
            flags,
            stream: stream & 0x7fff_ffff,
            is_reserved: stream & 0x8000_0000 != 0,
        })
    }

    /// Returns whether the sender ends the stream with this frame.
    pub(super) fn ends_stream(&self) -> bool {
        matches!(self.kind, Kind::DATA | Kind::HEADERS) && self.flags & END_STREAM != 0
    }

    /// Returns whether the header block is complete with this frame.
    pub(super) fn ends_headers(&self) -> bool {
        self.kind.has_block() && self.flags & END_HEADERS != 0
    }

    /// Returns whether a SETTINGS or PING frame answers one of the other side.
    pub(super) fn is_ack(&self) -> bool {
        matches!(self.kind, Kind::SETTINGS | Kind::PING) && self.flags & ACK != 0
    }

    /// Returns whether the payload begins with the length of the padding at its end.
    pub(super) fn is_padded(&self) -> bool {
        matches!(self.kind, Kind::DATA | Kind::HEADERS | Kind::PUSH_PROMISE) && self.flags & PADDED != 0
    }

    /// Returns what is wrong with the frame, as RFC 9113 section 6 defines its type; `None` if a
    /// receiver accepts it. `max` is the largest payload that the receiver takes.
    pub(super) fn fault(&self, max: u32) -> Option<String> {
        let Self { length, kind, stream, .. } = *self;
        if length > max {
            return Some(format!("{kind} of {length} bytes, {max} are allowed"));
        }
        let exact = match kind {
            Kind::PRIORITY => Some(5),
            Kind::RST_STREAM | Kind::WINDOW_UPDATE => Some(4),
            Kind::PING => Some(8),
            Kind::SETTINGS if self.is_ack() => Some(0),
            _ => None,
        };
        let least = match kind {
            Kind::GOAWAY => 8,
            Kind::PUSH_PROMISE => 4 + u32::from(self.is_padded()),
            Kind::HEADERS if self.flags & PRIORITY != 0 => 5 + u32::from(self.is_padded()),
            Kind::DATA | Kind::HEADERS => u32::from(self.is_padded()),
            _ => 0,
        };
        let is_unequal = exact.is_some_and(|exact| length != exact);
        if is_unequal || length < least || (kind == Kind::SETTINGS && length % 6 != 0) {
            return Some(format!("{kind} of {length} bytes"));
        }
        match kind {
            Kind::SETTINGS | Kind::PING | Kind::GOAWAY if stream != 0 => {
                Some(format!("{kind} on stream {stream}"))
            }
            Kind::DATA
            | Kind::HEADERS
            | Kind::PRIORITY
            | Kind::RST_STREAM
            | Kind::PUSH_PROMISE
            | Kind::CONTINUATION
                if stream == 0 =>
            {
                Some(format!("{kind} without a stream"))
            }
            _ => None,
        }
    }

    /// Returns the first offset from `at` on that may be that of a header, by the first byte of its
    /// length and by its type: between the two [`FrameHeader::is_plausible`] is false. If there is
    /// none, the first one behind which the bytes are too few for a header.
    pub(super) fn next_candidate(bytes: &[u8], at: usize, max: u32) -> usize {
        let Some(last) = bytes.len().checked_sub(HEADER).filter(|last| at <= *last) else { return at };
        let lengths = bytes.get(at..=last).unwrap_or_default();
        let types = bytes.get(at + TYPE..).unwrap_or_default();
        let longest = u8::try_from(max >> 16).unwrap_or(u8::MAX);
        let found = search::position(lengths, types, |length, kind| {
            length <= longest && kind <= Kind::PRIORITY_UPDATE.0
        });
        found.map_or(last + 1, |found| at + found)
    }

    /// Returns whether nine bytes in the middle of a direction can be the header of a frame: a type
    /// that is defined, only flags and lengths that its type has, no reserved bit.
    ///
    /// Text never contains a header: each one has a zero byte. Among random bytes one in 2³⁰
    /// passes.
    pub(super) fn is_plausible(&self, max: u32) -> bool {
        let flags = match self.kind {
            Kind::DATA => END_STREAM | PADDED,
            Kind::HEADERS => END_STREAM | END_HEADERS | PADDED | PRIORITY,
            Kind::SETTINGS | Kind::PING => ACK,
            Kind::PUSH_PROMISE => END_HEADERS | PADDED,
            Kind::CONTINUATION => END_HEADERS,
            Kind::PRIORITY
            | Kind::RST_STREAM
            | Kind::GOAWAY
            | Kind::WINDOW_UPDATE
            | Kind::ALTSVC
            | Kind::ORIGIN
            | Kind::PRIORITY_UPDATE => 0,
            _ => return false,
        };
        // A server opens no streams but pushed ones, which nobody uses any more.
        let is_of_client = self.stream == 0 || self.stream % 2 == 1;
        self.flags & !flags == 0 && !self.is_reserved && is_of_client && self.fault(max).is_none()
    }
}

/// Removes the padding and the priority of a HEADERS payload, and the padding and the promised
/// stream of a PUSH_PROMISE payload; `None` if the padding is longer than the payload (a connection
/// error, sections 6.2 and 6.6).
pub(super) fn block_of(header: &FrameHeader, payload: &[u8]) -> Option<std::ops::Range<usize>> {
    let (mut from, mut to) = (0, payload.len());
    if header.is_padded() {
        to = to.checked_sub(usize::from(*payload.first()?))?;
        from += 1;
    }
    match header.kind {
        Kind::HEADERS if header.flags & PRIORITY != 0 => from += 5,
        Kind::PUSH_PROMISE => from += 4,
        _ => {}
    }
    (from <= to).then_some(from..to)
}

/// What a SETTINGS frame says that matters to an observer (section 6.5.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// INITIAL_WINDOW_SIZE; `None` if it is not changed.
    pub(super) window: Option<u32>,
    /// MAX_FRAME_SIZE; `None` if it is not changed.
    pub(super) max_frame: Option<u32>,
}

impl Settings {
    /// Reads the payload of a SETTINGS frame. The size of the header table is not read: the encoder
    /// announces the size that it uses (RFC 7541 section 4.2).
    pub(super) fn read(payload: &[u8]) -> Self {
        let mut settings = Self::default();
        for setting in payload.as_chunks::<6>().0 {
            let [a, b, value @ ..] = *setting;
            let value = u32::from_be_bytes(value);
            match u16::from_be_bytes([a, b]) {
                4 => settings.window = Some(value),
                5 => settings.max_frame = Some(value),
                _ => {}
            }
        }
        settings
    }
}

/// Reads a 31-bit number at the front of `payload`: a window increment, a last stream. 0 if it is
/// too short.
pub(super) fn number(payload: &[u8]) -> u32 {
    payload.first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes) & 0x7fff_ffff)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Writes a frame.
    pub(in crate::http::h2) fn frame(kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        out.extend([kind.0, flags]);
        out.extend(stream.to_be_bytes());
        out.extend(payload);
        out
    }

    fn header(kind: Kind, flags: u8, stream: u32, length: usize) -> FrameHeader {
        FrameHeader::read(&frame(kind, flags, stream, &vec![0; length])).unwrap()
    }

    #[test]
    fn headers_are_read_as_they_are_written() {
        let read = header(Kind::HEADERS, 0x5, 7, 300);
        assert_eq!((read.length, read.kind, read.stream), (300, Kind::HEADERS, 7));
        assert!(read.ends_stream() && read.ends_headers() && !read.is_padded() && !read.is_ack());
        assert!(header(Kind::DATA, 0x9, 1, 4).is_padded());
        assert!(header(Kind::PING, 0x1, 0, 8).is_ack());
        assert!(!header(Kind::PING, 0x1, 0, 8).ends_stream());
        assert_eq!(FrameHeader::read(&[0; 8]), None);
    }

    #[test]
    fn faults_name_the_frame() {
        for (kind, flags, stream, length, fault) in [
            (Kind::DATA, 0, 1, 16_384, None),
            (Kind::DATA, 0, 1, 16_385, Some("DATA of 16385 bytes, 16384 are allowed")),
            (Kind::DATA, 0, 0, 1, Some("DATA without a stream")),
            (Kind::DATA, PADDED, 1, 0, Some("DATA of 0 bytes")),
            (Kind::HEADERS, PRIORITY, 1, 4, Some("HEADERS of 4 bytes")),
            (Kind::SETTINGS, 0, 0, 7, Some("SETTINGS of 7 bytes")),
            (Kind::SETTINGS, ACK, 0, 6, Some("SETTINGS of 6 bytes")),
            (Kind::SETTINGS, 0, 3, 6, Some("SETTINGS on stream 3")),
            (Kind::PING, 0, 0, 7, Some("PING of 7 bytes")),
            (Kind::GOAWAY, 0, 0, 7, Some("GOAWAY of 7 bytes")),
            (Kind::WINDOW_UPDATE, 0, 0, 4, None),
            (Kind(0xbe), 0, 5, 100, None),
        ] {
            assert_eq!(header(kind, flags, stream, length).fault(16_384).as_deref(), fault, "{kind}");
        }
    }

    proptest! {
        #[test]
        fn what_a_search_passes_by_is_no_header(
            bytes in prop::collection::vec(0_u8..24, 0..120),
            at in 0_usize..130,
        ) {
            let max = 5 << 16;
            let found = FrameHeader::next_candidate(&bytes, at, max);
            prop_assert!(found >= at && (found == at || found < bytes.len().max(HEADER)));
            for passed in at..found {
                let header = bytes.get(passed..).and_then(FrameHeader::read);
                prop_assert!(!header.is_some_and(|header| header.is_plausible(max)));
            }
            let is_end = found == at || bytes.len() - found < HEADER;
            prop_assert!(is_end || (bytes[found] <= 5 && bytes[found + TYPE] <= 0x10));
        }
    }

    #[test]
    fn text_is_no_frame_and_a_frame_is_plausible() {
        for text in [&b"{\"jsonrpc\":\"2.0\"}"[..], b"data: {}\n\n", &[0; 9], &[0xff; 9]] {
            assert!(!FrameHeader::read(text).unwrap().is_plausible(16_384), "{text:?}");
        }
        assert!(header(Kind::DATA, END_STREAM, 5, 100).is_plausible(16_384));
        assert!(!header(Kind::DATA, END_HEADERS, 5, 100).is_plausible(16_384));
        assert!(!header(Kind::DATA, 0, 4, 100).is_plausible(16_384));
    }

    #[test]
    fn padding_and_priority_are_no_part_of_a_block() {
        let payload = [2, 0, 0, 0, 0, 16, b'a', b'b', 0, 0];
        let padded = header(Kind::HEADERS, PADDED | PRIORITY, 1, payload.len());
        assert_eq!(block_of(&padded, &payload), Some(6..8));
        assert_eq!(block_of(&padded, &[5, 0, 0, 0, 0, 16]), None, "more padding than payload");
        let promise = header(Kind::PUSH_PROMISE, 0, 1, 6);
        assert_eq!(block_of(&promise, &[0, 0, 0, 2, b'a', b'b']), Some(4..6));
    }

    #[test]
    fn settings_keep_the_last_value() {
        let payload = [0, 4, 0, 0, 0, 9, 0, 5, 0, 1, 0, 0, 0, 4, 0, 0, 0, 8, 0xff, 0xff, 1, 1, 1, 1];
        assert_eq!(Settings::read(&payload), Settings { window: Some(8), max_frame: Some(65_536) });
    }
}

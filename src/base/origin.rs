//! Packet numbers, packet times, and the span of packets that carry some bytes.

use std::fmt;

/// Number of a packet in its capture, from 1, as in Wireshark (`frame.number`).
///
/// If several files are read as one capture, the numbers continue over all of them, in time order.
/// 0 means "before the first packet" and is never printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketNo(pub u64);

impl fmt::Display for PacketNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A packet time, in nanoseconds since 1970-01-01T00:00:00Z; may be negative.
///
/// The range is 1677 to 2262. The capture layer clamps times outside of it, with a finding
/// (`capture.time_range`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Returns the nanoseconds from `earlier` to `self`; negative if `self` is the earlier one.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns the time `ns` nanoseconds later.
    #[must_use]
    pub fn plus(self, ns: i64) -> Self {
        Self(self.0.saturating_add(ns))
    }
}

/// Formats as epoch seconds with nine decimals, as in exports (`1795337355.351000000`).
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let ns = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)
    }
}

/// A packet: its number and its capture time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Number of the packet.
    pub packet: PacketNo,
    /// Capture time of the packet.
    pub time: Timestamp,
}

impl Origin {
    /// Creates the origin of packet `packet`, captured `time` nanoseconds after the epoch.
    #[must_use]
    pub fn new(packet: u64, time: i64) -> Self {
        Self { packet: PacketNo(packet), time: Timestamp(time) }
    }

    /// Returns the later of two packets in capture order.
    #[must_use]
    pub fn later(self, other: Self) -> Self {
        if other.packet > self.packet { other } else { self }
    }
}

/// The packets behind some bytes of one direction of a connection.
///
/// `start` and `end` define the times of a message; `first` and `last` are the packets that carry
/// its bytes. They differ if a hole was filled late: bytes sent in packets 5, 9 (a retransmission
/// of the lost packet 6) and 7 have `first` 5, `last` 9, `start` 5 and `end` 9. A message that lies
/// entirely in packet 7, behind that hole, has `first` and `last` 7, but was not readable before
/// packet 9: its `end` is 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// The packet with the first copy of the first byte.
    pub start: Origin,
    /// The latest packet, in capture order, that is needed to have all bytes up to the last one in
    /// order.
    pub end: Origin,
    /// The first packet, in capture order, that carries some of the bytes.
    pub first: PacketNo,
    /// The last packet, in capture order, that carries some of the bytes.
    pub last: PacketNo,
}

impl Span {
    /// Creates the span of bytes that lie in one packet and arrived in order.
    #[must_use]
    pub fn of(origin: Origin) -> Self {
        Self { start: origin, end: origin, first: origin.packet, last: origin.packet }
    }

    /// Returns the span of these bytes and of `next`, which follow them in the stream.
    #[must_use]
    pub fn join(self, next: Self) -> Self {
        Self {
            start: self.start,
            end: self.end.later(next.end),
            first: self.first.min(next.first),
            last: self.last.max(next.last),
        }
    }

    /// Joins `next` to a span that may still be `None`.
    pub fn extend(into: &mut Option<Self>, next: Self) {
        *into = Some(into.map_or(next, |span| span.join(next)));
    }
}

//! Where bytes come from: packet numbers, packet times, and the span of packets that carry something.

use std::fmt;

/// The number of a packet in its capture, from 1, as Wireshark counts (`frame.number`).
///
/// Where several files are read as one capture the count goes on over all of them, in time order. 0 stands for
/// «before the first packet» and is never printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketNo(pub u64);

impl fmt::Display for PacketNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A packet time: nanoseconds since 1970-01-01T00:00:00Z, negative before it.
///
/// Reaches from 1677 to 2262; times outside are clamped where they are read, with a finding (`capture.time_range`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Nanoseconds from `earlier` to `self`; negative where `self` is the earlier of the two.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The time `ns` nanoseconds later.
    #[must_use]
    pub fn plus(self, ns: i64) -> Self {
        Self(self.0.saturating_add(ns))
    }
}

/// Epoch seconds with nine decimals, the form of the exports (`1795337355.351000000`).
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let ns = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)
    }
}

/// One packet, by its number and its capture time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The packet's number.
    pub packet: PacketNo,
    /// The packet's capture time.
    pub time: Timestamp,
}

impl Origin {
    /// The origin of packet `packet`, captured `time` nanoseconds after the epoch.
    #[must_use]
    pub fn new(packet: u64, time: i64) -> Self {
        Self { packet: PacketNo(packet), time: Timestamp(time) }
    }

    /// The later of two origins in capture order.
    #[must_use]
    pub fn later(self, other: Self) -> Self {
        if other.packet > self.packet { other } else { self }
    }
}

/// The packets behind some bytes of one direction of a connection.
///
/// `start` and `end` are what the times of a message are made of (design: «Time»); `first` and `last` are the packets
/// that a reader finds the bytes in. They differ where a hole was filled late: bytes sent in packets 5, 9 (a
/// retransmission of what packet 6 lost) and 7 have `first` 5, `last` 9, `start` 5 and `end` 9; a message that lies
/// wholly in packet 7 behind that hole has `first` and `last` 7, but cannot be read before packet 9: its `end` is 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// The packet with the first byte (its first copy).
    pub start: Origin,
    /// The latest packet, in capture order, that is needed to have everything up to the last byte in order.
    pub end: Origin,
    /// The first packet, in capture order, that carries some of the bytes.
    pub first: PacketNo,
    /// The last packet, in capture order, that carries some of the bytes.
    pub last: PacketNo,
}

impl Span {
    /// The span of bytes that lie in one packet and were in order when it came.
    #[must_use]
    pub fn of(origin: Origin) -> Self {
        Self { start: origin, end: origin, first: origin.packet, last: origin.packet }
    }

    /// The span of these bytes and of `next`, which follow them in the stream.
    #[must_use]
    pub fn join(self, next: Self) -> Self {
        Self {
            start: self.start,
            end: self.end.later(next.end),
            first: self.first.min(next.first),
            last: self.last.max(next.last),
        }
    }

    /// [`Span::join`], where there may be nothing yet.
    pub fn extend(into: &mut Option<Self>, next: Self) {
        *into = Some(into.map_or(next, |span| span.join(next)));
    }
}

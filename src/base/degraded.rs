//! Reasons why a result may be incomplete: evidence that is not in the capture.

use std::fmt;

/// A set of reasons why a result may be incomplete.
///
/// A gap in a stream, the messages around it and the records made of them carry the same reasons.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Degraded(u8);

/// Every reason with its name in exports, in the order of the exports.
const NAMES: [(Degraded, &str); 7] = [
    (Degraded::MIDSTREAM, "midstream"),
    (Degraded::GAP, "gap"),
    (Degraded::CUT_PACKET, "cut_packet"),
    (Degraded::LOST_PACKETS, "lost_packets"),
    (Degraded::CAPTURE_END, "capture_end"),
    (Degraded::NOT_READ, "not_read"),
    (Degraded::TIME_BACK, "time_back"),
];

impl Degraded {
    /// Nothing is missing.
    pub const NONE: Self = Self(0);
    /// The connection was open before the capture began.
    pub const MIDSTREAM: Self = Self(1);
    /// Bytes between captured bytes are not in the capture.
    pub const GAP: Self = Self(2);
    /// A packet was truncated by the snapshot length.
    pub const CUT_PACKET: Self = Self(4);
    /// The capturing program or the kernel reports lost packets.
    pub const LOST_PACKETS: Self = Self(8);
    /// The capture ended before the result was complete.
    pub const CAPTURE_END: Self = Self(16);
    /// The connection went on in a protocol that is not decoded, or a cap on memory was reached.
    pub const NOT_READ: Self = Self(32);
    /// Packet times go back inside it: its durations are not known.
    pub const TIME_BACK: Self = Self(64);

    /// Returns the set as a number, for compact storage.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Creates a set from [`Degraded::bits`].
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// Returns whether the set is empty.
    #[must_use]
    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Returns whether the set has any reason.
    #[must_use]
    pub fn any(self) -> bool {
        self.0 != 0
    }

    /// Returns whether the set has every reason of `other`.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns whether messages may be in what was not captured between the first and the last
    /// packet of the capture, or in what is not decoded.
    #[must_use]
    pub fn may_hide_messages(self) -> bool {
        let lacks =
            Self::MIDSTREAM.0 | Self::GAP.0 | Self::CUT_PACKET.0 | Self::LOST_PACKETS.0 | Self::NOT_READ.0;
        self.0 & lacks != 0
    }

    /// Returns the union of both sets.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Adds the reasons of `other`.
    pub fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Returns the names of the reasons, in the order of the exports.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().filter(move |(reason, _)| self.contains(*reason)).map(|(_, name)| *name)
    }
}

impl fmt::Debug for Degraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

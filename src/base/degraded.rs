//! Why a result may be incomplete: the evidence that the capture does not hold.

use std::fmt;

/// A set of reasons why something that was seen may not be the whole of it.
///
/// The same reasons stand on a gap in a stream, on what was read around it, and on the rows that are printed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Degraded(u8);

/// Every reason with its name in the exports, in the order in which they are printed.
const NAMES: [(Degraded, &str); 5] = [
    (Degraded::MIDSTREAM, "midstream"),
    (Degraded::GAP, "gap"),
    (Degraded::CUT_PACKET, "cut_packet"),
    (Degraded::LOST_PACKETS, "lost_packets"),
    (Degraded::CAPTURE_END, "capture_end"),
];

impl Degraded {
    /// Nothing is missing.
    pub const NONE: Self = Self(0);
    /// The connection was open before the capture began.
    pub const MIDSTREAM: Self = Self(1);
    /// Bytes between captured bytes are not in the capture.
    pub const GAP: Self = Self(2);
    /// A packet was cut by the snapshot length.
    pub const CUT_PACKET: Self = Self(4);
    /// The capturing program or the kernel says that it lost packets.
    pub const LOST_PACKETS: Self = Self(8);
    /// The capture ended first.
    pub const CAPTURE_END: Self = Self(16);

    /// The set as a number, to be kept somewhere.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }

    /// The set that [`Degraded::bits`] gave.
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// Whether no reason is in the set.
    #[must_use]
    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Whether any reason is in the set.
    #[must_use]
    pub fn any(self) -> bool {
        self.0 != 0
    }

    /// Whether every reason of `other` is in the set.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Adds the reasons of `other`.
    pub fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// The names of the reasons in the set, in the order of the exports.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().filter(move |(reason, _)| self.contains(*reason)).map(|(_, name)| *name)
    }
}

impl fmt::Debug for Degraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

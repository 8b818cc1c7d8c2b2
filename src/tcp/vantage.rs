//! What each vantage point has shown of a direction.
//!
//! A capture of several devices (`any`, or several interfaces in one file) has a packet once per
//! device on its way. What a vantage point shows for the first time is a copy if another one showed
//! it before; what it shows again was sent again. IP identifications do not tell: IPv6 has none,
//! and Linux sends 0 in parts of the handshake.

use super::seq::Seq;

/// Most vantage points that are told apart; further ones count as the last. A packet from a
/// container passes about six.
const MAX_VANTAGES: usize = 16;

/// Index of a vantage point, below [`MAX_VANTAGES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Vantage(u8);

impl Vantage {
    /// Returns the bit of this vantage point in a set of them.
    pub(super) fn bit(self) -> u16 {
        1 << self.0.min(MAX_VANTAGES as u8 - 1)
    }
}

/// The vantage points of a direction.
#[derive(Debug, Default)]
pub(super) struct VantagePoints {
    /// The first one; `None` before the first packet.
    first: Option<VantagePoint>,
    /// The others. Nearly always empty, so that nothing is allocated.
    others: Vec<VantagePoint>,
}

#[derive(Clone, Copy, Debug)]
struct VantagePoint {
    vantage: u32,
    /// Sequence number after the last byte, SYN or FIN that was shown; `None` before the first.
    next: Option<Seq>,
}

impl VantagePoints {
    /// Records a packet that carries `len` sequence numbers from `seq`. Returns its vantage point,
    /// and whether it shows them there for the first time while there are other vantage points.
    #[inline]
    pub(super) fn record(&mut self, vantage: u32, seq: Seq, len: u64) -> (Vantage, bool) {
        let several = !self.others.is_empty();
        let first = self.first.get_or_insert(VantagePoint { vantage, next: None });
        if first.vantage == vantage {
            let is_new = first.record(seq, len);
            return (Vantage(0), several && is_new);
        }
        self.record_other(vantage, seq, len)
    }

    #[cold]
    fn record_other(&mut self, vantage: u32, seq: Seq, len: u64) -> (Vantage, bool) {
        let known = self.others.iter().position(|other| other.vantage == vantage);
        let place = known.unwrap_or_else(|| {
            if self.others.len() < MAX_VANTAGES - 1 {
                self.others.push(VantagePoint { vantage, next: None });
            }
            self.others.len().saturating_sub(1)
        });
        let is_new = self.others.get_mut(place).is_some_and(|other| other.record(seq, len));
        // Below 16.
        (Vantage(u8::try_from(place + 1).unwrap_or(0)), is_new)
    }
}

impl VantagePoint {
    /// Returns whether nothing at or after `seq` was shown before.
    fn record(&mut self, seq: Seq, len: u64) -> bool {
        if len == 0 {
            return false;
        }
        let is_new = self.next.is_none_or(|next| !seq.is_before(next));
        let end = seq.plus(len);
        if self.next.is_none_or(|next| next.is_before(end)) {
            self.next = Some(end);
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_vantage_point_shows_no_copies() {
        let mut vantage_points = VantagePoints::default();
        for seq in [1, 101, 1, 101, 201] {
            assert_eq!(vantage_points.record(7, Seq(seq), 100), (Vantage(0), false));
        }
    }

    proptest! {
        /// Each sent segment passes all vantage points, one after the other, and some are sent
        /// again later: the number of copies is that of the later vantage points.
        #[test]
        fn what_passes_several_vantage_points_in_order_is_sent_once(
            points in 2u32..6,
            lens in proptest::collection::vec(1u64..5000, 1..40),
            first in any::<u32>(),
        ) {
            let mut vantage_points = VantagePoints::default();
            let mut seq = Seq(first);
            // The handshake makes all of them known.
            for point in 0..points {
                vantage_points.record(point, seq, 1);
            }
            seq = seq.plus(1);
            for len in &lens {
                for point in 0..points {
                    prop_assert!(vantage_points.record(point, seq, *len).1);
                }
                for point in 0..points {
                    prop_assert!(!vantage_points.record(point, seq, *len).1, "sent again");
                }
                seq = seq.plus(*len);
            }
        }
    }
}

//! Sequence numbers: all arithmetic on them is here (RFC 9293 section 3.4).
//!
//! A sequence number wraps at 4 GiB; everything else in the room counts in positions, which do not wrap: position 0 is
//! the first byte of the direction that was read.

use crate::base::limits;

/// A sequence or acknowledgement number. Has no order: what is before what depends on where one stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seq(pub(super) u32);

impl Seq {
    /// The number `n` bytes later.
    pub(super) fn plus(self, n: u64) -> Self {
        // Modulo 2^32 is what is wanted.
        Self(self.0.wrapping_add((n & u64::from(u32::MAX)) as u32))
    }

    /// The number before this one.
    pub(super) fn before(self) -> Self {
        Self(self.0.wrapping_sub(1))
    }

    /// How many bytes one has to go forward from `other` to come here.
    pub(super) fn ahead_of(self, other: Self) -> u32 {
        self.0.wrapping_sub(other.0)
    }
}

/// Where a direction stands: one place, as a sequence number and as a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The next sequence number that is expected.
    pub(super) seq: Seq,
    /// How many bytes of the direction lie before it, those in gaps included.
    pub(super) position: u64,
}

/// Where a sequence number lies, seen from a [`Cursor`].
///
/// ```text
///   0          MAX_AHEAD                                4 GiB - 1 GiB          4 GiB = 0
///   |-- Ahead -----|---------------- Far ---------------------|----- Behind -------|
///   cursor
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At this position, at or a little after the cursor.
    Ahead(u64),
    /// This many bytes before the cursor.
    Behind(u64),
    /// Neither. If it lies ahead, it is at this position.
    Far(u64),
}

/// How far back old copies may lie, in bytes: the largest window that TCP can express (RFC 7323 section 2.3).
const BEHIND: u32 = 1 << 30;

impl Cursor {
    /// Position 0 at `seq`.
    pub(super) fn at(seq: Seq) -> Self {
        Self { seq, position: 0 }
    }

    /// Goes forward over `n` bytes.
    pub(super) fn advance(&mut self, n: u64) {
        self.seq = self.seq.plus(n);
        self.position = self.position.saturating_add(n);
    }

    /// Where `seq` lies.
    pub(super) fn locate(self, seq: Seq) -> Place {
        let ahead = seq.ahead_of(self.seq);
        let position = self.position.saturating_add(u64::from(ahead));
        if ahead <= limits::MAX_AHEAD {
            return Place::Ahead(position);
        }
        match self.seq.ahead_of(seq) {
            behind if behind <= BEHIND => Place::Behind(u64::from(behind)),
            _ => Place::Far(position),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The oracle: a stream of 64-bit positions whose first byte has any sequence number.
        #[test]
        fn agrees_with_positions_that_do_not_wrap(
            first: u32,
            at in (1u64 << 32)..(1u64 << 40),
            delta in -(1i64 << 31)..(1i64 << 31),
        ) {
            let seq = |position: u64| Seq(((u64::from(first) + position) % (1 << 32)) as u32);
            let mut cursor = Cursor::at(Seq(first));
            cursor.advance(at);
            prop_assert_eq!(cursor.seq, seq(at));
            let there = at.checked_add_signed(delta).unwrap();
            let want = match delta {
                0..=0x0400_0000 => Place::Ahead(there),
                -0x4000_0000..=-1 => Place::Behind(delta.unsigned_abs()),
                0x0400_0001.. => Place::Far(there),
                _ => Place::Far(there + (1 << 32)),
            };
            prop_assert_eq!(cursor.locate(seq(there)), want);
            prop_assert_eq!(seq(there).plus(1).before(), seq(there));
            prop_assert_eq!(seq(there).plus(u64::from(cursor.seq.ahead_of(seq(there)))), cursor.seq);
        }
    }
}

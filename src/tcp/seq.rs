//! Arithmetic on sequence numbers (RFC 9293 section 3.4).
//!
//! Sequence numbers wrap at 4 GiB. The rest of this module uses positions, which do not wrap:
//! position 0 is the first byte of the direction that was read.

use crate::base::limits;

/// A sequence or acknowledgement number. Has no order of its own: which of two comes first depends
/// on the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seq(pub(super) u32);

impl Seq {
    /// Returns the number `n` bytes later.
    pub(super) fn plus(self, n: u64) -> Self {
        // Modulo 2^32 by intention.
        Self(self.0.wrapping_add((n & u64::from(u32::MAX)) as u32))
    }

    /// Returns the number before this one.
    pub(super) fn before(self) -> Self {
        Self(self.0.wrapping_sub(1))
    }

    /// Returns whether this number comes before `other`, which is at most 2 GiB away.
    pub(super) fn is_before(self, other: Self) -> bool {
        (1..1 << 31).contains(&other.ahead_of(self))
    }

    /// Returns the distance forward from `other` to this number, in bytes.
    pub(super) fn ahead_of(self, other: Self) -> u32 {
        self.0.wrapping_sub(other.0)
    }
}

/// The next expected byte of a direction, as a sequence number and as a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The next sequence number that is expected.
    pub(super) seq: Seq,
    /// Number of bytes before it, gaps included.
    pub(super) position: u64,
}

/// A sequence number relative to a [`Cursor`].
///
/// ```text
///   0          MAX_AHEAD                                4 GiB - 1 GiB          4 GiB = 0
///   |-- Ahead -----|---------------- Far ---------------------|----- Behind -------|
///   cursor
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// At this position: at the cursor, or up to `MAX_AHEAD` after it.
    Ahead(u64),
    /// This many bytes before the cursor.
    Behind(u64),
    /// Neither. If it is ahead, it is at this position.
    Far(u64),
}

/// Largest distance of an old copy behind the cursor, in bytes: the largest TCP window (RFC 7323
/// section 2.3).
const BEHIND: u32 = 1 << 30;

impl Cursor {
    /// Creates a cursor at `seq`, position 0.
    pub(super) fn at(seq: Seq) -> Self {
        Self { seq, position: 0 }
    }

    /// Advances by `n` bytes.
    pub(super) fn advance(&mut self, n: u64) {
        self.seq = self.seq.plus(n);
        self.position = self.position.saturating_add(n);
    }

    /// Locates `seq` relative to the cursor.
    pub(super) fn locate(self, seq: Seq) -> Position {
        let ahead = seq.ahead_of(self.seq);
        let position = self.position.saturating_add(u64::from(ahead));
        if ahead <= limits::MAX_AHEAD {
            return Position::Ahead(position);
        }
        match self.seq.ahead_of(seq) {
            behind if behind <= BEHIND => Position::Behind(u64::from(behind)),
            _ => Position::Far(position),
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
                0..=0x0400_0000 => Position::Ahead(there),
                -0x4000_0000..=-1 => Position::Behind(delta.unsigned_abs()),
                0x0400_0001.. => Position::Far(there),
                _ => Position::Far(there + (1 << 32)),
            };
            prop_assert_eq!(cursor.locate(seq(there)), want);
            prop_assert_eq!(seq(there).plus(1).before(), seq(there));
            prop_assert_eq!(seq(there).plus(u64::from(cursor.seq.ahead_of(seq(there)))), cursor.seq);
        }
    }
}

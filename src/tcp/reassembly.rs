//! Out-of-order bytes of one direction: pieces that cannot be delivered yet, each with its packet.
//!
//! Of several copies of a byte the first is kept. Positions are stream offsets, not sequence
//! numbers.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::base::Origin;

/// Approximate memory of a held piece besides its bytes, so that many tiny segments reach the cap
/// too.
const PIECE_COST: usize = 128;

/// Pieces of one direction that lie after a hole.
///
/// ```text
///   position:  cursor     a            b        c       d
///              |  (hole)  |== packet 7 =|  hole  |= 9 =|.. cut ..|
///   data                  a                      c
///   cuts                                                d
/// ```
///
/// Bytes that the snapshot length cut off are kept apart: another copy of them takes precedence.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// By position; pieces never overlap and are never empty.
    data: BTreeMap<u64, Piece>,
    /// Ranges that were cut off: start position to end (exclusive) and packet. May overlap each
    /// other and data.
    cuts: BTreeMap<u64, (u64, Origin)>,
    bytes: usize,
}

/// Bytes of one packet.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// Never empty.
    pub(super) bytes: Bytes,
    /// The packet.
    pub(super) origin: Origin,
}

/// Result of [`Store::take`] at a position.
#[derive(Debug)]
pub(super) enum Next {
    /// These bytes.
    Data(Piece),
    /// Number of bytes that were cut off, and the packet.
    Cut(u64, Origin),
}

/// Result of inserting a piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stored {
    /// Number of bytes that are new.
    pub(super) fresh: u64,
    /// Whether a held byte differs from its new copy.
    pub(super) conflict: bool,
}

impl Store {
    /// Whether no bytes are held.
    pub(super) fn is_empty(&self) -> bool {
        self.data.is_empty() && self.cuts.is_empty()
    }

    /// Number of bytes held.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes as u64
    }

    /// Approximate memory of the store, in bytes.
    pub(super) fn cost(&self) -> usize {
        self.bytes + PIECE_COST * (self.data.len() + self.cuts.len())
    }

    /// Position of the first piece, and its packet.
    pub(super) fn first(&self) -> Option<(u64, Origin)> {
        let data = self.data.first_key_value().map(|(at, piece)| (*at, piece.origin));
        let cut = self.cuts.first_key_value().map(|(at, (_, origin))| (*at, *origin));
        match (data, cut) {
            (Some(data), Some(cut)) if cut.0 < data.0 => Some(cut),
            (None, cut) => cut,
            (data, _) => data,
        }
    }

    /// The packet of the first piece that begins after `at`; `None` if none does.
    pub(super) fn next_after(&self, at: u64) -> Option<Origin> {
        self.data.range(at..).next().map(|(_, piece)| piece.origin)
    }

    /// Holds the new bytes of `piece`, which lies at `at`. With `copy` they are copied, so that a
    /// few bytes do not keep their block of the capture in memory.
    pub(super) fn insert(&mut self, at: u64, piece: &Piece, copy: bool) -> Stored {
        let mut stored = Stored::default();
        let end = at + piece.bytes.len() as u64;
        let mut place = at;
        while place < end {
            if let Some(held_end) = self.compare(place, at, piece, &mut stored) {
                place = held_end;
                continue;
            }
            let stop = self.data.range(place..).next().map_or(end, |(start, _)| end.min(*start));
            let bytes = piece.bytes.slice((place - at) as usize..(stop - at) as usize);
            let bytes = if copy { Bytes::copy_from_slice(&bytes) } else { bytes };
            stored.fresh += stop - place;
            self.bytes += bytes.len();
            let origin = piece.origin;
            self.data.insert(place, Piece { bytes, origin });
            place = stop;
        }
        stored
    }

    /// If a held piece covers `place`, records whether `piece`, which lies at `at`, differs from it
    /// there, and returns the end of the held piece.
    fn compare(&self, place: u64, at: u64, piece: &Piece, stored: &mut Stored) -> Option<u64> {
        let (start, held) = self.data.range(..=place).next_back()?;
        let held_end = start + held.bytes.len() as u64;
        if held_end <= place {
            return None;
        }
        let ours = piece.bytes.get((place - at) as usize..).unwrap_or_default();
        let theirs = held.bytes.get((place - start) as usize..).unwrap_or_default();
        stored.conflict |= ours.iter().zip(theirs).any(|(a, b)| a != b);
        Some(held_end)
    }

    /// Records that the bytes from `at` to `end` (exclusive) were cut off in packet `origin`.
    pub(super) fn insert_cut(&mut self, at: u64, end: u64, origin: Origin) {
        if at >= end {
            return;
        }
        let cut = self.cuts.entry(at).or_insert((end, origin));
        if cut.0 < end {
            *cut = (end, origin);
        }
    }

    /// Removes and returns the piece at `cursor`; `None` if a hole begins there. No held piece may
    /// lie before `cursor`.
    pub(super) fn take(&mut self, cursor: u64) -> Option<Next> {
        let first = self.data.first_key_value().map(|(at, _)| *at);
        if first == Some(cursor) {
            let (_, piece) = self.data.pop_first()?;
            self.bytes -= piece.bytes.len();
            return Some(Next::Data(piece));
        }
        while let Some(cut) = self.cuts.first_entry() {
            let (end, origin) = *cut.get();
            if *cut.key() > cursor {
                return None;
            }
            if end <= cursor {
                cut.remove();
                continue;
            }
            let stop = first.map_or(end, |first| first.min(end));
            if stop == end {
                cut.remove();
            }
            return Some(Next::Cut(stop - cursor, origin));
        }
        None
    }

    /// Drops all bytes from `end` on; returns their number.
    pub(super) fn truncate(&mut self, end: u64) -> u64 {
        let before = self.bytes;
        for piece in self.data.split_off(&end).into_values() {
            self.bytes -= piece.bytes.len();
        }
        if let Some(mut last) = self.data.last_entry() {
            let keep = (end - *last.key()) as usize;
            let piece = last.get_mut();
            self.bytes -= piece.bytes.len().saturating_sub(keep);
            piece.bytes.truncate(keep);
        }
        self.cuts.split_off(&end);
        for (stop, _) in self.cuts.values_mut() {
            *stop = (*stop).min(end);
        }
        (before - self.bytes) as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::tcp::fuzz::{Step, check_store};

    fn step() -> impl Strategy<Value = Step> {
        let range = (0usize..60, 1usize..20);
        prop_oneof![
            6 => (range.clone(), 0u8..3).prop_map(|((at, len), variant)| Step::Piece { at, len, variant }),
            3 => range.prop_map(|(at, len)| Step::Cut { at, len }),
            1 => Just(Step::Take),
        ]
    }

    proptest! {
        #[test]
        fn keeps_the_first_copy_of_every_byte(
            steps in prop::collection::vec(step(), 0..40),
            end in 40usize..90,
        ) {
            check_store(&steps, 100, end);
        }
    }
}

//! The chunks of a body (RFC 9112 section 7.1): their sizes, and finding the next one after a gap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::scan;
use crate::base::limits;

/// Largest chunk that is awaited to confirm a boundary, in bytes.
const MAX_CONFIRMED: u64 = 16 << 20;

/// Starts of chunks that are awaited at the same time.
const MAX_OPEN: usize = 256;

/// A search for the next chunk, in bytes that come piece by piece: what was searched is not
/// searched again.
///
/// A chunk is found when its size line, its data and the line end behind it are there and
/// consistent. Most often one begins where the bytes begin, otherwise behind a line end. The one
/// that is complete first is taken, so the pieces do not count.
#[derive(Debug)]
pub(super) struct ChunkSearch {
    /// Offset in the direction from which the search goes on.
    at: u64,
    /// Whether a line begins there; else the end of one is searched.
    is_at_line: bool,
    /// Chunks that may have begun: where the data ends, and where the size line begins.
    open: BinaryHeap<Reverse<(u64, u64)>>,
}

/// The front of some bytes, read as a size line.
enum SizeLine {
    /// The size of the chunk, and the length of the line with its end.
    Complete(u64, usize),
    Incomplete,
    Not,
}

impl ChunkSearch {
    /// Creates a search that begins at this offset of the direction.
    pub(super) fn from(offset: u64) -> Self {
        Self { at: offset, is_at_line: true, open: BinaryHeap::new() }
    }

    /// Returns what it allocated, in bytes.
    pub(super) fn held(&self) -> usize {
        self.open.capacity() * size_of::<(u64, u64)>()
    }

    /// Searches on in `bytes`, which begin at `offset`: for a chunk that is complete before
    /// `until`, a position in `bytes`. Returns the position of its size line.
    pub(super) fn find(&mut self, bytes: &[u8], offset: u64, until: usize) -> Option<usize> {
        let position = |of: u64| usize::try_from(of.saturating_sub(offset)).unwrap_or(usize::MAX);
        let bytes = bytes.get(..until)?;
        loop {
            let rest = bytes.get(position(self.at)..)?;
            if !self.is_at_line {
                let Some(end) = memchr::memchr(b'\n', rest) else {
                    self.at = offset + bytes.len() as u64;
                    break;
                };
                self.at += end as u64 + 1;
                self.is_at_line = true;
                continue;
            }
            match size_line(rest) {
                SizeLine::Incomplete => break,
                SizeLine::Not => self.is_at_line = false,
                SizeLine::Complete(size, len) => {
                    let data = self.at + len as u64;
                    let found = self.confirmed(bytes, offset, position(data));
                    if found.is_some() {
                        return found;
                    }
                    if size <= MAX_CONFIRMED && self.open.len() < MAX_OPEN {
                        self.open.push(Reverse((data + size, self.at)));
                    }
                    self.at = data;
                }
            }
        }
        self.confirmed(bytes, offset, bytes.len())
    }

    /// Returns the position of the first chunk that is complete before `until`; forgets those that
    /// turn out to be none.
    pub(super) fn confirmed(&mut self, bytes: &[u8], offset: u64, until: usize) -> Option<usize> {
        let until = offset + until as u64;
        while let Some(Reverse((end, _))) = self.open.peek()
            && end + 2 <= until
        {
            let Reverse((end, start)) = self.open.pop()?;
            let behind = usize::try_from(end - offset).ok().and_then(|end| bytes.get(end..));
            if behind.is_some_and(|behind| behind.starts_with(b"\r\n")) {
                return usize::try_from(start - offset).ok();
            }
        }
        None
    }

    /// Returns the offset behind the last small chunk that may lie around this offset; `None` if
    /// there is none.
    pub(super) fn end_around(&self, at: u64) -> Option<u64> {
        let is_around = |start: u64, end: u64| start < at && at < end;
        let is_small = |start: u64, end: u64| end - start <= limits::MAX_WINDOW as u64;
        let open = self.open.iter().map(|Reverse((end, start))| (*start, *end));
        let around = open.filter(|(start, end)| is_around(*start, *end) && is_small(*start, *end));
        around.map(|(_, end)| end + 2).max()
    }

    /// Returns the offset of the first byte that is still needed.
    pub(super) fn needs_from(&self) -> u64 {
        let open = self.open.iter().map(|Reverse((_, start))| *start).min();
        open.map_or(self.at, |open| open.min(self.at))
    }
}

fn size_line(bytes: &[u8]) -> SizeLine {
    if let Some((size, len)) = scan::chunk_line(bytes) {
        return SizeLine::Complete(size, len);
    }
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let rest = bytes.get(digits..).unwrap_or_default();
    let may_go_on = digits > 0 && rest.len() < scan::MAX_EXTENSION && memchr::memchr(b'\n', rest).is_none();
    if digits <= scan::MAX_SIZE_DIGITS && (rest.is_empty() || may_go_on) {
        SizeLine::Incomplete
    } else {
        SizeLine::Not
    }
}

/// Reads the chunk-size line at the front as nearly all programs write it: up to eight digits and a
/// line end. Returns the size, and the length of the line; `None` if it has another form, or is
/// incomplete.
pub(super) fn plain_size(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut size = 0;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\r' if at > 0 && bytes.get(at + 1) == Some(&b'\n') => return Some((size, at + 2)),
            _ => return None,
        };
        size = (size << 4) | u64::from(digit);
    }
    None
}

/// Parses a number of hexadecimal digits; `None` if it has none, or does not fit into 64 bits.
pub(super) fn hexadecimal(digits: &[u8]) -> Option<u64> {
    let digit = |digit: &u8| char::from(*digit).to_digit(16).map(u64::from);
    let number =
        digits.iter().try_fold(0_u64, |number, next| number.checked_mul(16)?.checked_add(digit(next)?));
    number.filter(|_| !digits.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_chunk_that_is_complete_first_is_found() {
        for (bytes, found) in [
            (&b"3\r\nabc\r\n"[..], Some(0)),
            (b"3\r\nabc", None),
            (b"rest\r\n3\r\nabc\r\n", Some(6)),
            (b"ffff\r\n3\r\nabc\r\n", Some(6)),
            (b"0\r\n\r\n", Some(0)),
            (b"3\r\nabcd\r\n2;x=y\r\nab\r\n", Some(9)),
        ] {
            assert_eq!(ChunkSearch::from(0).find(bytes, 0, bytes.len()), found, "{bytes:?}");
        }
    }

    proptest! {
        /// What is found does not depend on the pieces, though bytes that are not needed are
        /// dropped between them.
        #[test]
        fn a_search_in_pieces_finds_what_a_search_of_the_whole_finds(
            parts in prop::collection::vec(
                prop::sample::select(vec!["3\r\n", "abc", "\r\n", "\n", "1f\r\n", "1;", "x", "ffffffffff", "0"]),
                0..40,
            ),
            cuts in prop::collection::vec(0usize..120, 0..12),
        ) {
            let bytes = parts.concat().into_bytes();
            let whole = ChunkSearch::from(7).find(&bytes, 7, bytes.len());
            let mut ends: Vec<_> = cuts.iter().map(|cut| (*cut).min(bytes.len())).collect();
            ends.push(bytes.len());
            ends.sort_unstable();
            let (mut search, mut from, mut found) = (ChunkSearch::from(7), 0, None);
            for end in ends {
                found = search.find(&bytes[from..end], 7 + from as u64, end - from).map(|at| from + at);
                if found.is_some() {
                    break;
                }
                from = (search.needs_from() - 7) as usize;
            }
            prop_assert_eq!(found, whole);
        }
    }
}

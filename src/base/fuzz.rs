//! What the fuzz targets of the layers share: choices read from bytes, and a connection that bytes
//! describe. Compiled for tests and with the feature `fuzz`.

use bytes::Bytes;

use super::{Degraded, End, Ending, Feed, Origin, Span};

/// Reads choices from bytes. Behind their end every choice is 0.
#[derive(Clone, Debug)]
pub struct Choices<'a> {
    rest: &'a [u8],
}

impl<'a> Choices<'a> {
    /// Reads from these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Returns whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes a byte.
    pub fn u8(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    /// Takes two bytes, the higher one first.
    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.u8(), self.u8()])
    }

    /// Takes four bytes, the highest one first.
    pub fn u32(&mut self) -> u32 {
        u32::from_be_bytes([self.u8(), self.u8(), self.u8(), self.u8()])
    }

    /// Takes up to `len` bytes.
    pub fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (front, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        front
    }

    /// Takes a length and as many bytes.
    pub fn piece(&mut self) -> &'a [u8] {
        let len = self.u16();
        self.bytes(len.into())
    }

    /// Takes everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }
}

/// A kind of step of [`feeds`], in bits 1 to 3 of its first byte.
const GAP: u8 = 6;
const END: u8 = 7;

/// Returns what two ends send on a connection: steps of a byte (sender and kind), a length and as
/// many bytes of data. Each end ends once, after everything else.
#[must_use]
pub fn feeds(choices: &mut Choices<'_>) -> Vec<(End, Feed<End>)> {
    let (mut feeds, mut ended, mut number) = (Vec::new(), [false; 2], 0_u32);
    while !choices.is_empty() {
        let (choice, len) = (choices.u8(), choices.u16());
        let from = if choice & 1 == 0 { End::A } else { End::B };
        let (is_ended, _) = from.split_mut(&mut ended);
        number += 1;
        let at = Origin::new(number.into(), i64::from(number) * 1_000_000);
        let feed = match choice >> 1 & 7 {
            END => {
                let how = [Ending::Closed, Ending::Reset(from), Ending::Reset(from.other()), Ending::Open];
                let how = how.get(usize::from(len % 4)).copied().unwrap_or(Ending::Closed);
                Feed::Eof { how, at }
            }
            GAP => Feed::Gap { len: len.into(), why: Degraded::GAP, at },
            _ => match choices.bytes(len.into()) {
                [] => continue,
                bytes => Feed::Data(Bytes::copy_from_slice(bytes), Span::of(at)),
            },
        };
        if !*is_ended {
            *is_ended = matches!(feed, Feed::Eof { .. });
            feeds.push((from, feed));
        }
    }
    let at = Origin::new(u64::from(number) + 1, i64::from(number) * 1_000_000);
    for end in End::BOTH {
        if !*end.of(&ended) {
            feeds.push((end, Feed::Eof { how: Ending::Open, at }));
        }
    }
    feeds
}

/// Returns the same in pieces of `len` bytes at most.
#[must_use]
pub fn cut(feeds: &[(End, Feed<End>)], len: usize) -> Vec<(End, Feed<End>)> {
    let mut pieces = Vec::new();
    for (from, feed) in feeds {
        match feed {
            Feed::Data(bytes, span) => {
                let data = bytes.chunks(len.max(1)).map(|part| Feed::Data(bytes.slice_ref(part), *span));
                pieces.extend(data.map(|feed| (*from, feed)));
            }
            other => pieces.push((*from, other.clone())),
        }
    }
    pieces
}

/// Returns the bytes from which [`feeds`] makes these steps.
#[must_use]
pub fn script(feeds: &[(End, Feed<End>)]) -> Vec<u8> {
    let mut script = Vec::new();
    for (from, feed) in feeds {
        let sender = u8::from(*from == End::B);
        let mut step = |kind: u8, len: u16, bytes: &[u8]| {
            script.push(kind << 1 | sender);
            script.extend(len.to_be_bytes());
            script.extend(bytes);
        };
        match feed {
            Feed::Data(bytes, _) => {
                for part in bytes.chunks(u16::MAX.into()) {
                    step(0, u16::try_from(part.len()).unwrap_or(u16::MAX), part);
                }
            }
            Feed::Gap { len, .. } => step(GAP, u16::try_from(*len).unwrap_or(u16::MAX), &[]),
            Feed::Eof { how: Ending::Closed, .. } => step(END, 0, &[]),
            Feed::Eof { how: Ending::Reset(by), .. } => step(END, if by == from { 1 } else { 2 }, &[]),
            Feed::Eof { how: Ending::Open, .. } => step(END, 3, &[]),
        }
    }
    script
}

/// Checks that two texts are the same.
///
/// # Panics
/// If they differ; the message is about the first difference.
pub fn assert_same(one: &str, other: &str) {
    let at = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    if one.len() != other.len() || at < one.len() {
        let start = |text: &str| text.floor_char_boundary(at.saturating_sub(150));
        let around =
            |text: &str| text.get(start(text)..).unwrap_or_default().chars().take(300).collect::<String>();
        let (one, other) = (around(one), around(other));
        assert!(one == other && one.is_empty(), "the same bytes in other pieces:\n{one}\n  or\n{other}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_gives_its_steps() {
        let span = Span::of(Origin::new(1, 1_000_000));
        let at = |number: u64| Origin::new(number, number as i64 * 1_000_000);
        let all = vec![
            (End::A, Feed::Data(Bytes::from_static(b"abcdefg"), span)),
            (End::B, Feed::Gap { len: 9, why: Degraded::GAP, at: at(2) }),
            (End::B, Feed::Eof { how: Ending::Reset(End::A), at: at(3) }),
            (End::A, Feed::Eof { how: Ending::Closed, at: at(4) }),
        ];
        let read = feeds(&mut Choices::new(&script(&all)));
        assert_eq!(format!("{read:?}"), format!("{all:?}"));
        let pieces = cut(&all, 3);
        assert_eq!(pieces.iter().map(|(_, feed)| feed.data_len()).collect::<Vec<_>>(), [3, 3, 1, 0, 0, 0]);
    }
}

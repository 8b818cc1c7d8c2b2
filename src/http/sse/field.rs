//! The fields of an event: which one a line is, and where its value begins.

use memchr::memchr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Data,
    Event,
    Id,
    Retry,
    Unknown,
}

impl Field {
    /// Returns the field of a line, and where in the line its value begins. The first
    /// [`LONGEST_NAME`] bytes decide, except for the blank before the value.
    pub(super) fn split(line: &[u8]) -> (Self, usize) {
        match line {
            // Nearly every line.
            [b'd', b'a', b't', b'a', b':', b' ', ..] => return (Self::Data, 6),
            [b'e', b'v', b'e', b'n', b't', b':', b' ', ..] => return (Self::Event, 7),
            _ => {}
        }
        let head = line.get(..LONGEST_NAME).unwrap_or(line);
        let colon = memchr(b':', head);
        let name = colon.and_then(|at| line.get(..at)).unwrap_or(line);
        let field = NAMES.iter().find(|(known, _)| *known == name);
        let from = match colon {
            Some(at) => at + 1 + usize::from(line.get(at + 1) == Some(&b' ')),
            None => line.len(),
        };
        (field.map_or(Self::Unknown, |(_, field)| *field), from)
    }
}

/// Returns the name of a line of an unknown field, and the field that was meant: the same but for
/// its case, or for blanks or a byte order mark around it. `None` if no field is alike.
pub(super) fn misspelled(line: &[u8]) -> Option<(&[u8], &'static [u8])> {
    let head = line.get(..LONGEST_LOOK).unwrap_or(line);
    let name = head.get(..memchr(b':', head)?)?;
    let bare = name.strip_prefix(&BOM).unwrap_or(name).trim_ascii();
    let (meant, _) = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(bare))?;
    Some((name, meant))
}

/// Parses the value of a `retry` field; `None` unless it is all digits. Saturates.
pub(super) fn milliseconds(value: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(value).ok()?;
    let all = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    all.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// The fields of the standard.
pub(super) const NAMES: [(&[u8], Field); 4] =
    [(b"data", Field::Data), (b"event", Field::Event), (b"id", Field::Id), (b"retry", Field::Retry)];

/// A UTF-8 byte order mark.
pub(super) const BOM: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Length of the longest name of [`NAMES`] with its colon: this many bytes of a line determine its
/// field.
const LONGEST_NAME: usize = 6;

/// This many bytes of a line also tell whether its field is [`misspelled`].
pub(super) const LONGEST_LOOK: usize = 12;

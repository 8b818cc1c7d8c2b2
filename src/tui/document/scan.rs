//! The lines of a document, as ranges of its bytes: from one pass over the tokens of JSON, or over
//! plain text that is wrapped.

use std::ops::Range;

use unicode_width::UnicodeWidthChar;

use crate::base::sanitize;

/// The number of lines of a document; the rest is one more line. A line takes 28 bytes, all take 56
/// MB.
pub(super) const MAX_LINES: usize = 2_000_000;

/// The width of a line of plain text, in columns: fits a terminal of 80.
pub(super) const WRAP_WIDTH: usize = 74;

/// The columns at the end of a line of plain text in which it is broken at a blank.
const SLACK: usize = 24;

/// A line: a member's name, a value or a bracket.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// The number of objects and arrays that contain the line.
    pub(super) depth: u16,
    /// Whether a comma follows.
    pub(super) comma: bool,
    /// Whether the value that it opens is folded.
    pub(super) folded: bool,
    /// The name with its quotes; empty if there is none.
    pub(super) name: Range<u32>,
    /// The value; the opening bracket if the value has lines of its own.
    pub(super) value: Range<u32>,
    /// Whether it is a closing bracket.
    pub(super) closes: bool,
    /// For an opening bracket the line that closes it, for a closing bracket the line that opens
    /// it; else 0.
    pub(super) partner: u32,
}

impl Line {
    fn new(depth: usize, name: Range<u32>, value: Range<usize>) -> Self {
        // Bodies have at most 64 MiB, so offsets fit.
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let depth = u16::try_from(depth).unwrap_or(u16::MAX);
        let value = offset(value.start)..offset(value.end);
        Self { depth, comma: false, folded: false, name, value, closes: false, partner: 0 }
    }

    /// Returns the line that closes what this line opens; `None` if it opens nothing.
    pub(super) fn close(&self) -> Option<usize> {
        (!self.closes && self.partner > 0).then_some(self.partner as usize)
    }

    /// Returns the start of the line in the text.
    pub(super) fn start(&self) -> usize {
        (if self.name.is_empty() { self.value.start } else { self.name.start }) as usize
    }
}

/// The lines of a text.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) lines: Vec<Line>,
    /// Whether the last line is the rest beyond [`MAX_LINES`].
    pub(super) cut: bool,
}

/// Returns the lines of a plain text.
pub(super) fn plain(bytes: &[u8]) -> Lines {
    let mut all = Lines::default();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let len = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let mut text = rest.get(..len).unwrap_or_default();
        if let Some(without) = text.strip_suffix(b"\r") {
            text = without;
        }
        let end = at + text.len();
        let mut from = at;
        loop {
            if all.lines.len() >= MAX_LINES {
                all.lines.push(Line::new(0, 0..0, from..bytes.len()));
                all.cut = true;
                return all;
            }
            let to = from + wrapped_len(bytes.get(from..end).unwrap_or_default());
            all.lines.push(Line::new(0, 0..0, from..to));
            from = to;
            if from >= end {
                break;
            }
        }
        at += len + 1;
    }
    all
}

/// Returns the bytes of a line of [`WRAP_WIDTH`] columns, at least one character, broken after a
/// blank if one is near.
fn wrapped_len(line: &[u8]) -> usize {
    // A character that can be shown has at most four bytes, and a column at most a few marks.
    let front = line.get(..WRAP_WIDTH * 16).unwrap_or(line);
    let (mut columns, mut at, mut blank) = (0, 0, None);
    for chunk in front.utf8_chunks() {
        for c in chunk.valid().chars() {
            columns += columns_of(c);
            if columns > WRAP_WIDTH && at > 0 {
                return blank.unwrap_or(at);
            }
            at += c.len_utf8();
            if c == ' ' && columns + SLACK > WRAP_WIDTH {
                blank = Some(at);
            }
        }
        let broken = chunk.invalid().len();
        // A character that the cut would split belongs to the next line.
        if broken > 0 && at + broken == front.len() && front.len() < line.len() && at > 0 {
            return at;
        }
        columns += usize::from(broken > 0);
        if columns > WRAP_WIDTH && at > 0 {
            return blank.unwrap_or(at);
        }
        at += broken;
    }
    at
}

/// Returns the columns of a sanitized character.
fn columns_of(c: char) -> usize {
    match c {
        ' '..='~' => 1,
        c if c.is_control() || c.width().unwrap_or(0) == 0 => {
            sanitize::width(&sanitize::escape(c.encode_utf8(&mut [0; 4])))
        }
        c => c.width().unwrap_or(1),
    }
}

/// Returns the lines of a JSON text. Walks its tokens; the text is valid JSON.
pub(super) fn json(bytes: &[u8]) -> Lines {
    let mut scan = Scan { bytes, all: Lines::default(), open: Vec::new(), name: 0..0 };
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if scan.all.lines.len() >= MAX_LINES {
            scan.cut(at);
            break;
        }
        at = scan.token(*byte, at);
    }
    scan.all
}

struct Scan<'a> {
    bytes: &'a [u8],
    all: Lines,
    /// The lines that open what is not closed yet.
    open: Vec<u32>,
    /// The name whose value follows.
    name: Range<u32>,
}

impl Scan<'_> {
    /// Handles the token at `at`. Returns the position after it.
    fn token(&mut self, byte: u8, at: usize) -> usize {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b':' => at + 1,
            b',' => {
                if let Some(last) = self.all.lines.last_mut() {
                    last.comma = true;
                }
                at + 1
            }
            b'{' | b'[' => {
                let behind = self.skip_blanks(at + 1);
                let is_empty = matches!(self.bytes.get(behind), Some(b'}' | b']'));
                let depth = self.open.len();
                let end = if is_empty { behind + 1 } else { at + 1 };
                if !is_empty {
                    self.open.push(self.all.lines.len() as u32);
                }
                self.push(depth, at..end)
            }
            b'}' | b']' => {
                let closing = self.all.lines.len() as u32;
                let opening = self.open.pop().unwrap_or(closing);
                if let Some(opener) = self.all.lines.get_mut(opening as usize) {
                    opener.partner = closing;
                }
                let next = self.push(self.open.len(), at..at + 1);
                if let Some(closer) = self.all.lines.last_mut() {
                    (closer.closes, closer.partner) = (true, opening);
                }
                next
            }
            b'"' => {
                let end = end_of_string(self.bytes, at);
                let behind = self.skip_blanks(end);
                if self.bytes.get(behind) == Some(&b':') {
                    self.name = at as u32..end as u32;
                    return behind + 1;
                }
                self.push(self.open.len(), at..end)
            }
            _ => {
                let rest = self.bytes.get(at..).unwrap_or_default();
                let len = rest.iter().position(|byte| b",]} \t\r\n".contains(byte)).unwrap_or(rest.len());
                self.push(self.open.len(), at..at + len.max(1))
            }
        }
    }

    fn push(&mut self, depth: usize, value: Range<usize>) -> usize {
        let end = value.end;
        self.all.lines.push(Line::new(depth, std::mem::take(&mut self.name), value));
        end
    }

    /// Makes the rest of the text one line, and closes what is open.
    fn cut(&mut self, at: usize) {
        let last = self.all.lines.len() as u32;
        for opener in std::mem::take(&mut self.open) {
            if let Some(line) = self.all.lines.get_mut(opener as usize) {
                line.partner = last;
            }
        }
        self.name = 0..0;
        self.push(0, at..self.bytes.len());
        self.all.cut = true;
    }

    fn skip_blanks(&self, from: usize) -> usize {
        let blanks = self.bytes.iter().skip(from).take_while(|byte| b" \t\r\n".contains(byte));
        from + blanks.count()
    }
}

/// Returns the position after the closing quote of the string that begins at `from`.
fn end_of_string(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += found;
        if bytes.get(at) == Some(&b'"') {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

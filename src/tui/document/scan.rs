//! The lines of a text: places in its bytes, never copies. One pass over the tokens of JSON, or over lines that are
//! cut where a reader's eye would.

use std::ops::Range;

use unicode_width::UnicodeWidthChar;

use crate::base::sanitize;

/// Lines that a text is cut into; what lies beyond is one more line. 28 bytes each: 56 MB.
pub(super) const MOST_LINES: usize = 2_000_000;

/// Columns of a line of text that is no JSON: it fits a terminal of 80, and longer lines are hard to read.
pub(super) const MEASURE: usize = 74;

/// Columns at the end of such a line in which it is broken at a blank rather than within a word.
const SLACK: usize = 24;

/// A line: a member's name, a value or a bracket.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// In how many objects and arrays it lies.
    pub(super) depth: u16,
    /// Whether a comma follows.
    pub(super) comma: bool,
    /// Whether what it opens is folded away.
    pub(super) folded: bool,
    /// The name with its quotes; empty where it has none.
    pub(super) name: Range<u32>,
    /// The value; of one that goes on in lines of its own the opening bracket.
    pub(super) value: Range<u32>,
    /// Whether it closes what another line opens.
    pub(super) closes: bool,
    /// Of a line that opens the one that closes it, of one that closes the one that opens; of any other 0.
    pub(super) partner: u32,
}

impl Line {
    fn new(depth: usize, name: Range<u32>, value: Range<usize>) -> Self {
        // Bodies are at most 64 MiB long, so that places fit.
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let depth = u16::try_from(depth).unwrap_or(u16::MAX);
        let value = place(value.start)..place(value.end);
        Self { depth, comma: false, folded: false, name, value, closes: false, partner: 0 }
    }

    /// The line that closes what it opens; `None` where it opens nothing.
    pub(super) fn close(&self) -> Option<usize> {
        (!self.closes && self.partner > 0).then_some(self.partner as usize)
    }

    /// Where it begins in the text.
    pub(super) fn start(&self) -> usize {
        (if self.name.is_empty() { self.value.start } else { self.name.start }) as usize
    }
}

/// What a text was cut into.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) lines: Vec<Line>,
    /// Whether the last line is what found no room among [`MOST_LINES`].
    pub(super) cut: bool,
}

/// The lines of a text that is no JSON, or no whole JSON.
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
            if all.lines.len() >= MOST_LINES {
                all.lines.push(Line::new(0, 0..0, from..bytes.len()));
                all.cut = true;
                return all;
            }
            let to = from + measured(bytes.get(from..end).unwrap_or_default());
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

/// How many bytes of a line fit into the [`MEASURE`], at least one character; broken behind a blank where one is near.
fn measured(line: &[u8]) -> usize {
    // No character that can be shown has more than four bytes, no column more than some marks.
    let front = line.get(..MEASURE * 16).unwrap_or(line);
    let (mut columns, mut at, mut blank) = (0, 0, None);
    for chunk in front.utf8_chunks() {
        for c in chunk.valid().chars() {
            columns += columns_of(c);
            if columns > MEASURE && at > 0 {
                return blank.unwrap_or(at);
            }
            at += c.len_utf8();
            if c == ' ' && columns + SLACK > MEASURE {
                blank = Some(at);
            }
        }
        let broken = chunk.invalid().len();
        // A character that the front cut in two belongs to the next line, whole.
        if broken > 0 && at + broken == front.len() && front.len() < line.len() && at > 0 {
            return at;
        }
        columns += usize::from(broken > 0);
        if columns > MEASURE && at > 0 {
            return blank.unwrap_or(at);
        }
        at += broken;
    }
    at
}

/// The columns that a character takes once it is harmless.
fn columns_of(c: char) -> usize {
    match c {
        ' '..='~' => 1,
        c if c.is_control() || c.width().unwrap_or(0) == 0 => {
            sanitize::width(&sanitize::escape(c.encode_utf8(&mut [0; 4])))
        }
        c => c.width().unwrap_or(1),
    }
}

/// The lines of a text that is JSON. Walks its tokens: what is whole JSON needs no second look at its grammar.
pub(super) fn json(bytes: &[u8]) -> Lines {
    let mut scan = Scan { bytes, all: Lines::default(), open: Vec::new(), name: 0..0 };
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if scan.all.lines.len() >= MOST_LINES {
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
    /// The name that waits for its value.
    name: Range<u32>,
}

impl Scan<'_> {
    /// Takes the token at `at`, and says where the next one is looked for.
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

    /// The rest of the text is one line, and closes what is open.
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

/// One beyond the closing quote of the string that begins at `from`.
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

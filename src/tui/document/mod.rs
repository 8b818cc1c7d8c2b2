//! A document to read: JSON as lines that fold, anything else as plain text. Lines are ranges of
//! the text: 10 MB cost their own length and some bytes a line, and each line knows its bytes.
//!
//! Nothing is normalised: `1.0`, `1e5`, repeated names, escapes and numbers of any length are shown
//! as they were sent.

mod scan;
mod text;

use std::borrow::Cow;
use std::ops::Range;

use serde::de::IgnoredAny;

use crate::base::{sanitize, units};

use super::theme::Role;

use scan::{Line, Lines};

/// The largest number of lines that a search finds.
const MAX_MATCHES: usize = 10_000;

/// A text, and which of its lines are folded.
#[derive(Debug, Default)]
pub(super) struct Document {
    bytes: Vec<u8>,
    lines: Vec<Line>,
    /// Whether the last line is the rest of a text with too many lines.
    cut: bool,
    /// The visible lines; `None` if none is folded away.
    shown: Option<Vec<u32>>,
    is_json: bool,
}

/// Options for the text of a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowOptions<'a> {
    /// The text shown instead of values; `None` if they are not masked.
    pub(super) mask: Option<&'a str>,
    /// The searched text; empty if there is no search.
    pub(super) needle: &'a str,
    /// The columns that are available.
    pub(super) columns: usize,
}

/// The result of a search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Matches {
    /// The lines with a match, each once.
    pub(super) lines: Vec<usize>,
    /// Whether there are more than [`MAX_MATCHES`].
    pub(super) is_cut: bool,
}

impl Document {
    /// Returns the document of some bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }

    /// Returns the document of some bytes, without copying them.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        let is_json = !bytes.is_empty() && serde_json::from_slice::<IgnoredAny>(&bytes).is_ok();
        let Lines { lines, cut } = if is_json { scan::json(&bytes) } else { scan::plain(&bytes) };
        Self { bytes, lines, cut, shown: None, is_json }
    }

    /// Returns the document of a text that is not parsed as JSON.
    pub(super) fn plain(text: String) -> Self {
        let bytes = text.into_bytes();
        let Lines { lines, cut } = scan::plain(&bytes);
        Self { bytes, lines, cut, shown: None, is_json: false }
    }

    /// Returns the bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the text, with U+FFFD for what is not UTF-8.
    pub(super) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }

    /// Whether it is JSON.
    pub(super) fn is_json(&self) -> bool {
        self.is_json
    }

    /// Returns the number of rows, without those folded away.
    pub(super) fn rows(&self) -> usize {
        self.shown.as_ref().map_or(self.lines.len(), Vec::len)
    }

    /// Returns the spans of a row, cut to not much more than the available columns.
    pub(super) fn row(&self, row: usize, options: RowOptions<'_>) -> Vec<(Role, String)> {
        let Some((index, line)) = self.at(row) else { return Vec::new() };
        if self.cut && index + 1 == self.lines.len() {
            let size = units::bytes(line.value.len() as u64);
            return vec![(Role::Warn, format!("{size} more: too many lines to show"))];
        }
        let mut parts = vec![(Role::Faint, indent(line.depth.into(), options.columns))];
        if !line.name.is_empty() {
            // A long name must not push its value off the screen.
            let name = self.prefix(&line.name, options.columns);
            mark(&mut parts, Role::JsonKey, &sanitize::fit(&name, options.columns / 2), options.needle);
            parts.push((Role::Faint, ": ".to_owned()));
        }
        let raw = self.part(&line.value);
        let role = if self.is_json { role_of(raw) } else { Role::Text };
        match options.mask {
            Some(mask) if role != Role::Faint => parts.push((Role::Faint, mask.to_owned())),
            _ => match (role, raw) {
                // The blanks between the brackets do not matter.
                (Role::Faint, [b'{', _, ..]) => parts.push((role, "{}".to_owned())),
                (Role::Faint, [b'[', _, ..]) => parts.push((role, "[]".to_owned())),
                _ => mark(&mut parts, role, &self.prefix(&line.value, options.columns), options.needle),
            },
        }
        if line.folded {
            let inside = line.close().unwrap_or(index).saturating_sub(index + 1);
            let close = if raw == b"{" { "}" } else { "]" };
            parts.push((Role::Faint, format!(" {} {close}", units::several(inside as u64, "line"))));
        }
        let last = line.close().filter(|_| line.folded).map_or(Some(line), |close| self.lines.get(close));
        if last.is_some_and(|line| line.comma) {
            parts.push((Role::Faint, ",".to_owned()));
        }
        parts
    }

    /// Whether the row is a string, which can be read without its escapes.
    pub(super) fn is_string(&self, row: usize) -> bool {
        self.is_json && self.at(row).is_some_and(|(_, line)| self.part(&line.value).starts_with(b"\""))
    }

    /// Returns the value of a row, about `most` bytes of it: a string without quotes and escapes.
    pub(super) fn value(&self, row: usize, most: usize) -> String {
        let Some((_, line)) = self.at(row) else { return String::new() };
        let raw = self.part(&line.value);
        if self.is_json { text::unescaped(raw, most) } else { text::lossy(raw, most) }
    }

    /// Returns the bytes of the name of a row.
    pub(super) fn name_range(&self, row: usize) -> Range<usize> {
        self.at(row).map_or(0..0, |(_, line)| line.name.start as usize..line.name.end as usize)
    }

    /// Returns the bytes of what a row stands for: its name and its whole value. A closing bracket
    /// stands for what it closes.
    pub(super) fn range(&self, row: usize) -> Range<usize> {
        let Some((index, line)) = self.opening_line(row) else { return 0..0 };
        line.start()..self.end_of(index, line)
    }

    /// Returns the bytes of the whole value of a row, without the name.
    pub(super) fn value_range(&self, row: usize) -> Range<usize> {
        let Some((index, line)) = self.opening_line(row) else { return 0..0 };
        line.value.start as usize..self.end_of(index, line)
    }

    /// Returns the JSON pointer of a row (RFC 6901); empty for the whole document and for plain
    /// text.
    pub(super) fn pointer(&self, row: usize) -> String {
        let Some((index, _)) = self.opening_line(row).filter(|_| self.is_json) else { return String::new() };
        let mut pointer = String::new();
        for (at, sibling) in self.path(index).into_iter().skip(1) {
            pointer.push('/');
            match self.lines.get(at).filter(|line| !line.name.is_empty()) {
                Some(line) => {
                    let name = text::unescaped(self.part(&line.name), usize::MAX);
                    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                }
                None => pointer.push_str(&sibling.to_string()),
            }
        }
        pointer
    }

    /// Returns the line that shows a byte. Bytes between two lines belong to the first.
    pub(super) fn line_at(&self, offset: usize) -> usize {
        self.lines.partition_point(|line| line.start() <= offset).saturating_sub(1)
    }

    /// Whether a row is folded; `None` if it cannot be.
    pub(super) fn fold_of(&self, row: usize) -> Option<bool> {
        let (_, line) = self.at(row)?;
        line.close().map(|_| line.folded)
    }

    /// Folds or unfolds the value of a row, or the one that contains it. Returns the row to select;
    /// `None` if there was nothing to fold.
    pub(super) fn toggle(&mut self, row: usize) -> Option<usize> {
        let (index, line) = self.at(row)?;
        let opener = match line.close() {
            Some(_) => index,
            None if line.closes => line.partner as usize,
            None => *self.ancestors(index).last()?,
        };
        let line = self.lines.get_mut(opener)?;
        line.folded = !line.folded;
        self.update_shown();
        self.row_of(opener)
    }

    /// Folds everything below the first level.
    pub(super) fn fold_all(&mut self) {
        self.lines.iter_mut().for_each(|line| line.folded = line.close().is_some() && line.depth > 0);
        self.update_shown();
    }

    /// Unfolds everything.
    pub(super) fn unfold_all(&mut self) {
        self.lines.iter_mut().for_each(|line| line.folded = false);
        self.shown = None;
    }

    /// Searches the text as it is written, ignoring ASCII case.
    pub(super) fn find(&self, needle: &str) -> Matches {
        let (mut found, mut at) = (Matches::default(), 0);
        while let Some(offset) = self.bytes.get(at..).and_then(|rest| text::position(rest, needle.as_bytes()))
        {
            if found.lines.len() >= MAX_MATCHES {
                found.is_cut = true;
                break;
            }
            let range = at + offset..at + offset + needle.len();
            let index = self.line_at(range.start);
            at = range.start + 1;
            let Some(line) = self.lines.get(index) else { break };
            let is_in =
                |part: &Range<u32>| part.start as usize <= range.start && range.end <= part.end as usize;
            // A match across a name and its value is not visible as such.
            if !self.is_json || is_in(&line.name) || is_in(&line.value) {
                at = at.max(line.value.end as usize);
                if found.lines.last() != Some(&index) {
                    found.lines.push(index);
                }
            }
        }
        found
    }

    /// Unfolds what hides a line. Returns the row of the line.
    pub(super) fn reveal(&mut self, index: usize) -> usize {
        let mut opened = false;
        for opener in self.ancestors(index) {
            if let Some(line) = self.lines.get_mut(opener) {
                opened |= std::mem::take(&mut line.folded);
            }
        }
        if opened {
            self.update_shown();
        }
        self.row_of(index).unwrap_or(0)
    }

    /// Returns the row of a line, or of the folded line that contains it.
    pub(super) fn row_near(&self, index: usize) -> usize {
        match &self.shown {
            None => index,
            Some(shown) => shown.partition_point(|line| *line as usize <= index).saturating_sub(1),
        }
    }

    /// Returns the line of a row.
    pub(super) fn line_of(&self, row: usize) -> usize {
        self.at(row).map_or(0, |(index, _)| index)
    }

    fn at(&self, row: usize) -> Option<(usize, &Line)> {
        let index =
            self.shown.as_ref().map_or(Some(row), |shown| shown.get(row).map(|line| *line as usize))?;
        Some((index, self.lines.get(index)?))
    }

    /// Returns the line of a row; for a closing bracket the line of the opening one.
    fn opening_line(&self, row: usize) -> Option<(usize, &Line)> {
        let (index, line) = self.at(row)?;
        let index = if line.closes { line.partner as usize } else { index };
        Some((index, self.lines.get(index)?))
    }

    fn end_of(&self, index: usize, line: &Line) -> usize {
        self.lines.get(line.close().unwrap_or(index)).map_or(0, |line| line.value.end as usize)
    }

    fn row_of(&self, index: usize) -> Option<usize> {
        match &self.shown {
            None => Some(index),
            Some(shown) => shown.binary_search(&(index as u32)).ok(),
        }
    }

    /// Returns the opening lines of the objects and arrays around a line, the outermost first; for
    /// a closing bracket the last is its own opening line.
    fn ancestors(&self, index: usize) -> Vec<usize> {
        self.path(index).into_iter().map(|(at, _)| at).filter(|at| *at < index).collect()
    }

    /// Returns the path to a line, with the index of each of its lines among its siblings, from 0.
    /// Skips over siblings, so that it costs the number of siblings on the path.
    fn path(&self, index: usize) -> Vec<(usize, usize)> {
        let (mut path, mut at, mut sibling) = (Vec::new(), 0, 0);
        // Without brackets there is no path.
        if !self.is_json {
            return vec![(index, index)];
        }
        while let Some(line) = self.lines.get(at).filter(|_| at < index) {
            let close = line.close().unwrap_or(at);
            if close >= index {
                path.push((at, sibling));
                (at, sibling) = (at + 1, 0);
            } else {
                (at, sibling) = (close + 1, sibling + 1);
            }
        }
        path.push((index, sibling));
        path
    }

    fn update_shown(&mut self) {
        let (mut shown, mut index) = (Vec::new(), 0);
        while let Some(line) = self.lines.get(index) {
            shown.push(index as u32);
            index = line.close().filter(|_| line.folded).unwrap_or(index) + 1;
        }
        // Folded values may contain folded values; if nothing is hidden, nothing is folded.
        self.shown = (shown.len() < self.lines.len()).then_some(shown);
    }

    /// Returns the start of a range of the text, as much as fits into `columns`, sanitized.
    /// Credentials are removed before matches are marked, because marking cuts the text.
    fn prefix(&self, range: &Range<u32>, columns: usize) -> String {
        let most = columns.saturating_mul(4).saturating_add(64);
        sanitize::clean(&text::lossy(self.part(range), most))
    }

    fn part(&self, range: &Range<u32>) -> &[u8] {
        self.bytes.get(range.start as usize..range.end as usize).unwrap_or_default()
    }
}

/// Returns the indentation of a line. Beyond half the columns it states the depth instead.
fn indent(depth: usize, columns: usize) -> String {
    let most = columns / 4;
    if depth <= most {
        return "  ".repeat(depth);
    }
    let deep = format!("({depth}) ");
    let blanks = (2 * most).saturating_sub(deep.len());
    format!("{}{deep}", " ".repeat(blanks))
}

/// Splits text at the matches of a search.
fn mark(parts: &mut Vec<(Role, String)>, role: Role, text: &str, needle: &str) {
    let mut rest = text;
    while let Some(at) = text::position(rest.as_bytes(), needle.as_bytes()) {
        let Some((before, found)) = rest.split_at_checked(at) else { break };
        let Some((found, behind)) = found.split_at_checked(needle.len()) else { break };
        parts.push((role, before.to_owned()));
        parts.push((Role::Found, found.to_owned()));
        rest = behind;
    }
    parts.push((role, rest.to_owned()));
}

fn role_of(value: &[u8]) -> Role {
    match value.first() {
        Some(b'"') => Role::JsonString,
        Some(b'-' | b'0'..=b'9') => Role::JsonNumber,
        Some(b't' | b'f' | b'n') => Role::JsonWord,
        _ => Role::Faint,
    }
}

#[cfg(test)]
mod tests;

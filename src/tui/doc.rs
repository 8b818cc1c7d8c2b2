//! A text that is read: JSON as lines that fold, anything else as it stands. Lines are places in the text, so that
//! 10 MB cost their own length and some bytes a line.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::de::IgnoredAny;

use super::theme::Role;

/// Lines that a text is cut into; what lies beyond is not shown. 24 bytes each: 50 MB.
const MOST_LINES: usize = 2_000_000;

/// Places that a search finds at most.
const MOST_FOUND: usize = 10_000;

/// A text and which of its lines are folded.
#[derive(Debug, Default)]
pub(super) struct Doc {
    text: String,
    lines: Vec<Line>,
    /// The lines that are shown, where some are folded away.
    shown: Option<Vec<u32>>,
    /// Opening lines whose inside is folded away.
    folded: BTreeSet<u32>,
    is_json: bool,
}

/// A line: a member's name, a value or a bracket.
#[derive(Clone, Debug)]
struct Line {
    depth: u16,
    comma: bool,
    name: Range<u32>,
    value: Range<u32>,
    /// The line that closes what this one opens; 0 where it opens nothing.
    close: u32,
}

impl Doc {
    /// The document that some bytes are.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let is_json = !text.is_empty() && serde_json::from_str::<IgnoredAny>(&text).is_ok();
        let lines = if is_json { json_lines(&text) } else { plain_lines(&text) };
        Self { text, lines, shown: None, folded: BTreeSet::new(), is_json }
    }

    /// The text as it is.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// How many rows it has, folded as it is.
    pub(super) fn rows(&self) -> usize {
        self.shown.as_ref().map_or(self.lines.len(), Vec::len)
    }

    /// The parts of a row, for the eye; with `mask` in the place of values, where there is one.
    pub(super) fn row(&self, row: usize, mask: Option<&str>, needle: &str) -> Vec<(Role, String)> {
        let Some((index, line)) = self.at(row) else { return Vec::new() };
        let mut parts = vec![(Role::Text, "  ".repeat(usize::from(line.depth).min(40)))];
        let name = self.part(&line.name);
        if !name.is_empty() {
            mark(&mut parts, Role::JsonKey, name, needle);
            parts.push((Role::Faint, ": ".to_owned()));
        }
        let value = self.part(&line.value);
        let role = if self.is_json { role_of(value) } else { Role::Text };
        match mask {
            Some(mask) if role != Role::Faint => parts.push((Role::Faint, mask.to_owned())),
            _ => mark(&mut parts, role, value, needle),
        }
        if self.folded.contains(&(index as u32)) {
            let inside = (line.close as usize).saturating_sub(index + 1);
            let close = if value == "{" { "}" } else { "]" };
            parts.push((Role::Faint, format!(" {inside} lines {close}")));
        }
        if line.comma {
            parts.push((Role::Faint, ",".to_owned()));
        }
        parts
    }

    /// The value of a row, whole: for those that are longer than the screen is wide. A string without its quotes and
    /// escapes.
    pub(super) fn value(&self, row: usize) -> String {
        let Some((_, line)) = self.at(row) else { return String::new() };
        let value = self.part(&line.value);
        serde_json::from_str::<String>(value).unwrap_or_else(|_| value.to_owned())
    }

    /// Whether a row can be folded (true: it is), `None` where there is nothing to fold.
    pub(super) fn fold_of(&self, row: usize) -> Option<bool> {
        let (index, line) = self.at(row)?;
        (line.close > 0).then(|| self.folded.contains(&(index as u32)))
    }

    /// Folds or opens what a row opens, or what it lies in. The row to go on from; `None` where nothing was to fold.
    pub(super) fn toggle(&mut self, row: usize) -> Option<usize> {
        let (index, line) = self.at(row)?;
        let opener = if line.close > 0 { index } else { *self.around(index).last()? };
        if !self.folded.remove(&(opener as u32)) {
            self.folded.insert(opener as u32);
        }
        self.fold_again();
        self.row_of(opener)
    }

    /// Folds everything below the first level.
    pub(super) fn fold_all(&mut self) {
        let openers = self.lines.iter().enumerate().filter(|(_, line)| line.close > 0 && line.depth > 0);
        self.folded = openers.map(|(index, _)| index as u32).collect();
        self.fold_again();
    }

    /// Opens everything.
    pub(super) fn unfold_all(&mut self) {
        self.folded.clear();
        self.fold_again();
    }

    /// The lines in which a text is found, ignoring the case of ASCII.
    pub(super) fn find(&self, needle: &str) -> Vec<usize> {
        if needle.is_empty() {
            return Vec::new();
        }
        let has = |range: &Range<u32>| position(self.part(range), needle).is_some();
        let lines = self.lines.iter().enumerate();
        lines
            .filter(|(_, line)| has(&line.name) || has(&line.value))
            .map(|(at, _)| at)
            .take(MOST_FOUND)
            .collect()
    }

    /// Opens what hides a line, and says which row it is then.
    pub(super) fn reveal(&mut self, index: usize) -> usize {
        for opener in self.around(index) {
            self.folded.remove(&(opener as u32));
        }
        self.fold_again();
        self.row_of(index).unwrap_or(0)
    }

    /// The row of a line, or of the folded one that it lies in.
    pub(super) fn row_near(&self, index: usize) -> usize {
        match &self.shown {
            None => index,
            Some(shown) => shown.partition_point(|line| *line as usize <= index).saturating_sub(1),
        }
    }

    /// The line of a row.
    pub(super) fn line_of(&self, row: usize) -> usize {
        self.at(row).map_or(0, |(index, _)| index)
    }

    fn at(&self, row: usize) -> Option<(usize, &Line)> {
        let index =
            self.shown.as_ref().map_or(Some(row), |shown| shown.get(row).map(|line| *line as usize))?;
        Some((index, self.lines.get(index)?))
    }

    fn row_of(&self, index: usize) -> Option<usize> {
        match &self.shown {
            None => Some(index),
            Some(shown) => shown.binary_search(&(index as u32)).ok(),
        }
    }

    /// The lines that open what a line lies in, the outermost first.
    fn around(&self, index: usize) -> Vec<usize> {
        let before = self.lines.iter().take(index).enumerate();
        before.filter(|(_, line)| line.close as usize >= index && line.close > 0).map(|(at, _)| at).collect()
    }

    fn fold_again(&mut self) {
        if self.folded.is_empty() {
            self.shown = None;
            return;
        }
        let (mut shown, mut index) = (Vec::new(), 0);
        while let Some(line) = self.lines.get(index) {
            shown.push(index as u32);
            index = if self.folded.contains(&(index as u32)) { line.close as usize + 1 } else { index + 1 };
        }
        self.shown = Some(shown);
    }

    fn part(&self, range: &Range<u32>) -> &str {
        self.text.get(range.start as usize..range.end as usize).unwrap_or_default()
    }
}

/// Splits text at what was searched for.
fn mark(parts: &mut Vec<(Role, String)>, role: Role, text: &str, needle: &str) {
    // What is far beyond any screen is not copied.
    let (text, _) = text.split_at_checked(text.floor_char_boundary(16_384)).unwrap_or((text, ""));
    let mut rest = text;
    while let Some(at) = position(rest, needle).filter(|_| !needle.is_empty()) {
        let (before, found) = rest.split_at_checked(at).unwrap_or((rest, ""));
        let (found, behind) = found.split_at_checked(needle.len()).unwrap_or((found, ""));
        parts.push((role, before.to_owned()));
        parts.push((Role::Found, found.to_owned()));
        rest = behind;
    }
    parts.push((role, rest.to_owned()));
}

/// Where a text stands in another, ignoring the case of ASCII.
fn position(text: &str, needle: &str) -> Option<usize> {
    let (text, needle) = (text.as_bytes(), needle.as_bytes());
    let first = *needle.first()?;
    let starts = memchr::memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), text);
    starts
        .into_iter()
        .find(|at| text.get(*at..*at + needle.len()).is_some_and(|part| part.eq_ignore_ascii_case(needle)))
}

fn role_of(value: &str) -> Role {
    match value.as_bytes().first() {
        Some(b'"') => Role::JsonString,
        Some(b'-' | b'0'..=b'9') => Role::JsonNumber,
        Some(b't' | b'f' | b'n') => Role::JsonWord,
        _ => Role::Faint,
    }
}

fn plain_lines(text: &str) -> Vec<Line> {
    let mut at = 0;
    let lines = text.split_inclusive('\n').take(MOST_LINES).map(|line| {
        let start = at;
        at += line.len() as u32;
        let end = start + line.trim_end_matches(['\n', '\r']).len() as u32;
        Line { depth: 0, comma: false, name: 0..0, value: start..end, close: 0 }
    });
    lines.collect()
}

/// The lines of a text that is JSON. Walks its tokens: what is whole JSON needs no second look at its grammar.
fn json_lines(text: &str) -> Vec<Line> {
    let bytes = text.as_bytes();
    let (mut lines, mut open): (Vec<Line>, Vec<u32>) = (Vec::new(), Vec::new());
    let (mut at, mut name) = (0_usize, 0..0);
    while let Some(byte) = bytes.get(at) {
        if lines.len() >= MOST_LINES {
            break;
        }
        let depth = open.len().min(u16::MAX.into()) as u16;
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b':' => at += 1,
            b',' => {
                if let Some(last) = lines.last_mut() {
                    last.comma = true;
                }
                at += 1;
            }
            b'{' | b'[' => {
                let behind = skip_blanks(bytes, at + 1);
                let is_empty = matches!(bytes.get(behind), Some(b'}' | b']'));
                let end = if is_empty { behind + 1 } else { at + 1 };
                if !is_empty {
                    open.push(lines.len() as u32);
                }
                lines.push(line(depth, std::mem::take(&mut name), at..end));
                at = end;
            }
            b'}' | b']' => {
                let closing = lines.len() as u32;
                if let Some(opener) = open.pop().and_then(|opener| lines.get_mut(opener as usize)) {
                    opener.close = closing;
                }
                lines.push(line(depth.saturating_sub(1), 0..0, at..at + 1));
                at += 1;
            }
            b'"' => {
                let end = end_of_string(bytes, at);
                let behind = skip_blanks(bytes, end);
                if bytes.get(behind) == Some(&b':') {
                    name = at as u32..end as u32;
                    at = behind + 1;
                } else {
                    lines.push(line(depth, std::mem::take(&mut name), at..end));
                    at = end;
                }
            }
            _ => {
                let rest = bytes.get(at..).unwrap_or_default();
                let len = rest.iter().position(|byte| b",]} \t\r\n".contains(byte)).unwrap_or(rest.len());
                lines.push(line(depth, std::mem::take(&mut name), at..at + len));
                at += len.max(1);
            }
        }
    }
    lines
}

fn line(depth: u16, name: Range<u32>, value: Range<usize>) -> Line {
    Line { depth, comma: false, name, value: value.start as u32..value.end as u32, close: 0 }
}

fn skip_blanks(bytes: &[u8], from: usize) -> usize {
    let blanks = bytes.iter().skip(from).take_while(|byte| byte.is_ascii_whitespace());
    from + blanks.count()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(doc: &Doc) -> Vec<String> {
        (0..doc.rows())
            .map(|row| doc.row(row, None, "").into_iter().map(|(_, text)| text).collect())
            .collect()
    }

    #[test]
    fn json_folds_and_opens() {
        let mut doc = Doc::of(br#"{"a": [1, {"b":"x\"y"}], "c":{}, "d" : null}"#);
        let all = [
            "{",
            "  \"a\": [",
            "    1,",
            "    {",
            "      \"b\": \"x\\\"y\"",
            "    }",
            "  ],",
            "  \"c\": {},",
            "  \"d\": null",
            "}",
        ];
        assert_eq!(rows(&doc), all);
        assert_eq!(doc.toggle(2), Some(1), "what a row lies in");
        assert_eq!(rows(&doc), ["{", "  \"a\": [ 4 lines ]", "  \"c\": {},", "  \"d\": null", "}"]);
        assert_eq!(doc.find("X"), [4]);
        assert_eq!(doc.reveal(4), 4);
        assert_eq!(rows(&doc), all);
        doc.fold_all();
        assert_eq!(doc.rows(), 5);
        doc.unfold_all();
        assert_eq!(doc.value(4), "x\"y");
        assert_eq!(doc.row(2, Some("***"), "")[1].1, "***");
    }

    #[test]
    fn what_is_no_json_is_shown_as_it_stands() {
        let doc = Doc::of(b"not json\r\n{\xff");
        assert_eq!(rows(&doc), ["not json", "{\u{fffd}"]);
        assert_eq!(Doc::of(b"").rows(), 0);
    }

    proptest! {
        /// What is shown is the same JSON again, in other lines.
        #[test]
        fn the_lines_are_the_text(value in any::<Vec<Option<(i32, String)>>>(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let mut doc = Doc::of(text.as_bytes());
            let again: serde_json::Value = serde_json::from_str(&rows(&doc).join("\n")).unwrap();
            prop_assert_eq!(again, serde_json::to_value(&value).unwrap());
            let count = doc.rows();
            for row in 0..count {
                if doc.toggle(row).is_some() {
                    doc.unfold_all();
                    prop_assert_eq!(doc.rows(), count);
                }
            }
        }
    }
}

//! Case-insensitive comparison, and formatting without allocation.

use std::fmt::{self, Write as _};

/// Short text on the stack: an id, an address or a session name.
pub(super) struct StackText {
    bytes: [u8; 64],
    len: usize,
}

impl StackText {
    /// Formats `value`. Returns empty text if it is longer than 64 bytes; an IPv6 address with
    /// scope and port has at most 58.
    pub(super) fn of(value: impl fmt::Display) -> Self {
        let mut short = Self { bytes: [0; 64], len: 0 };
        if write!(short, "{value}").is_err() {
            short.len = 0;
        }
        short
    }

    /// Returns the text.
    pub(super) fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("")
    }
}

impl fmt::Write for StackText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let target = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        target.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// Converts a needle to lower case, character by character like [`strip`]. `str::to_lowercase`
/// treats a final sigma differently.
pub(super) fn fold(text: &str) -> Box<str> {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Whether `text` equals the folded `needle`, ignoring case.
pub(super) fn equals(text: &str, needle: &str) -> bool {
    text.eq_ignore_ascii_case(needle) || (!text.is_ascii() && strip(text, needle).is_some_and(str::is_empty))
}

/// Whether `text` starts with the folded `needle`, ignoring case.
pub(super) fn begins(text: &str, needle: &str) -> bool {
    match text.as_bytes().get(..needle.len()) {
        Some(head) if head.eq_ignore_ascii_case(needle.as_bytes()) => true,
        // ASCII heads have been compared completely. Other characters may change their length in
        // lower case.
        Some(head) if head.is_ascii() => false,
        _ => strip(text, needle).is_some(),
    }
}

/// Whether `text` contains the folded `needle`, ignoring case.
pub(super) fn contains(text: &str, needle: &str) -> bool {
    let Some(first) = needle.bytes().next() else {
        return true;
    };
    let begins_at = |at| text.get(at..).is_some_and(|rest| begins(rest, needle));
    if text.is_ascii() {
        return memchr::memchr2_iter(first, first.to_ascii_uppercase(), text.as_bytes()).any(begins_at);
    }
    text.char_indices().any(|(at, _)| begins_at(at))
}

/// Returns the rest of `text` after the folded `needle`. `None` if `text` does not start with it. A
/// match always ends at a character boundary of `text`.
fn strip<'a>(text: &'a str, needle: &str) -> Option<&'a str> {
    let mut wanted = needle.chars();
    let mut rest = text.chars();
    while !wanted.as_str().is_empty() {
        let mut lowered = rest.next()?.to_lowercase();
        if !lowered.all(|c| wanted.next() == Some(c)) {
            return None;
        }
    }
    Some(rest.as_str())
}

/// Returns the edit distance of two words in characters (insertions, deletions, replacements).
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut left = i + 1;
        let mut next = vec![left];
        for (pair, y) in row.windows(2).zip(&b) {
            let &[corner, above] = pair else { continue };
            left = (corner + usize::from(x != *y)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// Returns the candidate that is most similar to `word`: at most two edits, and at most half of its
/// letters.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // The distance takes quadratic time, and no field name is that long.
    if word.len() > 64 {
        return None;
    }
    let word = word.to_lowercase();
    let allowed = (word.chars().count() / 2).min(2);
    candidates
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(far, _)| *far <= allowed)
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_ignored() {
        assert!(equals("Tools/CALL", &fold("tools/call")));
        assert!(!equals("tools/calls", &fold("tools/call")));
        assert!(begins("ÄPFEL", &fold("äp")));
        assert!(contains("xxÄÖyy", &fold("Äö")) && !contains("xx", &fold("xxx")));
        assert!(
            contains("Kelvin \u{212a}", &fold("N K")) && begins("\u{212a}x", "kx") && equals("\u{212a}", "k")
        );
        assert!(contains("abAB", "bab") && !contains("abc", "ä") && contains("aXé", "xé"));
        assert!(contains("", "") && !contains("", "a"));
        assert!(equals("İ", &fold("İ")) && equals("ΟΔΟΣ", &fold("οδοσ")) && equals("ΟΔΟΣ", &fold("ΟΔΟΣ")));
    }

    #[test]
    fn slips_are_recognised() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        let names = ["method", "name", "dur"];
        assert_eq!(nearest("Metod", names.into_iter()), Some("method"));
        assert_eq!(nearest("x", names.into_iter()), None);
    }

    #[test]
    fn short_texts_do_not_overflow() {
        assert_eq!(StackText::of(i64::MIN).as_str(), "-9223372036854775808");
        assert_eq!(StackText::of("x".repeat(65)).as_str(), "");
    }
}

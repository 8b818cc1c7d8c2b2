//! Wrapping of text into lines.

use crate::base::sanitize;

/// Splits text into lines between words; a word longer than a line is not split.
pub(super) fn wrap_words(text: &str, columns: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let (mut start, mut end) = (0, 0);
        for word in line.split_inclusive(' ') {
            let next = end + word.len();
            let whole = line.get(start..next).unwrap_or_default().trim_end();
            if sanitize::width(&sanitize::escape(whole)) > columns && end > start {
                lines.push(line.get(start..end).unwrap_or_default().trim_end());
                start = end;
            }
            end = next;
        }
        lines.push(line.get(start..).unwrap_or_default());
    }
    lines
}

/// Wraps text at `columns` and returns at most `most` lines.
pub(super) fn wrap_columns(text: &str, columns: usize, most: usize) -> Vec<String> {
    text.lines().flat_map(|line| pieces(line, columns.max(1))).take(most).collect()
}

/// Splits a line into pieces of at most `columns` columns.
fn pieces(line: &str, columns: usize) -> Vec<String> {
    let (mut pieces, mut piece, mut used) = (Vec::new(), String::new(), 0);
    for c in line.chars() {
        let wide = sanitize::width(&sanitize::escape(c.encode_utf8(&mut [0; 4])));
        if used + wide > columns && !piece.is_empty() {
            pieces.push(std::mem::take(&mut piece));
            used = 0;
        }
        piece.push(c);
        used += wide;
    }
    pieces.push(piece);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_broken_between_words() {
        assert_eq!(wrap_words("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap_words("one two three", 3), ["one", "two", "three"]);
        assert_eq!(wrap_words("a\nb", 9), ["a", "b"]);
        assert!(wrap_words("", 9).is_empty());
    }
}

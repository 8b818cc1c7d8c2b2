//! Long strings: the excerpt below the document, and the document that an open string becomes.

use ratatui::layout::Rect;

use crate::base::{sanitize, units};
use crate::tui::document::Document;
use crate::tui::views::wrap::wrap_columns;

/// A line below the document.
pub(super) enum ExcerptLine {
    /// A rule with a title.
    Rule(String),
    /// A line of the value.
    Text(String),
}

/// Returns the lines of a value that does not fit into its line, at most a third of the area, with
/// a rule. `value` returns at most the requested number of bytes; `len` is the length of the JSON
/// text in bytes.
pub(super) fn excerpt(value: impl Fn(usize) -> String, len: usize, area: Rect) -> Vec<ExcerptLine> {
    let columns = usize::from(area.width.saturating_sub(2)).max(1);
    let most = usize::from(area.height / 3).saturating_sub(1);
    if most == 0 {
        return Vec::new();
    }
    // Only the visible excerpt is decoded: a value may have 10 MB.
    let front = value(columns * 4 * (most + 1));
    if len <= columns.saturating_sub(24) && !front.contains('\n') {
        return Vec::new();
    }
    let mut rows = vec![ExcerptLine::Rule(format!("{}, enter opens it", units::bytes(len as u64)))];
    rows.extend(wrap_columns(&sanitize::redact(&front), columns, most).into_iter().map(ExcerptLine::Text));
    rows
}

/// Returns the document of an open string. JSON within a string is parsed, as tools often return
/// it.
pub(super) fn document(value: &str) -> Document {
    let is_nested = value.trim_start().starts_with(['{', '[']);
    let doc = is_nested.then(|| Document::of(value.as_bytes())).filter(Document::is_json);
    // Redact before wrapping: a credential that is split across lines would not be recognized.
    doc.unwrap_or_else(|| Document::plain(sanitize::redact(value).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_shown_as_far_as_there_is_room() {
        let area = Rect::new(0, 0, 42, 30);
        let text = |rows: Vec<ExcerptLine>| -> Vec<String> {
            rows.into_iter()
                .map(|row| match row {
                    ExcerptLine::Rule(title) => title,
                    ExcerptLine::Text(text) => text,
                })
                .collect()
        };
        let long = "日本".repeat(500_000);
        let asked = std::cell::Cell::new(0);
        let value = |most: usize| {
            asked.set(most);
            long[..long.floor_char_boundary(most.min(long.len()))].to_owned()
        };
        let shown = text(excerpt(value, long.len(), area));
        assert_eq!(shown[0], "3.00 MB, enter opens it");
        assert_eq!(shown.len(), 10);
        assert!(shown[1..].iter().all(|line| sanitize::width(line) == 40), "{shown:?}");
        assert!(asked.get() < 10_000, "what is not shown is not looked at");
        assert!(excerpt(|_| "short".to_owned(), 7, area).is_empty());
        assert_eq!(text(excerpt(|_| "a\nb".to_owned(), 6, area)).len(), 3);
    }

    #[test]
    fn json_within_a_string_is_json_again() {
        assert!(document(" {\"a\":1}").is_json());
        assert!(!document("123").is_json());
        let doc = document("see https://me:secret@example.org");
        assert!(!doc.text().contains("secret"), "{}", doc.text());
    }
}

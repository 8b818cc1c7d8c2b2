//! Text in Markdown tables.

use super::sanitize;

/// Returns text for a cell of a table: it is cleaned ([`sanitize::clean`]), and what would end the
/// cell or begin markup is escaped ([`escape`]).
#[must_use]
pub fn cell(text: &str) -> String {
    escape(&one_line(text))
}

/// Escapes the characters of Markdown and HTML in cleaned text.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // GitHub and GitLab notify the user behind an `@name`.
            '@' => escaped.push_str("&#64;"),
            '\\' | '|' | '*' | '_' | '`' | '[' | ']' | '~' | '#' | '!' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// Returns text as code in a cell of a table. It is cleaned ([`sanitize::clean`]).
#[must_use]
pub fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len() + 2);
    // In code a backslash is one, but before a bar it keeps it from ending the cell.
    let mut is_escaped = false;
    for c in one_line(text).replace('`', " ").chars() {
        if c == '|' && !is_escaped {
            code.push('\\');
        }
        is_escaped = c == '\\' && !is_escaped;
        code.push(c);
    }
    format!("`{code}`")
}

/// Returns text without line ends, cleaned.
fn one_line(text: &str) -> String {
    sanitize::clean(&text.replace(['\n', '\r'], " "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether no `|` of a cell ends it: each follows a backslash that is not escaped itself.
    fn is_one_cell(cell: &str) -> bool {
        let mut chars = cell.chars();
        while let Some(c) = chars.next() {
            if c == '|' {
                return false;
            }
            if c == '\\' {
                chars.next();
            }
        }
        true
    }

    proptest! {
        #[test]
        fn text_stays_in_its_cell(text in r"[\x00-\xff\u{2000}-\u{2070}]*", pipes in r"[a|\\`]*") {
            for text in [text, pipes] {
                for cell in [cell(&text), code(&text)] {
                    prop_assert!(!cell.contains(sanitize::is_unsafe), "{cell:?}");
                    prop_assert!(is_one_cell(&cell), "{cell:?}");
                }
            }
        }
    }
}

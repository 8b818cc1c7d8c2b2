//! Text in Markdown tables.

use super::sanitize;

/// Returns text for a cell of a table: it is cleaned ([`sanitize::clean`]), and what would end the
/// cell or begin markup is escaped.
#[must_use]
pub fn cell(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        if matches!(c, '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '~') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Returns text as code in a cell of a table. It is cleaned ([`sanitize::clean`]).
#[must_use]
pub fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len() + 2);
    // In code a backslash is one, but it escapes what ends a cell.
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

//! The language of `--filter`, and of the TUI's filter line: text in; a compiled [`Filter`] out, that says of a record
//! whether it is shown.
//!
//! ```text
//! expression  or
//! or          and { ("or" | "||") and }
//! and         not { ["and" | "&&"] not }            a blank is «and»
//! not         ("not" | "!") not | "(" or ")" | test
//! test        field operator value | word | quoted   blanks may stand around the operator
//! operator    ":" "=" "==" (equal)  "!="  "~" (regex)  ">" ">=" "<" "<="
//! value       quoted ["*"] | what follows, up to a blank or parenthesis; a trailing "*" asks for a prefix
//! quoted      "…" with \" \\ \n \r \t \u{…}; as a regex only \" is an escape
//! ```
//!
//! Words are compared ignoring case. A test of a field that the record does not have (or whose value is not known) never
//! holds, `!=` no more than `:`; under `not` it therefore does. A field with several values (`ip`, `port`, `finding`,
//! `degraded`) passes a test where one of them does, and `!=` where none is equal. A bare word or quoted text is looked
//! for in the method, the name, the id and the session's id (and the target of a stream), or is a session's number
//! (`s1`). An unquoted regex ends at a blank, or at a parenthesis that it did not open.
//!
//! Nothing here knows a clock or a time zone: times without a zone are UTC.

use std::sync::Arc;

use super::{Exchange, Notification, Stream};

mod complete;
mod error;
mod eval;
mod fields;
mod lex;
mod number;
#[cfg(test)]
mod oracle;
mod parse;
mod record;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod value;

pub use complete::{Completion, Suggests, complete};
pub use error::Error;
pub use fields::{Applies, FIELDS, Field, FieldInfo, HelpRow, Kind, SYNTAX, help};

/// A record that a filter looks at.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A request and what became of it.
    Exchange(&'a Exchange),
    /// A notification.
    Notification(&'a Notification),
    /// A stream.
    Stream(&'a Stream),
}

/// A compiled expression. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Filter {
    text: Arc<str>,
    /// `None` matches everything.
    root: Option<Arc<eval::Expr>>,
}

impl Default for Filter {
    /// The filter that lets everything pass.
    fn default() -> Self {
        Self { text: "".into(), root: None }
    }
}

impl Filter {
    /// Compiles an expression. An empty one, or one of blanks, matches everything.
    ///
    /// # Errors
    ///
    /// Where the text is no expression, names a field that does not exist, or gives a field a value that it cannot have:
    /// the error points at the character. Also where it is longer than 4 KiB, nested deeper than 64, or holds more than
    /// 16 regexes.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Ok(Self { text: text.into(), root: parse::expression(text)?.map(Arc::new) })
    }

    /// Whether the filter matches every record: its text is empty or blank.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// Whether the record is shown. Allocates nothing of its own.
    #[must_use]
    pub fn matches(&self, subject: Subject<'_>) -> bool {
        self.root.as_ref().is_none_or(|root| root.matches(subject))
    }

    /// The text of a filter for what passes this one and another. Wherever it has to be, this one is put in parentheses.
    #[must_use]
    pub fn and(&self, other: &str) -> String {
        let text = self.text.trim();
        match self.root.as_deref() {
            None => other.to_owned(),
            Some(eval::Expr::Or(_)) => format!("({text}) {other}"),
            Some(_) => format!("{text} {other}"),
        }
    }

    /// The expression as it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

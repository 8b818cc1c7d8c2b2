//! The language of `--filter` and of the TUI's filter line. Text is compiled to a [`Filter`], which
//! tells whether a record matches.
//!
//! ```text
//! expression  or
//! or          and { ("or" | "||") and }
//! and         not { ["and" | "&&"] not }            a blank means "and"
//! not         ("not" | "!") not | "(" or ")" | test
//! test        field operator value | word | quoted   blanks are allowed around the operator
//! operator    ":" "=" "==" (equal)  "!="  "~" (regex)  ">" ">=" "<" "<="
//! value       quoted ["*"] | what follows, up to a blank or parenthesis; "*" at its end: a prefix
//! quoted      "…" with \" \\ \n \r \t \u{…}; as a regex only \" is an escape
//!             '…' as a value, without escapes
//! ```
//!
//! Comparison ignores case. A test of a field that the record does not have, or whose value is
//! unknown, is false for every operator, `!=` included; `not` makes it true. A field with several
//! values (`ip`, `port`, `finding`, `degraded`) matches if one of them does, and matches `!=` if
//! none is equal. A bare word or quoted text is searched in the method, the name, the id, the
//! session id and the target of a stream, or is a session number (`s1`). An unquoted regex ends at
//! a blank, or at a parenthesis that it did not open.
//!
//! `body`, `header` and `auth` are about the messages of an exchange, which no record holds: the
//! caller searches them ([`Filter::contents`]).
//!
//! Times without a zone are UTC. Nothing here reads a clock.

mod complete;
mod contents;
mod error;
mod eval;
mod fields;
mod filter;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod lex;
mod number;
#[cfg(test)]
mod oracle;
mod parse;
mod pattern;
mod record;
mod subject;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod value;

pub use complete::{Completion, Suggests, complete};
pub use contents::{Contents, Found, FoundContents, authentication, carries};
pub use error::Error;
pub use fields::{Applies, FIELDS, Field, FieldInfo, HelpRow, Kind, SYNTAX, help};
pub use filter::Filter;
pub use subject::Subject;

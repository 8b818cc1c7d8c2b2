//! Completion of filter expressions.

use std::ops::Range;

use super::fields::{self, FIELDS, FieldInfo, Kind};
use super::lex::{self, Op, TokenKind};
use super::number;
use super::text::{begins, fold};

/// Kind of a completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suggests {
    /// Field name, followed by its usual operator.
    Field,
    /// Operator after a field name.
    Operator,
    /// Word that the field accepts, or unit of a number.
    Value,
    /// `and`, `or`, `not`.
    Keyword,
}

/// Text that may be inserted at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Byte range of the expression that is replaced. It ends at the cursor.
    pub range: Range<usize>,
    /// Replacement.
    pub insert: String,
    /// Kind of the completion.
    pub suggests: Suggests,
    /// Meaning of the text, empty if the text is self-explanatory.
    pub note: &'static str,
}

/// Returns the completions at `cursor`, a byte offset in an expression that may be unfinished.
/// Empty inside quotes, regexes and values that are free text.
#[must_use]
pub fn complete(text: &str, cursor: usize) -> Vec<Completion> {
    let Some(before) = text.get(..cursor) else {
        return Vec::new();
    };
    let (tokens, error) = lex::tokens(before);
    if error.is_some() {
        return Vec::new();
    }
    let last = tokens.iter().rev().find(|token| token.kind != TokenKind::End);
    let Some(last) = last else {
        return start(cursor..cursor, "", false);
    };
    let touches = last.end == cursor;
    let after_operand = tokens.len() > 2;
    match &last.kind {
        TokenKind::Word(word) if touches => {
            let mut out = operators(word, cursor);
            out.extend(start(last.at..cursor, word, after_operand));
            out
        }
        TokenKind::Comparison(test) => match (&test.value, fields::find(test.field)) {
            (None, Some(info)) => values(info, test.op, cursor..cursor, ""),
            (Some(found), Some(info)) if touches && !found.quoted && found.star.is_none() => {
                values(info, test.op, found.position(0)..cursor, &found.text)
            }
            (_, None) => Vec::new(),
            _ if touches => Vec::new(),
            _ => start(cursor..cursor, "", true),
        },
        TokenKind::And | TokenKind::Or | TokenKind::Not if touches => match before.get(last.at..) {
            // `or` may become `origin`.
            Some(word) if word.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                start(last.at..cursor, word, after_operand)
            }
            _ => start(cursor..cursor, "", false),
        },
        TokenKind::Quoted(_) | TokenKind::Close if touches => Vec::new(),
        TokenKind::Open | TokenKind::And | TokenKind::Or | TokenKind::Not => start(cursor..cursor, "", false),
        _ => start(cursor..cursor, "", true),
    }
}

/// Returns field names, and the keywords between tests.
fn start(range: Range<usize>, typed: &str, after_operand: bool) -> Vec<Completion> {
    let typed = fold(typed);
    let fields = FIELDS
        .iter()
        .flat_map(|info| info.names().map(move |name| (info, name)))
        .filter(|(info, name)| begins(name, &typed) && (!typed.is_empty() || *name == info.name))
        .map(|(info, name)| Completion {
            range: range.clone(),
            insert: format!("{name}{}", usual_operator(info.kind)),
            suggests: Suggests::Field,
            note: info.meaning,
        });
    let keywords = [("and", "both match"), ("or", "at least one matches"), ("not", "negation")];
    let keywords = keywords
        .into_iter()
        .filter(|(word, _)| (after_operand || *word == "not") && begins(word, &typed))
        .map(|(word, note)| Completion {
            range: range.clone(),
            insert: format!("{word} "),
            suggests: Suggests::Keyword,
            note,
        });
    fields.chain(keywords).collect()
}

fn usual_operator(kind: Kind) -> &'static str {
    match kind {
        Kind::Duration | Kind::Size => ">",
        _ => ":",
    }
}

/// Returns the operators of the field with this name.
fn operators(word: &str, cursor: usize) -> Vec<Completion> {
    let Some(info) = fields::find(word) else {
        return Vec::new();
    };
    let note = |op: &str| match op {
        ":" => "equal",
        "!=" => "not equal",
        "~" => "regex",
        ">" => "greater",
        ">=" => "greater or equal",
        "<" => "less",
        _ => "less or equal",
    };
    info.kind
        .operators()
        .iter()
        .map(|op| Completion {
            range: cursor..cursor,
            insert: (*op).to_owned(),
            suggests: Suggests::Operator,
            note: note(op),
        })
        .collect()
}

/// Returns the words that the field accepts, or the units after a number.
fn values(info: &FieldInfo, op: Op, range: Range<usize>, typed: &str) -> Vec<Completion> {
    let completion = |range: &Range<usize>, insert: &str| Completion {
        range: range.clone(),
        insert: insert.to_owned(),
        suggests: Suggests::Value,
        note: "",
    };
    if op == Op::Regex {
        return Vec::new();
    }
    let digits = typed.trim_end_matches(|c: char| !c.is_ascii_digit());
    let (number, unit) = typed.split_at_checked(digits.len()).unwrap_or((typed, ""));
    if !number.is_empty() {
        let range = range.start + number.len()..range.end;
        let unit = fold(unit);
        return number::units(info.kind)
            .iter()
            .filter(|(name, _)| name.is_ascii() && begins(name, &unit))
            .map(|(name, _)| completion(&range, name))
            .collect();
    }
    let typed = fold(typed);
    let words = info.field.words();
    words
        .into_iter()
        .filter(|word| begins(word, &typed) && **word != *typed)
        .map(|word| completion(&range, word))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inserts(text: &str) -> Vec<String> {
        complete(text, text.len()).into_iter().map(|found| found.insert).collect()
    }

    #[test]
    fn fields_operators_and_values_are_offered() {
        assert_eq!(inserts("st"), ["status:"]);
        assert_eq!(inserts("status"), [":", "!=", "~", "status:"]);
        assert_eq!(inserts("too"), ["tool:"]);
        assert_eq!(inserts("status:un"), ["unanswered", "undetermined"]);
        assert_eq!(inserts("status: un"), ["unanswered", "undetermined"]);
        assert_eq!(inserts("status:").len(), 9);
        assert_eq!(inserts("degraded:").last().map(String::as_str), Some("none"));
        assert_eq!(inserts("dur>5"), ["ns", "us", "ms", "s", "m", "min", "h"]);
        assert_eq!(inserts("dur>1.5m"), ["ms", "m", "min"]);
        assert_eq!(inserts("finding:sse.n"), ["sse.not_utf8"]);
        assert_eq!(inserts("").len(), FIELDS.len() + 1);
        assert_eq!(inserts("x ").len(), FIELDS.len() + 3);
        assert_eq!(inserts("x or ").len(), FIELDS.len() + 1);
        assert_eq!(inserts("x or"), ["origin:", "or "]);
        assert_eq!(inserts("(!wa"), ["wait>", "waited>"]);
        assert_eq!(complete("a and st", 8).first().map(|found| found.range.clone()), Some(6..8));
    }

    #[test]
    fn nothing_is_offered_inside_free_text() {
        for text in ["\"st", "name~st", "name:\"st", "name:st", "zzz:", "status:\"o\"", "(a)"] {
            assert_eq!(inserts(text), Vec::<String>::new(), "{text}");
        }
        assert_eq!(complete("é", 1), []);
        assert_eq!(complete("a", 9), []);
    }
}

//! Reads the tokens of a JSON text (RFC 8259) in order, without building a value: a rewriter copies
//! what it keeps as it was spelled.

/// Containers within each other, at most.
const MAX_DEPTH: usize = 128;

/// A kind of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// `{` or `[`.
    Open,
    /// `}` or `]`.
    Close,
    /// The name of a member, with its quotes and escapes.
    Key,
    /// A string, with its quotes and escapes.
    Text,
    /// A number, `true`, `false` or `null`.
    Scalar,
    /// Blanks, a comma or a colon.
    Between,
}

/// The text is no JSON, or nests too deeply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Reads tokens. Brackets and strings are checked, the place of commas and the spelling of numbers
/// are not.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    rest: &'a str,
    /// The open containers: `}` or `]`, and whether a name comes next.
    open: Vec<(char, bool)>,
    is_complete: bool,
    has_failed: bool,
}

impl<'a> Scanner<'a> {
    /// Begins a text.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { rest: text, open: Vec::new(), is_complete: false, has_failed: false }
    }

    /// The number of open containers.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    fn token(&mut self) -> Option<(Token, usize)> {
        let first = self.rest.chars().next()?;
        let wants_name = self.open.last().is_some_and(|(_, wants_name)| *wants_name);
        if !first.is_ascii_whitespace() && self.is_complete {
            return None;
        }
        match first {
            ' ' | '\t' | '\r' | '\n' => Some((
                Token::Between,
                self.rest.len() - self.rest.trim_start_matches([' ', '\t', '\r', '\n']).len(),
            )),
            ',' | ':' => {
                let (close, wants_name) = self.open.last_mut()?;
                *wants_name = first == ',' && *close == '}';
                Some((Token::Between, 1))
            }
            '{' | '[' if !wants_name && self.open.len() < MAX_DEPTH => {
                self.open.push(if first == '{' { ('}', true) } else { (']', false) });
                Some((Token::Open, 1))
            }
            '}' | ']' => {
                let (close, _) = self.open.pop()?;
                self.is_complete = self.open.is_empty();
                (close == first).then_some((Token::Close, 1))
            }
            '"' => {
                let len = string_len(self.rest)?;
                self.is_complete = self.open.is_empty();
                Some((if wants_name { Token::Key } else { Token::Text }, len))
            }
            _ => {
                let is_end = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '+' | '.');
                let len = self.rest.find(is_end).unwrap_or(self.rest.len());
                self.is_complete = self.open.is_empty();
                (len > 0 && !wants_name).then_some((Token::Scalar, len))
            }
        }
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Result<(Token, &'a str), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed || self.rest.is_empty() && self.is_complete {
            return None;
        }
        let token = self.token().and_then(|(token, len)| Some((token, self.rest.split_at_checked(len)?)));
        let Some((token, (text, rest))) = token else {
            self.has_failed = true;
            return Some(Err(Malformed));
        };
        self.rest = rest;
        Some(Ok((token, text)))
    }
}

/// The length of the string at the start of a text, with its quotes.
fn string_len(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })?;
    Some(end + 2)
}

/// Returns a string of JSON without quotes and escapes. One with escapes that mean nothing keeps
/// them.
#[must_use]
pub fn unquoted(token: &str) -> String {
    serde_json::from_str(token).unwrap_or_else(|_| token.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_strings_are_told_apart() {
        let tokens: Vec<_> = Scanner::new(r#" {"a\"" :[1, "b"], "c":{}} "#)
            .map(Result::unwrap)
            .filter(|(token, _)| *token != Token::Between)
            .map(|(token, text)| format!("{token:?} {text}"))
            .collect();
        let want = [
            "Open {",
            "Key \"a\\\"\"",
            "Open [",
            "Scalar 1",
            "Text \"b\"",
            "Close ]",
            "Key \"c\"",
            "Open {",
            "Close }",
            "Close }",
        ];
        assert_eq!(tokens, want);
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        let deep = "[".repeat(MAX_DEPTH + 1);
        for text in ["", "  ", "{", "[1", "{]", "\"a", "1 2", "{1:2}", "hello world", "]", &deep] {
            assert!(Scanner::new(text).any(|token| token.is_err()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn tokens_are_the_text_and_nothing_is_lost(text in "[\\[\\]{}\":,\\\\ a1é]{0,40}") {
            let mut read = String::new();
            for token in Scanner::new(&text) {
                let Ok((_, part)) = token else { break };
                prop_assert!(!part.is_empty());
                read += part;
            }
            prop_assert!(text.starts_with(&read));
            if serde_json::from_str::<serde_json::Value>(&text).is_ok() {
                prop_assert_eq!(read, text);
            }
        }
    }
}

//! Tests of what the messages of an exchange contain: bodies and heads, which a record does not
//! hold.
//!
//! A test is made once for each payload, when it passes: [`Contents::found_in`] returns which tests
//! found something, as a set of bits. The filter is then asked with the sum over the payloads of an
//! exchange.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use regex::RegexBuilder as TextRegexBuilder;
use regex::bytes::{Regex, RegexBuilder};

use super::error::Error;
use super::fields::Field;
use super::lex::{Op, Value};
use super::pattern;
use crate::base::fact::{PayloadFact, PayloadKind};
use crate::base::{Side, limits};
use crate::mcp::{Exchange, MessageSpan};

/// Which tests of a filter found something in the payloads of a record: a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found(u32);

impl Found {
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// Whether nothing was found.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// Returns what either found.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the test with this number found something.
    pub(super) fn has(self, test: u8) -> bool {
        self.0 >> test & 1 == 1
    }
}

/// Tests of contents in one expression, at most.
pub(super) const MAX_TESTS: usize = 32;

/// A test of a payload.
#[derive(Debug)]
pub(super) struct ContentTest {
    field: Field,
    matcher: Matcher,
}

#[derive(Debug)]
enum Matcher {
    /// There is something.
    Present,
    /// The regex matches.
    Regex(Regex),
    /// Text of the whole value, or its prefix; `negate` for `!=`.
    Text { text: Box<str>, prefix: bool, negate: bool },
}

/// The scheme of a request without `Authorization`.
const NO_AUTH: &str = "none";

impl ContentTest {
    /// Compiles the test of a field of contents.
    pub(super) fn new(field: Field, op: Op, value: &Value) -> Result<Self, Error> {
        let matcher = match (op, value.star) {
            (Op::Regex, _) => Matcher::Regex(regex(&value.text, value)?),
            (Op::Equal, Some(_)) if value.text.is_empty() => Matcher::Present,
            _ if field == Field::Body => {
                let (text, prefix) = (&value.text, value.star.is_some());
                if text.is_empty() {
                    let error = Error::new(value.position(0), "there is no word to search for");
                    return Err(error.hint("write body:* for any body"));
                }
                Matcher::Regex(regex(&word(text, prefix), value)?)
            }
            _ => Matcher::Text {
                text: value.text.to_lowercase().into(),
                prefix: value.star.is_some(),
                negate: op == Op::NotEqual,
            },
        };
        Ok(Self { field, matcher })
    }

    fn finds(&self, side: Side, kind: &PayloadKind, bytes: &[u8]) -> bool {
        match (self.field, kind) {
            (Field::Body, PayloadKind::Head) => false,
            (Field::Body, _) => match &self.matcher {
                Matcher::Present => !bytes.is_empty(),
                Matcher::Regex(regex) => regex.is_match(bytes),
                Matcher::Text { .. } => false,
            },
            (Field::Header, PayloadKind::Head) => lines(bytes).any(|line| self.finds_header(line)),
            (Field::Auth, PayloadKind::Head) if side == Side::Client => {
                let mut schemes = lines(bytes).filter_map(scheme).peekable();
                if schemes.peek().is_none() {
                    return self.is_scheme(NO_AUTH);
                }
                schemes.any(|scheme| self.is_scheme(&scheme))
            }
            _ => false,
        }
    }

    fn finds_header(&self, line: &[u8]) -> bool {
        match &self.matcher {
            Matcher::Present => true,
            Matcher::Regex(regex) => regex.is_match(line),
            Matcher::Text { text, prefix, negate } => {
                let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
                is_text(&name.trim_ascii().to_ascii_lowercase(), text, *prefix) != *negate
            }
        }
    }

    fn is_scheme(&self, scheme: &str) -> bool {
        match &self.matcher {
            Matcher::Present => scheme != NO_AUTH,
            Matcher::Regex(regex) => regex.is_match(scheme.as_bytes()),
            Matcher::Text { text, prefix, negate } => is_text(scheme.as_bytes(), text, *prefix) != *negate,
        }
    }
}

/// Returns the header fields of a head: its lines but the first.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b'\n').skip(1).map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty())
}

/// Returns how the head of a request authenticates it: the schemes of `Authorization`, `api-key`;
/// none if it does not.
pub fn authentication(head: &[u8]) -> impl Iterator<Item = String> {
    lines(head).filter_map(scheme)
}

/// Returns how a header field authenticates a request: the scheme of `Authorization` (RFC 9110
/// section 11.4), or `api-key`; `None` if it is another field.
fn scheme(line: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    let (name, value) = line.split_once(':')?;
    match name.trim().to_ascii_lowercase().as_str() {
        "authorization" => Some(value.split_whitespace().next().unwrap_or_default().to_lowercase()),
        "x-api-key" | "api-key" => Some("api-key".to_owned()),
        _ => None,
    }
}

fn is_text(has: &[u8], wanted: &str, prefix: bool) -> bool {
    if prefix { has.starts_with(wanted.as_bytes()) } else { has == wanted.as_bytes() }
}

/// Returns the regex of a word: not within a longer one. Text whose end is no letter or digit has
/// no boundary there.
fn word(text: &str, prefix: bool) -> String {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let begin = if is_word(text.chars().next()) { r"\b" } else { "" };
    let end = if is_word(text.chars().next_back()) && !prefix { r"\b" } else { "" };
    format!("{begin}{}{end}", regex::escape(text))
}

fn regex(text: &str, value: &Value) -> Result<Regex, Error> {
    let built = RegexBuilder::new(text)
        .case_insensitive(true)
        .size_limit(pattern::MAX_REGEX)
        .dfa_size_limit(pattern::MAX_REGEX)
        .nest_limit(64)
        .build();
    built.map_err(|error| {
        // The message about text is the same, and points at the character.
        let of_text = TextRegexBuilder::new(text).size_limit(pattern::MAX_REGEX).nest_limit(64).build();
        pattern::error(of_text.err().unwrap_or(error), value)
    })
}

/// The tests of contents of a filter.
#[derive(Clone, Debug, Default)]
pub struct Contents(pub(super) Arc<[Arc<ContentTest>]>);

impl Contents {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns which tests find something in a payload.
    #[must_use]
    pub fn found_in(&self, side: Side, kind: &PayloadKind, bytes: &[u8]) -> Found {
        let tests = self.0.iter().enumerate().filter(|(_, test)| test.finds(side, kind, bytes));
        Found(tests.fold(0, |found, (number, _)| found | 1 << number))
    }
}

/// Whether a payload carried a message of an exchange: `is_batch` if it is a JSON array, of which
/// the message is an element.
#[must_use]
pub fn carries(message: MessageSpan, first: u64, last: u64, len: u64, is_batch: bool) -> bool {
    let overlaps = first <= message.span.last.0 && message.span.first.0 <= last;
    // One packet may hold several events.
    overlaps && (len == message.bytes || is_batch)
}

/// What the tests of contents found in the payloads so far, for the exchanges that are not over.
#[derive(Debug)]
pub struct FoundContents {
    contents: Contents,
    /// By connection and transaction.
    of: BTreeMap<(u32, u32), Vec<FoundPayload>>,
    /// The transactions in the order of their first entries.
    order: VecDeque<(u32, u32)>,
}

/// A payload in which something was found.
#[derive(Clone, Copy, Debug)]
struct FoundPayload {
    side: Side,
    is_head: bool,
    is_batch: bool,
    first: u64,
    last: u64,
    len: u64,
    found: Found,
}

impl FoundContents {
    /// Creates the state of a filter with these tests.
    #[must_use]
    pub fn new(contents: Contents) -> Self {
        Self { contents, of: BTreeMap::new(), order: VecDeque::new() }
    }

    /// Takes a payload.
    pub fn push(&mut self, payload: &PayloadFact) {
        let found = self.contents.found_in(payload.side, &payload.kind, &payload.bytes);
        if found.is_none() {
            return;
        }
        let key = (payload.peers.tcp_stream, payload.transaction);
        let entries = self.of.entry(key).or_insert_with(|| {
            self.order.push_back(key);
            Vec::new()
        });
        if entries.len() >= limits::MAX_FOUND_OF_TRANSACTION {
            let oldest = entries.iter().position(|entry| !entry.is_head).unwrap_or_default();
            entries.remove(oldest);
        }
        entries.push(FoundPayload {
            side: payload.side,
            is_head: payload.kind == PayloadKind::Head,
            is_batch: payload.bytes.first() == Some(&b'['),
            first: payload.span.first.0,
            last: payload.span.last.0,
            len: payload.bytes.len() as u64,
            found,
        });
        if self.order.len() > limits::MAX_FOUND_TRANSACTIONS
            && let Some(oldest) = self.order.pop_front()
        {
            self.of.remove(&oldest);
        }
    }

    /// Returns what was found in the heads and messages of an exchange.
    #[must_use]
    pub fn of_exchange(&self, exchange: &Exchange) -> Found {
        let asked = (exchange.tcp_stream, exchange.transaction);
        let request = self.message(asked, exchange.origin, Some(exchange.request));
        let answered = exchange.answered_on.unwrap_or(asked);
        let response = self.message(answered, exchange.origin.other(), exchange.response);
        request.and(response)
    }

    /// Returns what was found in the heads of a transaction and in a message that it carried.
    fn message(&self, on: (u32, u32), from: Side, message: Option<MessageSpan>) -> Found {
        let entries = self.of.get(&on).into_iter().flatten();
        let is_of = |entry: &&FoundPayload| {
            let FoundPayload { first, last, len, is_batch, .. } = **entry;
            entry.is_head
                || (entry.side == from
                    && message.is_some_and(|message| carries(message, first, last, len, is_batch)))
        };
        entries.filter(is_of).fold(Found::NONE, |found, entry| found.and(entry.found))
    }
}

//! Replaces the words in text: JSON as far as the text is JSON, and anything else.
//!
//! Nothing is decided by what the text should be. Punctuation separates words whatever it means;
//! that the text is JSON only says which words are kept (the ids of JSON-RPC) and which digits form
//! a number.

use super::output::{Output, Rule, is_word};
use super::words::Words;

/// Nested containers whose kinds are remembered.
const MAX_DEPTH: usize = 128;

/// The longest name of a member that decides about its value, in bytes.
const LONGEST_NAME: usize = 48;

/// Where in a string the text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Escape {
    /// In no escape.
    #[default]
    None,
    /// Behind a backslash.
    Backslash,
    /// Behind `\\`: what follows may be an escape in a text inside the string.
    Nested,
    /// In the digits of `\u`.
    Unicode(u8),
}

/// An open container.
#[derive(Clone, Copy, Debug)]
struct Container {
    is_object: bool,
    wants_name: bool,
}

/// A string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Outside,
    Name,
    Value,
}

/// Replaces words of one text.
#[derive(Debug)]
pub(super) struct Text {
    open: Vec<Container>,
    place: Place,
    escape: Escape,
    /// The first bytes of the name of the last member: enough to recognise the names that matter.
    name: Vec<u8>,
    /// How the value of this member is replaced.
    rule: Rule,
    /// Whether the current string, or the text outside of JSON, is a sentence.
    is_prose: bool,
    /// Whether bytes before are missing, so that the nesting is not known.
    is_lost: bool,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            open: Vec::new(),
            place: Place::Outside,
            escape: Escape::None,
            name: Vec::new(),
            rule: Rule::Word,
            is_prose: false,
            is_lost: false,
        }
    }
}

impl Text {
    /// Begins a new text.
    pub(super) fn reset(&mut self) {
        self.open.clear();
        self.place = Place::Outside;
        self.escape = Escape::None;
        self.name.clear();
        (self.rule, self.is_prose, self.is_lost) = (Rule::Word, false, false);
    }

    /// Records that bytes are missing here.
    pub(super) fn lost(&mut self) {
        self.reset();
        self.is_lost = true;
    }

    /// Adds the next byte.
    pub(super) fn push(&mut self, byte: u8, output: &mut Output, words: &mut Words) {
        match self.place {
            Place::Outside => self.outside(byte, output, words),
            Place::Name | Place::Value => self.inside(byte, output, words),
        }
    }

    fn outside(&mut self, byte: u8, output: &mut Output, words: &mut Words) {
        match byte {
            b'"' => {
                output.keep(byte, words);
                let wants_name = self.open.last().is_some_and(|container| container.wants_name);
                self.place = if wants_name { Place::Name } else { Place::Value };
                self.escape = Escape::None;
                self.is_prose = false;
                if wants_name {
                    self.name.clear();
                }
            }
            b'{' | b'[' => {
                output.keep(byte, words);
                self.open(byte == b'{');
            }
            b'}' | b']' => {
                output.keep(byte, words);
                self.open.pop();
                self.rule = Rule::Word;
            }
            b',' => {
                output.keep(byte, words);
                self.rule = Rule::Word;
                if let Some(container) = self.open.last_mut() {
                    container.wants_name = container.is_object;
                }
            }
            b':' => {
                output.keep(byte, words);
                if let Some(container) = self.open.last_mut() {
                    container.wants_name = false;
                }
                self.rule = self.rule_of_member();
            }
            b'+' if output.pending().is_some_and(|(first, last)| {
                matches!(first, b'0'..=b'9' | b'-') && matches!(last, b'e' | b'E')
            }) =>
            {
                output.word(byte, Rule::Number, words);
            }
            _ => {
                let rule = match byte {
                    _ if self.rule == Rule::Keep => Rule::Keep,
                    b'0'..=b'9' | b'-' if self.rule != Rule::Word => self.rule,
                    _ if self.open.is_empty() && self.is_prose => Rule::Prose,
                    b'0'..=b'9' | b'-' => Rule::Number,
                    _ => Rule::Word,
                };
                output.text(byte, rule, words);
                match byte {
                    b'\n' => self.is_prose = false,
                    b' ' if self.open.is_empty() => self.is_prose = true,
                    _ => {}
                }
            }
        }
    }

    fn open(&mut self, is_object: bool) {
        self.rule = Rule::Word;
        if self.open.len() >= MAX_DEPTH {
            self.is_lost = true;
            return;
        }
        self.open.push(Container { is_object, wants_name: is_object });
    }

    fn inside(&mut self, byte: u8, output: &mut Output, words: &mut Words) {
        if self.place == Place::Name && self.name.len() <= LONGEST_NAME {
            self.name.push(byte);
        }
        let rule = match self.place {
            Place::Value if self.rule != Rule::Word => self.rule,
            Place::Value if self.is_prose => Rule::Prose,
            _ => Rule::Word,
        };
        match (self.escape, byte) {
            (Escape::Backslash, b'u') => {
                output.keep(byte, words);
                self.escape = Escape::Unicode(0);
            }
            (Escape::Backslash, _) => {
                if is_word(byte) && !matches!(byte, b'b' | b'f' | b'n' | b'r' | b't') {
                    output.text(byte, rule, words);
                } else {
                    output.keep(byte, words);
                }
                self.escape = if byte == b'\\' { Escape::Nested } else { Escape::None };
            }
            (Escape::Nested, b'b' | b'f' | b'n' | b'r' | b't') => {
                output.keep(byte, words);
                self.escape = Escape::None;
            }
            (Escape::Unicode(count), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                output.unicode(byte, rule, words);
                self.escape = if count == 3 { Escape::None } else { Escape::Unicode(count + 1) };
            }
            (_, b'\\') => {
                output.keep(byte, words);
                self.escape = Escape::Backslash;
            }
            (_, b'"') => {
                output.keep(byte, words);
                self.place = Place::Outside;
                self.escape = Escape::None;
            }
            _ => {
                if let Escape::Unicode(_) = self.escape {
                    output.end_word(words);
                }
                self.escape = Escape::None;
                output.text(byte, rule, words);
                self.is_prose |= byte == b' ';
            }
        }
    }

    /// Returns how the value of the last member is replaced. What identifies a request is kept: who
    /// reads the exchanges asks for the order of ids, and for those of two types.
    fn rule_of_member(&self) -> Rule {
        if self.is_lost {
            return Rule::Word;
        }
        let name = self.name.strip_suffix(b"\"").unwrap_or(&self.name);
        let is_envelope = match self.open.as_slice() {
            [message] => message.is_object,
            [batch, message] => !batch.is_object && message.is_object,
            _ => false,
        };
        let depth = self.open.len();
        match name {
            b"id" if is_envelope => Rule::Keep,
            b"requestId" | b"progress" | b"total" if depth <= 3 => Rule::Keep,
            b"progressToken" | b"ttl" | b"pollInterval" | b"ttlMs" | b"pollIntervalMs" if depth <= 4 => {
                Rule::Keep
            }
            b"code" if depth <= 3 => Rule::Code,
            b"protocolVersion" | b"io.modelcontextprotocol/protocolVersion" => Rule::Digits,
            _ => Rule::Word,
        }
    }
}

//! Replaces the words in an event stream (WHATWG HTML section 9.2): names of fields stay, the data
//! of an event is one [`Text`].

use super::output::{Output, Rule};
use super::text::Text;
use super::words::Words;

/// The longest name of a field, in bytes.
const LONGEST_NAME: usize = 8;

/// Where in a line the stream is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// In the name of a field.
    #[default]
    Name,
    /// In the value of `data`.
    Data,
    /// In another value.
    Value(Rule),
}

/// Replaces words of one stream.
#[derive(Debug, Default)]
pub(super) struct EventStream {
    place: Place,
    name: Vec<u8>,
    data: Text,
    /// Whether the last byte was CR: LF behind it is of the same line end.
    had_cr: bool,
    /// Whether bytes are missing before: perhaps only the end of the current line was captured.
    is_lost: bool,
}

impl EventStream {
    /// Records that bytes are missing here.
    pub(super) fn lost(&mut self) {
        self.place = Place::Name;
        self.name.clear();
        self.is_lost = true;
        self.data.lost();
    }

    /// Adds the next byte.
    pub(super) fn push(&mut self, byte: u8, output: &mut Output, words: &mut Words) {
        let had_cr = std::mem::replace(&mut self.had_cr, byte == b'\r');
        match byte {
            b'\n' if had_cr => output.keep(byte, words),
            b'\r' | b'\n' => {
                if self.place == Place::Name && self.name.is_empty() {
                    self.data.reset();
                }
                output.keep(byte, words);
                self.place = Place::Name;
                self.name.clear();
                self.is_lost = false;
            }
            _ => self.in_line(byte, output, words),
        }
    }

    fn in_line(&mut self, byte: u8, output: &mut Output, words: &mut Words) {
        match self.place {
            Place::Name if byte == b':' => {
                output.keep(byte, words);
                // The line is complete: the missing bytes ended before it.
                if self.name == b"data" && self.is_lost {
                    self.data.reset();
                }
                self.place = match self.name.as_slice() {
                    b"data" => Place::Data,
                    b"event" | b"id" => Place::Value(Rule::Word),
                    b"retry" => Place::Value(Rule::Digits),
                    _ => Place::Value(Rule::Prose),
                };
            }
            Place::Name => {
                if self.name.len() <= LONGEST_NAME {
                    self.name.push(byte);
                }
                output.text(byte, Rule::Word, words);
            }
            Place::Data => self.data.push(byte, output, words),
            Place::Value(rule) => output.text(byte, rule, words),
        }
    }
}

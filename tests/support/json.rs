//! A strict reader of JSON (RFC 8259) that shares no code with the program. Unlike most readers it
//! refuses duplicate names, numbers beyond a double, deep nesting, and text that changes how its
//! surroundings are shown: control, bidirectional and zero-width characters have to be escaped.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::CharIndices;

/// The deepest nesting that the program's output may have.
const MAX_DEPTH: usize = 32;

/// Checks that `text` is one JSON value.
///
/// # Errors
/// What is wrong, and at which byte.
pub(crate) fn check(text: &str) -> Result<(), String> {
    let mut reader = Reader { text, chars: text.char_indices().peekable() };
    let read = reader.value(0).and_then(|()| reader.end());
    read.map_err(|what| {
        let at = reader.at();
        let around: String = text.get(at.saturating_sub(40)..).unwrap_or(text).chars().take(80).collect();
        format!("{what} at byte {at}, in {around:?}")
    })
}

/// Whether a character changes how the text around it is shown, or is not shown.
pub(crate) fn is_deceptive(char: char) -> bool {
    matches!(char,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{61c}' | '\u{feff}')
}

struct Reader<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
}

impl<'a> Reader<'a> {
    fn at(&mut self) -> usize {
        self.chars.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    fn peek(&mut self) -> Option<char> {
        self.chars.peek().map(|(_, char)| *char)
    }

    fn next_if(&mut self, wanted: char) -> bool {
        self.chars.next_if(|(_, char)| *char == wanted).is_some()
    }

    fn space(&mut self) {
        while self.chars.next_if(|(_, char)| matches!(char, ' ' | '\t' | '\n' | '\r')).is_some() {}
    }

    fn end(&mut self) -> Result<(), &'static str> {
        self.space();
        if self.peek().is_none() { Ok(()) } else { Err("text after the value") }
    }

    fn value(&mut self, depth: usize) -> Result<(), &'static str> {
        if depth > MAX_DEPTH {
            return Err("nested too deeply");
        }
        self.space();
        match self.peek().ok_or("no value")? {
            '{' => self.object(depth),
            '[' => self.array(depth),
            '"' => self.string().map(drop),
            '-' | '0'..='9' => self.number(),
            't' => self.word("true"),
            'f' => self.word("false"),
            'n' => self.word("null"),
            _ => Err("no value"),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), &'static str> {
        if word.chars().all(|char| self.next_if(char)) { Ok(()) } else { Err("no value") }
    }

    fn object(&mut self, depth: usize) -> Result<(), &'static str> {
        self.chars.next();
        let mut names = BTreeSet::new();
        self.space();
        if self.next_if('}') {
            return Ok(());
        }
        loop {
            self.space();
            if self.peek() != Some('"') {
                return Err("no name");
            }
            let name = self.string()?;
            if !names.insert(name) {
                return Err("a name that the object has twice");
            }
            self.space();
            if !self.next_if(':') {
                return Err("no colon");
            }
            self.value(depth + 1)?;
            self.space();
            match self.chars.next() {
                Some((_, ',')) => {}
                Some((_, '}')) => return Ok(()),
                _ => return Err("no comma"),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), &'static str> {
        self.chars.next();
        self.space();
        if self.next_if(']') {
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            self.space();
            match self.chars.next() {
                Some((_, ',')) => {}
                Some((_, ']')) => return Ok(()),
                _ => return Err("no comma"),
            }
        }
    }

    /// Reads a string and returns it as it is written.
    fn string(&mut self) -> Result<&'a str, &'static str> {
        self.chars.next();
        let start = self.at();
        loop {
            match self.chars.next().ok_or("a string without end")? {
                (end, '"') => return Ok(&self.text[start..end]),
                (_, '\\') => self.escape()?,
                (_, char) if is_deceptive(char) => return Err("a character that is not escaped"),
                _ => {}
            }
        }
    }

    fn escape(&mut self) -> Result<(), &'static str> {
        match self.chars.next().map(|(_, char)| char) {
            Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') => Ok(()),
            Some('u') => match self.unit()? {
                0xd800..=0xdbff => {
                    let is_pair = self.next_if('\\') && self.next_if('u');
                    let is_low = is_pair && (0xdc00..=0xdfff).contains(&self.unit()?);
                    if is_low { Ok(()) } else { Err("half of a surrogate pair") }
                }
                0xdc00..=0xdfff => Err("half of a surrogate pair"),
                _ => Ok(()),
            },
            _ => Err("an unknown escape"),
        }
    }

    fn unit(&mut self) -> Result<u32, &'static str> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.chars.next().and_then(|(_, char)| char.to_digit(16));
            unit = unit * 16 + digit.ok_or("an unknown escape")?;
        }
        Ok(unit)
    }

    fn digits(&mut self) -> usize {
        let mut count = 0;
        while self.chars.next_if(|(_, char)| char.is_ascii_digit()).is_some() {
            count += 1;
        }
        count
    }

    fn number(&mut self) -> Result<(), &'static str> {
        let start = self.at();
        self.next_if('-');
        let begins_with_zero = self.peek() == Some('0');
        match self.digits() {
            0 => return Err("a number without digits"),
            1 => {}
            _ if begins_with_zero => return Err("a number that begins with 0"),
            _ => {}
        }
        if self.next_if('.') && self.digits() == 0 {
            return Err("a number without digits");
        }
        if self.next_if('e') || self.next_if('E') {
            let _ = self.next_if('+') || self.next_if('-');
            if self.digits() == 0 {
                return Err("a number without digits");
            }
        }
        let end = self.at();
        let number = self.text[start..end].parse::<f64>();
        if number.is_ok_and(f64::is_finite) { Ok(()) } else { Err("a number that no double holds") }
    }
}

#[test]
fn the_strict_reader_is_strict() {
    for good in ["{}", " [1, -0.5e-3, \"\\ud83d\\ude00 \\u202e\", {\"a\":null}] ", "0", "true"] {
        assert_eq!(check(good), Ok(()), "{good}");
    }
    let deep = "[".repeat(MAX_DEPTH + 2);
    let bad = [
        "",
        "{",
        "[1,]",
        "{\"a\":1,\"a\":2}",
        "01",
        "1.",
        "1e",
        "1e999",
        "-",
        "nul",
        "\"\\x\"",
        "\"\\ud83d\"",
        "\"\\udc00\"",
        "\"\u{202e}\"",
        "\"\u{9b}\"",
        "\"\u{7f}\"",
        "\"\n\"",
        "1 2",
        "\"a",
        "{a:1}",
        &deep,
    ];
    for text in bad {
        assert!(check(text).is_err(), "{text:?}");
    }
}

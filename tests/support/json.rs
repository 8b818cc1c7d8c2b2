//! A strict reader of JSON (RFC 8259) that shares no code with the program. Unlike most readers it
//! refuses duplicate names, numbers beyond a double, deep nesting, and text that changes how its
//! surroundings are shown: control, bidirectional and zero-width characters have to be escaped.

use std::collections::BTreeSet;

/// The deepest nesting that the program's output may have.
const MAX_DEPTH: usize = 32;

/// Checks that `text` is one JSON value.
///
/// # Errors
/// What is wrong, and at which byte.
pub(crate) fn check(text: &str) -> Result<(), String> {
    let mut reader = Reader { text, at: 0 };
    let read = reader.value(0).and_then(|()| reader.end());
    read.map_err(|what| {
        let at = reader.at;
        let around: String = text.get(at.saturating_sub(40)..).unwrap_or(text).chars().take(80).collect();
        format!("{what} at byte {at}, in {around:?}")
    })
}

/// Whether a character changes how the text around it is shown, or is not shown.
fn is_deceptive(char: char) -> bool {
    matches!(char,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{61c}' | '\u{feff}')
}

/// The first character of `text` that is deceptive, and where it is.
pub(crate) fn deceptive(text: &str) -> Option<(usize, char)> {
    // Fast in a debug build, and enough for most texts.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return None;
    }
    text.char_indices().find(|(_, char)| is_deceptive(*char))
}

/// Reads by bytes: what is not ASCII stands in strings only.
struct Reader<'a> {
    text: &'a str,
    /// Position of the next byte.
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn next_if(&mut self, wanted: u8) -> bool {
        let is_next = self.peek() == Some(wanted);
        self.at += usize::from(is_next);
        is_next
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
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
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(drop),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => Err("no value"),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), &'static str> {
        if word.bytes().all(|byte| self.next_if(byte)) { Ok(()) } else { Err("no value") }
    }

    fn object(&mut self, depth: usize) -> Result<(), &'static str> {
        self.at += 1;
        let mut names = BTreeSet::new();
        self.space();
        if self.next_if(b'}') {
            return Ok(());
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err("no name");
            }
            let name = self.string()?;
            if !names.insert(name) {
                return Err("a name that the object has twice");
            }
            self.space();
            if !self.next_if(b':') {
                return Err("no colon");
            }
            self.value(depth + 1)?;
            self.space();
            match self.next() {
                Some(b',') => {}
                Some(b'}') => return Ok(()),
                _ => return Err("no comma"),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), &'static str> {
        self.at += 1;
        self.space();
        if self.next_if(b']') {
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            self.space();
            match self.next() {
                Some(b',') => {}
                Some(b']') => return Ok(()),
                _ => return Err("no comma"),
            }
        }
    }

    /// Reads a string and returns it as it is written.
    fn string(&mut self) -> Result<&'a str, &'static str> {
        self.at += 1;
        let start = self.at;
        loop {
            let rest = &self.text[self.at..];
            let end = memchr::memchr2(b'"', b'\\', rest.as_bytes()).ok_or("a string without end")?;
            if let Some((at, _)) = deceptive(&rest[..end]) {
                self.at += at;
                return Err("a character that is not escaped");
            }
            self.at += end;
            if self.next() == Some(b'"') {
                return Ok(&self.text[start..self.at - 1]);
            }
            self.escape()?;
        }
    }

    fn escape(&mut self) -> Result<(), &'static str> {
        match self.next() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
            Some(b'u') => match self.unit()? {
                0xd800..=0xdbff => {
                    let is_pair = self.next_if(b'\\') && self.next_if(b'u');
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
            let digit = self.next().and_then(|byte| char::from(byte).to_digit(16));
            unit = unit * 16 + digit.ok_or("an unknown escape")?;
        }
        Ok(unit)
    }

    fn digits(&mut self) -> usize {
        let mut count = 0;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
            count += 1;
        }
        count
    }

    fn number(&mut self) -> Result<(), &'static str> {
        let start = self.at;
        self.next_if(b'-');
        let begins_with_zero = self.peek() == Some(b'0');
        match self.digits() {
            0 => return Err("a number without digits"),
            1 => {}
            _ if begins_with_zero => return Err("a number that begins with 0"),
            _ => {}
        }
        if self.next_if(b'.') && self.digits() == 0 {
            return Err("a number without digits");
        }
        if self.next_if(b'e') || self.next_if(b'E') {
            let _ = self.next_if(b'+') || self.next_if(b'-');
            if self.digits() == 0 {
                return Err("a number without digits");
            }
        }
        let end = self.at;
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

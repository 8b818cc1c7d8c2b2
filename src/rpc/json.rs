//! Reads JSON text (RFC 8259) in one pass, without building values: texts are borrowed, what nobody
//! asks for is skipped and only checked.

use std::borrow::Cow;

use crate::base::prefix::{self, HIGH, ONES, at_least};

/// The text is no JSON. [`serde_json`] says why, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Invalid;

pub(super) type Result<T> = std::result::Result<T, Invalid>;

/// JSON text and how far it was read.
#[derive(Debug)]
pub(super) struct Json<'a> {
    text: &'a str,
    /// The bytes of it that were not read.
    rest: &'a [u8],
}

impl<'a> Json<'a> {
    /// Begins to read a text.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, rest: text.as_bytes() }
    }

    /// Returns whether nothing but blanks is left.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Returns whether an object is next.
    pub(super) fn is_object(&mut self) -> bool {
        self.peek() == Some(b'{')
    }

    /// Returns whether an array is next.
    pub(super) fn is_array(&mut self) -> bool {
        self.peek() == Some(b'[')
    }

    /// Reads an object. `member` is called with the name of each member and has to read its value.
    #[inline]
    pub(super) fn object(&mut self, mut member: impl FnMut(&mut Self, &str) -> Result<()>) -> Result<()> {
        self.expect(b'{')?;
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            match self.plain_string() {
                Some(name) => {
                    self.expect(b':')?;
                    member(self, name)?;
                }
                None => {
                    let name = self.string()?;
                    self.expect(b':')?;
                    member(self, &name)?;
                }
            }
            if !self.has_more(b'}')? {
                return Ok(());
            }
        }
    }

    /// Reads a string if it is next and has no escapes.
    #[inline]
    fn plain_string(&mut self) -> Option<&'a str> {
        self.peek();
        let [b'"', inner @ ..] = self.rest else { return None };
        let (plain, [b'"', behind @ ..]) = inner.split_at_checked(plain_len(inner))? else { return None };
        let from = self.text.len() - inner.len();
        let text = self.text.get(from..from + plain.len())?;
        self.rest = behind;
        Some(text)
    }

    /// Reads an array. `element` is called for each element and has to read it.
    pub(super) fn array(&mut self, mut element: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        self.expect(b'[')?;
        if self.take(b']') {
            return Ok(());
        }
        loop {
            element(self)?;
            if !self.has_more(b']')? {
                return Ok(());
            }
        }
    }

    /// Reads a string, without escapes.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>> {
        match self.plain_string() {
            Some(text) => Ok(Cow::Borrowed(text)),
            None => self.string_with_escapes().map(Cow::Owned),
        }
    }

    #[cold]
    fn string_with_escapes(&mut self) -> Result<String> {
        self.expect(b'"')?;
        let from = self.at();
        self.rest_of_string()?;
        let quoted = self.text.get(from - 1..self.at()).ok_or(Invalid)?;
        serde_json::from_str(quoted).map_err(|_| Invalid)
    }

    /// Reads a string, without escapes; `None` for a value of another type.
    pub(super) fn text(&mut self) -> Result<Option<Cow<'a, str>>> {
        if self.peek() == Some(b'"') {
            return self.string().map(Some);
        }
        self.skip()?;
        Ok(None)
    }

    /// Reads this text if it is next.
    #[inline]
    pub(super) fn take_text(&mut self, text: &str) -> bool {
        self.peek();
        let behind = self.rest.strip_prefix(text.as_bytes());
        self.rest = behind.unwrap_or(self.rest);
        behind.is_some()
    }

    /// Reads any value; returns its text.
    #[inline]
    pub(super) fn raw(&mut self) -> Result<&'a str> {
        self.peek();
        let from = self.at();
        self.skip()?;
        self.text.get(from..self.at()).ok_or(Invalid)
    }

    /// Reads any value.
    #[inline]
    pub(super) fn skip(&mut self) -> Result<()> {
        match self.peek() {
            Some(b'{' | b'[') => self.skip_container(),
            Some(first) => self.skip_scalar(first),
            None => Err(Invalid),
        }
    }

    /// Reads an object or an array.
    fn skip_container(&mut self) -> Result<()> {
        let mut nesting = Nesting::default();
        loop {
            match self.peek().ok_or(Invalid)? {
                b'{' => {
                    self.advance(1)?;
                    if !self.take(b'}') {
                        nesting.enter(true);
                        self.skip_name()?;
                        continue;
                    }
                }
                b'[' => {
                    self.advance(1)?;
                    if !self.take(b']') {
                        nesting.enter(false);
                        continue;
                    }
                }
                first => self.skip_scalar(first)?,
            }
            // Behind a value: the next one, or the ends of what contains it.
            loop {
                let Some(is_object) = nesting.innermost() else { return Ok(()) };
                if self.has_more(if is_object { b'}' } else { b']' })? {
                    if is_object {
                        self.skip_name()?;
                    }
                    break;
                }
                nesting.leave();
            }
        }
    }

    /// Reads a string, a number or a literal that begins with `first`.
    #[inline]
    fn skip_scalar(&mut self, first: u8) -> Result<()> {
        match first {
            b'"' => {
                self.advance(1)?;
                self.rest_of_string()
            }
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => self.number(),
        }
    }

    /// Reads the name of a member, with its colon.
    fn skip_name(&mut self) -> Result<()> {
        self.expect(b'"')?;
        self.rest_of_string()?;
        self.expect(b':')
    }

    /// Returns the number of bytes that were read.
    #[inline]
    fn at(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    #[inline]
    fn advance(&mut self, len: usize) -> Result<()> {
        self.rest = self.rest.get(len..).ok_or(Invalid)?;
        Ok(())
    }

    /// Reads blanks; returns the byte behind them.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.rest {
                // Nearly always.
                [first, ..] if *first > b' ' => return Some(*first),
                [b' ' | b'\n' | b'\r' | b'\t', behind @ ..] => self.rest = behind,
                rest => return rest.first().copied(),
            }
        }
    }

    /// Reads this byte if it is next.
    #[inline]
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        if let (true, [_, behind @ ..]) = (is_next, self.rest) {
            self.rest = behind;
        }
        is_next
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.take(byte) { Ok(()) } else { Err(Invalid) }
    }

    /// Reads what stands behind a value: a comma, or `end`, the end of what contains it. Returns
    /// whether another value follows.
    #[inline]
    fn has_more(&mut self, end: u8) -> Result<bool> {
        self.peek();
        match self.rest {
            [b',', behind @ ..] => {
                self.rest = behind;
                Ok(true)
            }
            [first, behind @ ..] if *first == end => {
                self.rest = behind;
                Ok(false)
            }
            _ => Err(Invalid),
        }
    }

    /// Reads a string from behind its opening quotation mark. Escapes are checked as far as they
    /// delimit it: surrogates need not be pairs.
    #[inline]
    fn rest_of_string(&mut self) -> Result<()> {
        loop {
            self.advance(plain_len(self.rest))?;
            match self.rest {
                [b'"', behind @ ..] => {
                    self.rest = behind;
                    return Ok(());
                }
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', behind @ ..] => {
                    self.rest = behind;
                }
                [b'\\', b'u', a, b, c, d, behind @ ..]
                    if [a, b, c, d].into_iter().all(u8::is_ascii_hexdigit) =>
                {
                    self.rest = behind;
                }
                _ => return Err(Invalid),
            }
        }
    }

    fn literal(&mut self, literal: &[u8]) -> Result<()> {
        self.rest = self.rest.strip_prefix(literal).ok_or(Invalid)?;
        Ok(())
    }

    fn number(&mut self) -> Result<()> {
        if let [b'-', behind @ ..] = self.rest {
            self.rest = behind;
        }
        // No digit follows a leading zero.
        match self.rest {
            [b'0', behind @ ..] => self.rest = behind,
            _ => self.digits()?,
        }
        if let [b'.', behind @ ..] = self.rest {
            self.rest = behind;
            self.digits()?;
        }
        if let [b'e' | b'E', behind @ ..] = self.rest {
            self.rest = behind;
            if let [b'+' | b'-', behind @ ..] = self.rest {
                self.rest = behind;
            }
            self.digits()?;
        }
        match self.rest {
            [b'0'..=b'9', ..] => Err(Invalid),
            _ => Ok(()),
        }
    }

    /// Reads at least one digit.
    fn digits(&mut self) -> Result<()> {
        let [b'0'..=b'9', behind @ ..] = self.rest else { return Err(Invalid) };
        self.rest = behind;
        while let [b'0'..=b'9', behind @ ..] = self.rest {
            self.rest = behind;
        }
        Ok(())
    }
}

/// Returns the number of bytes at the front that stand for themselves in a string: no quotation
/// mark, no backslash, no control character.
#[inline]
fn plain_len(bytes: &[u8]) -> usize {
    prefix::len(bytes, |word| {
        let low = word & !HIGH;
        // A byte that is zero is less than 1.
        let differs = |byte: u8| at_least(low ^ (ONES * u64::from(byte)), 1);
        at_least(low, 0x20) & differs(b'"') & differs(b'\\') | word
    })
}

/// The arrays and objects that contain a place, a bit for each.
#[derive(Debug, Default)]
struct Nesting {
    depth: usize,
    /// The innermost ones, up to 64: bit 0 is the innermost.
    inner: u64,
    /// Those around them, in words of 64.
    outer: Vec<u64>,
}

impl Nesting {
    fn enter(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.inner);
        }
        self.inner = (self.inner << 1) | u64::from(is_object);
        self.depth += 1;
    }

    /// Returns whether the innermost one is an object; `None` if there is none.
    fn innermost(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.inner & 1 != 0)
    }

    fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.inner >>= 1;
        if self.depth > 0
            && self.depth.is_multiple_of(64)
            && let Some(outer) = self.outer.pop()
        {
            self.inner = outer;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;
    use serde_json::value::RawValue;

    use super::*;

    fn is_valid(text: &str) -> bool {
        let mut json = Json::new(text);
        json.skip().is_ok() && json.is_at_end()
    }

    #[test]
    fn members_and_elements_are_read_in_order() {
        let mut json = Json::new(r#" {"a" : [1, {"b": "\u00e9"}, []], "c": null, "d\n": "x"} "#);
        let (mut names, mut texts) = (Vec::new(), Vec::new());
        let read = json.object(|json, name| {
            names.push(name.to_owned());
            if json.is_array() {
                json.array(|json| {
                    texts.push(json.raw()?.to_owned());
                    Ok(())
                })
            } else {
                texts.extend(json.text()?.map(Cow::into_owned));
                Ok(())
            }
        });
        assert!(read.is_ok() && json.is_at_end());
        assert_eq!(names, ["a", "c", "d\n"]);
        assert_eq!(texts, ["1", r#"{"b": "\u00e9"}"#, "[]", "x"]);
    }

    #[test]
    fn a_text_has_no_lone_surrogate() {
        for (text, is_text) in [(r#""\ud83d\ude00""#, true), (r#""\ud83d""#, false), (r#""\udE00x""#, false)]
        {
            assert!(is_valid(text), "{text}");
            assert_eq!(Json::new(text).string().is_ok(), is_text, "{text}");
        }
    }

    #[test]
    fn depth_has_no_limit() {
        for open in ["[", "{\"a\":"] {
            let close = if open == "[" { "]" } else { "}" };
            for depth in [1, 63, 64, 65, 128, 129, 100_000] {
                let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
                assert!(is_valid(&deep) && !is_valid(&deep[..deep.len() - 1]), "{depth}");
                assert!(!is_valid(&deep[1..]), "{depth}");
            }
        }
    }

    /// Pieces that make valid JSON often, and invalid JSON in every way.
    fn piece() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"a\"",
            "\"\"",
            "\"\\u00e9\\n\"",
            "\"\\ud83d\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"long text with é\"",
            "\"\t\"",
            "1",
            "-0",
            "01",
            "1.5",
            "1.",
            "1e5",
            "1e+",
            "-",
            "1E-2",
            "true",
            "false",
            "null",
            "nul",
            " ",
            "\n",
            "\"a\":",
            "\"b\":1,",
            "[1,2]",
            "{\"c\":[]}",
            "\u{c}",
            "\"",
        ])
    }

    proptest! {
        #[test]
        fn the_same_texts_are_valid_as_for_serde(pieces in prop::collection::vec(piece(), 0..12)) {
            let text = pieces.concat();
            prop_assert_eq!(is_valid(&text), serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{}", text);
        }

        #[test]
        fn values_are_delimited_as_by_serde(text in ".{0,20}", number in any::<f64>(), depth in 0usize..4) {
            let value = serde_json::json!({ "a": [text, number], "b\"": { &text: depth } });
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                let raw: &RawValue = serde_json::from_str(&text).unwrap();
                let padded = format!("  {text}, ");
                let mut json = Json::new(&padded);
                prop_assert_eq!(json.raw(), Ok(raw.get()));
                prop_assert!(json.take(b',') && json.is_at_end());
            }
        }
    }
}

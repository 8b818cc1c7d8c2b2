//! JSON strings that are safe to print: what is invisible or moves the cursor is escaped.
//!
//! RFC 8259 section 7 lets a string hold every character above U+001F but `"` and `\`; a terminal
//! and a reader do not.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, PrettyFormatter};

use super::sanitize;

/// Writes `text` as a JSON string. Every character that [`sanitize::escape`] replaces is written as
/// `\u` and four digits, characters beyond U+FFFF as a surrogate pair.
///
/// # Errors
/// Returns the errors of `out`.
pub fn write_string(out: &mut impl Write, text: &str) -> io::Result<()> {
    let formatter = Escaping { inner: CompactFormatter };
    text.serialize(&mut serde_json::Serializer::with_formatter(out, formatter)).map_err(io::Error::from)
}

/// Writes indented JSON whose strings are those of [`write_string`].
///
/// # Errors
/// Returns the errors of `out`, and those of serializing `value`.
pub fn write_pretty(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let formatter = Escaping { inner: PrettyFormatter::new() };
    value.serialize(&mut serde_json::Serializer::with_formatter(out, formatter)).map_err(io::Error::from)
}

/// Writes JSON on one line whose strings are those of [`write_string`].
///
/// # Errors
/// Returns the errors of `out`, and those of serializing `value`.
pub fn write_compact(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let formatter = Escaping { inner: CompactFormatter };
    value.serialize(&mut serde_json::Serializer::with_formatter(out, formatter)).map_err(io::Error::from)
}

/// Returns JSON as it is written, but its strings as [`write_string`] writes them: elsewhere JSON
/// has no such characters but line ends and tabs (RFC 8259 section 2).
#[must_use]
pub fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if sanitize::is_unsafe(c) && !matches!(c, '\n' | '\r' | '\t') {
            escaped.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// A formatter that escapes unsafe characters and leaves the layout to another one.
struct Escaping<F> {
    inner: F,
}

/// Forwards methods of [`Formatter`] that decide on the layout.
macro_rules! forward {
    ($($name:ident($($argument:ident: $type:ty),*)),* $(,)?) => {
        $(fn $name<W: ?Sized + Write>(&mut self, out: &mut W, $($argument: $type),*) -> io::Result<()> {
            self.inner.$name(out, $($argument),*)
        })*
    };
}

impl<F: Formatter> Formatter for Escaping<F> {
    forward!(
        begin_array(),
        end_array(),
        begin_array_value(first: bool),
        end_array_value(),
        begin_object(),
        end_object(),
        begin_object_key(first: bool),
        end_object_key(),
        begin_object_value(),
        end_object_value(),
    );

    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let mut start = 0;
        for (at, c) in fragment.char_indices().filter(|(_, c)| sanitize::is_unsafe(*c)) {
            out.write_all(fragment.get(start..at).unwrap_or_default().as_bytes())?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            start = at + c.len_utf8();
        }
        out.write_all(fragment.get(start..).unwrap_or_default().as_bytes())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, out: &mut W, escape: CharEscape) -> io::Result<()> {
        self.inner.write_char_escape(out, escape)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn string(text: &str) -> String {
        let mut out = Vec::new();
        write_string(&mut out, text).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn unsafe_characters_are_escaped() {
        assert_eq!(string("a\"\\\n\u{1b}"), r#""a\"\\\n\u001b""#);
        assert_eq!(string("\u{7f}\u{9b}\u{202e}\u{200b}é日"), r#""\u007f\u009b\u202e\u200bé日""#);
        assert_eq!(string("\u{e0041}"), r#""\udb40\udc41""#);
    }

    #[test]
    fn objects_are_indented() {
        let mut out = Vec::new();
        write_pretty(&mut out, &serde_json::json!({"a": ["\u{200b}"]})).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "{\n  \"a\": [\n    \"\\u200b\"\n  ]\n}");
    }

    proptest! {
        #[test]
        fn what_is_escaped_is_the_same_value(text in "\\PC*", more in ".*") {
            let json = serde_json::to_string_pretty(&[text, more]).unwrap();
            let escaped = escape(&json);
            prop_assert!(!escaped.chars().any(|c| sanitize::is_unsafe(c) && c != '\n'), "{escaped:?}");
            let values = [&json, &escaped].map(|json| serde_json::from_str::<Vec<String>>(json).unwrap());
            prop_assert_eq!(&values[0], &values[1]);
        }

        #[test]
        fn strings_keep_their_text(text in "\\PC*", more in ".*") {
            for text in [text, more] {
                let json = string(&text);
                prop_assert!(!json.chars().any(sanitize::is_unsafe), "{json:?}");
                prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
            }
        }
    }
}

//! Makes text from traffic safe to print: on a terminal, in a table, in a screenshot.
//!
//! Characters that are invisible, move the cursor or change the reading direction are replaced by a
//! visible symbol, credentials by `…`. Nothing is interpreted.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Redacts credentials ([`redact`]) and escapes invisible characters ([`escape`]).
#[must_use]
pub fn clean(text: &str) -> String {
    escape(&redact(text)).into_owned()
}

/// Replaces every character that is not plainly visible.
///
/// ASCII control characters become their pictures (`␛`). C1 controls, marks and overrides of the
/// reading direction, zero-width characters, line and paragraph separators, fillers, tags, private
/// use characters and noncharacters become their code point (`<U+202E>`).
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match u32::from(c) {
            0x7F => out.push('\u{2421}'),
            // The control pictures block is in the order of the control characters.
            code @ 0..0x20 => out.push(char::from_u32(0x2400 + code).unwrap_or('\u{FFFD}')),
            code if is_unsafe(c) => out.push_str(&format!("<U+{code:04X}>")),
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

fn is_unsafe(c: char) -> bool {
    let code = u32::from(c);
    match code {
        0..0x20 | 0x7F..=0x9F => true,
        0x20..0x7F => false,
        // Soft hyphen, combining grapheme joiner, Arabic letter mark, Hangul and Khmer fillers,
        // Mongolian vowel separators.
        0xAD | 0x34F | 0x61C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F => true,
        // Zero-width characters and direction marks; separators, embeddings and overrides; joiners,
        // isolates, deprecated controls.
        0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F => true,
        // Hangul filler, private use, variation selectors except those for text and emoji, byte
        // order mark, half-width filler, interlinear annotation marks.
        0x3164 | 0xE000..=0xF8FF | 0xFE00..=0xFE0D | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB => true,
        // Tags, more variation selectors, the private use planes 15 and 16.
        0xE0000.. => true,
        // Noncharacters: the last two of every plane, and a block of 32.
        _ => code & 0xFFFE == 0xFFFE || (0xFDD0..=0xFDEF).contains(&code),
    }
}

/// Returns how many terminal columns escaped text occupies.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// Truncates escaped text to `columns` terminal columns; the last column is `…` if anything was
/// cut.
#[must_use]
pub fn fit(text: &str, columns: usize) -> Cow<'_, str> {
    // Combining marks have no width, so text that consists of them is limited by its length in
    // bytes.
    let bytes = columns.saturating_mul(16);
    if text.len() <= bytes && width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        // U+FE0F makes the character before it wide; counting it as 1 keeps the sum at or above the
        // real width.
        let wide = if c == '\u{FE0F}' { 1 } else { c.width().unwrap_or(0) };
        if used + wide + 1 > columns || out.len() + c.len_utf8() > bytes {
            break;
        }
        used += wide;
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    Cow::Owned(out)
}

/// Names (of query parameters, JSON members) whose value is a credential; lower case, without `-`
/// and `_`.
const SECRET_NAMES: [&str; 15] = [
    "token",
    "key",
    "apikey",
    "secret",
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "code",
    "sig",
    "signature",
    "auth",
    "authorization",
    "credential",
    "credentials",
];

/// Endings of such names (`access_token`, `client_secret`, `X-Amz-Signature`).
const SECRET_ENDINGS: [&str; 6] = ["token", "secret", "password", "signature", "apikey", "credential"];

/// The subset that is also recognised before a colon. `code: -32602`, `key: name` and `token: 5`
/// are no credentials.
const SECRET_BEFORE_COLON: [&str; 6] =
    ["secret", "password", "apikey", "accesstoken", "refreshtoken", "authorization"];

/// Replaces credentials by `…`: the user of a URL, the values of names like `token`, the token
/// after `Bearer`.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    let bearer = |bytes: &[u8]| bytes.eq_ignore_ascii_case(b"bearer");
    if !text.contains(['=', ':']) && !text.as_bytes().windows(6).any(bearer) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_word = false;
    while let Some(c) = rest.chars().next() {
        let taken = if let Some(after) = rest.strip_prefix("://") {
            out.push_str("://");
            3 + user_of_url(after, &mut out)
        } else if is_word(c) && !in_word {
            word(rest, &mut out)
        } else {
            out.push(c);
            c.len_utf8()
        };
        (_, rest) = rest.split_at_checked(taken).unwrap_or_default();
        in_word = is_word(c);
        if taken > c.len_utf8() {
            in_word = out.chars().next_back().is_some_and(is_word);
        }
    }
    Cow::Owned(out)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// Redacts `user:password` before the `@` of a URL; returns the number of bytes consumed.
fn user_of_url(after: &str, out: &mut String) -> usize {
    let ends = |c: char| matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>' | '\\') || c.is_whitespace();
    let authority = after.split(ends).next().unwrap_or("");
    match authority.rfind('@') {
        Some(at) if at > 0 => {
            out.push('…');
            at
        }
        _ => 0,
    }
}

/// Copies the first word of `rest` and redacts the credential behind it, if its name announces one;
/// returns the number of bytes consumed.
fn word(rest: &str, out: &mut String) -> usize {
    let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
    out.push_str(word);
    let gap = separator(word, after);
    let Some((between, value)) = after.split_at_checked(gap).filter(|_| gap > 0) else {
        return end;
    };
    // `Authorization: Basic dXNlcg==`: the rest of the line is the credential.
    let whole_line = is_named(word, &["authorization"]) && !between.contains('=');
    let quote = between.chars().next_back().filter(|c| matches!(c, '"' | '\''));
    let ends = |c: char| match c {
        _ if quote.is_some() => quote == Some(c),
        '"' | '\'' | '\n' | '\r' => true,
        '&' | ';' | ',' | '#' | '}' | ')' | ']' | '<' | '>' => !whole_line,
        _ => c.is_whitespace() && !whole_line,
    };
    let hidden = value.find(ends).unwrap_or(value.len());
    if hidden == 0 {
        return end;
    }
    out.push_str(between);
    out.push('…');
    end + gap + hidden
}

/// Returns the length of the separator between the name of a credential and its value; 0 if `word`
/// is no such name.
fn separator(word: &str, after: &str) -> usize {
    let blanks = |text: &str| text.len() - text.trim_start_matches([' ', '\t']).len();
    if word.eq_ignore_ascii_case("bearer") {
        return blanks(after);
    }
    let quoted = |text: &str| usize::from(text.starts_with(['"', '\'']));
    let close = quoted(after);
    let (_, sign) = after.split_at_checked(close).unwrap_or_default();
    let names: &[&str] = match sign.chars().next() {
        Some('=') => &SECRET_NAMES,
        Some(':') => &SECRET_BEFORE_COLON,
        _ => return 0,
    };
    let has_ending =
        sign.starts_with('=') && SECRET_ENDINGS.iter().any(|ending| normal(word).ends_with(ending));
    if !has_ending && !is_named(word, names) {
        return 0;
    }
    let (_, value) = sign.split_at_checked(1).unwrap_or_default();
    let blank = blanks(value);
    let (_, value) = value.split_at_checked(blank).unwrap_or_default();
    close + 1 + blank + quoted(value)
}

fn is_named(word: &str, names: &[&str]) -> bool {
    names.contains(&normal(word).as_str())
}

fn normal(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn invisible_characters_are_escaped() {
        assert_eq!(escape("\u{1b}[31mred\r\n\u{7f}"), "␛[31mred␍␊␡");
        assert_eq!(escape("a\u{202e}b\u{200d}c\u{2028}"), "a<U+202E>b<U+200D>c<U+2028>");
        assert_eq!(escape("\u{9b}1m\u{e0041}\u{e000}"), "<U+009B>1m<U+E0041><U+E000>");
        assert_eq!(escape("Größe 日本語 ✓"), "Größe 日本語 ✓");
    }

    #[test]
    fn truncation_counts_columns() {
        assert_eq!(fit("日本語", 6), "日本語");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!(fit("tools/call", 6), "tools…");
        assert_eq!(fit("abc", 0), "");
        assert!(fit(&"a\u{301}".repeat(5000), 10).len() < 200);
    }

    #[test]
    fn credentials_are_redacted() {
        for (text, want) in [
            ("https://joe:pa@ss@host/x", "https://…@host/x"),
            ("https://token@host", "https://…@host"),
            ("https://host/mail@x", "https://host/mail@x"),
            ("/sse?api_key=abc&x=1&access_token=d%20e#f", "/sse?api_key=…&x=1&access_token=…#f"),
            ("/cb?code=1&state=2&X-Amz-Signature=33", "/cb?code=…&state=2&X-Amz-Signature=…"),
            ("/messages/?session_id=7f4d", "/messages/?session_id=7f4d"),
            ("Bearer xyz, and bearer  a.b-c", "Bearer …, and bearer  …"),
            ("Authorization: Basic dXNl cg==\nHost: a", "Authorization: …\nHost: a"),
            ("{\"password\": \"a b\", \"code\": -32602}", "{\"password\": \"…\", \"code\": -32602}"),
            ("error code: 404, key: name", "error code: 404, key: name"),
            ("token=", "token="),
            ("monkey=1", "monkey=1"),
        ] {
            assert_eq!(redact(text), want);
        }
    }

    proptest! {
        #[test]
        fn clean_text_is_safe_and_stable(text in ".*", more in "[\u{0}-\u{ff}\u{2000}-\u{2070}\u{fe00}-\u{feff}]*") {
            for text in [text.as_str(), more.as_str()] {
                let out = clean(text);
                prop_assert!(!out.chars().any(|c| is_unsafe(c) || c.is_control()), "{out:?}");
                prop_assert_eq!(escape(&out), out.as_str());
            }
        }

        #[test]
        fn truncated_text_fits(text in ".{0,60}", emoji in "[\u{fe0f}\u{2601}\u{1f1e6}-\u{1f1ff}\u{1f44d}a]{0,20}", columns in 0usize..40) {
            for text in [text.as_str(), emoji.as_str()] {
                let out = escape(text);
                let cut = fit(&out, columns);
                prop_assert!(width(&cut) <= columns, "{cut:?} takes {} of {columns}", width(&cut));
            }
        }

        #[test]
        fn text_without_credentials_is_unchanged(text in "[a-z /?.@öü日]*") {
            prop_assert_eq!(redact(&text), text.as_str());
        }

        #[test]
        fn credential_values_are_redacted(before in "[ -~]{0,20}", value in "SECRET[A-Za-z0-9._~+-]{1,20}") {
            for text in [format!("{before}?token={value}"), format!("{before} Bearer {value}"), format!("x://u:{value}@h")] {
                prop_assert!(!redact(&text).contains("SECRET"), "{}", redact(&text));
            }
        }
    }
}

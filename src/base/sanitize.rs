//! Makes text from traffic safe to print: on a terminal, in a table, in a screenshot.
//!
//! Characters that are invisible, move the cursor or change the reading direction are replaced by a
//! visible symbol, credentials by `…`. Nothing is interpreted.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub use super::credential::redact;

/// Redacts credentials ([`redact`]) and escapes invisible characters ([`escape`]).
#[must_use]
pub fn clean(text: &str) -> String {
    escape(&redact(text)).into_owned()
}

/// Does the same for a cell of a spreadsheet: text that one would read as a formula begins with
/// `'`.
#[must_use]
pub fn spreadsheet_cell(text: &str) -> String {
    let text = clean(text);
    // Also the full-width forms, which Japanese and Chinese versions take for the others.
    let begins_formula = ['=', '+', '-', '@', '|', '%', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
    if text.starts_with(begins_formula) { format!("'{text}") } else { text }
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

/// Whether a character is not plainly visible, see [`escape`].
#[must_use]
pub fn is_unsafe(c: char) -> bool {
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

/// Replaces everything beyond ASCII by what is as wide and looks alike, for a terminal without
/// UTF-8.
#[must_use]
pub fn to_ascii(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut ascii = String::with_capacity(text.len());
    for c in text.chars() {
        ascii.push(match c {
            c if c.is_ascii() => c,
            '…' => '~',
            '·' | '−' => '-',
            'µ' => 'u',
            '≥' | '→' => '>',
            '←' => '<',
            '░' => '.',
            '▒' => '+',
            '▓' => '#',
            '█' => '@',
            c => {
                let columns = width(c.encode_utf8(&mut [0; 4]));
                ascii.extend(std::iter::repeat_n('?', columns));
                continue;
            }
        });
    }
    Cow::Owned(ascii)
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
    }
}

//! The text of JSON strings, and search.

/// Returns the text of a JSON string without quotes and escapes, if `raw` begins with a quote; else
/// the text as it is. At most about `most` bytes. An unpaired surrogate stays as it is written: no
/// text can hold it (RFC 8259, section 8.2).
pub(super) fn unescaped(raw: &[u8], most: usize) -> String {
    let Some(inner) = raw.strip_prefix(b"\"") else { return lossy(raw, most) };
    let mut rest = inner.strip_suffix(b"\"").unwrap_or(inner);
    let mut out = String::new();
    while !rest.is_empty() && out.len() < most {
        // What is beyond the limit is not examined.
        let left = most - out.len();
        let near = rest.get(..left).unwrap_or(rest);
        let Some(plain) = memchr::memchr(b'\\', near) else {
            out.push_str(&lossy(rest, left));
            break;
        };
        let (front, behind) = rest.split_at_checked(plain).unwrap_or((rest, &[]));
        out.push_str(&lossy(front, left));
        rest = escape(behind, &mut out);
    }
    out
}

/// Returns up to `most` bytes of a text, to the end of the last character, with U+FFFD for what is
/// not UTF-8.
pub(super) fn lossy(bytes: &[u8], most: usize) -> String {
    let mut end = most.min(bytes.len());
    let goes_on = |byte: &u8| (0x80..0xC0).contains(byte);
    while bytes.get(end).is_some_and(goes_on) && end < most.saturating_add(3) {
        end += 1;
    }
    String::from_utf8_lossy(bytes.get(..end).unwrap_or(bytes)).into_owned()
}

/// Decodes the escape that the text begins with. Returns what follows.
fn escape<'a>(text: &'a [u8], out: &mut String) -> &'a [u8] {
    let Some((_, [letter, rest @ ..])) = text.split_first() else { return &[] };
    let c = match letter {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unit(rest, out),
        other => char::from(*other),
    };
    out.push(c);
    rest
}

/// Decodes the four digits behind `\u`, and the other half of a surrogate pair.
fn unit<'a>(text: &'a [u8], out: &mut String) -> &'a [u8] {
    let Some((high, rest)) = digits(text) else {
        out.push_str("\\u");
        return text;
    };
    if let Some(c) = char::from_u32(high) {
        out.push(c);
        return rest;
    }
    let low = rest.strip_prefix(b"\\u").and_then(digits);
    if let Some((low, behind)) = low.filter(|(low, _)| high < 0xDC00 && (0xDC00..0xE000).contains(low)) {
        let code = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
        out.push(char::from_u32(code).unwrap_or('\u{FFFD}'));
        return behind;
    }
    out.push_str(&format!("\\u{high:04x}"));
    rest
}

fn digits(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_at_checked(4)?;
    let value =
        digits.iter().try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?))?;
    Some((value, rest))
}

/// Returns the positions of a text in another, ignoring ASCII case.
pub(super) fn position(text: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut starts = memchr::memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), text);
    starts.find(|at| text.get(*at..*at + needle.len()).is_some_and(|part| part.eq_ignore_ascii_case(needle)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_a_string_says_is_what_serde_reads(text in any::<String>(), ascii in any::<bool>()) {
            let mut raw = serde_json::to_string(&text).unwrap();
            if ascii {
                let units = |c: char| -> String {
                    c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")).collect()
                };
                raw = raw.chars().map(|c| if c.is_ascii() { c.to_string() } else { units(c) }).collect();
            }
            prop_assert_eq!(unescaped(raw.as_bytes(), usize::MAX), text);
        }

        #[test]
        fn no_bytes_are_too_odd(raw in prop::collection::vec(any::<u8>(), 0..60), most in 0usize..40) {
            let text = unescaped(&raw, most);
            // A byte that is not UTF-8 becomes three; an escape may reach beyond.
            prop_assert!(text.len() <= 3 * (most + 3) + 6, "{text:?}");
        }
    }

    #[test]
    fn surrogates_without_a_partner_stay_as_they_are_written() {
        assert_eq!(unescaped(br#""a\ud83d\u0041\uDE00\ud83d\ude00""#, 100), "a\\ud83dA\\ude00\u{1f600}");
        assert_eq!(unescaped(br#""\u12"#, 100), "\\u12");
        assert_eq!(unescaped(b"1e5", 100), "1e5");
    }
}

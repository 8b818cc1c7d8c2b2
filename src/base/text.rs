//! Limits the length of texts from traffic that are kept.

use std::borrow::Cow;
use std::hash::{BuildHasher as _, DefaultHasher, Hasher};

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::limits;

/// Truncates `text` to [`limits::MAX_TEXT`] bytes. A truncated text ends in `…` and a hash of the
/// whole text, so that different long texts stay different.
#[must_use]
pub fn kept(text: &str) -> Cow<'_, str> {
    kept_to(limits::MAX_TEXT, text)
}

/// Truncates the name of a client, a server or something that it offers to [`limits::MAX_NAME`]
/// bytes, as [`kept`] does.
#[must_use]
pub fn kept_name(name: &str) -> Cow<'_, str> {
    kept_to(limits::MAX_NAME, name)
}

/// Returns the first characters of a text, at most `most` bytes.
#[must_use]
pub fn beginning(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

fn kept_to(limit: usize, text: &str) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let (front, _) = text.split_at(text.floor_char_boundary(limit));
    Cow::Owned(format!("{front}…{:016x}", hash(text)))
}

/// Decodes a header value of MCP 2026-07-28: one that is not ASCII is carried as `=?base64?…?=`.
#[must_use]
pub fn decoded_header(value: &str) -> Cow<'_, str> {
    let coded = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?="));
    let bytes = coded.and_then(|coded| BASE64_STANDARD.decode(coded).ok());
    match bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(text) => Cow::Owned(text),
        None => Cow::Borrowed(value),
    }
}

/// Returns the text that `bytes` are, as [`std::str::from_utf8`] does, 64 bytes at a time.
///
/// # Errors
/// The bytes are not UTF-8: the number of bytes at the front that are.
#[inline]
pub fn utf8(bytes: &[u8]) -> Result<&str, usize> {
    // Of the two variants the one that stops at the first byte that is wrong.
    simdutf8::compat::from_utf8(bytes).map_err(|error| error.valid_up_to())
}

/// Returns a hash of a text that is the same in every run.
#[must_use]
pub fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// Returns a hash of a text, fast for long ones, the same in every run of this build.
#[must_use]
pub fn digest(text: &str) -> u64 {
    foldhash::fast::FixedState::with_seed(0).hash_one(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_is_what_the_standard_library_takes_for_it() {
        for (front, end) in
            [(0, &b"\xff"[..]), (100, b"\xff"), (100, b"\xc3"), (63, "é".as_bytes()), (64, b"")]
        {
            let bytes = [&vec![b'a'; front], end].concat();
            assert_eq!(utf8(&bytes), std::str::from_utf8(&bytes).map_err(|error| error.valid_up_to()));
        }
    }

    #[test]
    fn long_texts_are_truncated_and_stay_distinct() {
        let long = "é".repeat(limits::MAX_TEXT);
        let other = format!("{long}x");
        assert!(kept(&long).len() < limits::MAX_TEXT + 32);
        assert_ne!(kept(&long), kept(&other));
        assert_eq!(kept("short"), "short");
    }
}

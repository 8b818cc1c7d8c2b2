//! Texts from traffic that are kept: cut where they are longer than anything honest.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher};

use super::limits;

/// `text`, where it is no longer than [`limits::MAX_TEXT`]; else its beginning, `…`, and a hash of all of it, so that
/// two long texts stay two.
#[must_use]
pub fn kept(text: &str) -> Cow<'_, str> {
    if text.len() <= limits::MAX_TEXT {
        return Cow::Borrowed(text);
    }
    let (front, _) = text.split_at(text.floor_char_boundary(limits::MAX_TEXT));
    Cow::Owned(format!("{front}…{:016x}", hash(text)))
}

/// A hash of a text, the same in every run.
#[must_use]
pub fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_and_stay_two() {
        let long = "é".repeat(limits::MAX_TEXT);
        let other = format!("{long}x");
        assert!(kept(&long).len() < limits::MAX_TEXT + 32);
        assert_ne!(kept(&long), kept(&other));
        assert_eq!(kept("short"), "short");
    }
}

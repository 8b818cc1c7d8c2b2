//! Short values of JSON text: ids and strings.

use std::borrow::Cow;

use super::id::Id;
use crate::base::text;

/// Longest number that is kept as it is spelled, in bytes: JSON readers reject longer ones sooner
/// or later.
const MAX_NUMBER: usize = 64;

/// Truncates `text` to the length that is kept.
pub(super) fn keep(text: &str) -> Box<str> {
    text::kept(text).into()
}

/// Truncates a name to the length that is kept.
pub(super) fn keep_name(name: &str) -> Box<str> {
    text::kept_name(name).into()
}

/// Returns the first digits of a long number, `…` and a hash of all.
fn cut(text: &str) -> Box<str> {
    let (front, _) = text.split_at_checked(MAX_NUMBER).unwrap_or((text, ""));
    format!("{front}…{:016x}", text::hash(text)).into()
}

/// Parses an id from its JSON text; `None` for an object, an array or a boolean.
pub(super) fn id(text: &str) -> Option<Id> {
    match text.as_bytes().first()? {
        b'"' => Some(Id::Text(keep(&string(text)?))),
        b'n' => Some(Id::Null),
        b'-' | b'0'..=b'9' => Some(match text.parse::<i64>() {
            Ok(int) if text != "-0" => Id::Int(int),
            _ if text.len() > MAX_NUMBER => Id::Cut(cut(text)),
            _ => Id::Number(text.into()),
        }),
        _ => None,
    }
}

/// The text of a JSON string; `None` if the value is no string. Parsed again only if it has
/// escapes.
pub(super) fn string(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(text).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids stay JSON whatever their length.
    #[test]
    fn numbers_beyond_the_limit_become_strings() {
        for digits in [1, 19, 20, MAX_NUMBER, MAX_NUMBER + 1, 100_000] {
            let text = "9".repeat(digits);
            let id = id(&text).unwrap();
            let json: serde_json::Value = serde_json::from_str(&id.json()).unwrap();
            assert_eq!(json.is_string(), digits > MAX_NUMBER);
        }
    }
}

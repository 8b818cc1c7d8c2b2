//! Short values of JSON text: ids and strings.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::id::Id;
use crate::base::text;

/// Truncates `text` to the length that is kept.
pub(super) fn keep(text: &str) -> Box<str> {
    text::kept(text).into()
}

/// Parses an id; `None` for an object, an array or a boolean.
pub(super) fn id(raw: &RawValue) -> Option<Id> {
    let text = raw.get();
    match text.as_bytes().first()? {
        b'"' => Some(Id::Text(keep(&string(raw)?))),
        b'n' => Some(Id::Null),
        b'-' | b'0'..=b'9' => Some(match text.parse::<i64>() {
            Ok(int) if text != "-0" => Id::Int(int),
            _ => Id::Number(keep(text)),
        }),
        _ => None,
    }
}

/// The text of a JSON string; `None` if the value is no string. Parsed again only if it has
/// escapes.
pub(super) fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let text = raw.get();
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(text).ok().map(Cow::Owned)
}

//! The types of a JSON text, without what it says: what the schema of MCP asks for is checked on
//! every result, and most are right.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use crate::base::text;

/// Bytes of a text that are kept for details of findings.
const MAX_TEXT: usize = 64;

/// Members whose own members, or items, are looked at.
const NESTED: [&str; 13] = [
    "result",
    "content",
    "contents",
    "resource",
    "messages",
    "completion",
    "values",
    "tools",
    "prompts",
    "arguments",
    "resources",
    "resourceTemplates",
    "annotations",
];

/// The type of a value.
#[derive(Debug)]
pub(super) enum Outline<'a> {
    Null,
    Flag,
    Number,
    /// Its first bytes.
    Text(Cow<'a, str>),
    /// Its items; empty unless it is [`NESTED`].
    List(Vec<Self>),
    /// Its members; empty unless it is [`NESTED`].
    Object(Vec<(Cow<'a, str>, Self)>),
}

impl<'a> Outline<'a> {
    /// Returns the outline of a JSON text; `None` if it is not valid JSON.
    pub(super) fn of(json: &'a [u8]) -> Option<Self> {
        let mut json = serde_json::Deserializer::from_str(simdutf8::basic::from_utf8(json).ok()?);
        Nested(true).deserialize(&mut json).ok()
    }

    /// A member of an object, the last of that name.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().rev().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn items(&self) -> Option<&[Self]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// The type in words.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Flag => "a boolean",
            Self::Number => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// Reads a value, with what it contains or without.
#[derive(Clone, Copy)]
struct Nested(bool);

impl<'de> DeserializeSeed<'de> for Nested {
    type Value = Outline<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested {
    type Value = Outline<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Outline::Null)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Outline::Flag)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Outline::Number)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Outline::Number)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Outline::Number)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Outline::Text(Cow::Borrowed(text::beginning(text, MAX_TEXT))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Outline::Text(Cow::Owned(text::beginning(text, MAX_TEXT).to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let Self(is_nested) = self;
        let mut items = Vec::new();
        if is_nested {
            while let Some(item) = seq.next_element_seed(self)? {
                items.push(item);
            }
        } else {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
        }
        Ok(Outline::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self(is_nested) = self;
        let mut members = Vec::new();
        if is_nested {
            while let Some(Name(name)) = map.next_key()? {
                let value = map.next_value_seed(Self(NESTED.contains(&&*name)))?;
                members.push((name, value));
            }
        } else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        }
        Ok(Outline::Object(members))
    }
}

/// The name of a member, borrowed if it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfName;
        impl<'de> Visitor<'de> for OfName {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a member")
            }

            fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(OfName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_which_type() {
        let json =
            br#"{"result":{"content":[{"type":"te\u0078t","text":1.5}],"x":{"y":[1]},"a":null,"a":true}}"#;
        let outline = Outline::of(json).unwrap();
        let result = outline.get("result").unwrap();
        let [block] = result.get("content").unwrap().items().unwrap() else { panic!("one block") };
        assert_eq!(block.get("type").unwrap().as_str(), Some("text"));
        assert_eq!(block.get("text").unwrap().kind(), "a number");
        assert!(result.get("x").unwrap().is_object() && result.get("x").unwrap().get("y").is_none());
        assert_eq!(result.get("a").unwrap().kind(), "a boolean");
        assert!(result.get("b").is_none());
        assert!(Outline::of(b"{").is_none());
    }
}

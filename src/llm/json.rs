//! Looks into JSON text (RFC 8259) without building values: what is not asked for is checked and
//! skipped, and what is found is a slice of the text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A value in a JSON text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Json<'a>(&'a RawValue);

impl<'a> Json<'a> {
    /// Returns the value that a text is; `None` if it is no JSON.
    pub(super) fn parse(text: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(text).ok().map(Self)
    }

    /// Returns the text of the value as it was sent.
    pub(super) fn raw(self) -> &'a str {
        self.0.get()
    }

    fn first(self) -> u8 {
        self.raw().bytes().next().unwrap_or_default()
    }

    /// Returns whether the value is an object.
    pub(super) fn is_object(self) -> bool {
        self.first() == b'{'
    }

    /// Returns whether the value is an array.
    pub(super) fn is_array(self) -> bool {
        self.first() == b'['
    }

    /// Returns whether the value is `null`.
    pub(super) fn is_null(self) -> bool {
        self.first() == b'n'
    }

    /// Calls `member` for each member of an object, in order. A value of another type has none.
    pub(super) fn members(self, member: impl FnMut(&str, Self)) {
        members(self.raw().as_bytes(), member);
    }

    /// Calls `element` for each element of an array, in order. A value of another type has none.
    pub(super) fn elements(self, element: impl FnMut(Self)) {
        elements(self.raw().as_bytes(), element);
    }

    /// Returns the member of this name, the last of several; `None` if there is none.
    pub(super) fn get(self, name: &str) -> Option<Self> {
        let mut found = None;
        self.members(|key, value| {
            if key == name {
                found = Some(value);
            }
        });
        found
    }

    /// Returns the members of these names.
    pub(super) fn get_all<const N: usize>(self, names: [&str; N]) -> [Option<Self>; N] {
        let mut found = [None; N];
        self.members(|key, value| {
            let place = names.iter().position(|name| *name == key).and_then(|at| found.get_mut(at));
            if let Some(place) = place {
                *place = Some(value);
            }
        });
        found
    }

    /// Returns the text that a string is; `None` for another type. Surrogates without their other
    /// half become U+FFFD.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        if self.first() != b'"' {
            return None;
        }
        let mut json = serde_json::Deserializer::from_str(self.raw());
        json.deserialize_bytes(Text).ok()
    }

    /// Returns the number that a count is; `None` if it is none.
    pub(super) fn count(self) -> Option<u64> {
        self.raw().parse().ok()
    }

    /// Returns `true` or `false`; `None` for another value.
    pub(super) fn flag(self) -> Option<bool> {
        match self.raw() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }
}

/// Calls `member` for each member of the object that a text begins with, until its end or the first
/// error.
pub(super) fn members<'a>(text: &'a [u8], member: impl FnMut(&str, Json<'a>)) {
    if text.trim_ascii_start().first() == Some(&b'{') {
        let _ = serde_json::Deserializer::from_slice(text).deserialize_map(Members(member));
    }
}

/// Calls `element` for each element of the array that a text begins with, until its end or the
/// first error.
pub(super) fn elements<'a>(text: &'a [u8], element: impl FnMut(Json<'a>)) {
    if text.trim_ascii_start().first() == Some(&b'[') {
        let _ = serde_json::Deserializer::from_slice(text).deserialize_seq(Elements(element));
    }
}

struct Members<F>(F);

impl<'a, F: FnMut(&str, Json<'a>)> Visitor<'a> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            (self.0)(&name, Json(map.next_value()?));
        }
        Ok(())
    }
}

struct Elements<F>(F);

impl<'a, F: FnMut(Json<'a>)> Visitor<'a> for Elements<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element()? {
            (self.0)(Json(element));
        }
        Ok(())
    }
}

/// The name of a member.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads a string as bytes, in which a lone surrogate is no error.
struct Text;

impl<'a> Visitor<'a> for Text {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_bytes<E>(self, text: &'a [u8]) -> Result<Cow<'a, str>, E> {
        Ok(String::from_utf8_lossy(text))
    }

    fn visit_bytes<E>(self, text: &[u8]) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Owned(String::from_utf8_lossy(text).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn members_are_found_whatever_is_around_them() {
        let text = br#" {"a\n":{"b":[1,{"c":"x"}]},"n":12,"t":true,"s":"\u00e9","s":"z\ud83d"} "#;
        let json = Json::parse(text).unwrap();
        assert_eq!(json.get("n").and_then(Json::count), Some(12));
        assert_eq!(json.get("t").and_then(Json::flag), Some(true));
        // The last of two counts, and half a surrogate pair is no reason to lose a text.
        let text = json.get("s").and_then(Json::text).unwrap();
        assert!(text.starts_with('z') && text.contains('\u{fffd}'), "{text:?}");
        let mut elements = Vec::new();
        json.get("a\n").and_then(|a| a.get("b")).unwrap().elements(|element| elements.push(element.raw()));
        assert_eq!(elements, ["1", r#"{"c":"x"}"#]);
        assert_eq!(json.get_all(["t", "none"]).map(|found| found.is_some()), [true, false]);
    }

    #[test]
    fn the_beginning_of_a_cut_text_is_read() {
        let mut found = Vec::new();
        members(br#"{"a":1,"b":"x","c":[1,"#, |name, value| found.push((name.to_owned(), value.raw())));
        assert_eq!(found, [("a".to_owned(), "1"), ("b".to_owned(), "\"x\"")]);
        let mut found = Vec::new();
        elements(br#"[{"a":1},{"b":2},{"#, |element| found.push(element.raw()));
        assert_eq!(found, [r#"{"a":1}"#, r#"{"b":2}"#]);
    }

    proptest! {
        #[test]
        fn texts_are_what_serde_reads(text in "\\PC{0,20}", other in any::<u64>()) {
            let value = serde_json::json!({ "x": other, "text": text });
            for json in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                let json = Json::parse(json.as_bytes()).unwrap();
                let have = json.get("text").and_then(Json::text);
                prop_assert_eq!(have.as_deref(), Some(text.as_str()));
                prop_assert_eq!(json.get("x").and_then(Json::count), Some(other));
            }
        }

        #[test]
        fn nothing_panics(text in "[\\[\\]{}\",:a1\\\\]{0,40}") {
            if let Some(json) = Json::parse(text.as_bytes()) {
                json.members(|_, value| drop(value.text()));
                json.elements(|element| element.members(|_, _| {}));
            }
            members(text.as_bytes(), |_, _| {});
            let _ = serde_json::from_str::<Value>(&text);
        }
    }
}

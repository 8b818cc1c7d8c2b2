//! Extracts the members of `params` and `result` that the analysis needs, in any JSON type, without
//! building the rest.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::content_hash::ContentHash;
use super::id::Id;
use super::scalar::{id, keep, keep_name};
use crate::base::text;

/// Capabilities kept of a client or server: MCP defines about ten.
const MAX_CAPABILITIES: usize = 32;

/// Definitions kept of one page: servers with more paginate.
const MAX_DEFINITIONS: usize = 10_000;

/// Members extracted from a message's `params` (request, notification) or `result` (response).
///
/// A field is `None`, empty or false if the member is absent or has another JSON type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// `params.name`: a tool or a prompt.
    pub name: Option<Box<str>>,
    /// `params.uri`: a resource.
    pub uri: Option<Box<str>>,
    /// `params.taskId`, `result.taskId` or `result.task.taskId`: a task.
    pub task: Option<Box<str>>,
    /// `params._meta.progressToken` of a request; `params.progressToken` of
    /// `notifications/progress`.
    pub progress_token: Option<Id>,
    /// `params.progress` of `notifications/progress`.
    pub progress: Option<f64>,
    /// `params.total` of `notifications/progress`.
    pub total: Option<f64>,
    /// `params.requestId` of `notifications/cancelled`.
    pub request_id: Option<Id>,
    /// `params.protocolVersion`, `result.protocolVersion`.
    pub protocol_version: Option<Box<str>>,
    /// `_meta["io.modelcontextprotocol/protocolVersion"]` (2026-07-28).
    pub meta_version: Option<Box<str>>,
    /// `params.clientInfo`, or `_meta["io.modelcontextprotocol/clientInfo"]` (2026-07-28).
    pub client_info: Option<Implementation>,
    /// `result.serverInfo`, or `_meta["io.modelcontextprotocol/serverInfo"]`.
    pub server_info: Option<Implementation>,
    /// Names in `capabilities` (or `_meta["io.modelcontextprotocol/clientCapabilities"]`), in their
    /// order.
    pub capabilities: Vec<Box<str>>,
    /// `_meta["io.modelcontextprotocol/subscriptionId"]`: the id of the `subscriptions/listen`
    /// request (2026-07-28).
    pub subscription: Option<Id>,
    /// Whether `result.isError` is true.
    pub is_error: bool,
    /// Whether `result.resultType` is `input_required` (2026-07-28).
    pub input_required: bool,
    /// Whether `params.inputResponses` is present (2026-07-28).
    pub input_responses: bool,
    /// `requestState`, of a result or of the retry that repeats it: length and hash of its JSON
    /// text (2026-07-28).
    pub request_state: Option<(u64, u64)>,
    /// `result.tools`, `prompts`, `resources` or `resourceTemplates`.
    pub listing: Option<Listing>,
    /// Whether there is a `params.cursor` or a `result.nextCursor`.
    pub has_cursor: bool,
}

/// Name and version of a client or server (MCP, `Implementation`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Implementation {
    /// The `name`; empty if it is absent.
    pub name: Box<str>,
    /// The `version`; empty if it is absent.
    pub version: Box<str>,
}

/// One page of a list result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The member that holds the page: `tools`, `prompts`, `resources` or `resourceTemplates`.
    pub kind: &'static str,
    /// The definitions, in order.
    pub definitions: Vec<Definition>,
    /// Whether no page follows (`nextCursor`). The page is the whole list if the request had no
    /// cursor either.
    pub is_complete: bool,
}

/// Definition of a tool, prompt, resource or template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// `name` of a tool or prompt, `uri` of a resource, `uriTemplate` of a template.
    pub name: Box<str>,
    /// Length of the definition's JSON text, in bytes.
    pub bytes: u64,
    /// Hash of its content: the same if only blanks or the order of members differ.
    pub content: u64,
}

/// The member that a [`Look`] is extracted from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Parent {
    Params,
    Result,
}

/// Deserializes `params` or `result` into a [`Look`]; the value is whether it is an object.
pub(super) struct LookAt<'a> {
    pub(super) look: &'a mut Look,
    pub(super) place: Parent,
}

impl<'de> DeserializeSeed<'de> for LookAt<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(Whatever(self))
    }
}

impl<'de> Taker<'de> for LookAt<'_> {
    type Value = bool;

    fn other(self) -> bool {
        false
    }

    fn object<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        while let Some(key) = map.next_key::<Key<'de>>()? {
            let look = &mut *self.look;
            match (key.0.as_ref(), self.place) {
                ("name", Parent::Params) => look.name = map.next_value_seed(TEXT)?,
                ("uri", Parent::Params) => look.uri = map.next_value_seed(TEXT)?,
                ("taskId", _) => look.task = map.next_value_seed(TEXT)?,
                ("task", Parent::Result) => {
                    look.task = map.next_value_seed(Member("taskId"))?.or(look.task.take())
                }
                ("progressToken", Parent::Params) => look.progress_token = id(map.next_value()?),
                ("progress", Parent::Params) => {
                    look.progress = map.next_value::<&RawValue>()?.get().parse().ok()
                }
                ("total", Parent::Params) => look.total = map.next_value::<&RawValue>()?.get().parse().ok(),
                ("requestId", Parent::Params) => look.request_id = id(map.next_value()?),
                ("protocolVersion", _) => look.protocol_version = map.next_value_seed(TEXT)?,
                ("clientInfo", Parent::Params) => look.client_info = map.next_value_seed(Program)?,
                ("serverInfo", Parent::Result) => look.server_info = map.next_value_seed(Program)?,
                ("capabilities", _) => look.capabilities = map.next_value_seed(Keys)?,
                ("isError", Parent::Result) => look.is_error = map.next_value::<&RawValue>()?.get() == "true",
                ("resultType", Parent::Result) => {
                    look.input_required = map.next_value_seed(TEXT)?.as_deref() == Some("input_required");
                }
                ("inputResponses", Parent::Params) => {
                    map.next_value::<IgnoredAny>()?;
                    look.input_responses = true;
                }
                ("requestState", _) => look.request_state = Some(fingerprint(map.next_value()?)),
                ("_meta", _) => map.next_value_seed(Meta(look))?,
                (list, Parent::Result) if listing(list).is_some() => {
                    let found = map.next_value_seed(Definitions)?;
                    let is_complete = !look.has_cursor;
                    look.listing = found.zip(listing(list)).map(|(definitions, kind)| Listing {
                        kind,
                        definitions,
                        is_complete,
                    });
                }
                ("cursor", Parent::Params) | ("nextCursor", Parent::Result) => {
                    look.has_cursor = map.next_value::<&RawValue>()?.get() != "null";
                    if let Some(listing) = &mut look.listing {
                        listing.is_complete = !look.has_cursor;
                    }
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(true)
    }
}

fn listing(key: &str) -> Option<&'static str> {
    ["tools", "prompts", "resources", "resourceTemplates"].into_iter().find(|kind| *kind == key)
}

/// Returns length and hash of a JSON text: they recognise a repeated `requestState` of any size.
fn fingerprint(raw: &RawValue) -> (u64, u64) {
    (raw.get().len() as u64, text::digest(raw.get()))
}

/// A key, borrowed unless it has escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

/// Deserializes `_meta` (MCP, general fields), with the keys of 2026-07-28.
struct Meta<'a>(&'a mut Look);

impl<'de> DeserializeSeed<'de> for Meta<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(Whatever(self))
    }
}

impl<'de> Taker<'de> for Meta<'_> {
    type Value = ();

    fn other(self) {}

    fn object<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(look) = self;
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match key.0.strip_prefix("io.modelcontextprotocol/").unwrap_or(&key.0) {
                "progressToken" => look.progress_token = id(map.next_value()?),
                "protocolVersion" => look.meta_version = map.next_value_seed(TEXT)?,
                "clientInfo" => look.client_info = map.next_value_seed(Program)?,
                "serverInfo" => look.server_info = map.next_value_seed(Program)?,
                "clientCapabilities" => look.capabilities = map.next_value_seed(Keys)?,
                "subscriptionId" => look.subscription = id(map.next_value()?),
                "related-task" => look.task = map.next_value_seed(Member("taskId"))?.or(look.task.take()),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Deserializes a value of one JSON type and skips values of other types.
trait Taker<'de>: Sized {
    type Value;

    /// Returns the result for a value of another type.
    fn other(self) -> Self::Value;

    fn text(self, _: &str) -> Self::Value {
        self.other()
    }

    fn object<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(self.other())
    }

    fn array<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.other())
    }
}

/// Visitor that passes any JSON value to a [`Taker`].
struct Whatever<T>(T);

impl<'de, T: Taker<'de>> Visitor<'de> for Whatever<T> {
    type Value = T::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<T::Value, E> {
        Ok(self.0.other())
    }

    fn visit_i64<E>(self, _: i64) -> Result<T::Value, E> {
        Ok(self.0.other())
    }

    fn visit_u64<E>(self, _: u64) -> Result<T::Value, E> {
        Ok(self.0.other())
    }

    fn visit_f64<E>(self, _: f64) -> Result<T::Value, E> {
        Ok(self.0.other())
    }

    fn visit_unit<E>(self) -> Result<T::Value, E> {
        Ok(self.0.other())
    }

    fn visit_str<E>(self, text: &str) -> Result<T::Value, E> {
        Ok(self.0.text(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T::Value, A::Error> {
        self.0.object(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<T::Value, A::Error> {
        self.0.array(seq)
    }
}

/// Deserializes a string, truncated by the function.
#[derive(Clone, Copy)]
struct Text(fn(&str) -> Box<str>);

/// A string, cut to `limits::MAX_TEXT`.
const TEXT: Text = Text(keep);
/// A string, cut to `limits::MAX_NAME`.
const NAME: Text = Text(keep_name);

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Option<Box<str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(Whatever(self))
    }
}

impl<'de> Taker<'de> for Text {
    type Value = Option<Box<str>>;

    fn other(self) -> Self::Value {
        None
    }

    fn text(self, text: &str) -> Self::Value {
        Some((self.0)(text))
    }
}

/// Deserializes an object with `name` and `version`.
struct Program;

impl<'de> DeserializeSeed<'de> for Program {
    type Value = Option<Implementation>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(Whatever(self))
    }
}

impl<'de> Taker<'de> for Program {
    type Value = Option<Implementation>;

    fn other(self) -> Self::Value {
        None
    }

    fn object<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Implementation::default();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match key.0.as_ref() {
                "name" => found.name = map.next_value_seed(NAME)?.unwrap_or_default(),
                "version" => found.version = map.next_value_seed(NAME)?.unwrap_or_default(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Some(found))
    }
}

/// Deserializes one member of an object, a string.
struct Member(&'static str);

impl<'de> DeserializeSeed<'de> for Member {
    type Value = Option<Box<str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(Whatever(self))
    }
}

impl<'de> Taker<'de> for Member {
    type Value = Option<Box<str>>;

    fn other(self) -> Self::Value {
        None
    }

    fn object<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<Key<'de>>()? {
            if key.0 == self.0 {
                found = map.next_value_seed(TEXT)?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Deserializes the first [`MAX_CAPABILITIES`] keys of an object.
struct Keys;

impl<'de> DeserializeSeed<'de> for Keys {
    type Value = Vec<Box<str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(Whatever(self))
    }
}

impl<'de> Taker<'de> for Keys {
    type Value = Vec<Box<str>>;

    fn other(self) -> Self::Value {
        Vec::new()
    }

    fn object<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut keys = Vec::new();
        while let Some((key, _)) = map.next_entry::<Key<'de>, IgnoredAny>()? {
            if keys.len() < MAX_CAPABILITIES {
                keys.push(keep_name(&key.0));
            }
        }
        Ok(keys)
    }
}

/// Deserializes the first [`MAX_DEFINITIONS`] definitions of a list result.
struct Definitions;

impl<'de> DeserializeSeed<'de> for Definitions {
    type Value = Option<Vec<Definition>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(Whatever(self))
    }
}

impl<'de> Taker<'de> for Definitions {
    type Value = Option<Vec<Definition>>;

    fn other(self) -> Self::Value {
        None
    }

    fn array<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut definitions = Vec::new();
        while let Some(raw) = seq.next_element::<&RawValue>()? {
            if definitions.len() < MAX_DEFINITIONS {
                definitions.push(definition(raw));
            }
        }
        Ok(Some(definitions))
    }
}

fn definition(raw: &RawValue) -> Definition {
    let find = |key| {
        let mut json = serde_json::Deserializer::from_str(raw.get());
        Member(key).deserialize(&mut json).ok().flatten()
    };
    let name = find("uri").or_else(|| find("uriTemplate")).or_else(|| find("name"));
    let ContentHash(content) = ContentHash::of(raw.get());
    Definition { name: keep_name(&name.unwrap_or_default()), bytes: raw.get().len() as u64, content }
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;
    use crate::base::{Degraded, Origin, Span};

    fn look(text: &str) -> Look {
        let parsed = parse(text.as_bytes(), Span::of(Origin::new(1, 1)), Degraded::NONE);
        parsed.envelopes.into_iter().next().map(|envelope| *envelope.look).unwrap_or_default()
    }

    #[test]
    fn a_call_names_its_tool_and_token() {
        let found = look(
            r#"{"method":"tools/call","params":{"_meta":{"progressToken":"t"},"name":"n\u0061me","arguments":{"name":"no"}}}"#,
        );
        assert_eq!(found.name.as_deref(), Some("name"));
        assert_eq!(found.progress_token, Some(Id::Text("t".into())));
    }

    #[test]
    fn a_result_tells_who_the_server_is_and_what_it_offers() {
        let found = look(
            r#"{"id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{},"logging":{}},
                "serverInfo":{"name":"s","version":"1"},"tools":[{"name":"a"},{"uri":"u","name":"b"}],"isError":true}}"#,
        );
        assert_eq!(found.protocol_version.as_deref(), Some("2025-06-18"));
        assert_eq!(found.server_info, Some(Implementation { name: "s".into(), version: "1".into() }));
        assert_eq!(found.capabilities.len(), 2);
        assert!(found.is_error);
        let listed = found.listing.map(|listing| listing.definitions).unwrap_or_default();
        assert_eq!(listed.iter().map(|d| (&*d.name, d.bytes)).collect::<Vec<_>>(), [("a", 12), ("u", 22)]);
    }

    #[test]
    fn names_are_cut() {
        let long = "x".repeat(5000);
        let found = look(&format!(
            r#"{{"id":1,"result":{{"capabilities":{{"{long}":{{}}}},"serverInfo":{{"name":"{long}"}},"tools":[{{"name":"{long}"}}]}}}}"#
        ));
        let names = [
            &found.capabilities[0],
            &found.server_info.unwrap().name,
            &found.listing.unwrap().definitions[0].name,
        ];
        assert!(names.iter().all(|name| name.len() < 300), "{names:?}");
    }

    #[test]
    fn wrong_types_are_passed_over() {
        let found = look(
            r#"{"method":"m","params":{"name":[1],"uri":{"a":1},"_meta":3,"task":{"taskId":"x"},"taskId":"y"}}"#,
        );
        assert_eq!((found.name, found.uri, found.task.as_deref()), (None, None, Some("y")));
    }
}

//! Extracts the members of `params` and `result` that the analysis needs, in any JSON type, without
//! building the rest.

use std::ops::Deref;

use super::id::Id;
use super::json::{Json, Result};
use super::scalar::{id, keep, keep_name};
use crate::base::{ContentHash, TraceContext, text};

/// Capabilities kept of a client or server: MCP defines about ten.
const MAX_CAPABILITIES: usize = 32;

/// Definitions kept of one page: servers with more paginate.
const MAX_DEFINITIONS: usize = 10_000;

/// What servers list, by the member of the result that holds it.
const KINDS: [&str; 4] = ["tools", "prompts", "resources", "resourceTemplates"];

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
    /// Whether `capabilities` is present.
    pub has_capabilities: bool,
    /// `_meta["io.modelcontextprotocol/subscriptionId"]`: the id of the `subscriptions/listen`
    /// request (2026-07-28).
    pub subscription: Option<Id>,
    /// `params._meta.traceparent`, as far as it is valid, without its `tracestate`.
    pub trace: Option<TraceContext>,
    /// `params._meta.tracestate`.
    pub trace_state: Option<Box<str>>,
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
    /// The first tool whose `inputSchema` is no object with the type `object`; `None` if there is
    /// none.
    pub without_schema: Option<Box<str>>,
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

impl Look {
    /// Returns about what is allocated for its texts and lists, in bytes.
    fn allocated(&self) -> usize {
        let texts = [
            &self.name,
            &self.uri,
            &self.task,
            &self.protocol_version,
            &self.meta_version,
            &self.trace_state,
        ];
        let texts: usize = texts.into_iter().flatten().map(|text| text.len()).sum();
        let ids = [&self.progress_token, &self.request_id, &self.subscription];
        let ids: usize = ids.into_iter().flatten().map(|id| id.len()).sum();
        let infos = [&self.client_info, &self.server_info].into_iter().flatten();
        let infos: usize = infos.map(|info| info.name.len() + info.version.len()).sum();
        let names: usize = self.capabilities.iter().map(|name| size_of::<Box<str>>() + name.len()).sum();
        let listing = self.listing.as_ref().map_or(0, |listing| {
            let names: usize = listing.definitions.iter().map(|definition| definition.name.len()).sum();
            let without_schema = listing.without_schema.as_ref().map_or(0, |name| name.len());
            size_of_val(&*listing.definitions) + names + without_schema
        });
        texts + ids + infos + names + listing
    }
}

/// What was found in a message: a [`Look`] that takes memory only if it is not empty. Many results
/// hold nothing that is looked for.
#[derive(Clone, Debug, Default)]
pub struct Found(Option<Box<Look>>);

/// What is found if nothing is.
static NOTHING: Look = Look {
    name: None,
    uri: None,
    task: None,
    progress_token: None,
    progress: None,
    total: None,
    request_id: None,
    protocol_version: None,
    meta_version: None,
    client_info: None,
    server_info: None,
    capabilities: Vec::new(),
    has_capabilities: false,
    subscription: None,
    trace: None,
    trace_state: None,
    is_error: false,
    input_required: false,
    input_responses: false,
    request_state: None,
    listing: None,
    has_cursor: false,
};

impl Deref for Found {
    type Target = Look;

    fn deref(&self) -> &Look {
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

impl Found {
    /// Returns about what is allocated for it, in bytes.
    pub(super) fn allocated(&self) -> usize {
        self.0.as_deref().map_or(0, |look| size_of::<Look>() + look.allocated())
    }

    /// Returns what was found, to add to it.
    fn add(&mut self) -> &mut Look {
        self.0.get_or_insert_default()
    }

    /// Reads `params` or `result`; returns whether it is an object.
    pub(super) fn read(&mut self, json: &mut Json<'_>, parent: Parent) -> Result<bool> {
        if !json.is_object() {
            json.skip()?;
            return Ok(false);
        }
        json.object(|json, name| self.member(json, parent, name))?;
        Ok(true)
    }

    fn member(&mut self, json: &mut Json<'_>, parent: Parent, name: &str) -> Result<()> {
        match (name, parent) {
            ("name", Parent::Params) => self.add().name = read_text(json)?,
            ("uri", Parent::Params) => self.add().uri = read_text(json)?,
            ("taskId", _) => self.add().task = read_text(json)?,
            ("task", Parent::Result) => self.add().task = read_task_id(json)?.or(self.add().task.take()),
            ("progressToken", Parent::Params) => self.add().progress_token = id(json.raw()?),
            ("progress", Parent::Params) => self.add().progress = json.raw()?.parse().ok(),
            ("total", Parent::Params) => self.add().total = json.raw()?.parse().ok(),
            ("requestId", Parent::Params) => self.add().request_id = id(json.raw()?),
            ("protocolVersion", _) => self.add().protocol_version = read_text(json)?,
            ("clientInfo", Parent::Params) => self.add().client_info = read_implementation(json)?,
            ("serverInfo", Parent::Result) => self.add().server_info = read_implementation(json)?,
            ("capabilities", _) => {
                self.add().capabilities = read_names(json)?;
                self.add().has_capabilities = true;
            }
            ("isError", Parent::Result) => {
                let is_error = json.raw()? == "true";
                if is_error != self.is_error {
                    self.add().is_error = is_error;
                }
            }
            ("resultType", Parent::Result) => {
                self.add().input_required = json.text()?.as_deref() == Some("input_required");
            }
            ("inputResponses", Parent::Params) => {
                json.skip()?;
                self.add().input_responses = true;
            }
            ("requestState", _) => self.add().request_state = Some(fingerprint(json.raw()?)),
            ("_meta", _) => self.meta(json, parent)?,
            ("cursor", Parent::Params) | ("nextCursor", Parent::Result) => {
                self.add().has_cursor = json.raw()? != "null";
                let is_complete = !self.has_cursor;
                if let Some(listing) = &mut self.add().listing {
                    listing.is_complete = is_complete;
                }
            }
            (_, Parent::Result) => match KINDS.into_iter().find(|kind| *kind == name) {
                Some(kind) => {
                    let is_complete = !self.has_cursor;
                    let mut without_schema = None;
                    let definitions = read_definitions(json, &mut without_schema)?;
                    let without_schema = without_schema.filter(|_| kind == "tools");
                    self.add().listing = definitions.map(|definitions| Listing {
                        kind,
                        definitions,
                        without_schema,
                        is_complete,
                    });
                }
                None => json.skip()?,
            },
            (_, Parent::Params) => json.skip()?,
        }
        Ok(())
    }

    /// Reads `_meta` (MCP, general fields), with the keys of 2026-07-28 and those of W3C Trace
    /// Context, which have no prefix (SEP-414).
    fn meta(&mut self, json: &mut Json<'_>, parent: Parent) -> Result<()> {
        if !json.is_object() {
            return json.skip();
        }
        json.object(|json, name| {
            match (name, parent) {
                ("traceparent", Parent::Params) => {
                    self.add().trace = json.text()?.and_then(|text| TraceContext::parse(&text));
                    return Ok(());
                }
                ("tracestate", Parent::Params) => {
                    self.add().trace_state = read_text(json)?;
                    return Ok(());
                }
                _ => {}
            }
            match name.strip_prefix("io.modelcontextprotocol/").unwrap_or(name) {
                "progressToken" => self.add().progress_token = id(json.raw()?),
                "protocolVersion" => self.add().meta_version = read_text(json)?,
                "clientInfo" => self.add().client_info = read_implementation(json)?,
                "serverInfo" => self.add().server_info = read_implementation(json)?,
                "clientCapabilities" => self.add().capabilities = read_names(json)?,
                "subscriptionId" => self.add().subscription = id(json.raw()?),
                "related-task" => self.add().task = read_task_id(json)?.or(self.add().task.take()),
                _ => json.skip()?,
            }
            Ok(())
        })
    }
}

/// Returns length and hash of a JSON text: they recognise a repeated `requestState` of any size.
fn fingerprint(raw: &str) -> (u64, u64) {
    (raw.len() as u64, text::digest(raw))
}

/// Reads a string, cut to `limits::MAX_TEXT`; `None` for a value of another type.
fn read_text(json: &mut Json<'_>) -> Result<Option<Box<str>>> {
    Ok(json.text()?.map(|text| keep(&text)))
}

/// Reads a string, cut to `limits::MAX_NAME`; empty for a value of another type.
fn read_name(json: &mut Json<'_>) -> Result<Box<str>> {
    Ok(json.text()?.map(|name| keep_name(&name)).unwrap_or_default())
}

/// Reads the `taskId` of an object; `None` if it has none, and for a value of another type.
fn read_task_id(json: &mut Json<'_>) -> Result<Option<Box<str>>> {
    let mut found = None;
    if !json.is_object() {
        json.skip()?;
        return Ok(None);
    }
    json.object(|json, name| {
        if name == "taskId" {
            found = read_text(json)?;
            return Ok(());
        }
        json.skip()
    })?;
    Ok(found)
}

/// Reads an object with `name` and `version`; `None` for a value of another type.
fn read_implementation(json: &mut Json<'_>) -> Result<Option<Implementation>> {
    if !json.is_object() {
        json.skip()?;
        return Ok(None);
    }
    let mut found = Implementation::default();
    json.object(|json, key| {
        match key {
            "name" => found.name = read_name(json)?,
            "version" => found.version = read_name(json)?,
            _ => json.skip()?,
        }
        Ok(())
    })?;
    Ok(Some(found))
}

/// Reads an object; returns the names of its first [`MAX_CAPABILITIES`] members, none for a value
/// of another type.
fn read_names(json: &mut Json<'_>) -> Result<Vec<Box<str>>> {
    let mut names = Vec::new();
    if !json.is_object() {
        json.skip()?;
        return Ok(names);
    }
    json.object(|json, name| {
        if names.len() < MAX_CAPABILITIES {
            names.push(keep_name(name));
        }
        json.skip()
    })?;
    Ok(names)
}

/// Reads the first [`MAX_DEFINITIONS`] definitions of a list result; `None` for a value that is no
/// array. `without_schema` is set to the name of the first one without an input schema.
fn read_definitions(
    json: &mut Json<'_>,
    without_schema: &mut Option<Box<str>>,
) -> Result<Option<Vec<Definition>>> {
    if !json.is_array() {
        json.skip()?;
        return Ok(None);
    }
    let mut definitions = Vec::new();
    json.array(|json| {
        let raw = json.raw()?;
        if definitions.len() < MAX_DEFINITIONS {
            let (definition, has_schema) = definition(raw);
            if !has_schema && without_schema.is_none() {
                *without_schema = Some(definition.name.clone());
            }
            definitions.push(definition);
        }
        Ok(())
    })?;
    Ok(Some(definitions))
}

/// Reads a definition; returns also whether it has an input schema.
fn definition(raw: &str) -> (Definition, bool) {
    // The first of them that it has names it.
    let (mut uri, mut template, mut own_name) = (None, None, None);
    let mut has_schema = false;
    let read = Json::new(raw).object(|json, key| {
        match key {
            "uri" => uri = read_text(json)?,
            "uriTemplate" => template = read_text(json)?,
            "name" => own_name = read_text(json)?,
            "inputSchema" => has_schema = read_schema(json)?,
            _ => json.skip()?,
        }
        Ok(())
    });
    let name = uri.or(template).or(own_name).filter(|_| read.is_ok()).unwrap_or_default();
    let ContentHash(content) = ContentHash::of(raw);
    (Definition { name: keep_name(&name), bytes: raw.len() as u64, content }, has_schema)
}

/// Reads a schema; returns whether it is an object with the type `object`.
fn read_schema(json: &mut Json<'_>) -> Result<bool> {
    let mut is_object = false;
    if !json.is_object() {
        json.skip()?;
        return Ok(false);
    }
    json.object(|json, key| {
        if key == "type" {
            is_object = json.text()?.as_deref() == Some("object");
            return Ok(());
        }
        json.skip()
    })?;
    Ok(is_object)
}

#[cfg(test)]
mod tests {
    use super::super::Parsed;
    use super::super::parse::parse_into;
    use super::*;
    use crate::base::{Degraded, Origin, Span};

    fn look(text: &str) -> Look {
        let mut parsed = Parsed::nothing(Span::of(Origin::new(1, 1)), Degraded::NONE, text.len() as u64);
        parse_into(text.as_bytes(), &mut parsed);
        parsed.envelopes.first().map(|envelope| Look::clone(&envelope.look)).unwrap_or_default()
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
    fn a_request_names_the_span_that_sent_it() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let text = |member: &str| {
            format!(r#"{{"id":1,{member}:{{"_meta":{{"tracestate":"a=1","traceparent":"{parent}"}}}}}}"#)
        };
        let found = look(&text(r#""method":"ping","params""#));
        assert_eq!(found.trace, TraceContext::parse(parent));
        assert_eq!(found.trace_state.as_deref(), Some("a=1"));
        assert_eq!(look(&text(r#""result""#)).trace, None);
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

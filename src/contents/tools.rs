//! Calls against the schemas of their tools.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use serde_json::Value;

use super::call::{Call, server_key};
use super::schema::MAX_SCHEMA;
use super::validators::{Checked, Validators};
use crate::base::{Code, Finding, Status, Timestamp, text};
use crate::ledger::Notification;

/// Tools whose schemas are kept, of all servers.
const MAX_TOOLS: usize = 10_000;

/// Texts of their schemas, in bytes.
const MAX_TEXT: usize = 8 << 20;

/// Findings about one tool that wait until it is known that its definition did not change.
const MAX_WAITING: usize = 16;

/// The first revision with structured results.
const STRUCTURED: &str = "2025-06-18";

/// What tools take and return, by server and name.
#[derive(Debug, Default)]
pub(super) struct Tools {
    servers: HashMap<u64, HashMap<Box<str>, Tool, RandomState>, RandomState>,
    tools: usize,
    text_len: usize,
    validators: Validators,
    is_limit_told: bool,
}

/// What is known of a tool.
#[derive(Debug)]
struct Tool {
    /// Hash of both schemas.
    content: u64,
    input: Option<SchemaText>,
    output: Option<SchemaText>,
    /// The session to which it was listed last, and when.
    listed: (u32, Timestamp),
    /// Whether sessions see different definitions: which one holds is not known.
    varies: bool,
    /// Whether the server said that its list changed since.
    is_stale: bool,
    /// Whether it was told that a schema is none.
    is_told: bool,
    waiting: Vec<Finding>,
}

#[derive(Debug)]
struct SchemaText {
    hash: u64,
    json: Box<str>,
}

impl SchemaText {
    fn of(schema: Option<&Value>) -> Option<Self> {
        let json = schema.filter(|schema| schema.is_object())?.to_string();
        (json.len() <= MAX_SCHEMA).then(|| Self { hash: text::hash(&json), json: json.into() })
    }
}

impl Tools {
    /// Takes a call: a listing, or a call of a tool. Returns what is wrong.
    pub(super) fn push(&mut self, call: &Call<'_>) -> Vec<Finding> {
        match &*call.exchange.method {
            "tools/list" => self.listing(call),
            "tools/call" => self.called(call),
            _ => Vec::new(),
        }
    }

    /// Takes a notification: what a server says about its list.
    pub(super) fn notification(&mut self, notification: &Notification) {
        if notification.method.as_ref() == "notifications/tools/list_changed"
            && let Some(tools) = self.servers.get_mut(&server_key(&notification.session.identity()))
        {
            tools.values_mut().for_each(|tool| tool.is_stale = true);
        }
    }

    /// Returns what waits: no definition changed since.
    pub(super) fn finish(&mut self) -> Vec<Finding> {
        let tools = self.servers.values_mut().flat_map(HashMap::values_mut);
        let mut findings: Vec<_> = tools.flat_map(|tool| std::mem::take(&mut tool.waiting)).collect();
        findings.sort_by_key(|finding| (finding.at.map(|at| at.packet), finding.exchange));
        findings
    }

    fn listing(&mut self, call: &Call<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let Some(list) = call.result().and_then(|result| result.get("tools")?.as_array()) else {
            return findings;
        };
        let Some(response) = call.exchange.response else { return findings };
        let listed = (call.exchange.session.number, response.span.end.time);
        let tools = self.servers.entry(server_key(&call.exchange.session.identity())).or_default();
        for definition in list {
            let Some(name) = definition.get("name").and_then(Value::as_str) else { continue };
            let input = SchemaText::of(definition.get("inputSchema"));
            let output = SchemaText::of(definition.get("outputSchema"));
            let hashes = [&input, &output].map(|schema| schema.as_ref().map(|schema| schema.hash));
            let content = text::hash(&format!("{hashes:?}"));
            if let Some(tool) = tools.get_mut(name) {
                if tool.content == content {
                    findings.append(&mut tool.waiting);
                } else {
                    tool.waiting.clear();
                    tool.varies |= tool.listed.0 != listed.0;
                    let lengths = |one: &Option<SchemaText>| one.as_ref().map_or(0, |one| one.json.len());
                    self.text_len -= lengths(&tool.input) + lengths(&tool.output);
                    self.text_len += lengths(&input) + lengths(&output);
                    (tool.content, tool.input, tool.output) = (content, input, output);
                }
                (tool.listed, tool.is_stale) = (listed, false);
                continue;
            }
            let len = [&input, &output].into_iter().flatten().map(|schema| schema.json.len()).sum::<usize>();
            if self.tools >= MAX_TOOLS || self.text_len + len > MAX_TEXT {
                continue;
            }
            self.tools += 1;
            self.text_len += len;
            let tool = Tool {
                content,
                input,
                output,
                listed,
                varies: false,
                is_stale: false,
                is_told: false,
                waiting: Vec::new(),
            };
            tools.insert(text::kept_name(name).into(), tool);
        }
        findings
    }

    fn called(&mut self, call: &Call<'_>) -> Vec<Finding> {
        let exchange = call.exchange;
        let tools = self.servers.get_mut(&server_key(&exchange.session.identity()));
        let tool = exchange.name.as_deref().and_then(|name| tools?.get_mut(name));
        let Some((tool, name)) = tool.zip(exchange.name.as_deref()) else { return Vec::new() };
        let was_listed = tool.listed.1 <= exchange.request.span.start.time;
        // What the server refuses is not told twice.
        if tool.varies || tool.is_stale || !was_listed || exchange.status != Status::Ok {
            return Vec::new();
        }
        let arguments =
            tool.input.as_ref().zip(call.request.is_some().then_some(call)).map(|(schema, call)| {
                let empty = Value::Object(serde_json::Map::new());
                let arguments = call.param("arguments").unwrap_or(&empty);
                self.validators.check(schema.hash, &schema.json, arguments)
            });
        let result = tool.output.as_ref().map(|schema| match structured(call) {
            Structured::Content(content) => self.validators.check(schema.hash, &schema.json, content),
            Structured::Missing => {
                Checked::Misfit("structuredContent is missing, although it has an outputSchema".to_owned())
            }
            Structured::NotDue => Checked::Fits,
        });
        let is_limited = [&arguments, &result].contains(&&Some(Checked::TooLong));
        if let Some(finding) = arguments.and_then(|checked| told(call, checked, Part::Arguments, name, tool))
        {
            tool.wait(finding);
        }
        if let Some(finding) = result.and_then(|checked| told(call, checked, Part::Result, name, tool)) {
            tool.wait(finding);
        }
        if !is_limited || self.is_limit_told {
            return Vec::new();
        }
        self.is_limit_told = true;
        let detail = format!("a call of {name}, and perhaps others, are not checked against their schemas");
        vec![call.of_request(Code::ContentsSchemaLimit, detail)]
    }
}

impl Tool {
    fn wait(&mut self, finding: Finding) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push(finding);
        }
    }
}

/// The part of a call that has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Arguments,
    Result,
}

/// What is told of a check; `None` if nothing is.
fn told(call: &Call<'_>, checked: Checked, part: Part, name: &str, tool: &mut Tool) -> Option<Finding> {
    let (code, detail) = match (checked, part) {
        (Checked::Fits | Checked::Unsupported | Checked::TooLong, _) => return None,
        (Checked::NoSchema(_), _) if tool.is_told => return None,
        (Checked::NoSchema(wrong), _) => {
            tool.is_told = true;
            let schema = if part == Part::Arguments { "inputSchema" } else { "outputSchema" };
            (Code::ContentsBadSchema, format!("the {schema} of {name} is no JSON Schema: {wrong}"))
        }
        (Checked::Misfit(misfit), Part::Arguments) => {
            (Code::ContentsBadArguments, format!("arguments of {name}: {misfit}"))
        }
        (Checked::Misfit(misfit), Part::Result) => {
            (Code::ContentsBadResult, format!("result of {name}: {misfit}"))
        }
    };
    Some(match part {
        Part::Arguments => call.of_request(code, detail),
        Part::Result => call.of_response(code, detail),
    })
}

/// The structured content of a result.
enum Structured<'a> {
    Content(&'a Value),
    /// There is none, and it was due.
    Missing,
    /// The result is not known, or is not the tool's own yet.
    NotDue,
}

fn structured<'a>(call: &'a Call<'_>) -> Structured<'a> {
    let is_due = call.exchange.protocol_version.as_deref().is_some_and(|version| version >= STRUCTURED);
    if call.is_plain() {
        return if is_due { Structured::Missing } else { Structured::NotDue };
    }
    let Some(result) = call.result() else { return Structured::NotDue };
    let is_own = result.get("resultType").is_none_or(|kind| kind == "complete");
    if !is_own || result.get("task").is_some() || result.get("isError") == Some(&Value::Bool(true)) {
        return Structured::NotDue;
    }
    match result.get("structuredContent") {
        Some(content) => Structured::Content(content),
        None if is_due => Structured::Missing,
        None => Structured::NotDue,
    }
}

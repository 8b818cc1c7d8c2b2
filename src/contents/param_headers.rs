//! Headers of calls that repeat arguments: `Mcp-Param-…` (MCP 2026-07-28, transports, "Custom
//! Headers from Tool Parameters").

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;
use serde_json::Value;

use super::annotations::{Annotations, Parameter};
use super::call::{Call, server_key};
use crate::base::fact::{PayloadFact, PayloadKind};
use crate::base::{Code, Finding, Side, Timestamp, text};
use crate::ledger::Notification;

/// Tools with annotated parameters that are kept, of all servers.
const MAX_TOOLS: usize = 10_000;

/// Texts of their parameters, in bytes.
const MAX_TEXT: usize = 2 << 20;

/// Heads of requests that are kept for their calls.
const MAX_HEADS: usize = 4096;

/// Memory of them, in bytes.
const MAX_HEADS_TEXT: usize = 2 << 20;

const PREFIX: &str = "mcp-param-";

/// What headers repeat, and what they say.
#[derive(Debug, Default)]
pub(super) struct ParamHeaders {
    /// By session and hash of the tool's name: what a client does depends on what it was listed.
    tools: HashMap<(u32, u64), Tool, RandomState>,
    text_len: usize,
    /// By connection and transaction. Never iterated: its order is random.
    heads: HashMap<(u32, u32), Vec<ParamHeader>, RandomState>,
    order: VecDeque<(u32, u32)>,
    heads_len: usize,
    /// When a server said last that its list changed.
    changed: HashMap<u64, Timestamp, RandomState>,
}

/// The name of a header in lower case, without its prefix, and its value.
type ParamHeader = (Box<str>, Box<str>);

#[derive(Debug)]
struct Tool {
    server: u64,
    parameters: Vec<Parameter>,
    listed: Timestamp,
    is_told: bool,
}

impl ParamHeaders {
    /// Takes a payload: heads of requests.
    pub(super) fn payload(&mut self, payload: &PayloadFact) {
        if self.tools.is_empty()
            || payload.kind != PayloadKind::Head
            || payload.side != Side::Client
            || payload.degraded.any()
            || !payload.bytes.starts_with(b"POST ")
        {
            return;
        }
        let key = (payload.peers.tcp_stream, payload.transaction);
        let head = fields(&payload.bytes);
        self.heads_len += cost(&head);
        match self.heads.insert(key, head) {
            Some(before) => self.heads_len -= cost(&before),
            None => self.order.push_back(key),
        }
        while (self.order.len() > MAX_HEADS || self.heads_len > MAX_HEADS_TEXT)
            && let Some(oldest) = self.order.pop_front()
        {
            self.heads_len -= self.heads.remove(&oldest).map_or(0, |head| cost(&head));
        }
    }

    /// Takes a notification: what a server says about its list.
    pub(super) fn notification(&mut self, notification: &Notification) {
        if notification.method.as_ref() == "notifications/tools/list_changed" {
            let server = server_key(&notification.session.identity());
            if self.changed.len() < MAX_TOOLS || self.changed.contains_key(&server) {
                self.changed.insert(server, notification.message.span.end.time);
            }
        }
    }

    /// Takes a call and returns what is wrong.
    pub(super) fn push(&mut self, call: &Call<'_>) -> Vec<Finding> {
        if !call.exchange.is_stateless() {
            return Vec::new();
        }
        match &*call.exchange.method {
            "tools/list" => self.listing(call),
            "tools/call" if !self.tools.is_empty() => self.called(call).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn listing(&mut self, call: &Call<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        if !call.response_mentions("\"x-mcp-header\"") {
            // A definition without annotations takes the place of one with them.
            return self.forget(call);
        }
        let list = call.result().and_then(|result| result.get("tools")?.as_array());
        let Some((list, response)) = list.zip(call.exchange.response) else { return findings };
        let session = call.exchange.session.number;
        let server = server_key(&call.exchange.session.identity());
        for definition in list {
            let Some(name) = definition.get("name").and_then(Value::as_str) else { continue };
            let found = definition.get("inputSchema").map(Annotations::of).unwrap_or_default();
            let key = (session, text::hash(name));
            let old = self.tools.remove(&key);
            self.text_len -= old.as_ref().map_or(0, Tool::text_len);
            if let Some(fault) = found.fault {
                let detail = format!("{}: {fault}", text::kept_name(name));
                findings.push(call.of_response(Code::ContentsParamAnnotation, detail));
                continue;
            }
            if found.is_cut || found.parameters.is_empty() || self.tools.len() >= MAX_TOOLS {
                continue;
            }
            let listed = response.span.end.time;
            let is_told = old.is_some_and(|old| old.is_told);
            let tool = Tool { server, parameters: found.parameters, listed, is_told };
            if self.text_len + tool.text_len() <= MAX_TEXT {
                self.text_len += tool.text_len();
                self.tools.insert(key, tool);
            }
        }
        findings.truncate(1);
        findings
    }

    fn forget(&mut self, call: &Call<'_>) -> Vec<Finding> {
        let list = call.result().filter(|_| !self.tools.is_empty());
        let list = list.and_then(|result| result.get("tools")?.as_array());
        for name in list.into_iter().flatten().filter_map(|tool| tool.get("name")?.as_str()) {
            let old = self.tools.remove(&(call.exchange.session.number, text::hash(name)));
            self.text_len -= old.map_or(0, |old| old.text_len());
        }
        Vec::new()
    }

    fn called(&mut self, call: &Call<'_>) -> Option<Finding> {
        let exchange = call.exchange;
        let head = self.heads.get(&(exchange.tcp_stream, exchange.transaction))?;
        let name = exchange.name.as_deref()?;
        let tool = self.tools.get_mut(&(exchange.session.number, text::hash(name)))?;
        let was_listed = tool.listed <= exchange.request.span.start.time;
        let is_stale = self.changed.get(&tool.server).is_some_and(|changed| *changed > tool.listed);
        let params = call.params()?;
        if is_stale || tool.is_told || !was_listed {
            return None;
        }
        let none = Value::Null;
        let arguments = params.get("arguments").unwrap_or(&none);
        let what = tool.parameters.iter().find_map(|parameter| {
            let header = head.iter().find(|(name, _)| *name == parameter.header).map(|(_, value)| &**value);
            difference(&parameter.header, header, parameter.value_in(arguments))
        })?;
        tool.is_told = true;
        Some(call.of_request(Code::ContentsParamHeader, format!("{}: {what}", text::kept_name(name))))
    }
}

impl Tool {
    fn text_len(&self) -> usize {
        self.parameters.iter().map(Parameter::text_len).sum()
    }
}

/// How a header and its argument differ; `None` if they do not. Values may be secrets: they are not
/// told.
fn difference(name: &str, header: Option<&str>, argument: Option<&Value>) -> Option<String> {
    let (header, argument) = match (header, argument) {
        (None, None) => return None,
        (None, Some(_)) => return Some(format!("Mcp-Param-{name} is missing, the call has the argument")),
        (Some(_), None) => return Some(format!("Mcp-Param-{name} repeats an argument that the call lacks")),
        (Some(header), Some(argument)) => (text::decoded_header(header), argument),
    };
    let is_same = match argument {
        Value::String(text) => *text == header,
        Value::Bool(value) => header == if *value { "true" } else { "false" },
        Value::Number(number) => {
            let (told, value) = (header.parse::<f64>().ok(), number.as_f64());
            number.to_string() == header || told.is_some() && told == value
        }
        // What has no form in a header is not compared.
        _ => true,
    };
    (!is_same).then(|| format!("Mcp-Param-{name} is not the value of its argument"))
}

/// The fields of a head that repeat arguments: names in lower case, without the prefix.
fn fields(head: &[u8]) -> Vec<ParamHeader> {
    let lines = head.split(|byte| *byte == b'\n').skip(1);
    let found = lines.filter_map(|line| {
        let (name, value) = line.split_at_checked(memchr::memchr(b':', line)?)?;
        let (prefix, name) = name.split_at_checked(PREFIX.len())?;
        if !prefix.eq_ignore_ascii_case(PREFIX.as_bytes()) {
            return None;
        }
        let name = std::str::from_utf8(name).ok()?.trim().to_ascii_lowercase();
        let value = std::str::from_utf8(value.get(1..)?).ok()?.trim();
        Some((text::kept_name(&name).into(), value.into()))
    });
    found.collect()
}

/// About the memory of a head, in bytes.
fn cost(head: &[ParamHeader]) -> usize {
    let texts = head.iter().map(|(name, value)| name.len() + value.len() + 2 * size_of::<Box<str>>());
    64 + texts.sum::<usize>()
}

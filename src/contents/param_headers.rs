//! Headers of calls that repeat arguments: `Mcp-Param-…` (MCP 2026-07-28, transports, "Custom
//! Headers from Tool Parameters").

use std::collections::{HashMap, HashSet, VecDeque};

use foldhash::fast::RandomState;
use serde_json::Value;

use super::annotations::{Annotations, Parameter};
use super::call::{Call, server_key};
use super::deferred::Deferred;
use crate::base::fact::{PayloadFact, PayloadKind};
use crate::base::{Code, Finding, Side, Timestamp, text};
use crate::ledger::Notification;

/// Tools with annotated parameters that are kept, of all servers.
const MAX_TOOLS: usize = 10_000;

/// Texts of the parameters of all these tools, in bytes.
const MAX_TEXT: usize = 2 << 20;

/// Other tools that are kept, of all sessions.
const MAX_OTHERS: usize = 100_000;

/// Heads of requests that are kept for their calls.
const MAX_HEADS: usize = 4096;

/// Memory of these heads, in bytes.
const MAX_HEADS_TEXT: usize = 2 << 20;

const PREFIX: &str = "mcp-param-";

/// What headers repeat, and what they say.
#[derive(Debug, Default)]
pub(super) struct ParamHeaders {
    /// By session and hash of the tool's name: what a client does depends on what it was listed.
    tools: HashMap<(u32, u64), Tool, RandomState>,
    /// Tools that were listed without annotations, or with what is not kept. If they get some
    /// later, which definition a call follows is not known: two clients behind one address may be
    /// one session.
    others: HashSet<(u32, u64), RandomState>,
    text_len: usize,
    /// By connection and transaction. Never iterated: its order is random.
    heads: HashMap<(u32, u32), Vec<ParamHeader>, RandomState>,
    order: VecDeque<(u32, u32)>,
    heads_len: usize,
    /// When a server said last that its list changed, or gave one that is not known.
    changed: HashMap<u64, Timestamp, RandomState>,
}

/// The name of a header in lower case, without its prefix, and its value.
type ParamHeader = (Box<str>, Box<str>);

#[derive(Debug)]
struct Tool {
    server: u64,
    parameters: Vec<Parameter>,
    listed: Timestamp,
    /// The connection on which it was listed last. What a client that shares the address with
    /// another was listed is known only of that connection.
    tcp_stream: u32,
    /// Whether the session was listed different definitions: which one a call follows is not known.
    varies: bool,
    is_told: bool,
    waiting: Option<Finding>,
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
            self.change(server, notification.message.span.end.time);
        }
    }

    fn change(&mut self, server: u64, at: Timestamp) {
        if self.changed.len() < MAX_TOOLS || self.changed.contains_key(&server) {
            self.changed.insert(server, at);
        }
    }

    /// Takes a call. Returns what is wrong with a listing; what is wrong with a call waits.
    pub(super) fn push(&mut self, call: &Call<'_>) -> Option<Finding> {
        if !call.exchange.is_stateless() {
            return None;
        }
        match &*call.exchange.method {
            "tools/list" => self.listing(call),
            "tools/call" if !self.tools.is_empty() => {
                self.called(call);
                None
            }
            _ => None,
        }
    }

    /// Hands over what waits: no definition changed since.
    pub(super) fn finish(&mut self, deferred: &mut Deferred) {
        let mut findings: Vec<_> = self.tools.values_mut().filter_map(|tool| tool.waiting.take()).collect();
        findings.sort_by_key(|finding| (finding.at.map(|at| at.packet), finding.exchange));
        // Between the listing and the call the client may have been listed another definition.
        findings.into_iter().for_each(|finding| deferred.push_between(finding));
    }

    fn listing(&mut self, call: &Call<'_>) -> Option<Finding> {
        let response = call.exchange.response?;
        let (session, listed) = (call.exchange.session.number, response.span.end.time);
        let tcp_stream = call.exchange.tcp_stream;
        let server = server_key(&call.exchange.session.identity());
        if call.response.is_none() {
            // What it lists is not known.
            self.change(server, listed);
        }
        let list = call.result()?.get("tools")?.as_array()?;
        let has_annotations = call.response_mentions("\"x-mcp-header\"");
        let mut first = None;
        for definition in list {
            let Some(name) = definition.get("name").and_then(Value::as_str) else { continue };
            let schema = definition.get("inputSchema").filter(|_| has_annotations);
            let found = schema.map(Annotations::of).unwrap_or_default();
            let is_known = found.fault.is_none() && !found.is_cut;
            if let Some(fault) = found.fault.filter(|_| first.is_none()) {
                let detail = format!("{}: {fault}", text::kept_name(name));
                first = Some(call.of_response(Code::ContentsParamAnnotation, detail));
            }
            let key = (session, text::hash(name));
            let parameters = if is_known { found.parameters } else { Vec::new() };
            if let Some(tool) = self.tools.get_mut(&key) {
                if tool.parameters != parameters {
                    (tool.varies, tool.waiting) = (true, None);
                }
                (tool.listed, tool.tcp_stream) = (listed, tcp_stream);
                continue;
            }
            let tool =
                Tool { server, parameters, listed, tcp_stream, varies: false, is_told: false, waiting: None };
            let has_room = self.tools.len() < MAX_TOOLS
                && self.others.len() < MAX_OTHERS
                && self.text_len + tool.text_len() <= MAX_TEXT;
            if has_room && !tool.parameters.is_empty() && !self.others.contains(&key) {
                self.text_len += tool.text_len();
                self.tools.insert(key, tool);
            } else if self.others.len() < MAX_OTHERS {
                self.others.insert(key);
            }
        }
        first
    }

    /// Keeps a finding about a call until it is known that the definition did not change.
    fn called(&mut self, call: &Call<'_>) -> Option<()> {
        let exchange = call.exchange;
        let head = self.heads.get(&(exchange.tcp_stream, exchange.transaction))?;
        let name = exchange.name.as_deref()?;
        let tool = self.tools.get_mut(&(exchange.session.number, text::hash(name)))?;
        let was_listed =
            tool.listed <= exchange.request.span.start.time && tool.tcp_stream == exchange.tcp_stream;
        let is_stale = self.changed.get(&tool.server).is_some_and(|changed| *changed > tool.listed);
        let params = call.params()?;
        if is_stale || tool.varies || tool.is_told || !was_listed {
            return None;
        }
        let none = Value::Null;
        let arguments = params.get("arguments").unwrap_or(&none);
        let what = tool.parameters.iter().find_map(|parameter| {
            let header = head.iter().find(|(name, _)| *name == parameter.header).map(|(_, value)| &**value);
            difference(&parameter.header, header, parameter.value_in(arguments))
        })?;
        tool.is_told = true;
        let detail = format!("{}: {what}", text::kept_name(name));
        tool.waiting = Some(call.of_request(Code::ContentsParamHeader, detail));
        Some(())
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

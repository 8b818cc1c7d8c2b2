//! A timeline as one JSON document (docs/agent-runs.md).

use std::io;
use std::net::SocketAddr;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use super::timeline::{AskedTool, Join, McpCall, ModelCall, Run, Timeline};
use crate::base::json::write_compact;
use crate::base::{Files, PacketNo, Timestamp};

/// Writes a timeline: `"type":"timeline"`, version 1. Members are only ever added.
///
/// The document is written call by call: it is larger than the timeline.
///
/// # Errors
/// Returns the errors of `out`.
pub fn write(timeline: &Timeline, files: &Files, out: &mut dyn io::Write) -> io::Result<()> {
    write_compact(&mut &mut *out, &Document { timeline, files })?;
    writeln!(out)
}

struct Document<'a> {
    timeline: &'a Timeline,
    files: &'a Files,
}

struct RunDocument<'a> {
    run: &'a Run,
    files: &'a Files,
}

/// A list whose elements are made while it is written.
struct List<F>(F);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { timeline, files } = *self;
        let mut document = serializer.serialize_map(None)?;
        document.serialize_entry("type", "timeline")?;
        document.serialize_entry("v", &1)?;
        let runs = move || timeline.runs.iter().map(move |run| RunDocument { run, files });
        document.serialize_entry("runs", &List(runs))?;
        let unasked = move || timeline.unasked.iter().map(move |call| mcp(call, files));
        document.serialize_entry("unasked", &List(unasked))?;
        document.serialize_entry("perhaps_asked", &timeline.perhaps_asked)?;
        document.serialize_entry("candidates_left_out", &timeline.candidates_left_out)?;
        document.serialize_entry("behind_proxies", &timeline.behind_proxies)?;
        document.serialize_entry("left_out", &timeline.left_out)?;
        document.serialize_entry("missing", &List(|| timeline.missing.names()))?;
        document.end()
    }
}

impl Serialize for RunDocument<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { run, files } = *self;
        let times = &run.times;
        let (input, output) = run.tokens();
        let mut document = serializer.serialize_map(None)?;
        document.serialize_entry("run", &run.number)?;
        document.serialize_entry("start", &seconds(times.start))?;
        document.serialize_entry("end", &seconds(times.end))?;
        document.serialize_entry("total_ms", &ms(times.end.since(times.start)))?;
        document.serialize_entry("model_ms", &ms(times.model_ns))?;
        document.serialize_entry("tools_ms", &ms(times.tools_ns))?;
        document.serialize_entry("agent_ms", &ms(times.agent_ns))?;
        document.serialize_entry("idle_ms", &ms(times.idle_ns))?;
        document.serialize_entry("input_tokens", &input)?;
        document.serialize_entry("output_tokens", &output)?;
        let calls = move || run.calls.iter().map(move |call| model(call, files));
        document.serialize_entry("llm_calls", &List(calls))?;
        document.end()
    }
}

impl<I: Iterator<Item: Serialize>, F: Fn() -> I> Serialize for List<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

fn model(call: &ModelCall, files: &Files) -> Value {
    let last = call.end.map_or(call.request.last, |end| end.packet.max(call.request.last));
    json!({
        "llm_call": call.number,
        "dialect": call.dialect,
        "model": call.model.as_deref(),
        "server": address(call.server),
        "host": call.host.as_deref(),
        "client": address(call.client),
        "tcp_stream": files.stream(call.tcp_stream, call.request.first),
        "file": files.name(call.request.first),
        "first_packet": packet(call.request.first, files),
        "last_packet": packet(last, files),
        "start": seconds(call.request.start.time),
        "end": call.end.map(|end| seconds(end.time)),
        "first_token_ms": call.first_token_ns.map(ms),
        "total_ms": call.end.map(|end| ms(end.time.since(call.request.start.time))),
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
        "status": call.status,
        "finish_reason": call.finish_reason.as_deref(),
        "degraded": call.degraded.names().collect::<Vec<_>>(),
        "tool_calls": call.tools.iter().map(|tool| asked(tool, files)).collect::<Vec<_>>(),
    })
}

fn asked(tool: &AskedTool, files: &Files) -> Value {
    let (evidence, reason) = match &tool.join {
        Join::Joined(_, evidence) => (Some(evidence.name()), None),
        Join::NotCompared(why, _) => (None, Some(why.name())),
        Join::None | Join::Unconfirmed(_) | Join::Ambiguous(_) => (None, None),
    };
    json!({
        "id": tool.id.as_deref(),
        "name": &*tool.name,
        "arguments": &*tool.arguments,
        "time": seconds(tool.at.time),
        "packet": packet(tool.at.packet, files),
        "result_in": tool.answered_in,
        "join": tool.join.name(),
        "evidence": evidence,
        "reason": reason,
        "mcp_calls": tool.join.calls().iter().map(|call| mcp(call, files)).collect::<Vec<_>>(),
    })
}

fn mcp(call: &McpCall, files: &Files) -> Value {
    let last = call.end.map_or(call.request.last, |end| end.packet.max(call.request.last));
    json!({
        "exchange": call.n,
        "session": format!("s{}", call.session),
        "transport": call.transport,
        "server": address(call.server.address),
        "path": call.server.path.as_deref(),
        "server_name": call.server_name.as_deref(),
        "client": address(call.client),
        "name": &*call.name,
        "status": call.status.name(),
        "file": files.name(call.request.first),
        "first_packet": packet(call.request.first, files),
        "last_packet": packet(last, files),
        "start": seconds(call.request.start.time),
        "end": call.end.map(|end| seconds(end.time)),
        "total_ms": call.total_ns.map(ms),
        "degraded": call.degraded.names().collect::<Vec<_>>(),
    })
}

fn address(address: SocketAddr) -> String {
    address.to_string()
}

/// The number of a packet in its file.
fn packet(packet: PacketNo, files: &Files) -> u64 {
    files.number(packet)
}

/// Seconds since the epoch.
fn seconds(time: Timestamp) -> f64 {
    time.0 as f64 / 1e9
}

fn ms(ns: i64) -> f64 {
    ns as f64 / 1e6
}

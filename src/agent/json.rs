//! A timeline as one JSON document (docs/agent-runs.md).

use std::io;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::timeline::{AskedTool, Join, McpCall, ModelCall, Run, Timeline};
use crate::base::json::write_compact;
use crate::base::{Files, PacketNo, Timestamp};

/// Writes a timeline: `"type":"timeline"`, version 1. Members are only ever added.
///
/// # Errors
/// Returns the errors of `out`.
pub fn write(timeline: &Timeline, files: &Files, out: &mut dyn io::Write) -> io::Result<()> {
    let document = json!({
        "type": "timeline",
        "v": 1,
        "runs": timeline.runs.iter().map(|one| run(one, files)).collect::<Vec<_>>(),
        "unasked": timeline.unasked.iter().map(|call| mcp(call, files)).collect::<Vec<_>>(),
        "behind_proxies": timeline.behind_proxies,
        "left_out": timeline.left_out,
        "missing": timeline.missing.names().collect::<Vec<_>>(),
    });
    write_compact(&mut &mut *out, &document)?;
    writeln!(out)
}

fn run(run: &Run, files: &Files) -> Value {
    let times = &run.times;
    let tokens = |of: fn(&ModelCall) -> Option<u64>| -> Option<u64> {
        run.calls.iter().filter_map(of).reduce(|a, b| a.saturating_add(b))
    };
    json!({
        "run": run.number,
        "start": seconds(times.start),
        "end": seconds(times.end),
        "total_ms": ms(times.end.since(times.start)),
        "model_ms": ms(times.model_ns),
        "tools_ms": ms(times.tools_ns),
        "agent_ms": ms(times.agent_ns),
        "idle_ms": ms(times.idle_ns),
        "input_tokens": tokens(|call| call.input_tokens),
        "output_tokens": tokens(|call| call.output_tokens),
        "llm_calls": run.calls.iter().map(|call| model(call, files)).collect::<Vec<_>>(),
    })
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
    let evidence = match &tool.join {
        Join::Joined(_, evidence) => Some(evidence.name()),
        _ => None,
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

//! The line of a call of a language model.

use std::io;

use super::line::{FIRST, LAST, Line};
use crate::ledger::{Bounded, Carried, LlmCall, ToolCall, ToolResult};

pub(super) fn write(line: &mut Line, call: &LlmCall) -> io::Result<()> {
    let first = call.request.or(call.response).map(|carried| carried.span.first);
    line.start("llm_call");
    line.number("l", Some(call.number));
    line.stream(Some(call.tcp_stream), first);
    line.word("dialect", Some(call.dialect.name()));
    line.address("server", call.server);
    line.address("client", call.client);
    line.text("host", call.host.as_deref())?;
    line.text("target", call.target.as_deref())?;
    line.text("model", call.model.as_deref())?;
    line.boolean("streamed", call.is_streamed);
    line.number("http_status", call.http_status.map(u64::from));
    line.word("status", Some(call.status.name()));
    line.word("ended", Some(call.ended.name()));
    line.object("error", call.error.as_ref(), |line, error| {
        line.text("code", error.code.as_deref())?;
        line.text("message", Some(&error.message))
    })?;
    carried(line, "request", call.request)?;
    carried(line, "response", call.response)?;
    line.duration("first_token_ms", call.first_token_ns());
    line.packet(["first_token_packet", "first_token_file"], call.pace.first.map(|at| at.packet));
    line.duration("longest_gap_ms", call.longest_gap_ns());
    line.duration("total_ms", call.total_ns());
    line.time("end", call.end.map(|end| end.time));
    line.packet(["end_packet", "end_file"], call.end.map(|end| end.packet));
    line.number("input_tokens", call.input_tokens);
    line.number("output_tokens", call.output_tokens);
    line.number("reasoning_tokens", call.reasoning_tokens);
    line.number("cached_tokens", call.cached_tokens);
    line.decimal("tokens_per_second", call.tokens_per_second());
    line.text("text", Some(&call.text.kept))?;
    line.number("text_bytes", Some(call.text.len));
    line.number("reasoning_bytes", Some(call.reasoning_bytes));
    line.number("pieces", Some(call.pace.pieces));
    line.list("tool_calls", &call.tool_calls, tool_call)?;
    line.list("tool_results", &call.tool_results, tool_result)?;
    line.texts("tools", &call.tools)?;
    line.number("tools_offered", Some(call.tools_offered));
    line.text("finish_reason", call.finish_reason.as_deref())?;
    line.degraded(call.degraded);
    line.protocols(&call.protocols)
}

fn carried(line: &mut Line, key: &str, carried: Option<Carried>) -> io::Result<()> {
    line.object(key, carried.as_ref(), |line, Carried { span, bytes }| {
        line.time("start", Some(span.start.time));
        line.time("end", Some(span.end.time));
        line.packet(FIRST, Some(span.first));
        line.packet(LAST, Some(span.last));
        line.number("bytes", Some(*bytes));
        Ok(())
    })
}

fn tool_call(line: &mut Line, call: &ToolCall) -> io::Result<()> {
    line.text("id", call.id.as_deref())?;
    line.text("name", Some(&call.name))?;
    bounded(line, ["arguments", "arguments_bytes"], &call.arguments)?;
    line.boolean("complete", call.is_complete);
    line.time("time", call.at.map(|at| at.time));
    line.packet(["packet", "file"], call.at.map(|at| at.packet));
    Ok(())
}

fn tool_result(line: &mut Line, result: &ToolResult) -> io::Result<()> {
    line.text("id", result.id.as_deref())?;
    line.text("name", result.name.as_deref())?;
    bounded(line, ["text", "text_bytes"], &result.text)?;
    line.boolean("error", result.is_error);
    Ok(())
}

fn bounded(line: &mut Line, [key, len]: [&str; 2], text: &Bounded) -> io::Result<()> {
    line.text(key, Some(&text.kept))?;
    line.number(len, Some(text.len));
    Ok(())
}

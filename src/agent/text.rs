//! A timeline as lines for a terminal.

use std::io;

use super::timeline::{AskedTool, Evidence, Join, McpCall, ModelCall, Run, Timeline};
use crate::base::text::beginning;
use crate::base::{Files, Timestamp, sanitize, units};

/// Columns of arguments that are shown.
const ARGUMENTS: usize = 60;

/// Shortest time of the agent that has a line, in nanoseconds.
const SHORTEST: i64 = 1_000_000;

/// Writes a timeline. `files` numbers the packets of several files.
///
/// # Errors
/// Returns the errors of `out`.
pub fn write(timeline: &Timeline, files: &Files, ascii: bool, out: &mut dyn io::Write) -> io::Result<()> {
    let mut lines = vec![summary(timeline)];
    timeline.runs.iter().for_each(|run| push_run(run, files, &mut lines));
    if !timeline.unasked.is_empty() {
        lines.push(String::new());
        lines.push("tools/call that no model asked for".to_owned());
        lines.extend(timeline.unasked.iter().map(|call| format!("  {}", mcp_call(call, files))));
    }
    if timeline.behind_proxies > 0 {
        let calls = units::several(timeline.behind_proxies, "LLM call");
        lines.push(format!("\n{calls} left out: seen a second time behind a proxy"));
    }
    if timeline.left_out > 0 {
        lines.push(format!(
            "\n{} left out: the memory for them is full",
            units::several(timeline.left_out, "call")
        ));
    }
    if timeline.missing.any() {
        let reasons = timeline.missing.names().collect::<Vec<_>>().join(", ");
        lines.push(format!("\nincomplete capture ({reasons}): calls may be missing, and so joins"));
    }
    for line in lines {
        let line = if ascii { sanitize::to_ascii(&line) } else { line.into() };
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// `2 runs, 9 LLM calls; 11 tool calls: 9 joined to MCP calls, 1 ambiguous, 1 without MCP call`.
fn summary(timeline: &Timeline) -> String {
    let calls = || timeline.runs.iter().flat_map(|run| &run.calls);
    let tools: Vec<&AskedTool> = calls().flat_map(|call| &call.tools).collect();
    let count = |is: fn(&Join) -> bool| tools.iter().filter(|tool| is(&tool.join)).count();
    let kinds = [
        (count(|join| matches!(join, Join::Joined(..))), "joined to MCP calls"),
        (count(|join| matches!(join, Join::Unconfirmed(_))), "unconfirmed"),
        (count(|join| matches!(join, Join::Ambiguous(_))), "ambiguous"),
        (count(|join| matches!(join, Join::None)), "without MCP call"),
    ];
    let kinds: Vec<_> =
        kinds.iter().filter(|(count, _)| *count > 0).map(|(count, kind)| format!("{count} {kind}")).collect();
    let colon = if kinds.is_empty() { "" } else { ": " };
    format!(
        "{}, {}; {}{colon}{}",
        units::several(timeline.runs.len() as u64, "run"),
        units::several(calls().count() as u64, "LLM call"),
        units::several(tools.len() as u64, "tool call"),
        kinds.join(", ")
    )
}

fn push_run(run: &Run, files: &Files, lines: &mut Vec<String>) {
    let times = &run.times;
    let mut parts = vec![
        format!("model {}", units::duration(times.model_ns)),
        format!("tools {}", units::duration(times.tools_ns)),
        format!("agent {}", units::duration(times.agent_ns)),
    ];
    if times.idle_ns > 0 {
        parts.push(format!("idle {}", units::duration(times.idle_ns)));
    }
    let tokens = |of: fn(&ModelCall) -> Option<u64>| -> u64 { run.calls.iter().filter_map(of).sum() };
    let (input, output) = (tokens(|call| call.input_tokens), tokens(|call| call.output_tokens));
    if input + output > 0 {
        parts.push(format!("{input} tokens in, {output} out"));
    }
    lines.push(String::new());
    lines.push(format!(
        "run {}  {} {} UTC, {}: {}",
        run.number,
        units::date(times.start),
        units::time_of_day(times.start),
        units::duration(times.end.since(times.start)),
        parts.join(", ")
    ));
    let mut busy_until = None;
    for call in &run.calls {
        push_agent(busy_until, call.request.start.time, times.start, lines);
        lines.push(format!("{} {}", at(call.request.start.time, times.start), model_call(call, files)));
        busy_until = busy_until.max(Some(call.until()));
        for tool in &call.tools {
            lines.push(format!("{}   {}", at(tool.at.time, times.start), asked(tool)));
            let joined = tool.join.calls();
            for mcp in joined {
                lines.push(format!(
                    "{}     {}",
                    at(mcp.request.start.time, times.start),
                    mcp_call(mcp, files)
                ));
            }
            if let Join::Joined(mcp, _) = &tool.join {
                busy_until = busy_until.max(mcp.end.map(|end| end.time));
            }
        }
    }
}

/// The time that the agent took, if it is long enough for a line.
fn push_agent(from: Option<Timestamp>, to: Timestamp, start: Timestamp, lines: &mut Vec<String>) {
    if let Some(from) = from
        && to.since(from) >= SHORTEST
    {
        lines.push(format!("{}   agent {}", at(from, start), units::duration(to.since(from))));
    }
}

/// The time since the start of the run, in a column: `   1.203 s`.
fn at(time: Timestamp, start: Timestamp) -> String {
    let ms = time.since(start) / 1_000_000;
    format!("{:>6}.{:03} s", ms / 1000, (ms % 1000).abs())
}

fn model_call(call: &ModelCall, files: &Files) -> String {
    let mut parts = Vec::new();
    if let Some(end) = call.end {
        parts.push(units::duration(end.time.since(call.request.start.time)));
    }
    if let Some(first) = call.first_token_ns {
        parts.push(format!("first token {}", units::duration(first)));
    }
    match (call.input_tokens, call.output_tokens) {
        (None, None) => {}
        (input, output) => {
            let count = |tokens: Option<u64>| tokens.map_or("?".to_owned(), |tokens| tokens.to_string());
            parts.push(format!("{} tokens in, {} out", count(input), count(output)));
        }
    }
    if call.status != "ok" {
        parts.push(call.status.to_owned());
    }
    parts.extend(call.finish_reason.as_deref().map(sanitize::clean));
    let last = call.end.map_or(call.request.last, |end| end.packet.max(call.request.last));
    let host = call.host.as_deref().map_or_else(|| call.server.to_string(), sanitize::clean);
    format!(
        "LLM call {}  {} ({}) at {host}  {}  {}",
        call.number,
        sanitize::clean(call.model.as_deref().unwrap_or("no model named")),
        call.dialect,
        parts.join(", "),
        files.packets(call.request.first, last)
    )
}

fn asked(tool: &AskedTool) -> String {
    let shown = sanitize::clean(beginning(&tool.arguments, 4 * ARGUMENTS));
    let note = match &tool.join {
        Join::None => "  no MCP call",
        Join::Joined(_, Evidence::Result) => "",
        Join::Joined(_, Evidence::Arguments) => "  (its result cannot be compared)",
        Join::Unconfirmed(_) => "  unconfirmed: the model was not given its result",
        Join::Ambiguous(calls) if calls.len() == 1 => "  ambiguous: another tool call may have made it",
        Join::Ambiguous(_) => "  ambiguous: one of",
    };
    format!("asks for {} {}{note}", sanitize::clean(&tool.name), sanitize::fit(&shown, ARGUMENTS))
}

fn mcp_call(call: &McpCall, files: &Files) -> String {
    let server = call.server_name.as_deref().map_or_else(|| call.server.to_string(), str::to_owned);
    let duration = call.total_ns.map_or_else(|| "no answer".to_owned(), units::duration);
    let last = call.end.map_or(call.request.last, |end| end.packet.max(call.request.last));
    format!(
        "MCP {} at {} ({})  exchange {} of s{}  {duration}, {}  {}",
        sanitize::clean(&call.name),
        sanitize::clean(&server),
        call.transport,
        call.n,
        call.session,
        call.status.name(),
        files.packets(call.request.first, last)
    )
}

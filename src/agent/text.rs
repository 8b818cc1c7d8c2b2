//! A timeline as lines for a terminal.

use std::io;

use super::timeline::{AskedTool, Evidence, Gap, Join, McpCall, ModelCall, NotCompared, Run, Timeline};
use crate::base::text::beginning;
use crate::base::{Files, Timestamp, sanitize, units};

/// Columns of arguments that are shown.
const ARGUMENTS: usize = 60;

/// Shortest time of the agent or of the user that has a line, in nanoseconds.
const SHORTEST: i64 = 1_000_000;

/// Writes a timeline. `files` numbers the packets of several files.
///
/// # Errors
/// Returns the errors of `out`.
pub fn write(timeline: &Timeline, files: &Files, ascii: bool, out: &mut dyn io::Write) -> io::Result<()> {
    let mut lines = Lines { out, ascii };
    lines.push(&summary(timeline))?;
    for run in &timeline.runs {
        push_run(run, files, &mut lines)?;
    }
    if !timeline.unasked.is_empty() {
        lines.push("")?;
        lines.push("tools/call that no LLM call in this capture asks for")?;
        for call in &timeline.unasked {
            lines.push(&format!("  {}", mcp_call(call, files)))?;
        }
    }
    let notes = [
        (timeline.perhaps_asked, "MCP call", "tool calls that were not compared may have made them"),
        (timeline.candidates_left_out, "candidate", "too many for a list"),
        (timeline.behind_proxies, "LLM call", "seen a second time behind a proxy"),
        (timeline.left_out, "call", "the memory for them is full"),
    ];
    for (count, what, why) in notes.into_iter().filter(|(count, ..)| *count > 0) {
        lines.push("")?;
        lines.push(&format!("{} left out: {why}", units::several(count, what)))?;
    }
    if timeline.missing.any() {
        let reasons = timeline.missing.names().collect::<Vec<_>>().join(", ");
        lines.push("")?;
        lines.push(&format!("incomplete capture ({reasons}): calls may be missing, and so joins"))?;
    }
    Ok(())
}

/// Writes lines as they come.
struct Lines<'a> {
    out: &'a mut dyn io::Write,
    ascii: bool,
}

impl Lines<'_> {
    fn push(&mut self, line: &str) -> io::Result<()> {
        let line = if self.ascii { sanitize::to_ascii(line) } else { line.into() };
        writeln!(self.out, "{}", line.trim_end())
    }
}

/// `2 runs, 9 LLM calls; 11 tool calls: 9 joined to MCP calls, 1 ambiguous, 1 without MCP call`.
fn summary(timeline: &Timeline) -> String {
    let calls = || timeline.runs.iter().flat_map(|run| &run.calls);
    let tools = || calls().flat_map(|call| &call.tools);
    let count = |is: fn(&Join) -> bool| tools().filter(|tool| is(&tool.join)).count();
    let kinds = [
        (count(|join| matches!(join, Join::Joined(..))), "joined to MCP calls"),
        (count(|join| matches!(join, Join::Unconfirmed(_))), "unconfirmed"),
        (count(|join| matches!(join, Join::Ambiguous(_))), "ambiguous"),
        (count(|join| matches!(join, Join::NotCompared(..))), "not compared"),
        (count(|join| matches!(join, Join::None)), "without MCP call"),
    ];
    let kinds: Vec<_> =
        kinds.iter().filter(|(count, _)| *count > 0).map(|(count, kind)| format!("{count} {kind}")).collect();
    let colon = if kinds.is_empty() { "" } else { ": " };
    format!(
        "{}, {}; {}{colon}{}",
        units::several(timeline.runs.len() as u64, "run"),
        units::several(calls().count() as u64, "LLM call"),
        units::several(tools().count() as u64, "tool call"),
        kinds.join(", ")
    )
}

fn push_run(run: &Run, files: &Files, lines: &mut Lines<'_>) -> io::Result<()> {
    let times = &run.times;
    let mut parts = vec![
        format!("model {}", units::duration(times.model_ns)),
        format!("tools {}", units::duration(times.tools_ns)),
        format!("agent {}", units::duration(times.agent_ns)),
    ];
    if times.idle_ns > 0 {
        parts.push(format!("idle {}", units::duration(times.idle_ns)));
    }
    let (input, output) = run.tokens();
    let (input, output) = (input.unwrap_or_default(), output.unwrap_or_default());
    if input > 0 || output > 0 {
        parts.push(format!("{input} tokens in, {output} out"));
    }
    lines.push("")?;
    lines.push(&format!(
        "run {}  {} {} UTC, {}: {}",
        run.number,
        units::date(times.start),
        units::time_of_day(times.start),
        units::duration(times.end.since(times.start)),
        parts.join(", ")
    ))?;
    let mut gaps = run.gaps.iter().peekable();
    for call in &run.calls {
        let start = call.request.start.time;
        while let Some(gap) = gaps.next_if(|gap| gap.to <= start) {
            // Others end at an MCP call, which has a line of its own.
            if gap.to == start {
                push_gap(gap, times.start, lines)?;
            }
        }
        lines.push(&format!("{} {}", at(start, times.start), model_call(call, files)))?;
        for tool in &call.tools {
            lines.push(&format!("{}   {}", at(tool.at.time, times.start), asked(tool)))?;
            for mcp in tool.join.calls() {
                let start = at(mcp.request.start.time, times.start);
                lines.push(&format!("{start}     {}", mcp_call(mcp, files)))?;
            }
        }
    }
    Ok(())
}

/// Writes the time of the agent or of the user before a call of the model, if that is long enough.
fn push_gap(gap: &Gap, start: Timestamp, lines: &mut Lines<'_>) -> io::Result<()> {
    let length = gap.to.since(gap.from);
    if length < SHORTEST {
        return Ok(());
    }
    let what = if gap.is_idle { "idle" } else { "agent" };
    lines.push(&format!("{}   {what} {}", at(gap.from, start), units::duration(length)))
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
        Join::Unconfirmed(_) => "  unconfirmed: its result is not in a later request",
        Join::Ambiguous(calls) if calls.len() == 1 => "  ambiguous: another tool call may have made it",
        Join::Ambiguous(calls) if calls.is_empty() => "  ambiguous: too many for a list",
        Join::Ambiguous(_) => "  ambiguous: one of",
        Join::NotCompared(why, _) => not_compared(*why),
    };
    let perhaps = match &tool.join {
        Join::NotCompared(_, calls) if !calls.is_empty() => "; it may be",
        _ => "",
    };
    format!("asks for {} {}{note}{perhaps}", sanitize::clean(&tool.name), sanitize::fit(&shown, ARGUMENTS))
}

fn not_compared(why: NotCompared) -> &'static str {
    match why {
        NotCompared::Incomplete => "  its arguments are incomplete and not compared",
        NotCompared::TooLong => "  its arguments are too long to compare",
        NotCompared::Unreadable => "  its arguments are no JSON that can be read",
        NotCompared::McpArguments => "  the arguments of the MCP call are not known",
        NotCompared::TooMany => "  too many MCP calls to compare",
    }
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

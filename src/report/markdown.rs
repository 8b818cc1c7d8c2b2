//! Markdown report for tickets and wikis, with GitHub tables. All text from traffic is escaped.

use std::io;

use super::options::Options;
use super::{label, llm_label};
use crate::base::{markdown, sanitize, units};
use crate::ledger::llm_words;
use crate::ledger::{By, CallStatus, Exchange, FindingRow, LatencyRow, SessionRow, Snapshot, Status};

/// Writes the report.
///
/// # Errors
/// Returns the errors of `out`.
pub fn write(snapshot: &Snapshot, options: &Options, out: &mut impl io::Write) -> io::Result<()> {
    let mut text = String::from("# MCP report\n\n");
    summary(snapshot, options, &mut text);
    if !snapshot.latency.is_empty() {
        text.push_str("\n## Latency per method and tool\n\n");
        latency(&snapshot.latency, options.rows, &mut text);
    }
    if !snapshot.grouped.is_empty() {
        let by = snapshot.by.unwrap_or(By::Server);
        text.push_str(&format!("\n## Latency by {}\n\n", by.name()));
        latency(&snapshot.grouped, options.rows, &mut text);
    }
    if !snapshot.slowest.is_empty() {
        text.push_str("\n## Slowest exchanges\n\n");
        exchanges(&snapshot.slowest, options, &mut text);
    }
    if snapshot.unanswered.exchanges > 0 {
        text.push_str("\n## Without an answer\n\n");
        for cause in &snapshot.unanswered.causes {
            let why = label::cause(cause.cause, cause.http_status);
            let calls = markdown::escape(&label::unanswered_calls(cause));
            text.push_str(&format!("- {} {}: {why}: {calls}\n", cause.exchanges, cause.status.name()));
        }
        text.push('\n');
        exchanges(&snapshot.unanswered.listed, options, &mut text);
        more(snapshot.unanswered.exchanges, snapshot.unanswered.listed.len(), &mut text);
    }
    llm_calls(snapshot, options.rows, &mut text);
    sessions(snapshot, options.rows, &mut text);
    undetermined(snapshot, &mut text);
    findings(snapshot, options, &mut text);
    out.write_all(text.as_bytes())
}

fn summary(snapshot: &Snapshot, options: &Options, text: &mut String) {
    let capture = &snapshot.capture;
    if !options.files.is_empty() {
        let files: Vec<_> = options.files.iter().take(options.rows).map(|file| escaped(file)).collect();
        text.push_str(&format!("- source: {}\n", files.join(", ")));
    }
    if let Some(filter) = &options.filter {
        text.push_str(&format!(
            "- filter: {}; what follows is what matches, and what it belongs to\n",
            code(filter)
        ));
    }
    if let Some(first) = capture.first {
        let lasted = units::duration(capture.length_ns);
        let (date, time) = (units::date(first.time), units::time_of_day(first.time));
        text.push_str(&format!("- time: {date} {time} UTC, {lasted}\n"));
    }
    let packets = units::several(capture.packets, "packet");
    let share = units::share(capture.mcp_bytes, capture.tcp_bytes);
    text.push_str(&format!(
        "- size: {packets}, {}; {share} of the TCP payload on connections with MCP\n",
        units::bytes(capture.bytes)
    ));
    let damage = label::damage(snapshot);
    let quality =
        if damage.is_empty() { "nothing lost, nothing cut, no gap".to_owned() } else { damage.join(", ") };
    text.push_str(&format!("- quality: {quality}\n"));
    if let Some(unsupported) = label::unsupported(snapshot) {
        text.push_str(&format!("- not read: {unsupported}\n"));
    }
    for row in snapshot.tls.iter().take(TLS_LISTED) {
        text.push_str(&format!("- TLS: {}\n", markdown::escape(&label::tls(row))));
    }
    if let Some(more) = snapshot.tls.len().checked_sub(TLS_LISTED).filter(|more| *more > 0) {
        text.push_str(&format!("- TLS: and {more} more; --format json has all\n"));
    }
    let exchanges = &snapshot.exchanges;
    let statuses: Vec<_> = Status::ALL
        .iter()
        .filter(|status| exchanges.count(**status) > 0)
        .map(|status| format!("{} {}", exchanges.count(*status), status.name()))
        .collect();
    text.push_str(&format!(
        "- MCP: {}, {} ({})\n",
        units::several(snapshot.sessions_count, "session"),
        units::several(exchanges.total(), "exchange"),
        statuses.join(", ")
    ));
    let streams = label::streams(&snapshot.streams);
    if !streams.is_empty() {
        text.push_str(&format!("- event streams: {}\n", streams.join(", ")));
    }
}

/// TLS hosts that are listed.
const TLS_LISTED: usize = 5;

fn undetermined(snapshot: &Snapshot, text: &mut String) {
    let undetermined = &snapshot.undetermined;
    if undetermined.exchanges == 0 {
        return;
    }
    text.push_str("\n## Undetermined\n\nThe answer may be in what the capture lacks:\n\n");
    for (degraded, count) in &undetermined.reasons {
        text.push_str(&format!("- {count} {}\n", label::reasons(*degraded)));
    }
}

fn latency(rows: &[LatencyRow], most: usize, text: &mut String) {
    text.push_str("| call | n | errors | no answer | p50 | p90 | p95 | p99 | max | send p50 | wait p50 | of it user p50 | receive p50 |\n");
    text.push_str("|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    for row in rows.iter().take(most) {
        let group = label::group(&row.key.group);
        let subject = label::subject(&row.key.subject);
        let call = format!("{group} {subject}");
        text.push_str(&format!(
            "| {} | {} | {} | {} |",
            markdown::escape(call.trim_start()),
            row.exchanges(),
            row.errors(),
            row.unanswered()
        ));
        let durations = [
            (row.p50_ns, row.is_at_least(500)),
            (row.p90_ns, row.is_at_least(900)),
            (row.p95_ns, row.is_at_least(950)),
            (row.p99_ns, row.is_at_least(990)),
            (row.max_ns, row.is_at_least(1000)),
            (row.send_p50_ns, false),
            (row.wait_p50_ns, false),
            (row.client_p50_ns, false),
            (row.receive_p50_ns, false),
        ];
        for (ns, is_at_least) in durations {
            let duration = ns.map_or_else(|| "-".to_owned(), units::duration);
            text.push_str(&format!(" {} |", label::at_least(duration, is_at_least)));
        }
        text.push('\n');
    }
    more(rows.len() as u64, most, text);
}

fn exchanges(exchanges: &[Exchange], options: &Options, text: &mut String) {
    text.push_str("| total | status | call | server | session | n | packets | time (UTC) | why |\n");
    text.push_str("|--:|:--|:--|:--|:--|--:|--:|:--|:--|\n");
    for exchange in exchanges {
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            label::elapsed(exchange),
            exchange.status.name(),
            markdown::escape(&label::exchange(exchange)),
            markdown::escape(&label::server_name(
                exchange.session.server_name.as_deref(),
                &exchange.session.identity()
            )),
            label::session_and_leg(&exchange.session),
            exchange.n,
            markdown::escape(&label::packets(exchange, &options.numbering)),
            units::time_of_day(exchange.request.span.start.time),
            markdown::escape(&label::why(exchange, &options.limits).unwrap_or_default())
        ));
    }
}

fn llm_calls(snapshot: &Snapshot, most: usize, text: &mut String) {
    if snapshot.llm.is_empty() {
        return;
    }
    text.push_str("\n## LLM calls\n\n");
    text.push_str("| model | API | server | n | errors | cancelled | cut | open | first token p50 | p99 | total p50 | p99 | tokens/s | tokens in | out | tool calls |\n");
    text.push_str("|:--|:--|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    let duration = |ns: Option<i64>| ns.map_or_else(|| "-".to_owned(), units::duration);
    let tokens = |tokens: Option<u64>| tokens.map_or_else(|| "-".to_owned(), |tokens| tokens.to_string());
    for row in snapshot.llm.iter().take(most) {
        let model = row.key.as_ref().map_or(Some("all others"), |key| key.model.as_deref());
        let api = row.key.as_ref().map_or("", |key| key.dialect.name());
        text.push_str(&format!(
            "| {} | {api} | {} |",
            escaped(model.unwrap_or("-")),
            markdown::escape(&llm_label::server(row))
        ));
        text.push_str(&format!(" {} |", row.calls()));
        for status in [CallStatus::Error, CallStatus::Cancelled, CallStatus::Cut, CallStatus::Open] {
            text.push_str(&format!(" {} |", row.count(status)));
        }
        for ns in [row.first_token_p50_ns, row.first_token_p99_ns, row.total_p50_ns, row.total_p99_ns] {
            text.push_str(&format!(" {} |", duration(ns)));
        }
        let rate = row.tokens_per_second_p50.map_or_else(|| "-".to_owned(), llm_words::per_second);
        let (input, output) = (tokens(row.input_tokens), tokens(row.output_tokens));
        text.push_str(&format!(" {rate} | {input} | {output} | {} |\n", row.tool_calls));
    }
    more(snapshot.llm.len() as u64, snapshot.llm.len().min(most), text);
}

fn sessions(snapshot: &Snapshot, most: usize, text: &mut String) {
    if snapshot.sessions.is_empty() {
        return;
    }
    text.push_str("\n## Sessions\n\n");
    text.push_str("| session | server | client | transport | revision | exchanges | errors | no answer | max | ended |\n");
    text.push_str("|:--|:--|:--|:--|:--|--:|--:|--:|--:|:--|\n");
    for row in snapshot.sessions.iter().take(most) {
        text.push_str(&session(row));
    }
    more(snapshot.sessions_count, snapshot.sessions.len().min(most), text);
}

fn session(row: &SessionRow) -> String {
    let summary = &row.session;
    let named = |address: String, info: Option<&crate::ledger::Implementation>| match info {
        Some(info) => format!("{address} {} {}", escaped(&info.name), escaped(&info.version)),
        None => address,
    };
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
        label::session_and_leg(&summary.session),
        named(summary.session.server.to_string(), summary.server_info.as_ref()),
        named(label::client(&summary.session), summary.client_info.as_ref()),
        summary.session.transport.name(),
        summary.protocol_version.as_deref().map_or_else(|| "-".to_owned(), escaped),
        row.exchanges,
        row.errors,
        row.unanswered,
        row.max_ns.map_or_else(|| "-".to_owned(), units::duration),
        summary.ended.name()
    )
}

fn findings(snapshot: &Snapshot, options: &Options, text: &mut String) {
    let (security, other): (Vec<_>, Vec<_>) =
        snapshot.findings.iter().partition(|row| row.code.is_security());
    findings_table("Findings", &other, options, text);
    findings_table("Security", &security, options, text);
}

fn findings_table(title: &str, rows: &[&FindingRow], options: &Options, text: &mut String) {
    if rows.is_empty() {
        return;
    }
    text.push_str(&format!("\n## {title}\n"));
    text.push_str("\n| n | severity | code | meaning | first |\n|--:|:--|:--|:--|:--|\n");
    for row in rows {
        let info = row.code.info();
        let first = row.first.first().map_or_else(String::new, |finding| {
            let at = label::finding_place(finding, &options.numbering);
            format!("{}{}", markdown::escape(&at), escaped(&finding.detail))
        });
        text.push_str(&format!(
            "| {} | {} | `{}` | {} | {first} |\n",
            row.count,
            info.severity.name(),
            info.name,
            markdown::escape(info.title)
        ));
    }
}

fn more(all: u64, shown: usize, text: &mut String) {
    let rest = all.saturating_sub(shown as u64);
    if rest > 0 {
        text.push_str(&format!("\nand {rest} more\n"));
    }
}

/// Returns sanitized text as code, between more backquotes than it holds in a row (CommonMark,
/// section 6.1).
fn code(text: &str) -> String {
    let text = sanitize::escape(text);
    let most = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let quotes = "`".repeat(most + 1);
    let blank = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{quotes}{blank}{text}{blank}{quotes}")
}

/// Sanitizes and escapes text from traffic.
fn escaped(text: &str) -> String {
    markdown::escape(&sanitize::clean(text))
}

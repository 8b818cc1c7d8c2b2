//! Section about the capture: its inputs, size and quality.

use super::llm;
use super::page::{HARD_BLANK, Page};
use crate::base::fact::Wrapper;
use crate::base::{sanitize, units};
use crate::ledger::{ConnectionCount, Snapshot, Speaks, Status, Views};
use crate::report::label;
use crate::report::options::Options;
use crate::report::style::Role;

/// Width of the names of facts in columns.
const NAME_WIDTH: usize = 11;

pub(super) fn section(page: &mut Page, snapshot: &Snapshot, options: &Options) {
    page.heading("Capture", "");
    let capture = &snapshot.capture;
    let files: Vec<_> = options.files.iter().take(page.rows).map(|file| sanitize::escape(file)).collect();
    if !files.is_empty() {
        let more = options.files.len() - files.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        fact(page, "source", Role::Strong, &format!("{}{more}", files.join(" ")));
    }
    if let Some(filter) = &options.filter {
        let filter = sanitize::escape(filter);
        fact(
            page,
            "filter",
            Role::Strong,
            &format!("{filter} (below: what matches, and what it belongs to)"),
        );
    }
    if let Some(first) = capture.first {
        let lasted = units::duration(capture.length_ns);
        let (date, time) = (units::date(first.time), units::time_of_day(first.time));
        fact(page, "time", Role::Plain, &format!("{date} {time} UTC, {lasted}"));
    }
    let packets = units::several(capture.packets, "packet");
    let size = units::bytes(capture.bytes);
    fact(page, "size", Role::Plain, &format!("{packets}, {size}"));
    let share = units::share(capture.mcp_bytes, capture.tcp_bytes);
    let payload = units::bytes(capture.tcp_bytes);
    fact(page, "payload", Role::Plain, &format!("{payload} in TCP, {share} of it on connections with MCP"));
    connections(page, snapshot);
    tls(page, snapshot);
    if let Some(unsupported) = label::unsupported(snapshot) {
        fact(page, "not read", Role::Warn, &unsupported);
    }
    quality(page, snapshot);
    llm_calls(page, snapshot);
    exchanges(page, snapshot, options);
}

fn fact(page: &mut Page, name: &str, role: Role, text: &str) {
    // Continuation lines are indented to the text, so that each name starts a line.
    let (numbering, limits) = (page.numbering.clone(), page.limits.clone());
    let mut lines = Page { text: String::new(), numbering, limits, ..*page };
    lines.line(role, NAME_WIDTH + 4, text);
    let body = lines.text.get(NAME_WIDTH + 4..).unwrap_or_default();
    page.text.push_str("  ");
    page.paint.push(&mut page.text, Role::Faint, &format!("{name:<NAME_WIDTH$}"));
    page.text.push_str("  ");
    page.text.push_str(body);
}

/// Adds a fact whose lines are broken between list items only.
fn list(page: &mut Page, name: &str, role: Role, items: &[String]) {
    let items: Vec<_> = items.iter().map(|item| item.replace(' ', HARD_BLANK)).collect();
    fact(page, name, role, &items.join(", "));
}

fn connections(page: &mut Page, snapshot: &Snapshot) {
    let all: u64 = snapshot.connections.iter().map(|count| count.connections).sum();
    if all == 0 {
        return;
    }
    let kinds: Vec<_> = snapshot.connections.iter().map(kind).collect();
    let mut text = kinds.join(", ");
    if let Some(ns) = snapshot.handshake_p50_ns {
        text.push_str(&format!("; TCP handshake p50 {}", units::duration(ns)));
    }
    fact(page, "connections", Role::Plain, &text);
}

/// Names what TLS connections agreed on, the most frequent first.
fn tls(page: &mut Page, snapshot: &Snapshot) {
    for row in snapshot.tls.iter().take(TLS_LISTED) {
        fact(page, "TLS", Role::Plain, &label::tls(row));
    }
    if let Some(more) = snapshot.tls.len().checked_sub(TLS_LISTED).filter(|more| *more > 0) {
        fact(page, "TLS", Role::Faint, &format!("and {more} more; --format json has all"));
    }
}

/// TLS hosts that the report lists.
const TLS_LISTED: usize = 5;

fn kind(count: &ConnectionCount) -> String {
    let what = match (count.mcp, count.speaks) {
        (true, speaks) => format!("MCP in {}", speaks.name()),
        (false, Speaks::Nothing) => "without payload".to_owned(),
        (false, Speaks::Tls) => "TLS".to_owned(),
        (false, Speaks::Http2) => "HTTP/2".to_owned(),
        (false, Speaks::WebSocket) => "WebSocket".to_owned(),
        (false, Speaks::JsonLines) => "JSON lines".to_owned(),
        (false, speaks) => speaks.name().to_owned(),
    };
    let wrapper = match count.wrapper {
        Some(Wrapper::ConnectTunnel) => " in a CONNECT tunnel",
        Some(Wrapper::ProxyHeader) => " behind a PROXY header",
        None => "",
    };
    format!("{} {what}{wrapper}", count.connections)
}

fn quality(page: &mut Page, snapshot: &Snapshot) {
    let retransmissions: u64 = snapshot.connections.iter().map(|count| count.retransmissions).sum();
    let bad = label::damage(snapshot);
    let (role, mut text) = if bad.is_empty() {
        (Role::Good, "nothing lost, nothing cut, no gap".to_owned())
    } else {
        (Role::Warn, bad.join(", "))
    };
    if retransmissions > 0 {
        let times = units::several(retransmissions, "retransmission").replace(' ', HARD_BLANK);
        text.push_str(&format!("; {times}"));
    }
    let copies: u64 = snapshot.connections.iter().map(|count| count.copies).sum();
    if copies > 0 {
        let packets = units::several(copies, "packet").replace(' ', HARD_BLANK);
        text.push_str(&format!("; {packets} captured again"));
    }
    fact(page, "quality", role, &text);
}

/// Counts the calls of language models.
fn llm_calls(page: &mut Page, snapshot: &Snapshot) {
    if let Some(words) = llm::counts(&snapshot.llm) {
        list(page, "LLM", Role::Plain, &words);
    }
}

fn exchanges(page: &mut Page, snapshot: &Snapshot, options: &Options) {
    let exchanges = &snapshot.exchanges;
    if exchanges.total() == 0 && snapshot.sessions_count == 0 {
        match options.filter {
            Some(_) => fact(page, "MCP", Role::Plain, "nothing matches the filter"),
            None => fact(page, "MCP", Role::Bad, "none found"),
        }
        return;
    }
    let text = [
        units::several(snapshot.sessions_count, "session"),
        units::several(exchanges.total(), "exchange"),
        units::several(snapshot.notifications, "notification"),
        units::several(snapshot.streams.mcp, "stream"),
    ];
    list(page, "MCP", Role::Strong, &text);
    let streams = label::streams(&snapshot.streams);
    if !streams.is_empty() {
        list(page, "streams", Role::Plain, &streams);
    }
    if snapshot.session_views > 0 {
        let legs = units::several(snapshot.session_views, "leg");
        let calls = match snapshot.views {
            Views::Front => {
                format!("{} seen twice count once", units::several(snapshot.other_views, "exchange"))
            }
            Views::All => "every leg counts".to_owned(),
        };
        fact(page, "proxy", Role::Plain, &format!("{legs} behind a proxy; {calls}"));
    }
    let mut words: Vec<_> = Status::ALL
        .iter()
        .map(|status| (exchanges.count(*status), status.name()))
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    if exchanges.degraded > 0 {
        words.push(format!("{} degraded", exchanges.degraded));
    }
    if !words.is_empty() {
        list(page, "exchanges", Role::Plain, &words);
    }
}

//! The head of the page: what was captured, how much, and how well.

use super::html::Html;
use crate::base::units;
use crate::ledger::{ConnectionCount, Snapshot, Speaks, Status};
use crate::report::label;
use crate::report::options::Options;

/// Names of files, TLS hosts and other facts that are listed.
const LISTED: usize = 8;

/// Adds the title and the source.
pub(super) fn title(snapshot: &Snapshot, is_reading: bool, options: &Options, html: &mut Html) {
    html.raw("<header><p class=\"kind\">mcpdump report</p><h1>").own(&source(options)).raw("</h1>");
    let capture = &snapshot.capture;
    html.raw("<p class=\"when\">");
    if let Some(first) = capture.first {
        let (date, time) = (units::date(first.time), units::time_of_day(first.time));
        html.text(&format!("{date} {time} UTC, {}", units::duration(capture.length_ns))).raw(" · ");
    }
    // A file that is being read is counted at its end.
    if capture.packets > 0 || !is_reading {
        html.text(&format!("{}, {}", units::several(capture.packets, "packet"), units::bytes(capture.bytes)));
    }
    html.raw(if is_reading { " so far</p>" } else { "</p>" });
    if let Some(filter) = &options.filter {
        html.raw("<p class=\"when\">what matches <code>").own(filter);
        html.raw("</code>, and what it belongs to</p>");
    }
    html.raw("</header>");
}

/// Returns the names of the inputs as one line.
pub(super) fn source(options: &Options) -> String {
    let named: Vec<_> = options.files.iter().take(LISTED).map(|file| base_name(file)).collect();
    let more = options.files.len() - named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    match named.as_slice() {
        [] => "capture".to_owned(),
        named => format!("{}{more}", named.join(", ")),
    }
}

/// Directories are no concern of who gets the page.
fn base_name(file: &str) -> &str {
    if file == "-" {
        return "standard input";
    }
    file.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(file)
}

/// Adds the key figures and the facts about the capture.
pub(super) fn section(snapshot: &Snapshot, is_reading: bool, html: &mut Html) {
    html.raw(
        "<section id=\"summary\" aria-labelledby=\"summary-title\"><h2 id=\"summary-title\">Summary</h2>",
    );
    if snapshot.exchanges.total() == 0 && snapshot.sessions_count == 0 {
        html.raw("<p class=\"none\">");
        html.raw(if is_reading { "No MCP so far." } else { "No MCP was found." }).raw("</p>");
    }
    figures(snapshot, html);
    facts(snapshot, html);
    html.raw("</section>");
}

fn figures(snapshot: &Snapshot, html: &mut Html) {
    let exchanges = &snapshot.exchanges;
    html.raw("<dl class=\"figures\">");
    figure("exchanges", exchanges.total(), "", "", html);
    figure("ok", exchanges.count(Status::Ok), "", "status:ok", html);
    for status in Status::ALL.into_iter().filter(|status| *status != Status::Ok) {
        let count = exchanges.count(status);
        let class = match status {
            Status::Cancelled => "warn",
            Status::Undetermined => "",
            _ => "bad",
        };
        if count > 0 {
            let (name, filter) = names(status);
            figure(name, count, class, filter, html);
        }
    }
    let sessions = snapshot.sessions_count;
    figure(if sessions == 1 { "session" } else { "sessions" }, sessions, "", "", html);
    let notifications = snapshot.notifications;
    figure(if notifications == 1 { "notification" } else { "notifications" }, notifications, "", "", html);
    html.raw("</dl>");
}

/// Returns the status in words, and the filter for it.
fn names(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Ok => ("ok", "status:ok"),
        Status::ToolError => ("tool errors", "status:tool_error"),
        Status::Error => ("errors", "status:error"),
        Status::Cancelled => ("cancelled", "status:cancelled"),
        Status::HttpError => ("HTTP errors", "status:http_error"),
        Status::Unanswered => ("unanswered", "status:unanswered"),
        Status::Undetermined => ("undetermined", "status:undetermined"),
    }
}

/// Adds a key figure. With a filter it leads to the exchanges that it counts.
fn figure(name: &'static str, count: u64, class: &'static str, filter: &'static str, html: &mut Html) {
    html.raw("<div class=\"").raw(class).raw("\"><dt>").raw(name).raw("</dt><dd>");
    if filter.is_empty() || count == 0 {
        html.number(count);
    } else {
        html.raw("<a href=\"#exchanges\" data-filter=\"").raw(filter).raw("\">").number(count).raw("</a>");
    }
    html.raw("</dd></div>");
}

fn facts(snapshot: &Snapshot, html: &mut Html) {
    html.raw("<dl class=\"facts\">");
    if let Some(slowest) = snapshot.slowest.first() {
        let text = format!("{}, {}", super::exchanges::elapsed(slowest), label::exchange(slowest));
        html.raw("<div><dt>slowest</dt><dd><a href=\"#x").number(slowest.n).raw("\">");
        html.text(&text).raw("</a></dd></div>");
    }
    let capture = &snapshot.capture;
    let share = units::share(capture.mcp_bytes, capture.tcp_bytes);
    let payload = units::bytes(capture.tcp_bytes);
    html.fact("payload", &format!("{payload} in TCP, {share} of it on connections with MCP"));
    let kinds: Vec<_> = snapshot.connections.iter().map(connections).collect();
    if !kinds.is_empty() {
        let mut text = kinds.join(", ");
        if let Some(ns) = snapshot.handshake_p50_ns {
            text.push_str(&format!("; TCP handshake p50 {}", units::duration(ns)));
        }
        html.fact("connections", &text);
    }
    for row in snapshot.tls.iter().take(LISTED) {
        html.fact("TLS", &label::tls(row));
    }
    if let Some(more) = snapshot.tls.len().checked_sub(LISTED).filter(|more| *more > 0) {
        html.fact("TLS", &format!("and {more} more hosts, versions and suites"));
    }
    let streams = label::streams(&snapshot.streams);
    if !streams.is_empty() {
        html.fact("event streams", &streams.join(", "));
    }
    if snapshot.session_views > 0 {
        let legs = units::several(snapshot.session_views, "leg");
        html.fact("proxy", &format!("{legs} behind a proxy; {} seen twice", snapshot.other_views));
    }
    if let Some(unsupported) = label::unsupported(snapshot) {
        html.fact("not read", &unsupported);
    }
    let damage = label::damage(snapshot);
    let mut quality =
        if damage.is_empty() { "nothing lost, nothing cut, no gap".to_owned() } else { damage.join(", ") };
    let retransmissions: u64 = snapshot.connections.iter().map(|count| count.retransmissions).sum();
    if retransmissions > 0 {
        quality.push_str(&format!("; {}", units::several(retransmissions, "retransmission")));
    }
    html.fact("quality", &quality);
    for (degraded, count) in &snapshot.undetermined.reasons {
        let exchanges = units::several(*count, "exchange");
        html.fact("undetermined", &format!("{exchanges}: {}", label::reasons(*degraded)));
    }
    html.raw("</dl>");
}

fn connections(count: &ConnectionCount) -> String {
    let what = match (count.mcp, count.speaks) {
        (true, speaks) => format!("MCP in {}", speaks.name()),
        (false, Speaks::Nothing) => "without payload".to_owned(),
        (false, speaks) => speaks.name().to_owned(),
    };
    format!("{} {what}", count.connections)
}

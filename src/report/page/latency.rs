//! Latency per method and tool, with histograms on one axis.

use super::charts;
use super::grid::Grid;
use super::html::Html;
use crate::base::{Side, sanitize, units};
use crate::ledger::{By, CallGroup, Group, LatencyRow, Snapshot};
use crate::report::label;

/// Rows of a table. The highest p95 come first.
const ROWS: usize = 200;

/// Columns of percentiles, which are classes of the style sheet, too: narrow windows show a few.
const PERCENTILES: [&str; 5] = ["p50", "p90", "p95", "p99", "max"];

/// Adds the tables.
pub(super) fn section(snapshot: &Snapshot, grid: &Grid, html: &mut Html) {
    if snapshot.latency.is_empty() {
        return;
    }
    html.raw("<section id=\"latency\" aria-labelledby=\"latency-title\"><h2 id=\"latency-title\">Latency</h2>\
        <p class=\"note\">From the first byte of the request to the last byte of the response. \u{2265} marks \
        what would be longer if all had been answered.</p>");
    table("Latency per method and tool", "method and tool", &snapshot.latency, grid, html);
    if !snapshot.grouped.is_empty() {
        let (title, head) = match snapshot.by.unwrap_or(By::Server) {
            By::Server => ("By server", "server"),
            By::Session => ("By session", "session"),
            By::Client => ("By client", "client"),
            By::File => ("By file", "file"),
        };
        html.raw("<h3>").raw(title).raw("</h3>");
        table(title, head, &snapshot.grouped, grid, html);
    }
    html.raw("</section>");
}

fn table(title: &'static str, head: &'static str, rows: &[LatencyRow], grid: &Grid, html: &mut Html) {
    let has_histograms = rows.iter().any(|row| grid.of(&row.key.subject).is_some());
    let has_errors = rows.iter().any(|row| row.errors() > 0);
    let has_unanswered = rows.iter().any(|row| row.unanswered() > 0);
    html.raw("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"").raw(title);
    html.raw("\"><table class=\"latency\"><thead><tr><th scope=\"col\">").raw(head);
    html.raw("</th><th scope=\"col\" class=\"n\">n</th>");
    if has_errors {
        html.raw("<th scope=\"col\" class=\"n\">errors</th>");
    }
    if has_unanswered {
        html.raw("<th scope=\"col\" class=\"n\">no answer</th>");
    }
    for name in PERCENTILES {
        html.raw("<th scope=\"col\" class=\"n ").raw(name).raw("\">").raw(name).raw("</th>");
    }
    if has_histograms {
        html.raw("<th scope=\"col\" class=\"chart\"><span class=\"hidden\">durations</span>");
        charts::histogram_axis(grid, html);
        html.raw("</th>");
    }
    html.raw("</tr></thead><tbody>");
    for row in rows.iter().take(ROWS) {
        html.raw("<tr><th scope=\"row\">");
        name(row, html);
        html.raw("</th><td class=\"n\">").number(row.exchanges()).raw("</td>");
        if has_errors {
            html.failures_cell(row.errors());
        }
        if has_unanswered {
            html.failures_cell(row.unanswered());
        }
        percentiles(row, html);
        if has_histograms {
            html.raw("<td class=\"chart\">");
            if let Some(classes) = grid.of(&row.key.subject) {
                charts::histogram(grid, classes, html);
            }
            html.raw("</td>");
        }
        html.raw("</tr>");
    }
    html.raw("</tbody></table></div>").more(rows.len() as u64, rows.len().min(ROWS));
}

fn percentiles(row: &LatencyRow, html: &mut Html) {
    let values = [row.p50_ns, row.p90_ns, row.p95_ns, row.p99_ns, row.max_ns];
    for ((name, per_mille), ns) in PERCENTILES.into_iter().zip([500, 900, 950, 990, 1000]).zip(values) {
        let at_least = |ns| label::at_least(units::duration(ns), row.is_at_least(per_mille));
        html.raw("<td class=\"n ").raw(name).raw("\">").text(&ns.map(at_least).unwrap_or_default());
        html.raw("</td>");
    }
}

/// Adds what a row counts, as a link that selects it.
fn name(row: &LatencyRow, html: &mut Html) {
    let (group, subject) = (&row.key.group, &row.key.subject);
    let tests: Vec<_> = [group_filter(group), subject_filter(subject)].into_iter().flatten().collect();
    let is_link = !tests.is_empty();
    if is_link {
        html.raw("<a href=\"#exchanges\" data-filter=\"").text(&tests.join(" ")).raw("\">");
    }
    let group = label::group(group);
    if !group.is_empty() {
        html.raw("<span class=\"name\">").text(&group).raw("</span> ");
    }
    match subject {
        CallGroup::Call { origin, method, name } => {
            super::call::write(*origin, method, name.as_deref(), html)
        }
        CallGroup::All if !group.is_empty() => {}
        CallGroup::All | CallGroup::Other => {
            html.text(&label::subject(subject));
        }
    }
    if is_link {
        html.raw("</a>");
    }
}

fn group_filter(group: &Group) -> Option<String> {
    match group {
        Group::Whole | Group::File(None) => None,
        Group::Server(server) => Some(format!("server:{}", server.address)),
        Group::Session(number) => Some(format!("session:s{number}")),
        Group::Client(client) => Some(format!("client:{client}")),
        Group::File(Some(name)) => Some(format!("file:{}", quoted(name))),
    }
}

fn subject_filter(subject: &CallGroup) -> Option<String> {
    let CallGroup::Call { origin, method, name } = subject else { return None };
    let mut text = format!("method:{}", quoted(method));
    if let Some(name) = name {
        text.push_str(&format!(" name:{}", quoted(name)));
    }
    if *origin == Side::Server {
        text.push_str(" origin:server");
    }
    Some(text)
}

/// Returns a value of the filter language, in quotation marks where it needs them. Texts are
/// compared as they are shown.
fn quoted(value: &str) -> String {
    let value = sanitize::clean(value);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | ':');
    if !value.is_empty() && value.chars().all(is_plain) {
        return value;
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_where_they_have_to_be() {
        assert_eq!(quoted("tools/call"), "tools/call");
        assert_eq!(quoted("a b"), "\"a b\"");
        assert_eq!(quoted("say \"x\\\""), "\"say \\\"x\\\\\\\"\"");
        assert_eq!(quoted(""), "\"\"");
    }
}

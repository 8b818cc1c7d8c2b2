//! Findings with their evidence.

use super::html::Html;
use crate::base::{Files, Finding, Severity, sanitize};
use crate::ledger::{FindingRow, Snapshot};

/// Findings of each code whose evidence is shown.
const EVIDENCE: usize = 10;

/// Length of a detail, in columns. It may quote traffic.
const DETAIL: usize = 400;

/// Adds the findings; with `--security` those in a section of their own.
pub(super) fn section(snapshot: &Snapshot, files: &Files, html: &mut Html) {
    let (security, other): (Vec<_>, Vec<_>) =
        snapshot.findings.iter().partition(|row| row.code.is_security());
    html.raw(
        "<section id=\"findings\" aria-labelledby=\"findings-title\"><h2 id=\"findings-title\">Findings</h2>",
    );
    list(&other, files, html);
    html.raw("</section>");
    if !security.is_empty() {
        html.raw("<section id=\"security\" aria-labelledby=\"security-title\"><h2 id=\"security-title\">Security</h2>");
        list(&security, files, html);
        html.raw("</section>");
    }
}

fn list(findings: &[&FindingRow], files: &Files, html: &mut Html) {
    if findings.is_empty() {
        html.raw("<p class=\"none\">None.</p>");
    }
    for row in findings {
        finding(row, files, html);
    }
}

fn finding(row: &FindingRow, files: &Files, html: &mut Html) {
    let info = row.code.info();
    let class = match info.severity {
        Severity::Error => "bad",
        Severity::Warning => "warn",
        Severity::Notice | Severity::Info => "",
    };
    html.raw("<details class=\"finding\"><summary><span class=\"severity ").raw(class).raw("\">");
    html.raw(info.severity.name()).raw("</span> <span class=\"title\">").text(info.title);
    html.raw("</span> <code>").raw(info.name).raw("</code><span class=\"count\">× ").number(row.count);
    html.raw("</span></summary><div class=\"body\"><p>").text(info.why).raw("</p><p>").text(info.remedy);
    html.raw("</p><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Evidence of ");
    html.raw(info.name).raw("\"><table class=\"evidence\"><thead><tr><th scope=\"col\" class=\"n\">packet</th>\
        <th scope=\"col\">where</th><th scope=\"col\">what</th><th scope=\"col\">Wireshark</th></tr></thead><tbody>");
    for finding in row.first.iter().take(EVIDENCE) {
        evidence(finding, files, html);
    }
    html.raw("</tbody></table></div>");
    let shown = row.first.iter().take(EVIDENCE).map(|finding| finding.count).sum::<u64>();
    if row.count > shown {
        html.raw("<p class=\"more\">and ").number(row.count - shown);
        html.raw(" more; <code>mcpdump export</code> has all</p>");
    }
    html.raw("</div></details>");
}

fn evidence(finding: &Finding, files: &Files, html: &mut Html) {
    html.raw("<tr><td class=\"n\">");
    if let Some(at) = finding.at {
        html.text(&files.packet(at.packet).to_string());
    }
    html.raw("</td><td class=\"where\">");
    if let Some(n) = finding.exchange {
        html.raw("<a href=\"#x").number(n).raw("\">#").number(n).raw("</a> ");
    }
    if let Some(session) = finding.session {
        html.raw("<a href=\"#exchanges\" data-filter=\"session:s").number(session).raw("\">s");
        html.number(session).raw("</a>");
    }
    let detail = sanitize::clean(&finding.detail);
    html.raw("</td><td class=\"detail\">").text(&sanitize::fit(&detail, DETAIL)).raw("</td><td>");
    if let Some((filter, file)) = wireshark(finding, files) {
        html.raw("<code class=\"wireshark\">").text(&filter).raw("</code>");
        if let Some(file) = file {
            html.raw(" in ").text(file);
        }
    }
    html.raw("</td></tr>");
}

/// Returns the display filter for the connection of a finding, else for its packet, and the file
/// if there are several.
fn wireshark<'a>(finding: &Finding, files: &'a Files) -> Option<(String, Option<&'a str>)> {
    let at = finding.at?;
    let file = files.name(at.packet);
    let stream = finding.tcp_stream.and_then(|stream| files.stream(stream, at.packet));
    let filter = match stream {
        Some(stream) => format!("tcp.stream == {stream}"),
        None => format!("frame.number == {}", files.number(at.packet)),
    };
    Some((filter, file))
}

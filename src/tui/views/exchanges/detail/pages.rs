//! The tabs that are lines of text: heads and findings.

use crate::base::Code;
use crate::ledger::Exchange;
use crate::ledger::store::Payload;
use crate::tui::model::Model;
use crate::tui::theme::Role;

use super::Line;
use super::parts::between;

/// Header fields whose value is shown: MCP's own, and those that say what a body is and how it comes.
const HARMLESS: [&str; 17] = [
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "accept",
    "accept-encoding",
    "connection",
    "cache-control",
    "date",
    "server",
    "user-agent",
    "host",
    "keep-alive",
    "last-event-id",
];

/// Bytes of a line of a head that are shown.
const LINE: usize = 4096;

/// MCP's own fields that name a session: shown, but where privacy is asked for.
const IDS: [&str; 1] = ["mcp-session-id"];

/// Start lines and header names. Values only of [`HARMLESS`] fields.
pub(super) fn http(heads: &[Payload]) -> Vec<Line> {
    let mut lines = Vec::new();
    for head in heads {
        if !lines.is_empty() {
            lines.push(Vec::new());
        }
        let who = format!("{} ", head.side.name());
        let packets = format!("  packet {}", between(head.span.first.0, head.span.last.0));
        let text = String::from_utf8_lossy(&head.bytes);
        let mut fields = text.lines().map(cut);
        let start = fields.next().unwrap_or_default().to_owned();
        lines.push(vec![(Role::Faint, who), (Role::Strong, start), (Role::Faint, packets)]);
        lines.extend(fields.filter(|field| !field.is_empty()).map(field));
    }
    lines
}

/// A line of a head, as far as somebody would read it: what is drawn is looked at in every frame.
pub(super) fn cut(line: &str) -> &str {
    line.get(..line.floor_char_boundary(LINE)).unwrap_or(line)
}

fn field(text: &str) -> Line {
    let Some((name, value)) = text.split_once(':') else {
        // A line folded to the field before it: its value.
        return vec![(Role::Faint, "    ***".to_owned())];
    };
    let lower = name.trim().to_ascii_lowercase();
    let is_shown = HARMLESS.contains(&lower.as_str()) || IDS.contains(&lower.as_str());
    let value = if is_shown { value.trim().to_owned() } else { "***".to_owned() };
    let role = if is_shown { Role::Text } else { Role::Faint };
    vec![(Role::JsonKey, format!("  {name}: ")), (role, value)]
}

/// A page as text, as it is shown.
pub(super) fn text(page: &[Line]) -> String {
    let line = |line: &Line| line.iter().map(|(_, text)| text.as_str()).collect::<String>();
    page.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Whether the line of a head may name a session: a field that does, or a start line with its target.
pub(super) fn names_a_session(line: &Line) -> bool {
    let starts = line.get(1).is_some_and(|(role, _)| *role == Role::Strong);
    let name = line.first().map(|(_, name)| name.trim().trim_end_matches(':').to_ascii_lowercase());
    starts || name.is_some_and(|name| IDS.contains(&name.as_str()))
}

/// What was noticed about it.
pub(super) fn findings(exchange: &Exchange, model: &Model) -> Vec<Line> {
    let mut lines = Vec::new();
    let told: Vec<_> =
        model.store.findings().iter().filter(|finding| finding.exchange == Some(exchange.n)).collect();
    for finding in &told {
        let at = finding.at.map_or(String::new(), |at| format!("packet {}: ", at.packet));
        code(&mut lines, finding.code);
        lines.push(vec![(Role::Faint, format!("    {at}")), (Role::Text, finding.detail.clone())]);
    }
    for other in exchange.findings.iter().filter(|code| told.iter().all(|finding| finding.code != **code)) {
        code(&mut lines, *other);
    }
    if lines.is_empty() {
        lines.push(vec![(Role::Good, "nothing was noticed".to_owned())]);
    }
    lines
}

fn code(lines: &mut Vec<Line>, code: Code) {
    let role = Role::of(code.severity());
    lines.push(vec![(role, code.name().to_owned()), (Role::Faint, format!("  {}", code.severity().name()))]);
    lines.push(vec![(Role::Text, format!("    {}", code.info().title))]);
}

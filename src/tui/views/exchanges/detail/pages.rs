//! The tabs of plain lines: HTTP heads and findings.

use crate::base::{Code, Files, credential, text};
use crate::ledger::Exchange;
use crate::ledger::store::Payload;
use crate::tui::model::Model;
use crate::tui::theme::Role;

use super::tab::Line;

/// Header fields whose value is shown: those that describe the message and its transfer, that say
/// what stood between client and server, and that servers use to refuse. Others may hold a secret.
const SHOWN_FIELDS: [&str; 47] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "age",
    "allow",
    "alt-svc",
    "cache-control",
    "cf-cache-status",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-type",
    "date",
    "etag",
    "expect",
    "expires",
    "host",
    "keep-alive",
    "last-event-id",
    "last-modified",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "origin",
    "pragma",
    "priority",
    "proxy-authenticate",
    "proxy-connection",
    "retry-after",
    "server",
    "server-timing",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
    "x-accel-buffering",
    "x-cache",
    "x-content-type-options",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-powered-by",
];

/// Beginnings of the names of more such fields: those of CORS, and what browsers say of a request.
const SHOWN_PREFIXES: [&str; 3] = ["access-control-", "sec-ch-ua", "sec-fetch-"];

/// Length of a head's line that is shown, in bytes.
const MAX_LINE: usize = 4096;

/// Header fields that identify a session, a request or a client; masked in privacy mode.
const IDENTIFYING_FIELDS: [&str; 10] = [
    "cf-ray",
    "forwarded",
    "location",
    "mcp-session-id",
    "referer",
    "traceparent",
    "x-amzn-trace-id",
    "x-forwarded-for",
    "x-real-ip",
    "x-request-id",
];

/// Returns the start line and the header fields of each head. The values of fields that may hold a
/// secret are masked, and credentials in the others.
pub(super) fn http(heads: &[Payload], files: &Files) -> Vec<Line> {
    let mut lines = Vec::new();
    for head in heads {
        if !lines.is_empty() {
            lines.push(Vec::new());
        }
        let who = format!("{} ", head.side.name());
        let packets = format!("  packet {}", files.packets(head.span.first, head.span.last));
        let text = String::from_utf8_lossy(&head.bytes);
        let mut fields = text.lines().map(cut);
        let start = fields.next().unwrap_or_default().to_owned();
        lines.push(vec![(Role::Faint, who), (Role::Strong, start), (Role::Faint, packets)]);
        lines.extend(fields.filter(|field| !field.is_empty()).map(field));
    }
    lines
}

/// Cuts a line of a head to [`MAX_LINE`] bytes: all of it is examined each time it is drawn.
pub(super) fn cut(line: &str) -> &str {
    text::beginning(line, MAX_LINE)
}

fn field(text: &str) -> Line {
    let Some((name, value)) = text.split_once(':') else {
        // A folded line continues the value of the field before it (RFC 9112, section 5.2).
        return vec![(Role::Faint, "    ***".to_owned())];
    };
    let lower = name.trim().to_ascii_lowercase();
    let is_shown = SHOWN_FIELDS.contains(&lower.as_str())
        || IDENTIFYING_FIELDS.contains(&lower.as_str())
        || SHOWN_PREFIXES.iter().any(|prefix| lower.starts_with(prefix));
    let value = if is_shown { credential::redact(value.trim()).into_owned() } else { "***".to_owned() };
    let role = if is_shown { Role::Text } else { Role::Faint };
    vec![(Role::JsonKey, format!("  {name}: ")), (role, value)]
}

/// Returns a page as text, as it is shown.
pub(super) fn text(page: &[Line]) -> String {
    let line = |line: &Line| line.iter().map(|(_, text)| text.as_str()).collect::<String>();
    page.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Returns whether a line of a head may identify somebody: a field that does, or a start line with
/// its target.
pub(super) fn may_identify(line: &Line) -> bool {
    let starts = line.get(1).is_some_and(|(role, _)| *role == Role::Strong);
    let name = line.first().map(|(_, name)| name.trim().trim_end_matches(':').to_ascii_lowercase());
    starts || name.is_some_and(|name| IDENTIFYING_FIELDS.contains(&name.as_str()))
}

/// Returns the findings about an exchange.
pub(super) fn findings(exchange: &Exchange, model: &Model) -> Vec<Line> {
    let mut lines = Vec::new();
    let findings: Vec<_> =
        model.store().findings().iter().filter(|finding| finding.exchange == Some(exchange.n)).collect();
    for finding in &findings {
        let at =
            finding.at.map_or(String::new(), |at| format!("packet {}: ", model.files().packet(at.packet)));
        push_code(&mut lines, finding.code);
        lines.push(vec![(Role::Faint, format!("    {at}")), (Role::Text, finding.detail.clone())]);
    }
    for other in exchange.findings.iter().filter(|code| findings.iter().all(|finding| finding.code != **code))
    {
        push_code(&mut lines, *other);
    }
    if lines.is_empty() {
        lines.push(vec![(Role::Good, "no findings".to_owned())]);
    }
    lines
}

fn push_code(lines: &mut Vec<Line>, code: Code) {
    let role = Role::of(code.severity());
    lines.push(vec![(role, code.name().to_owned()), (Role::Faint, format!("  {}", code.severity().name()))]);
    lines.push(vec![(Role::Text, format!("    {}", code.info().title))]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_may_hold_a_secret_are_masked() {
        let value = |text: &str| field(text).last().map(|(_, value)| value.clone()).unwrap_or_default();
        for secret in ["Authorization: Bearer abc", "Cookie: a=b", "X-Api-Key: k", "Mcp-Param-Pin: 1234"] {
            assert_eq!(value(secret), "***", "{secret}");
        }
        assert_eq!(value("WWW-Authenticate: Bearer realm=\"x\""), "Bearer realm=\"x\"");
        assert_eq!(value("Access-Control-Allow-Origin: *"), "*");
        let token = format!("Location: https://example/?access_token=ghp_{}", "a1".repeat(18));
        assert_eq!(value(&token), "https://example/?access_token=…");
    }
}

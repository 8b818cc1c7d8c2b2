//! The forms in which an exchange can be copied.

use crate::base::fact::PayloadKind;
use crate::base::protocols::TlsNames;
use crate::base::{Files, Side, sanitize};
use crate::ledger::Exchange;
use crate::tui::effect::CopyMenu;
use crate::tui::views::wireshark;

use super::detail::OpenExchange;

/// Returns the copy menu of an exchange; entries of the open tab come first.
pub(super) fn of(open: &OpenExchange, with_secrets: bool, files: &Files) -> CopyMenu {
    let exchange = &open.exchange;
    let mut menu = open.copy_menu(CopyMenu::default());
    let (request, response) = (open.request.text(), open.response.text());
    if !request.is_empty() {
        menu = menu.with('j', "JSON, request", request);
    }
    if !response.is_empty() {
        menu = menu.with('r', "JSON, response", response);
    }
    if let Some(curl) = curl(open, with_secrets) {
        menu = menu.with('c', "curl command", curl);
    }
    let spans: Vec<_> = open.parts.iter().map(|part| part.span).collect();
    if let Some(filter) = wireshark::http2_stream(exchange, files) {
        menu = filter.in_menu(menu, '2', "filter, HTTP/2 stream");
    }
    menu = wireshark::messages(exchange, files).in_menu(menu, 'w', "Wireshark filter");
    menu = wireshark::part_packets(exchange, &spans, files).in_menu(menu, 'a', "filter, packets");
    menu = wireshark::connections(exchange, files).in_menu(menu, 's', "filter, streams");
    wireshark::packet_numbers(exchange, &spans, files).in_menu(menu, 'p', "packet numbers")
}

/// Header fields that a server needs to handle the request, beside those that authenticate it.
const SENT: [&str; 6] =
    ["content-type", "accept", "mcp-protocol-version", "mcp-session-id", "mcp-method", "mcp-name"];

/// Header fields that curl sets itself.
const OF_CURL: [&str; 8] = [
    "host",
    "user-agent",
    "content-length",
    "connection",
    "accept-encoding",
    "transfer-encoding",
    "expect",
    "keep-alive",
];

/// Returns the request as a curl command; `None` if the client did not POST it, or its head was not
/// captured. Without `with_secrets`, header fields that are not needed (`Authorization`, `Cookie`)
/// are left out and credentials are masked as on the screen. A comment says what is missing.
fn curl(open: &OpenExchange, with_secrets: bool) -> Option<String> {
    let exchange = &open.exchange;
    let heads = open.heads.iter().filter(|head| head.side == Side::Client && head.kind == PayloadKind::Head);
    let head = heads.into_iter().find(|head| head.span.first <= exchange.request.span.last)?;
    let text = String::from_utf8_lossy(&head.bytes);
    let mut lines = text.lines();
    let target = lines.next()?.strip_prefix("POST ")?.split(' ').next()?;
    let url =
        if target.starts_with('/') { format!("{}{target}", origin(exchange)) } else { target.to_owned() };
    let mut words = Words { with_secrets, masked: Vec::new() };
    let mut left_out = Vec::new();
    let mut command = format!("curl -sS -N {}", words.word(&url, "the address"));
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let lower = name.to_ascii_lowercase();
        if OF_CURL.contains(&lower.as_str()) {
            continue;
        }
        if SENT.contains(&lower.as_str()) || with_secrets {
            let field = words.word(&format!("{name}: {}", value.trim()), &lower);
            command.push_str(&format!(" -H {field}"));
        } else {
            left_out.push(lower);
        }
    }
    command.push_str(&format!(" --data-binary {}", words.word(&open.request.text(), "the body")));
    let mut comment = String::new();
    for (what, names) in [("left out", left_out), ("masked (…)", words.masked)] {
        if !names.is_empty() {
            // Names come from traffic: a line end would end the comment.
            let names: Vec<_> = names.iter().map(|name| sanitize::clean(name)).collect();
            comment.push_str(&format!("# {what}: {}; --with-secrets has it\n", names.join(", ")));
        }
    }
    Some(format!("{comment}{command}"))
}

/// Returns scheme, host and port of the server. The certificate is of the name that the client
/// asked for.
fn origin(exchange: &Exchange) -> String {
    let server = exchange.session.server;
    match exchange.protocols.tls.as_deref() {
        None => format!("http://{server}"),
        Some(TlsNames { sni: Some(host), .. }) => format!("https://{host}:{}", server.port()),
        Some(_) => format!("https://{server}"),
    }
}

/// Makes words of the shell, without credentials unless they are wanted.
struct Words {
    with_secrets: bool,
    /// What credentials were masked in.
    masked: Vec<String>,
}

impl Words {
    fn word(&mut self, text: &str, what: &str) -> String {
        if self.with_secrets {
            return quoted(text);
        }
        let redacted = sanitize::redact(text);
        if redacted != text {
            self.masked.push(what.to_owned());
        }
        quoted(&redacted)
    }
}

/// Quotes text as one shell word.
fn quoted(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_control() || *c == '\n' || *c == '\t').collect();
    format!("'{}'", plain.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_the_shell_stays_one() {
        assert_eq!(quoted("it's $HOME `x`\u{1b}[31m"), "'it'\\''s $HOME `x`[31m'");
    }
}

//! The forms in which an exchange can be copied.

use crate::base::Side;
use crate::base::fact::PayloadKind;
use crate::tui::effect::CopyMenu;
use crate::tui::views::wireshark;

use super::detail::OpenExchange;

/// Returns the copy menu of an exchange; entries of the open tab come first.
pub(super) fn of(open: &OpenExchange) -> CopyMenu {
    let exchange = &open.exchange;
    let mut menu = open.copy_menu(CopyMenu::default());
    let (request, response) = (open.request.text(), open.response.text());
    if !request.is_empty() {
        menu = menu.with('j', "JSON, request", request);
    }
    if !response.is_empty() {
        menu = menu.with('r', "JSON, response", response);
    }
    if let Some(curl) = curl(open) {
        menu = menu.with('c', "curl command", curl);
    }
    let spans: Vec<_> = open.parts.iter().map(|part| part.span).collect();
    menu.with('w', "Wireshark filter", wireshark::messages(exchange))
        .with('a', "filter, packets", wireshark::part_packets(exchange, &spans))
        .with('s', "filter, streams", wireshark::connections(exchange))
        .with('p', "packet numbers", wireshark::packet_numbers(&spans, "-"))
}

/// Header fields that a server needs to handle the request. Authorization is left out: it is a
/// secret, and the user has it.
const SENT: [&str; 6] =
    ["content-type", "accept", "mcp-protocol-version", "mcp-session-id", "mcp-method", "mcp-name"];

/// Returns the request as a curl command; `None` if the client did not POST it, or its head was not
/// captured.
fn curl(open: &OpenExchange) -> Option<String> {
    let exchange = &open.exchange;
    let heads = open.heads.iter().filter(|head| head.side == Side::Client && head.kind == PayloadKind::Head);
    let head = heads.into_iter().find(|head| head.span.first <= exchange.request.span.last)?;
    let text = String::from_utf8_lossy(&head.bytes);
    let mut lines = text.lines();
    let target = lines.next()?.strip_prefix("POST ")?.split(' ').next()?;
    let url = if target.starts_with('/') {
        format!("http://{}{target}", exchange.session.server)
    } else {
        target.to_owned()
    };
    let mut command = format!("curl -sS -N {}", quoted(&url));
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if SENT.contains(&name.to_ascii_lowercase().as_str()) {
            command.push_str(&format!(" -H {}", quoted(&format!("{name}: {}", value.trim()))));
        }
    }
    command.push_str(&format!(" --data-binary {}", quoted(&open.request.text())));
    Some(command)
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

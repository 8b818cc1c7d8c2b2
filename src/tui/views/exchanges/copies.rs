//! The forms in which an exchange can be copied.

use crate::base::Side;
use crate::base::fact::PayloadKind;
use crate::ledger::Exchange;
use crate::tui::effect::Copies;

use super::detail::{Detail, Part};

/// Returns the copy menu of an exchange; entries of the open tab come first.
pub(super) fn of(detail: &Detail) -> Copies {
    let exchange = &detail.exchange;
    let mut copies = detail.copies(Copies::default());
    let (request, response) = (detail.request.text(), detail.response.text());
    if !request.is_empty() {
        copies = copies.with('j', "JSON, request", request);
    }
    if !response.is_empty() {
        copies = copies.with('r', "JSON, response", response);
    }
    if let Some(curl) = curl(detail) {
        copies = copies.with('c', "curl command", curl);
    }
    copies
        .with('w', "Wireshark filter", wireshark(exchange))
        .with('a', "filter, packets", frames(exchange, &detail.parts))
        .with('s', "filter, streams", connections(exchange))
        .with('p', "packet numbers", numbers(&detail.parts, "-"))
}

/// Returns the display filter for the packets of the request and the response.
pub(super) fn wireshark(exchange: &Exchange) -> String {
    let mut filter = String::new();
    let request = exchange.request.span;
    let answer = exchange.response.map(|response| response.span);
    let part = |stream: u32, first: u64, last: u64| {
        if first == last {
            format!("(tcp.stream == {stream} && frame.number == {first})")
        } else {
            format!("(tcp.stream == {stream} && frame.number >= {first} && frame.number <= {last})")
        }
    };
    match (exchange.answered_on, answer) {
        (Some((stream, _)), Some(answer)) if stream == exchange.tcp_stream => {
            let last = request.last.0.max(answer.last.0);
            filter.push_str(&part(stream, request.first.0.min(answer.first.0), last));
        }
        (Some((stream, _)), Some(answer)) => {
            filter.push_str(&part(exchange.tcp_stream, request.first.0, request.last.0));
            filter.push_str(" || ");
            filter.push_str(&part(stream, answer.first.0, answer.last.0));
        }
        _ => filter.push_str(&part(exchange.tcp_stream, request.first.0, request.last.0)),
    }
    filter
}

/// Returns the display filter for the packets of all parts of an exchange. Uses sets: Wireshark
/// User's Guide, section 6.4.5.
pub(super) fn frames(exchange: &Exchange, parts: &[Part]) -> String {
    let streams = streams(exchange).map(|stream| stream.to_string());
    let streams = if streams[0] == streams[1] { streams[0].clone() } else { streams.join(", ") };
    format!("tcp.stream in {{{streams}}} && frame.number in {{{}}}", numbers(parts, ".."))
}

/// Returns the display filter for the connections of an exchange.
pub(super) fn connections(exchange: &Exchange) -> String {
    let [asked, answered] = streams(exchange);
    if asked == answered {
        return format!("tcp.stream == {asked}");
    }
    format!("tcp.stream == {asked} || tcp.stream == {answered}")
}

/// Returns the connections of the request and of the response: twice the same number if one
/// connection carried both.
pub(super) fn streams(exchange: &Exchange) -> [u32; 2] {
    [exchange.tcp_stream, exchange.answered_on.map_or(exchange.tcp_stream, |(stream, _)| stream)]
}

/// Returns the packet numbers of all parts, each once: `140, 142-144`, with `to` between the ends
/// of a range. Wireshark accepts this form as a packet range when it exports or prints packets
/// (User's Guide, section 5.9).
fn numbers(parts: &[Part], to: &str) -> String {
    let mut spans: Vec<(u64, u64)> = parts.iter().map(|part| (part.span.first.0, part.span.last.0)).collect();
    spans.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (first, last) in spans {
        match merged.last_mut().filter(|(_, end)| first <= end.saturating_add(1)) {
            Some((_, end)) => *end = last.max(*end),
            None => merged.push((first, last)),
        }
    }
    let words = merged
        .into_iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}{to}{last}") });
    words.collect::<Vec<_>>().join(", ")
}

/// Header fields that a server needs to handle the request. Authorization is left out: it is a
/// secret, and the user has it.
const SENT: [&str; 6] =
    ["content-type", "accept", "mcp-protocol-version", "mcp-session-id", "mcp-method", "mcp-name"];

/// Returns the request as a curl command; `None` if the client did not POST it, or its head was not
/// captured.
fn curl(detail: &Detail) -> Option<String> {
    let exchange = &detail.exchange;
    let heads =
        detail.heads.iter().filter(|head| head.side == Side::Client && head.kind == PayloadKind::Head);
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
    command.push_str(&format!(" --data-binary {}", quoted(&detail.request.text())));
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

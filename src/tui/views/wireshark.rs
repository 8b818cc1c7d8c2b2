//! Wireshark display filters.

use std::net::SocketAddr;

use crate::base::files::InFile;
use crate::base::{Files, PacketNo, Span};
use crate::ledger::Exchange;
use crate::tui::effect::CopyMenu;

/// Returns the display filter for the packets from and to a server.
pub(super) fn server(address: SocketAddr) -> String {
    let field = if address.is_ipv4() { "ip.addr" } else { "ipv6.addr" };
    format!("{field} == {} && tcp.port == {}", address.ip(), address.port())
}

/// A display filter. It is of one file: of several, each has a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileFilter {
    pub(super) text: String,
    /// The name of the file, or how many there are; empty unless several files are read.
    pub(super) file: String,
}

impl FileFilter {
    /// Returns the filter of what each file holds; `form` writes that of one.
    fn of(all: &[InFile<'_>], form: impl Fn(&InFile<'_>) -> String) -> Self {
        match all {
            [one] => Self { text: form(one), file: one.file.unwrap_or_default().to_owned() },
            several => {
                let line = |it: &InFile<'_>| format!("{}: {}", it.file.unwrap_or_default(), form(it));
                let text = several.iter().map(line).collect::<Vec<_>>().join("\n");
                Self { text, file: format!("{} files", several.len()) }
            }
        }
    }

    /// Adds the filter to a menu.
    pub(super) fn in_menu(self, menu: CopyMenu, key: char, name: &str) -> CopyMenu {
        menu.with(key, self.named(name), self.text)
    }

    /// Returns a name with the file behind it: `Wireshark filter, b.pcap`.
    pub(super) fn named(&self, name: &str) -> String {
        if self.file.is_empty() { name.to_owned() } else { format!("{name}, {}", self.file) }
    }
}

/// Returns the display filter for the packets of a connection, the first and the last of which are
/// `packets`.
pub(super) fn connection(tcp_stream: u32, packets: (PacketNo, PacketNo), files: &Files) -> FileFilter {
    FileFilter::of(&files.by_file(&[tcp_stream], &[packets]), of_streams)
}

fn of_streams(it: &InFile<'_>) -> String {
    let streams: Vec<_> = it.tcp_streams.iter().map(|stream| format!("tcp.stream == {stream}")).collect();
    streams.join(" || ")
}

/// Returns the display filter for a packet.
pub(super) fn packet(packet: PacketNo, files: &Files) -> FileFilter {
    let file = files.name(packet).unwrap_or_default().to_owned();
    FileFilter { text: format!("frame.number == {}", files.number(packet)), file }
}

/// Returns the display filter for the packets of the request and the response.
pub(super) fn messages(exchange: &Exchange, files: &Files) -> FileFilter {
    if files.are_several() {
        let ranges: Vec<_> = message_spans(exchange).map(|span| (span.first, span.last)).collect();
        return FileFilter::of(&files.by_file(&streams(exchange), &ranges), |it| it.filter());
    }
    let packets = |stream: u32, first: PacketNo, last: PacketNo| {
        if first == last {
            format!("(tcp.stream == {stream} && frame.number == {first})")
        } else {
            format!("(tcp.stream == {stream} && frame.number >= {first} && frame.number <= {last})")
        }
    };
    let (asked_on, request) = (exchange.tcp_stream, exchange.request.span);
    let text = match (exchange.answered_on, exchange.response.map(|response| response.span)) {
        (Some((answered_on, _)), Some(response)) if answered_on == asked_on => {
            packets(asked_on, request.first.min(response.first), request.last.max(response.last))
        }
        (Some((answered_on, _)), Some(response)) => format!(
            "{} || {}",
            packets(asked_on, request.first, request.last),
            packets(answered_on, response.first, response.last),
        ),
        _ => packets(asked_on, request.first, request.last),
    };
    FileFilter { text, file: String::new() }
}

fn message_spans(exchange: &Exchange) -> impl Iterator<Item = Span> {
    [Some(exchange.request.span), exchange.response.map(|response| response.span)].into_iter().flatten()
}

/// Returns the display filter for the packets of all parts of an exchange. Uses sets: Wireshark
/// User's Guide, section 6.4.5.
pub(super) fn part_packets(exchange: &Exchange, parts: &[Span], files: &Files) -> FileFilter {
    let all = files.by_file(&streams(exchange), &ranges(parts));
    FileFilter::of(&all, |it| {
        let streams: Vec<_> = it.tcp_streams.iter().map(u32::to_string).collect();
        format!("tcp.stream in {{{}}} && frame.number in {{{}}}", streams.join(", "), it.numbers(".."))
    })
}

/// Returns the display filter for the HTTP/2 stream that carried the request; `None` if HTTP/1 did.
/// In TLS it needs the secrets: Wireshark finds them in the capture, or in its key log.
pub(super) fn http2_stream(exchange: &Exchange, files: &Files) -> Option<FileFilter> {
    let stream = exchange.protocols.http2_stream?;
    let span = exchange.request.span;
    let all = files.by_file(&[exchange.tcp_stream], &[(span.first, span.last)]);
    Some(FileFilter::of(&all, |it| format!("{} && http2.streamid == {stream}", of_streams(it))))
}

/// Returns the display filter for the connections of an exchange.
pub(super) fn connections(exchange: &Exchange, files: &Files) -> FileFilter {
    let ranges: Vec<_> = message_spans(exchange).map(|span| (span.first, span.last)).collect();
    FileFilter::of(&files.by_file(&streams(exchange), &ranges), of_streams)
}

/// Returns the connections of the request and of the response: one number if one connection carried
/// both.
pub(super) fn streams(exchange: &Exchange) -> Vec<u32> {
    let asked_on = exchange.tcp_stream;
    let answered_on = exchange.answered_on.map(|(stream, _)| stream).filter(|stream| *stream != asked_on);
    [Some(asked_on), answered_on].into_iter().flatten().collect()
}

/// Returns the packet numbers of all parts, each once: `140, 142-144`. Wireshark accepts this form
/// as a packet range when it exports or prints packets (User's Guide, section 5.9).
pub(super) fn packet_numbers(exchange: &Exchange, parts: &[Span], files: &Files) -> FileFilter {
    FileFilter::of(&files.by_file(&streams(exchange), &ranges(parts)), |it| it.numbers("-"))
}

fn ranges(parts: &[Span]) -> Vec<(PacketNo, PacketNo)> {
    parts.iter().map(|span| (span.first, span.last)).collect()
}

//! What a connection was, in a few lines: its ends, its handshake, who closed it, its counts.

use crate::base::fact::{DirectionFact, SegmentFact};
use crate::base::tls::{Decrypted, TlsFact};
use crate::base::{Ending, Files, PacketNo, RoundTrips, Side, sanitize, units};
use crate::ledger::{ConnectionFact, ConnectionPackets, SentPiece};
use crate::tui::views::format;

/// Returns the lines.
pub(super) fn lines(
    fact: &ConnectionFact,
    packets: Option<&ConnectionPackets>,
    files: &Files,
) -> Vec<String> {
    let carries = if fact.mcp { "MCP" } else { fact.speaks.name() };
    let lasted = units::duration(fact.last.time.since(fact.first.time));
    let [client, server] = &fact.directions;
    let mut lines = vec![
        format!(
            "tcp.stream {}  {} → {}  {carries}, {lasted}, packets {}",
            files.connection(fact.tcp_stream, fact.first.packet),
            fact.client,
            fact.server,
            range(fact, files)
        ),
        format!("handshake: {}{}", handshake(fact, packets, files), pings(fact)),
        format!("end: {}", closing(fact, packets, files)),
        format!("client → {}", counts(client)),
        format!("server ← {}", counts(server)),
    ];
    if let Some(tls) = &fact.tls {
        lines.insert(2, encryption(tls));
    }
    lines
}

/// Describes TLS: what was agreed on, the certificate, and how much of it is decrypted.
fn encryption(tls: &TlsFact) -> String {
    let mut text = format::tls(tls);
    if let Some(ns) = tls.handshake_ns {
        text.push_str(&format!(", handshake {}", units::duration(ns)));
    }
    if tls.is_resumed {
        text.push_str(", resumed");
    }
    text.push_str(match tls.decrypted {
        Decrypted::Nothing => "; not decrypted",
        Decrypted::Partly => "; decrypted in part",
        Decrypted::Everything => "; decrypted",
    });
    if let Some(certificate) = &tls.certificate {
        let subject = sanitize::clean(&certificate.subject);
        text.push_str(&format!("; certificate of {subject} until {}", units::date(certificate.not_after)));
    }
    text
}

fn handshake(fact: &ConnectionFact, packets: Option<&ConnectionPackets>, files: &Files) -> String {
    let segments = packets.map(|packets| packets.segments.as_slice()).unwrap_or_default();
    let number = |is: &dyn Fn(&&SegmentFact) -> bool| {
        segments.iter().find(is).map(|it| files.packet(it.origin.packet))
    };
    let syn = number(&|it| it.syn && it.ack.is_none());
    let syn_ack = number(&|it| it.syn && it.ack.is_some());
    let numbers = match (syn, syn_ack) {
        (Some(syn), Some(syn_ack)) => format!(" (SYN in packet {syn}, SYN-ACK in {syn_ack})"),
        (Some(syn), None) => format!(" (SYN in packet {syn}, no SYN-ACK)"),
        (None, Some(syn_ack)) => format!(" (SYN-ACK in packet {syn_ack})"),
        (None, None) => String::new(),
    };
    match fact.handshake_ns {
        Some(ns) => format!("{}{numbers}", units::duration(ns)),
        None => format!("not captured{numbers}"),
    }
}

/// Describes the round trips that PING frames of HTTP/2 show; empty without any.
fn pings(fact: &ConnectionFact) -> String {
    let RoundTrips { count, shortest_ns, longest_ns, .. } = fact.pings;
    let shortest = units::duration(shortest_ns);
    match count {
        0 => String::new(),
        1 => format!("; an HTTP/2 PING took {shortest}"),
        _ => format!("; {count} HTTP/2 PINGs took {shortest} to {}", units::duration(longest_ns)),
    }
}

/// Describes who closed the connection, and how.
fn closing(fact: &ConnectionFact, packets: Option<&ConnectionPackets>, files: &Files) -> String {
    let end = |side: Side| {
        let pieces = packets.map(|packets| packets.sent_by(side).pieces.as_slice()).unwrap_or_default();
        pieces.iter().find_map(|piece| match piece {
            SentPiece::End { how, packet } if *how != Ending::Open => Some(*packet),
            _ => None,
        })
    };
    match fact.ended {
        Ending::Reset(by) => reset(fact, packets, (by, end(by)), files),
        Ending::Closed => match (end(Side::Client), end(Side::Server)) {
            (Some(client), Some(server)) => {
                let (first, then) = if client <= server {
                    (Side::Client, Side::Server)
                } else {
                    (Side::Server, Side::Client)
                };
                let (from, to) = (files.packet(client.min(server)), files.packet(client.max(server)));
                let (first, then) = (first.name(), then.name());
                format!("the {first} closed first (FIN in packet {from}), then the {then} ({to})")
            }
            _ => "closed by both".to_owned(),
        },
        Ending::Open => match (end(Side::Client), end(Side::Server)) {
            (Some(packet), None) => {
                format!("the client closed its side (FIN in packet {})", files.packet(packet))
            }
            (None, Some(packet)) => {
                format!("the server closed its side (FIN in packet {})", files.packet(packet))
            }
            _ => "open at the end of the capture".to_owned(),
        },
    }
}

/// Describes a reset. An end that closed before (`fin`) refuses with it what still arrives.
fn reset(
    fact: &ConnectionFact,
    packets: Option<&ConnectionPackets>,
    (by, fin): (Side, Option<PacketNo>),
    files: &Files,
) -> String {
    let segments = packets.map(|packets| packets.segments.as_slice()).unwrap_or_default();
    let is_its = |segment: &&SegmentFact| segment.rst && segment.from.side(fact.client_end) == by;
    let Some(rst) = segments.iter().find(is_its).map(|segment| segment.origin.packet) else {
        return format!("the {} reset it", by.name());
    };
    match fin.filter(|fin| *fin < rst) {
        Some(fin) => format!(
            "the {} closed first (FIN in packet {}), and refused what still arrived (RST in packet {})",
            by.name(),
            files.packet(fin),
            files.packet(rst)
        ),
        None => format!("the {} reset it (RST in packet {})", by.name(), files.packet(rst)),
    }
}

/// Returns the first and the last packet, also if they are the same.
fn range(fact: &ConnectionFact, files: &Files) -> String {
    let (first, last) = (fact.first.packet, fact.last.packet);
    if first == last && !files.are_several() { format!("{first}-{last}") } else { files.packets(first, last) }
}

fn counts(direction: &DirectionFact) -> String {
    let counts = [
        (direction.retransmissions, "retransmitted"),
        (direction.lost_before, "of them lost before the point of capture"),
        (direction.out_of_order, "out of order"),
        (direction.duplicates, "captured twice"),
        (direction.zero_windows, "with a full receive window"),
    ];
    let mut text =
        format!("{}, {}", units::several(direction.packets, "packet"), units::bytes(direction.bytes));
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!(", {count} {what}"));
    }
    if direction.gaps > 0 {
        text.push_str(&format!(", {} lost", units::bytes(direction.gaps)));
    }
    text
}

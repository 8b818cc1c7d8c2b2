//! HTTP/3 is not decoded: it is named where it may carry calls, and counted.

use std::net::SocketAddrV4;

use super::found;
use crate::support::corpus;
use crate::support::quic;
use crate::support::run::Run;
use mcpdump::base::{Code, Fact};
use mcpdump::capture::Item;
use mcpdump::ledger::Entry;

/// The captures of calls over TLS: to a host with a name, and to an address.
const NAMED: &str = "tls-suites/capture.pcapng";
const UNNAMED: &str = "tls13-keylog/capture-dsb.pcapng";

/// A capture with a datagram to `to` before or after its packets.
fn with_quic(capture: &str, is_first: bool, to: &str, payload: &[u8]) -> Run {
    let mut items = corpus::items(corpus::bytes(&corpus::directory().join(capture))).unwrap();
    let origins = |item: &Item| if let Item::Packet(packet) = item { Some(packet.origin) } else { None };
    let [first, last] = [items.iter().find_map(origins), items.iter().rev().find_map(origins)];
    let from = SocketAddrV4::new([192, 0, 2, 1].into(), 50_000);
    let origin = if is_first { first } else { last }.unwrap();
    let item = Item::Packet(quic::packet(origin, from, to.parse().unwrap(), payload));
    items.insert(if is_first { 0 } else { items.len() }, item);
    Run::over(&items)
}

fn connections(run: &Run) -> u64 {
    let capture =
        |entry: &Entry| if let Entry::Fact(Fact::Capture(fact)) = entry { Some(**fact) } else { None };
    run.entries.iter().rev().find_map(capture).unwrap().quic_connections
}

/// The details of findings of HTTP/3. Each connection is counted.
fn named(capture: &str, to: &str, payload: &[u8]) -> Vec<String> {
    let [first, last] = [true, false].map(|is_first| {
        let run = with_quic(capture, is_first, to, payload);
        assert_eq!(connections(&run), 1);
        let found = found(&run, Code::Http3NotRead);
        assert!(found.iter().all(|finding| finding.tcp_stream.is_none()));
        found.into_iter().map(|finding| finding.detail.clone()).collect::<Vec<_>>()
    });
    assert_eq!(first, last, "whichever comes first");
    first
}

#[test]
fn http3_to_the_host_of_an_mcp_server_is_named() {
    let named = named(NAMED, "203.0.113.5:443", &quic::initial(Some("mcp.example"), "h3"));
    let want =
        "HTTP/3 from 192.0.2.1 to \"mcp.example\" (203.0.113.5:443), which speaks MCP over TCP as well";
    assert_eq!(named, [want]);
}

#[test]
fn http3_to_the_machine_of_an_mcp_server_is_named() {
    let initial = quic::initial(Some("localhost"), "h3");
    let server = named(UNNAMED, "127.0.0.1:8943", &initial);
    assert!(server[0].ends_with("(127.0.0.1:8943), which speaks MCP over TCP as well"), "{server:?}");
    let machine = named(UNNAMED, "127.0.0.1:443", &initial);
    assert!(machine[0].ends_with("(127.0.0.1:443), on a machine that speaks MCP over TCP"), "{machine:?}");
}

#[test]
fn other_quic_is_counted_only() {
    for (to, host, alpn) in [
        ("203.0.113.5:443", Some("www.example"), "h3"),
        ("203.0.113.5:443", Some("mcp.example"), "doq"),
        ("127.0.0.1:443", Some("www.example"), "h3"),
    ] {
        assert!(named(NAMED, to, &quic::initial(host, alpn)).is_empty(), "{to} {host:?} {alpn}");
    }
    let run = with_quic(NAMED, true, "203.0.113.5:443", &[0x40; 1200]);
    assert_eq!(connections(&run), 0);
}

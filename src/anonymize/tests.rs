use std::net::SocketAddr;

use etherparse::PacketBuilder;
use proptest::prelude::*;

use super::*;
use crate::base::{Findings, Origin, PacketNo, Timestamp};
use crate::capture::LinkType;
use crate::link::Link;

const REQUEST: &str = "POST /mcp/team-a?session=abc123def HTTP/1.1\r\nHost: internal.example:3000\r\n\
    Authorization: Bearer s3cr3t-t0ken\r\nContent-Type: application/json\r\nContent-Length: 122\r\n\r\n\
    {\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"transfer\",\"arguments\":\
    {\"account\":\"DE 1234\",\"cents\":4200}}}";

const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\
    Mcp-Session-Id: 7f4d5d49-1c7e-4f2a-9d36-0b1e2f3a4c5d\r\n\r\n\
    17\r\nevent: message\ndata: {\"\r\n5c\r\njsonrpc\":\"2.0\",\"id\":7,\"result\":{\"content\":[{\"type\":\
    \"text\",\"text\":\"Paid to Alice\\nBlum\"}]}}\n\n\r\n0\r\n\r\n";

fn tools() -> Tools {
    Tools::new(&Key::of(b"test"))
}

/// Pushes the pieces of what both ends send, request first.
fn replaced(texts: [&[u8]; 2], cuts: &[usize]) -> [Vec<u8>; 2] {
    let (mut shared, mut tools) = (stream::Shared::default(), tools());
    texts.map(|text| {
        let mut stream = stream::Stream::new(0, true);
        let mut at = 0;
        for cut in cuts.iter().map(|cut| cut % (text.len() + 1)).filter(|cut| *cut > 0) {
            let end = (at + cut).min(text.len());
            stream.push(&text[at..end], &mut shared, &mut tools);
            at = end;
        }
        stream.push(&text[at..], &mut shared, &mut tools);
        stream.flush(&mut shared, &mut tools);
        let mut replaced = text.to_vec();
        assert_eq!(stream.output().apply(0, &mut replaced), 0);
        replaced
    })
}

#[test]
fn what_is_public_stays_and_what_is_not_does_not() {
    let [request, answer] = replaced([REQUEST.as_bytes(), ANSWER.as_bytes()], &[]);
    let (request, answer) = (String::from_utf8(request).unwrap(), String::from_utf8(answer).unwrap());
    for kept in [
        "POST /mcp/",
        "?session=",
        "Host: ",
        ":3000\r\n",
        "Authorization: Bearer ",
        "Content-Length: 122\r\n\r\n",
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"",
    ] {
        assert!(request.contains(kept), "{kept}: {request}");
    }
    for gone in
        ["team-a", "abc123def", "internal", "example", "s3cr3t", "transfer", "account", "1234", "4200"]
    {
        assert!(!request.contains(gone), "{gone}: {request}");
    }
    for kept in
        ["17\r\nevent: message\ndata: {\"\r\n5c\r\njsonrpc\":\"2.0\",\"id\":7,", "\\n", "\r\n0\r\n\r\n"]
    {
        assert!(answer.contains(kept), "{kept}: {answer}");
    }
    for gone in ["7f4d5d49", "Paid", "Alice", "Blum"] {
        assert!(!answer.contains(gone), "{gone}: {answer}");
    }
}

#[test]
fn masked_messages_of_a_websocket_are_replaced() {
    let upgrade = "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    let text = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"secret\":\"alice\"}";
    let mask = [0x12, 0x34, 0x56, 0x78];
    let mut sent = vec![0x81, 0x80 | text.len() as u8];
    sent.extend(mask);
    sent.extend(text.bytes().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    let (mut shared, mut tools) = (stream::Shared::default(), tools());
    let [mut client, mut server] = [stream::Stream::new(0, true), stream::Stream::new(0, true)];
    client.push(upgrade.as_bytes(), &mut shared, &mut tools);
    let switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    server.push(switching, &mut shared, &mut tools);
    client.push(&sent, &mut shared, &mut tools);
    let mut replaced = sent.clone();
    assert_eq!(client.output().apply(upgrade.len() as u64, &mut replaced), 0);
    assert_eq!(replaced[..6], sent[..6]);
    let plain: Vec<u8> =
        replaced[6..].iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    let plain = String::from_utf8(plain).unwrap();
    assert!(plain.starts_with("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\""), "{plain}");
    assert!(!plain.contains("secret") && !plain.contains("alice"), "{plain}");
}

#[test]
fn a_compressed_body_is_cut_off() {
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n";
    let (mut shared, mut tools) = (stream::Shared::default(), tools());
    let mut server = stream::Stream::new(0, true);
    server.push(head.as_bytes(), &mut shared, &mut tools);
    server.push(b"12345HTTP/1.1 200 OK\r\n\r\n", &mut shared, &mut tools);
    let len = head.len() as u64;
    assert_eq!(server.output().cut_between(0, len), None);
    assert_eq!(server.output().cut_between(0, len + 9), Some(len));
    assert_eq!(server.output().cut_between(len + 3, len + 9), Some(len + 3));
    assert_eq!(server.output().cut_between(len + 5, len + 9), None);
}

#[test]
fn addresses_of_a_proxy_header_are_replaced() {
    let text = b"PROXY TCP4 203.0.113.7 198.51.100.20 51234 443\r\nGET /mcp HTTP/1.1\r\n\r\n";
    let [text, _] = replaced([text, b""], &[]);
    let text = String::from_utf8(text).unwrap();
    let words: Vec<_> = text.split_ascii_whitespace().collect();
    assert_eq!((words[0], words[1], words[4], words[5], words[6]), ("PROXY", "TCP4", "51234", "443", "GET"));
    assert!(words[2] != "203.0.113.7" && words[2].parse::<std::net::Ipv4Addr>().is_ok(), "{text}");
    let mut binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    binary.extend([203, 0, 113, 7, 198, 51, 100, 20, 0xc8, 0x22, 1, 0xbb]);
    binary.extend(b"GET /mcp HTTP/1.1\r\n\r\n");
    let [new, _] = replaced([&binary, b""], &[]);
    assert_eq!(new[..16], binary[..16]);
    assert_ne!(new[16..24], binary[16..24]);
    assert_eq!(new[24..], binary[24..]);
}

proptest! {
    #[test]
    fn what_replaces_a_byte_does_not_depend_on_the_pieces(cuts in proptest::collection::vec(1..90_usize, 0..40)) {
        let texts = [REQUEST.as_bytes(), ANSWER.as_bytes()];
        prop_assert_eq!(replaced(texts, &cuts), replaced(texts, &[]));
    }

    #[test]
    fn any_bytes_are_replaced_at_the_same_length(
        text in proptest::collection::vec(any::<u8>(), 0..300),
        head in 0..4_usize,
        gap in 0..200_u64,
    ) {
        let heads = ["", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n", "\x16\x03\x01\0\x40\x01", "PROXY "];
        let text = [heads[head].as_bytes(), &text].concat();
        let (mut shared, mut tools) = (stream::Shared::default(), tools());
        let mut stream = stream::Stream::new(0, true);
        let (first, second) = text.split_at(text.len() / 2);
        stream.push(first, &mut shared, &mut tools);
        stream.skip(gap, &mut shared, &mut tools);
        stream.push(second, &mut shared, &mut tools);
        stream.flush(&mut shared, &mut tools);
        prop_assert_eq!(stream.output().done(), text.len() as u64 + gap);
    }
}

fn packet(number: u64, data: Vec<u8>) -> Packet {
    let original_len = data.len() as u32;
    Packet {
        origin: Origin { packet: PacketNo(number), time: Timestamp(0) },
        link_type: LinkType(1),
        interface: 0,
        data: data.into(),
        original_len,
    }
}

/// An Ethernet frame with TCP from 203.0.113.7 to 192.168.3.4.
fn tcp(seq: u32, payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2([2, 0x42, 0xac, 1, 2, 3], [0x3c, 0x52, 0x82, 4, 5, 6])
        .ipv4([203, 0, 113, 7], [192, 168, 3, 4], 64)
        .tcp(51_234, 3000, seq, 1000);
    let mut frame = Vec::new();
    builder.write(&mut frame, payload).unwrap();
    frame
}

fn anonymize(packets: &[Packet]) -> (Vec<Packet>, Anonymizer) {
    let (mut anonymizer, mut out) = (Anonymizer::new(&Key::of(b"test")), Vec::new());
    packets.iter().for_each(|packet| anonymizer.push(packet, &mut out));
    anonymizer.finish(&mut out);
    (out, anonymizer)
}

fn segment(packet: &Packet) -> ([SocketAddr; 2], Vec<u8>) {
    let mut findings = Findings::new();
    let (addresses, segment) = Link::default().decode(packet, &mut findings).unwrap();
    ([addresses.source, addresses.destination], segment.payload.to_vec())
}

/// Checks the checksums of an Ethernet frame with IPv4 and TCP, with another implementation.
fn check_sums(frame: &[u8]) {
    let headers = etherparse::PacketHeaders::from_ethernet_slice(frame).unwrap();
    let (Some(etherparse::NetHeaders::Ipv4(ip, _)), Some(etherparse::TransportHeader::Tcp(tcp))) =
        (headers.net, headers.transport)
    else {
        panic!("no TCP over IPv4");
    };
    assert_eq!(ip.header_checksum, ip.calc_header_checksum());
    assert_eq!(tcp.checksum, tcp.calc_checksum_ipv4(&ip, headers.payload.slice()).unwrap());
}

#[test]
fn packets_in_any_order_are_replaced_by_stream_offset() {
    let text = REQUEST.as_bytes();
    let (first, second) = text.split_at(60);
    let frames = [
        tcp(1000, first),
        tcp(1000 + 100, &text[100..]),
        tcp(1000 + 60, &second[..50]),
        tcp(1000 + 30, &text[30..90]),
    ];
    let packets: Vec<_> = (1..).zip(frames).map(|(number, frame)| packet(number, frame)).collect();
    let (out, anonymizer) = anonymize(&packets);
    assert_eq!(anonymizer.left_out().count() + anonymizer.cleared().count(), 0);
    let [whole, _] = replaced([text, b""], &[]);
    for (new, part) in out.iter().zip([0..60, 100..text.len(), 60..110, 30..90]) {
        check_sums(&new.data);
        let (ends, payload) = segment(new);
        assert_eq!(payload, whole[part], "{:?}", new.origin);
        assert_eq!((ends[0].port(), ends[1].port()), (51_234, 3000));
        assert_ne!(ends[0].ip().to_string(), "203.0.113.7");
        assert!(ends[1].to_string().starts_with("192.168."), "{ends:?}");
        assert_ne!(new.data[6..12], packets[0].data[6..12]);
    }
}

#[test]
fn tunnels_and_tags_are_replaced_inside_and_outside() {
    let inner = tcp(1000, b"GET /mcp HTTP/1.1\r\n\r\n");
    let mut vxlan = vec![8, 0, 0, 0, 0, 0, 1, 0];
    vxlan.extend(&inner);
    let mut outer = Vec::new();
    PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
        .single_vlan(7.try_into().unwrap())
        .ipv4([198, 51, 100, 1], [198, 51, 100, 2], 64)
        .udp(40_000, 4789)
        .write(&mut outer, &vxlan)
        .unwrap();
    let (out, _) = anonymize(&[packet(1, outer.clone())]);
    let (ends, payload) = segment(&out[0]);
    assert_eq!(payload, b"GET /mcp HTTP/1.1\r\n\r\n");
    assert_ne!(ends[0].ip().to_string(), "203.0.113.7");
    let data = &out[0].data;
    assert_ne!(data[18 + 12..18 + 20], outer[18 + 12..18 + 20]);
    check_sums(&data[data.len() - inner.len()..]);
    let headers = etherparse::PacketHeaders::from_ethernet_slice(data).unwrap();
    let (Some(etherparse::NetHeaders::Ipv4(ip, _)), Some(etherparse::TransportHeader::Udp(udp))) =
        (headers.net, headers.transport)
    else {
        panic!("no UDP over IPv4");
    };
    assert_eq!(udp.checksum, udp.calc_checksum_ipv4(&ip, headers.payload.slice()).unwrap());
}

#[test]
fn what_holds_addresses_elsewhere_is_left_out() {
    let mut fragment = tcp(1000, b"GET / HTTP/1.1\r\n\r\n");
    fragment[14 + 6] = 0x20;
    let mut icmp = tcp(1000, b"");
    icmp[14 + 9] = 1;
    let mut arp = tcp(1000, b"");
    (arp[12], arp[13]) = (0x08, 0x06);
    let mut cut = tcp(1000, b"");
    cut.truncate(40);
    let packets: Vec<_> =
        (1..).zip([fragment, icmp, arp, cut]).map(|(number, frame)| packet(number, frame)).collect();
    let (out, anonymizer) = anonymize(&packets);
    assert!(out.is_empty());
    let left_out: Vec<_> = anonymizer.left_out().collect();
    assert_eq!(left_out, [(LeftOut::NotTcp, 2), (LeftOut::Fragment, 1), (LeftOut::Headers, 1)]);
}

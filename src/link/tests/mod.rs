//! Packets of every link type and tunnel, each truncated at every length.

mod fragments;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::base::Finding;

const PAYLOAD: &[u8] = b"POST /mcp HTTP/1.1\r\n\r\n";

fn packet(link_type: u32, data: Vec<u8>) -> Packet {
    Packet {
        origin: Origin::new(1, 0),
        link_type: LinkType(link_type),
        interface: 0,
        original_len: u32::try_from(data.len()).unwrap(),
        data: data.into(),
    }
}

fn at(number: u64, time: i64, data: Vec<u8>) -> Packet {
    Packet { origin: Origin::new(number, time), ..packet(101, data) }
}

fn cat(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// A TCP header with twelve bytes of options and a payload.
fn tcp(payload: &[u8]) -> Vec<u8> {
    let fixed = [0x1f, 0x90, 0x0b, 0xb8, 0, 0, 1, 2, 0, 0, 3, 4, 0x80, 0x18, 0x10, 0x20, 0xde, 0xad, 0, 0];
    cat(&[&fixed, &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2], payload])
}

/// IPv4 with one word of options; `flags` are the flags and fragment offset.
fn v4_with(id: u16, flags: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(24 + payload.len()).unwrap().to_be_bytes();
    let (id, flags) = (id.to_be_bytes(), flags.to_be_bytes());
    let head = [0x46, 0, len[0], len[1], id[0], id[1], flags[0], flags[1], 64, protocol, 0, 0];
    cat(&[&head, &[10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 0], payload])
}

fn v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    v4_with(7, 0x4000, protocol, payload)
}

fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let addresses = [[0; 15].as_slice(), &[1], &[0; 15], &[2]].concat();
    cat(&[&[0x60, 0, 0, 0, len[0], len[1], next, 64], &addresses, payload])
}

fn ether(kind: u16, payload: &[u8]) -> Vec<u8> {
    cat(&[&[2; 12], &kind.to_be_bytes(), payload])
}

fn vxlan(port: u16, frame: &[u8]) -> Vec<u8> {
    let len = u16::try_from(16 + frame.len()).unwrap().to_be_bytes();
    let udp = cat(&[&[0xc0, 0], &port.to_be_bytes(), &len, &[0, 0]]);
    v4(17, &cat(&[&udp, &[8, 0, 0, 0, 0, 0, 42, 0], frame]))
}

fn gre(flags: u16, kind: u16, options: &[u8], inner: &[u8]) -> Vec<u8> {
    v4(47, &cat(&[&flags.to_be_bytes(), &kind.to_be_bytes(), options, inner]))
}

fn pppoe(ppp: &[u8]) -> Vec<u8> {
    let len = u16::try_from(ppp.len()).unwrap().to_be_bytes();
    cat(&[&[0x11, 0, 0, 9], &len, ppp])
}

fn extensions() -> Vec<u8> {
    let atomic = [51, 0, 0, 0, 0, 0, 0, 9];
    let auth = cat(&[&[60, 4, 0, 0], &[7; 20]]);
    cat(&[
        &[43, 0, 1, 4, 0, 0, 0, 0],
        &cat(&[&[44, 1], &[0; 14]]),
        &atomic,
        &auth,
        &[6, 0, 1, 4, 0, 0, 0, 0],
        &tcp(PAYLOAD),
    ])
}

/// One named packet per supported link type and tunnel.
fn samples() -> Vec<(&'static str, u32, Vec<u8>)> {
    let ip = v4(6, &tcp(PAYLOAD));
    let ip6 = v6(6, &tcp(PAYLOAD));
    let frame = ether(0x0800, &ip);
    let mut all = vec![
        ("ethernet", 1, frame.clone()),
        ("ethernet trailer", 1, cat(&[&frame, &[0; 30]])),
        ("ethernet v6", 1, ether(0x86dd, &cat(&[&ip6, &[0xff; 9]]))),
        ("vlan", 1, ether(0x8100, &cat(&[&[0, 5, 8, 0], &ip]))),
        ("qinq", 1, ether(0x88a8, &cat(&[&[0, 5, 0x81, 0, 0, 6, 8, 0], &ip]))),
        ("old qinq", 1, ether(0x9100, &cat(&[&[0, 5, 0x91, 0, 0, 6, 0x81, 0, 0, 7, 8, 0], &ip]))),
        (
            "snap",
            1,
            ether(u16::try_from(8 + ip.len()).unwrap(), &cat(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &ip])),
        ),
        ("pppoe", 1, ether(0x8864, &pppoe(&cat(&[&[0, 0x21], &ip])))),
        ("sll", 113, cat(&[&[0, 0, 0x03, 0x04, 0, 6], &[0; 8], &[8, 0], &ip])),
        ("sll v6", 113, cat(&[&[0, 4, 0xff, 0xfe, 0, 0], &[0; 8], &[0x86, 0xdd], &ip6])),
        ("sll2", 276, cat(&[&[8, 0], &[0; 18], &ip])),
        ("sll2 vlan", 276, cat(&[&[0x81, 0], &[0; 18], &[0, 3, 0x86, 0xdd], &ip6])),
        ("ppp", 9, cat(&[&[0xff, 3, 0, 0x21], &ip])),
        ("ppp bare", 9, cat(&[&[0, 0x57], &ip6])),
        ("ppp compressed", 9, cat(&[&[0x21], &ip])),
        ("ppp hdlc", 50, cat(&[&[0xff, 3, 0, 0x57], &ip6])),
        ("cisco in ppp hdlc", 50, cat(&[&[0x0f, 0, 8, 0], &ip])),
        ("cisco hdlc", 104, cat(&[&[0x0f, 0, 8, 0], &ip])),
        ("ppp ether", 51, pppoe(&cat(&[&[0, 0x21], &ip]))),
    ];
    all.extend(inner_samples());
    for link_type in [12, 14, 101, 228] {
        all.push(("raw", link_type, ip.clone()));
    }
    for link_type in [12, 14, 101, 229] {
        all.push(("raw v6", link_type, ip6.clone()));
    }
    for link_type in [0, 108] {
        all.push(("loopback", link_type, cat(&[&[0, 0, 0, 2], &ip])));
        all.push(("loopback little", link_type, cat(&[&[2, 0, 0, 0], &ip])));
        for family in [10, 24, 28, 30] {
            all.push(("loopback v6", link_type, cat(&[&[family, 0, 0, 0], &ip6])));
            all.push(("loopback v6 big", link_type, cat(&[&[0, 0, 0, family], &ip6])));
        }
    }
    all
}

/// Extension headers and tunnels.
fn inner_samples() -> Vec<(&'static str, u32, Vec<u8>)> {
    let ip = v4(6, &tcp(PAYLOAD));
    let ip6 = v6(6, &tcp(PAYLOAD));
    let frame = ether(0x0800, &ip);
    vec![
        ("extensions", 229, v6(0, &extensions())),
        ("v4 auth", 228, v4(51, &cat(&[&[6, 4, 0, 0], &[7; 20], &tcp(PAYLOAD)]))),
        ("ip in ip", 101, v4(4, &ip)),
        ("v6 in v4", 101, v4(41, &ip6)),
        ("v4 in v6", 101, v6(4, &ip)),
        ("gre", 101, gre(0, 0x0800, &[], &ip)),
        ("gre options", 101, gre(0xb000, 0x86dd, &[1; 12], &ip6)),
        ("gre ethernet", 101, gre(0x2000, 0x6558, &[1; 4], &frame)),
        ("erspan 1", 101, gre(0, 0x88be, &[], &frame)),
        ("erspan 2", 101, gre(0x1000, 0x88be, &[0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0, 0], &frame)),
        ("erspan 3", 101, gre(0x1000, 0x22eb, &cat(&[&[0, 0, 0, 1], &[0x20; 10], &[0, 0]]), &frame)),
        (
            "erspan 3 sub",
            101,
            gre(0x1000, 0x22eb, &cat(&[&[0, 0, 0, 1], &[0x20; 10], &[0, 1], &[0; 8]]), &frame),
        ),
        ("vxlan", 1, ether(0x0800, &vxlan(4789, &frame))),
        ("vxlan linux", 101, vxlan(8472, &cat(&[&frame, &[0; 4]]))),
        ("gre in vxlan", 101, vxlan(4789, &ether(0x0800, &gre(0, 0x0800, &[], &ip)))),
    ]
}

fn decode(packet: &Packet) -> (Result<(Addresses, Segment), Undecoded>, Vec<Finding>) {
    let mut findings = Findings::new();
    let decoded = Link::default().decode(packet, &mut findings);
    (decoded, findings.drain().collect())
}

fn segment(packet: &Packet) -> Segment {
    addressed(packet).1
}

fn addressed(packet: &Packet) -> (Addresses, Segment) {
    match decode(packet) {
        (Ok((addresses, segment)), findings) if findings.is_empty() => (addresses, segment),
        other => panic!("{other:?}"),
    }
}

fn code_of(packet: &Packet) -> Code {
    match decode(packet) {
        (Err(Undecoded::Unreadable), findings) if findings.len() == 1 => findings[0].code,
        other => panic!("{other:?}"),
    }
}

fn not_tcp(packet: &Packet) -> bool {
    matches!(decode(packet), (Err(Undecoded::NotTcp | Undecoded::Udp(_)), findings) if findings.is_empty())
}

#[test]
fn every_sample_gives_its_segment() {
    for (name, link_type, data) in samples() {
        let (Addresses { source, destination }, segment) = addressed(&packet(link_type, data));
        assert_eq!(segment.payload, PAYLOAD, "{name}");
        assert_eq!(segment.missing, 0, "{name}");
        assert_eq!((source.port(), destination.port()), (8080, 3000), "{name}");
        assert_eq!((segment.seq, segment.ack), (0x0102, Some(0x0304)), "{name}");
        assert_eq!(segment.window, 0x1020, "{name}");
        let (addresses, id) = match source.is_ipv4() {
            true => (("10.0.0.1", "10.0.0.2"), Some(7)),
            false => (("::1", "::2"), None),
        };
        assert_eq!(source.ip().to_string(), addresses.0, "{name}");
        assert_eq!(destination.ip().to_string(), addresses.1, "{name}");
        assert_eq!(segment.ip_id, id, "{name}");
    }
}

#[test]
fn truncated_packets_keep_the_ip_length() {
    for (name, link_type, data) in samples() {
        let whole = packet(link_type, data);
        let mut segments = 0;
        for len in 0..whole.data.len() {
            let cut = Packet { data: whole.data.slice(..len), ..whole.clone() };
            match decode(&cut) {
                (Ok((_, segment)), findings) => {
                    let total = segment.payload.len() + segment.missing as usize;
                    assert_eq!(total, PAYLOAD.len(), "{name} cut to {len}");
                    assert!(PAYLOAD.starts_with(&segment.payload) && findings.is_empty());
                    segments += 1;
                }
                (Err(Undecoded::Unreadable), findings) => {
                    let [finding] = findings.as_slice() else {
                        panic!("{name} cut to {len}: {findings:?}");
                    };
                    assert_eq!(finding.code, Code::CaptureCutPackets, "{name} cut to {len}: {finding:?}");
                    assert_eq!(segments, 0);
                }
                // Too short to recognise LLC, UDP or VXLAN.
                (Err(Undecoded::NotTcp | Undecoded::Udp(_)), _) => assert_eq!(segments, 0),
                (Err(Undecoded::Fragment), _) => panic!("{name} cut to {len}"),
            }
        }
        // The twelve bytes of options and all of the payload.
        assert!(segments >= 12 + PAYLOAD.len(), "{name}: {segments}");
        // Truncated without a record of the original length: the IP length counts.
        let mut short = whole.data.slice(..whole.data.len().saturating_sub(1)).to_vec();
        short.truncate(short.len() - usize::from(name.contains("trailer")) * 30);
        if let (Ok((_, segment)), _) = decode(&packet(link_type, short)) {
            assert_eq!(segment.payload.len() + segment.missing as usize, PAYLOAD.len(), "{name}");
        }
    }
}

#[test]
fn payload_is_a_slice_of_the_packet() {
    let packet = packet(1, ether(0x0800, &v4(6, &tcp(PAYLOAD))));
    let payload = segment(&packet).payload;
    assert!(packet.data.as_ptr_range().contains(&payload.as_ptr()));
}

#[test]
fn builder_of_etherparse_agrees() {
    let mut data = Vec::new();
    etherparse::PacketBuilder::ethernet2([1; 6], [2; 6])
        .double_vlan(etherparse::VlanId::try_new(3).unwrap(), etherparse::VlanId::try_new(4).unwrap())
        .ipv6([1; 16], [2; 16], 9)
        .tcp(80, 81, 5, 6)
        .syn()
        .write(&mut data, b"abc")
        .unwrap();
    let segment = segment(&packet(1, data));
    assert_eq!((segment.payload.as_ref(), segment.ack), (b"abc".as_slice(), None));
    assert_eq!(segment.flags, Flags { syn: true, ..Flags::default() });
}

#[test]
fn length_zero_is_the_length_of_the_packet() {
    for link_type in [0x0800, 0x86dd] {
        let mut ip = match link_type {
            0x0800 => v4(6, &tcp(PAYLOAD)),
            _ => v6(6, &tcp(PAYLOAD)),
        };
        let at = if link_type == 0x0800 { 2 } else { 4 };
        ip[at..at + 2].fill(0);
        let whole = packet(1, ether(link_type, &ip));
        assert_eq!(segment(&whole).payload, PAYLOAD);
        let cut = Packet { data: whole.data.slice(..whole.data.len() - 3), original_len: 90_000, ..whole };
        let segment = segment(&cut);
        assert_eq!(segment.payload, PAYLOAD[..PAYLOAD.len() - 3]);
        assert_eq!(segment.missing as usize + cut.data.len(), 90_000);
    }
    let mut jumbo = v6(0, &cat(&[&[6, 0, 0xc2, 4, 0, 1, 0x11, 0x70], &tcp(&[b'x'; 60_000])]));
    jumbo[4..6].fill(0);
    jumbo.resize(jumbo.len() + 9_960, b'x');
    assert_eq!(segment(&packet(229, jumbo)).payload.len(), 69_960);
}

#[test]
fn other_protocols_add_no_findings() {
    let ip = v4(6, &tcp(PAYLOAD));
    for (link_type, data) in [
        (1, ether(0x0806, &[0; 28])),
        (1, ether(38, &[0x42; 38])),
        (0, vec![7, 0, 0, 0, 1, 2, 3]),
        (9, vec![0xff, 3, 0xc0, 0x21, 1]),
        (113, cat(&[&[0; 14], &[0, 1], &ip])),
        (101, v4(17, &[0, 53, 0, 53, 0, 8, 0, 0])),
        (101, v4(1, &cat(&[&[3, 1, 0, 0, 0, 0, 0, 0], &ip]))),
        (101, v6(58, &cat(&[&[1, 1, 0, 0, 0, 0, 0, 0], &v6(6, &tcp(b""))]))),
        (101, v6(59, &[])),
        (101, gre(0x0001, 0x880b, &[0; 8], &ip)),
        (101, gre(0x4000, 0x0800, &[0; 8], &ip)),
    ] {
        assert!(not_tcp(&packet(link_type, data.clone())), "{link_type} {data:x?}");
    }
    // The port of VXLAN without its flag.
    let mut other = vxlan(8472, &ether(0x0800, &ip));
    other[24 + 8] = 0;
    assert!(not_tcp(&packet(101, other)));
}

#[test]
fn inconsistent_headers_add_findings() {
    let ip = v4(6, &tcp(PAYLOAD));
    let with = |at: usize, value: u8| {
        let mut data = ip.clone();
        data[at] = value;
        packet(101, data)
    };
    assert_eq!(code_of(&with(0, 0x56)), Code::LinkMalformed);
    assert_eq!(code_of(&with(0, 0x44)), Code::LinkMalformed);
    assert_eq!(code_of(&with(3, 10)), Code::LinkMalformed);
    assert_eq!(code_of(&with(3, 24 + 19)), Code::TcpMalformed);
    assert_eq!(code_of(&with(3, 24 + 31)), Code::TcpMalformed);
    assert_eq!(code_of(&with(24 + 12, 0x40)), Code::TcpMalformed);
    assert_eq!(code_of(&packet(228, v6(6, &tcp(PAYLOAD)))), Code::LinkMalformed);
    assert_eq!(code_of(&packet(1, vec![0; 13])), Code::LinkMalformed);
    let (_, findings) = decode(&packet(1, ether(0x0800, &ip[..10])));
    assert_eq!(findings[0].detail, "IPv4 header at offset 14 needs 20 bytes, 10 are there");
}

#[test]
fn nesting_is_bounded() {
    let mut nested = v4(6, &tcp(PAYLOAD));
    for _ in 0..limits::MAX_TUNNELS {
        nested = v4(4, &nested);
    }
    assert_eq!(segment(&packet(101, nested.clone())).payload, PAYLOAD);
    assert_eq!(code_of(&packet(101, v4(4, &nested))), Code::LinkMalformed);
    // Would recurse if header decoders called each other: SNAP in VLAN in SNAP, a million times.
    let snaps = [0x81, 0, 0, 5, 0, 60, 0xaa, 0xaa, 3, 0, 0, 0].repeat(1_000_000);
    assert_eq!(code_of(&packet(1, cat(&[&[2; 12], &snaps]))), Code::LinkMalformed);
}

#[test]
fn unsupported_link_types_are_reported_once() {
    let (mut link, mut findings) = (Link::default(), Findings::new());
    for link_type in [147, 147, 105].into_iter().chain(1000..1100) {
        let packet = packet(link_type, vec![0; 60]);
        assert!(matches!(link.decode(&packet, &mut findings), Err(Undecoded::Unreadable)));
    }
    assert_eq!(findings.list().len(), limits::MAX_UNSUPPORTED);
    assert_eq!(findings.list()[0].detail, "link type 147 is not supported");
}

proptest! {
    /// Samples with bytes changed, and garbage: never a panic, never more payload than there is.
    #[test]
    fn garbage_never_panics(
        pick: prop::sample::Index,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        garbage in proptest::collection::vec(any::<u8>(), 0..120),
        cut: prop::sample::Index,
        original_len: u32,
    ) {
        let samples = samples();
        let (_, link_type, mut data) = pick.get(&samples).clone();
        for (at, value) in changes {
            *at.get_mut(&mut data) = value;
        }
        data.truncate(cut.index(data.len() + 1));
        let (mut link, mut findings) = (Link::default(), Findings::new());
        for data in [data, garbage] {
            let packet = Packet { original_len: original_len.max(data.len() as u32), ..packet(link_type, data) };
            if let Ok((_, segment)) = link.decode(&packet, &mut findings) {
                prop_assert!(segment.payload.len() <= packet.data.len());
            }
        }
        link.end(&mut findings);
    }
}

#[test]
fn an_empty_packet_of_every_link_type() {
    for link_type in 0..300 {
        let (decoded, findings) = decode(&packet(link_type, Vec::new()));
        assert!(matches!(decoded, Err(Undecoded::Unreadable)) && findings.len() == 1);
    }
    assert!(matches!(
        Link::default()
            .decode(&Packet { data: Bytes::new(), ..packet(1, vec![0; 60]) }, &mut Findings::new()),
        Err(Undecoded::Unreadable)
    ));
}

/// Packets of one device and direction have the same vantage point, others another one.
#[test]
fn device_and_direction_make_the_vantage_point() {
    let seen = |link_type: u32, interface: u32, header: &[u8]| {
        headers::vantage(&Packet { interface, ..packet(link_type, header.to_vec()) })
    };
    let sll2 = |index: u8, kind: u8| seen(276, 0, &[8, 0, 0, 0, 0, 0, 0, index, 0, 1, kind, 6]);
    assert_eq!(sll2(3, 0), sll2(3, 0));
    let others = [sll2(3, 0), sll2(3, 4), sll2(4, 0), sll2(4, 4)];
    let sll = [seen(113, 0, &[0, 0]), seen(113, 0, &[0, 3]), seen(113, 0, &[0, 4])];
    let interfaces = [seen(1, 0, &[]), seen(1, 1, &[]), seen(1, 2, &[])];
    for seen in [others.as_slice(), &sll, &interfaces] {
        let distinct: std::collections::BTreeSet<u32> = seen.iter().copied().collect();
        assert_eq!(distinct.len(), seen.len(), "{seen:?}");
    }
    assert_eq!(seen(1, 0, &[1, 2, 3]), seen(101, 0, &[4, 5, 6]), "no device is named");
}

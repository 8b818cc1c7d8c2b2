//! The examples of RFC 9001 and RFC 9369, ClientHellos in pieces, and hostile datagrams.

use proptest::prelude::*;

use super::header::{Initial, Version};
use super::*;
use crate::base::limits;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

/// The CRYPTO frame of RFC 9001 appendix A.2, which RFC 9369 appendix A.2 has as well.
const FRAME: &str = "
    060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c0000041301
    1302010000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007
    000504616c706e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f5
    0f1ce15d43e994ec74d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c00
    024001003900320408ffffffffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f0
    3e51570806048000ffff";

/// Length of the example's payload with its padding, in bytes.
const PADDED: usize = 1162;

const ID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];

/// An Initial that a client sends to `id`, in a datagram of 1200 bytes.
fn datagram(version: Version, id: &[u8], number: u8, frames: &[u8]) -> Vec<u8> {
    let (first, bytes) = match version {
        Version::V1 => (0xc3, [0, 0, 0, 1]),
        Version::V2 => (0xd3, [0x6b, 0x33, 0x43, 0xcf]),
    };
    let front = [&[first][..], &bytes, &[id.len() as u8], id, &[0, 0]].concat();
    let padded = 1200 - front.len() - 2 - 4 - 16;
    let len = (0x4000 | (4 + padded as u16 + 16)).to_be_bytes();
    let header = [&front[..], &len, &[0, 0, 0, number]].concat();
    let mut frames = frames.to_vec();
    frames.resize(padded, 0);
    let initial = Initial { version, destination_id: id, packet: &[], number_at: 0 };
    Keys::of_client(&initial).unwrap().seal(&header, &frames)
}

/// A CRYPTO frame.
fn frame(offset: usize, data: &[u8]) -> Vec<u8> {
    let number = |number: usize| (0x4000 | number as u16).to_be_bytes();
    [&[6][..], &number(offset), &number(data.len()), data].concat()
}

/// The ClientHello of [`FRAME`].
fn hello() -> Vec<u8> {
    hex(FRAME).split_off(4)
}

fn end(host: u8, port: u16) -> SocketAddr {
    ([10, 0, 0, host], port).into()
}

/// The connections of a capture, and how many began.
fn read(quic: &mut QuicConnections, payloads: &[Vec<u8>]) -> (Vec<QuicConnection>, usize) {
    let (mut out, mut began) = (Vec::new(), 0);
    for (packet, payload) in payloads.iter().enumerate() {
        began += usize::from(push(quic, (1, 50_000), packet, payload, &mut out));
    }
    (out, began)
}

fn push(
    quic: &mut QuicConnections,
    (host, port): (u8, u16),
    packet: usize,
    payload: &[u8],
    out: &mut Vec<QuicConnection>,
) -> bool {
    let at = Origin::new(packet as u64 + 1, 0);
    let (source, destination) = (end(host, port), end(2, 443));
    quic.push(&Datagram { source, destination, payload, wire_len: payload.len(), at }, out)
}

fn example() -> Asked {
    Asked { sni: Some("example.com".into()), alpn: vec!["alpn".into()] }
}

#[test]
fn the_examples_of_the_rfcs_are_read() {
    // Beginning and end of the protected packets: RFC 9001 and RFC 9369, appendix A.2.
    let v1 = (
        "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9bd8bab936b47d92ec356c",
        "7e78bfe706ca4cf5e9c5453e9f7cfd2b8b4c8d169a44e55c88d4a9a7f9474241e221af44860018ab0856972e194cd934",
    );
    let v2 = (
        "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485dd04de806071bf03dceebfa162e75d6c",
        "9a37ddec600545473cfb5a05e08d0b209973b2172b4d21fb69745a262ccde96ba18b2faa745b6fe189cf772a9f84cbfc",
    );
    for (version, (begin, end)) in [(Version::V1, v1), (Version::V2, v2)] {
        let packet = datagram(version, &ID, 2, &hex(FRAME));
        assert_eq!(packet.len(), 22 + PADDED + 16);
        assert!(packet.starts_with(&hex(begin)) && packet.ends_with(&hex(end)), "{version:?}");
        let (named, began) = read(&mut QuicConnections::default(), &[packet]);
        assert_eq!(began, 1);
        let [named] = &named[..] else { panic!("{named:?}") };
        assert_eq!(named.asked, Some(example()));
        assert!(!example().is_http3());
    }
}

/// Browsers cut a ClientHello into pieces, in any order and over several packets.
#[test]
fn a_client_hello_in_pieces_is_joined() {
    let hello = hello();
    let pieces = |from: usize, to: usize| frame(from, &hello[from..to]);
    let first = [pieces(200, 241), vec![1], pieces(0, 3), vec![0; 7], pieces(90, 120)].concat();
    let ack = [2, 0, 0, 1, 0, 0, 0];
    let second = [&ack[..], &pieces(100, 200), &pieces(3, 95)].concat();
    let packets = [
        datagram(Version::V1, &ID, 0, &first),
        // Repeated, and with another id: it does not open, and costs nothing that came.
        datagram(Version::V1, &ID, 1, &first),
        datagram(Version::V1, &ID, 2, &second),
        datagram(Version::V1, &ID, 3, &second),
    ];
    let mut quic = QuicConnections::default();
    let (named, began) = read(&mut quic, &packets);
    assert_eq!((named.len(), began), (1, 1));
    assert_eq!(named[0].asked, Some(example()));
    assert_eq!((named[0].at.packet.0, named[0].client), (1, end(1, 50_000)));
    assert_eq!(quic.held(), 0);
}

/// A server that wants to see the address first sends a Retry: the client begins again, to the id
/// of the server.
#[test]
fn a_client_begins_again_after_a_retry() {
    let hello = hello();
    let packets = [
        datagram(Version::V1, &ID, 0, &frame(0, &hello[..100])),
        datagram(Version::V1, &[7; 20], 1, &frame(0, &hello)),
    ];
    let (named, began) = read(&mut QuicConnections::default(), &packets);
    assert_eq!((named.len(), began), (1, 1));
    assert_eq!(named[0].asked, Some(example()));
}

#[test]
fn a_client_hello_that_is_not_complete_is_named_without_it() {
    let hello = hello();
    let part = datagram(Version::V1, &ID, 0, &frame(0, &hello[..100]));
    let mut quic = QuicConnections::default();
    let (mut named, _) = read(&mut quic, std::slice::from_ref(&part));
    assert!(named.is_empty() && quic.held() > 0);
    quic.finish(&mut named);
    assert_eq!((named.len(), named[0].asked.clone(), quic.held()), (1, None, 0));
    // As many Initials as are read.
    let (named, _) = read(&mut QuicConnections::default(), &vec![part.clone(); MAX_INITIALS + 5]);
    assert_eq!((named.len(), named[0].asked.clone()), (1, None));
    // Cut by the snapshot length: it cannot be opened.
    let at = Origin::new(1, 1);
    let (source, destination) = (end(1, 50_000), end(2, 443));
    let cut = Datagram { source, destination, payload: &part[..80], wire_len: 1200, at };
    let mut named = Vec::new();
    assert!(QuicConnections::default().push(&cut, &mut named));
    assert_eq!((named.len(), named[0].asked.clone()), (1, None));
}

#[test]
fn what_is_no_initial_of_a_client_is_none() {
    let packet = datagram(Version::V1, &ID, 0, &frame(0, &hello()));
    let mut quic = QuicConnections::default();
    let mut others = vec![packet[..1199].to_vec(), Vec::new(), vec![0x40; 1200]];
    for (at, value) in [(0, 0x80), (0, 0xe3), (4, 9), (5, 21)] {
        let mut other = packet.clone();
        other[at] = value;
        others.push(other);
    }
    let (named, began) = read(&mut quic, &others);
    assert!(named.is_empty() && began == 0 && quic.known.is_empty(), "{named:?}");
    // The answer of the server belongs to the client's connection.
    let mut out = Vec::new();
    assert!(push(&mut quic, (1, 50_000), 0, &packet, &mut out));
    let at = Origin::new(2, 2);
    let (source, destination) = (end(2, 443), end(1, 50_000));
    let answer = Datagram { source, destination, payload: &packet, wire_len: 1200, at };
    assert!(!quic.push(&answer, &mut out));
    assert_eq!(out.len(), 1);
}

/// A flood of clients that never complete their ClientHello.
#[test]
fn what_is_kept_of_many_clients_is_bounded() {
    let packet = datagram(Version::V1, &ID, 0, &frame(limits::MAX_QUIC_HELLO - 1, &[1]));
    let (mut quic, mut out, mut began) = (QuicConnections::default(), Vec::new(), 0);
    let clients = limits::MAX_QUIC_CONNECTIONS + 1000;
    for number in 0..clients {
        began += usize::from(push(&mut quic, (1, number as u16), number, &packet, &mut out));
        assert!(quic.known.len() <= limits::MAX_QUIC_CONNECTIONS && quic.order.len() == quic.known.len());
        assert!(quic.held <= limits::MAX_QUIC_HELD + limits::MAX_QUIC_HELLO, "{}", quic.held);
    }
    quic.finish(&mut out);
    assert_eq!((began, out.len(), quic.held), (clients, clients, 0));
    // Frames that go beyond the limit, and frames with a hole between any two.
    for frames in [
        frame(limits::MAX_QUIC_HELLO, &[1]),
        (0..200).flat_map(|number| frame(number * 3, &[1])).collect(),
        vec![0x1c, 1, 2, 3],
        vec![2, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0],
    ] {
        let (mut quic, mut crypto) = (QuicConnections::default(), Crypto::default());
        assert!(!crypto.push(&frames));
        assert!(read(&mut quic, &[datagram(Version::V1, &ID, 0, &frames)]).0.is_empty());
    }
}

proptest! {
    /// Any datagrams, some with a true header: no panic, and each connection is named once.
    #[test]
    fn any_datagrams_are_survived(
        payloads in prop::collection::vec((any::<bool>(), 0usize..1200, prop::collection::vec(0u8.., 0..40)), 0..20),
    ) {
        let mut quic = QuicConnections::default();
        let payloads: Vec<_> = payloads.into_iter().map(|(is_true, at, bytes)| {
            let mut payload = datagram(Version::V1, &ID, 0, &frame(at, &bytes));
            if !is_true {
                payload.iter_mut().skip(at).zip(&bytes).for_each(|(byte, other)| *byte = *other);
            }
            payload
        }).collect();
        let (mut named, began) = read(&mut quic, &payloads);
        quic.finish(&mut named);
        prop_assert_eq!(named.len(), began);
        prop_assert_eq!(quic.held(), 0);
    }

    /// Any frames, cut anywhere: no panic, and nothing beyond the limit is kept.
    #[test]
    fn any_frames_are_survived(frames in prop::collection::vec(prop_oneof![Just(6u8), Just(2), 0u8..4, 0u8..], 0..200)) {
        let mut crypto = Crypto::default();
        crypto.push(&frames);
        drop(crypto.client_hello().and_then(ClientHello::read));
        prop_assert!(crypto.held() <= limits::MAX_QUIC_HELLO);
    }
}

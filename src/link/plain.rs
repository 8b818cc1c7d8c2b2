//! Decodes the packets that nearly all captures consist of in one step: TCP over IPv4 without
//! options over Ethernet.
//!
//! Everything else is left to the general way by [`super::headers`], [`super::ip`] and
//! [`super::segment`], which decodes plain packets to the same segments: a test compares them.

use std::net::SocketAddr;

use bytes::{Buf as _, Bytes};

use super::segment::{Addresses, Flags, Segment};
use crate::capture::{LinkType, Packet};

/// LINKTYPE_ETHERNET.
const ETHERNET: LinkType = LinkType(1);

/// Length of the three headers without options, in bytes.
const HEADERS: usize = 54;

/// Offset of the TCP header, in bytes.
const TCP: usize = 34;

/// Decodes a plain packet, and takes its payload out of it; `None` if it is not plain, or if
/// anything is wrong with it. `vantage` is that of the packet.
// Made in place for the caller: a copy of the result takes as long as decoding.
#[inline(always)]
pub(super) fn open(packet: &mut Packet, vantage: u32) -> Option<(Addresses, Segment)> {
    if packet.link_type != ETHERNET {
        return None;
    }
    // A pattern needs no bounds checks.
    #[rustfmt::skip]
    let [
        _, _, _, _, _, _, _, _, _, _, _, _, 0x08, 0x00,
        0x45, _, l0, l1, i0, i1, f0, f1, hop_limit, 6, _, _, sa, sb, sc, sd, da, db, dc, dd,
        s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, words, flags, w0, w1, _, _, _, _,
    ] = *packet.data.first_chunk::<HEADERS>()?
    else {
        return None;
    };
    // Neither more fragments nor an offset (RFC 791 section 3.1).
    if u16::from_be_bytes([f0, f1]) & 0x3fff != 0 {
        return None;
    }
    let header_len = usize::from(words >> 4) * 4;
    let wire_len = usize::from(u16::from_be_bytes([l0, l1])).checked_sub(20 + header_len)?;
    if header_len < 20 {
        return None;
    }
    let from = (TCP + header_len).min(packet.data.len());
    let to = (TCP + header_len + wire_len).min(packet.data.len());
    let payload = if from < to {
        // Without another reference to the block.
        let mut payload = std::mem::take(&mut packet.data);
        payload.truncate(to);
        payload.advance(from);
        payload
    } else {
        Bytes::new()
    };
    let addresses = Addresses {
        source: SocketAddr::from(([sa, sb, sc, sd], u16::from_be_bytes([s0, s1]))),
        destination: SocketAddr::from(([da, db, dc, dd], u16::from_be_bytes([d0, d1]))),
    };
    let segment = Segment {
        origin: packet.origin,
        vantage,
        ip_id: Some(u16::from_be_bytes([i0, i1])),
        hop_limit,
        seq: u32::from_be_bytes([q0, q1, q2, q3]),
        ack: (flags & 0x10 != 0).then(|| u32::from_be_bytes([a0, a1, a2, a3])),
        flags: Flags { syn: flags & 0x02 != 0, fin: flags & 0x01 != 0, rst: flags & 0x04 != 0 },
        window: u16::from_be_bytes([w0, w1]),
        missing: u32::try_from(wire_len - payload.len()).unwrap_or(u32::MAX),
        payload,
    };
    Some((addresses, segment))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::{Findings, Origin};
    use crate::link::Link;

    /// A plain packet of `len` payload bytes.
    fn plain(len: usize) -> Vec<u8> {
        let mut bytes = vec![2; 12];
        bytes.extend([0x08, 0x00, 0x45, 0]);
        bytes.extend(u16::try_from(40 + len).unwrap().to_be_bytes());
        bytes.extend([0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        bytes.extend([0x9c, 0x40, 0x0b, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 0x50, 0x18, 1, 0, 0, 0, 0, 0]);
        bytes.extend((0..len).map(|byte| byte as u8));
        bytes
    }

    fn packet(data: Vec<u8>, more: u32) -> Packet {
        let original_len = u32::try_from(data.len()).unwrap() + more;
        let (origin, link_type) = (Origin::new(7, 8), LinkType(1));
        Packet { origin, link_type, interface: 3, original_len, data: Bytes::from(data) }
    }

    #[test]
    fn a_segment_of_ethernet_and_ipv4_is_plain() {
        let (addresses, segment) = open(&mut packet(plain(5), 0), 9).expect("plain");
        assert_eq!(addresses.source, "10.0.0.1:40000".parse().unwrap());
        assert_eq!((&segment.payload[..], segment.missing), (&[0, 1, 2, 3, 4][..], 0));
    }

    proptest! {
        /// However a packet is damaged or cut, what is taken for plain is decoded as in the general
        /// way.
        #[test]
        fn plain_packets_are_decoded_as_all_others_are(
            len in 0usize..40,
            changes in prop::collection::vec((0usize..94, any::<u8>()), 0..3),
            words in prop_oneof![3 => Just(5u8), 1 => 0u8..16],
            total in prop_oneof![3 => Just(None), 1 => (0u8..120).prop_map(Some)],
            cut in prop_oneof![2 => Just(usize::MAX), 1 => 0usize..94],
            padding in 0usize..20,
        ) {
            let mut bytes = plain(len);
            bytes[46] = words << 4;
            if let Some(total) = total {
                bytes[17] = total;
            }
            for (at, byte) in changes {
                if let Some(into) = bytes.get_mut(at) {
                    *into = byte;
                }
            }
            bytes.extend(std::iter::repeat_n(0, padding));
            let lost = bytes.len().saturating_sub(cut);
            bytes.truncate(cut);
            let packet = packet(bytes, u32::try_from(lost).unwrap());
            if let Some((addresses, segment)) = open(&mut packet.clone(), 9) {
                let mut findings = Findings::new();
                let general = Link::default().open_packet(&packet, 9, &mut findings);
                let (expected, general) = general.map_err(|why| TestCaseError::fail(format!("{why:?}")))?;
                prop_assert_eq!(format!("{addresses:?} {segment:?}"), format!("{expected:?} {general:?}"));
                prop_assert!(findings.is_empty());
            }
        }
    }
}

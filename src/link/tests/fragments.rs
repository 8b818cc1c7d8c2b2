//! Fragments in any order, overlapping, truncated, too many; compared with a simple model.

use proptest::prelude::*;

use super::*;

/// Fragments of `payload` in IPv4 (with flag bits) or IPv6, cut at multiples of eight.
fn fragment(v6_: bool, id: u16, payload: &[u8], from: usize, to: usize) -> Vec<u8> {
    let more = u16::from(to < payload.len());
    let offset = u16::try_from(from / 8).unwrap();
    let bytes = &payload[from..to];
    if v6_ {
        let (field, id) = ((offset << 3 | more).to_be_bytes(), id.to_be_bytes());
        return v6(44, &cat(&[&[6, 0, field[0], field[1], 0, 0, id[0], id[1]], bytes]));
    }
    v4_with(id, more << 13 | offset, 6, bytes)
}

fn big() -> Vec<u8> {
    tcp(&(0..200).collect::<Vec<u8>>())
}

#[test]
fn fragments_complete_once_and_copies_are_recognised() {
    for v6_ in [false, true] {
        let (mut link, mut findings, big) = (Link::default(), Findings::new(), big());
        let parts = [(96, big.len()), (0, 48), (48, 96), (48, 96), (0, 48), (96, big.len())];
        let mut found = Vec::new();
        for (i, (from, to)) in parts.into_iter().enumerate() {
            let packet = at(i as u64 + 1, i as i64, fragment(v6_, 5, &big, from, to));
            match link.decode(&packet, &mut findings) {
                Ok((_, segment)) => found.push(segment),
                other => assert!(matches!(other, Err(Undecoded::Fragment)), "{other:?}"),
            }
        }
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].origin, Origin::new(3, 2));
        assert_eq!(found[0].payload, big[32..]);
        link.end(&mut findings);
        assert!(findings.is_empty());
    }
}

#[test]
fn fragments_of_a_tunnel() {
    let outer = gre(0, 0x0800, &[], &v4(6, &tcp(PAYLOAD)))[24..].to_vec();
    let (mut link, mut findings) = (Link::default(), Findings::new());
    let first = at(1, 0, v4_with(9, 0x2000, 47, &outer[..16]));
    let last = at(2, 0, v4_with(9, 2, 47, &outer[16..]));
    assert!(matches!(link.decode(&first, &mut findings), Err(Undecoded::Fragment)));
    let Ok((_, segment)) = link.decode(&last, &mut findings) else {
        panic!("{findings:?}");
    };
    assert_eq!((segment.payload.as_ref(), segment.ip_id), (PAYLOAD, Some(7)));
}

#[test]
fn incomplete_packets_add_findings() {
    let (mut link, mut findings, big) = (Link::default(), Findings::new(), big());
    let _ = link.decode(&at(1, 0, fragment(false, 5, &big, 0, 48)), &mut findings);
    let _ = link.decode(&at(2, limits::FRAGMENT_WAIT, v4(17, &[0; 8])), &mut findings);
    assert!(findings.is_empty());
    let _ = link.decode(&at(3, limits::FRAGMENT_WAIT + 1, v4(17, &[0; 8])), &mut findings);
    let _ = link.decode(&at(4, limits::FRAGMENT_WAIT + 2, fragment(true, 6, &big, 48, 96)), &mut findings);
    link.end(&mut findings);
    let codes: Vec<_> = findings.drain().map(|f| (f.code, f.at.unwrap().packet.0)).collect();
    let code = Code::LinkFragmentIncomplete;
    assert_eq!(codes, [(code, 1), (code, 4)]);
}

#[test]
fn a_truncated_fragment_abandons_its_packet() {
    let (mut link, mut findings, big) = (Link::default(), Findings::new(), big());
    let mut cut = at(1, 0, fragment(false, 5, &big, 0, 48));
    cut.data.truncate(60);
    for packet in [cut, at(2, 0, fragment(false, 5, &big, 48, big.len()))] {
        assert!(matches!(link.decode(&packet, &mut findings), Err(Undecoded::Fragment)));
    }
    link.end(&mut findings);
    assert_eq!(findings.list().len(), 1);
    assert_eq!(findings.list()[0].code, Code::LinkFragmentIncomplete);
}

#[test]
fn overlapping_fragments_keep_the_first_copy() {
    let (mut link, mut findings, big) = (Link::default(), Findings::new(), big());
    let other: Vec<u8> = big.iter().map(|b| b ^ 0xff).collect();
    let _ = link.decode(&at(1, 0, fragment(false, 5, &big, 0, 96)), &mut findings);
    let _ = link.decode(&at(2, 0, fragment(false, 5, &big, 40, 104)), &mut findings);
    assert!(findings.is_empty());
    let _ = link.decode(&at(3, 0, fragment(false, 5, &other, 48, 104)), &mut findings);
    assert_eq!(findings.drain().next().unwrap().code, Code::LinkFragmentOverlap);
    // An end that differs from the known one.
    let decoded = link.decode(&at(4, 0, fragment(false, 5, &big[..80], 48, 80)), &mut findings);
    assert!(matches!(decoded, Err(Undecoded::Fragment)));
    assert_eq!(findings.drain().next().unwrap().code, Code::LinkFragmentOverlap);
    match link.decode(&at(5, 0, fragment(false, 5, &big, 104, big.len())), &mut findings) {
        Ok((_, segment)) => assert_eq!(segment.payload, big[32..]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn fragments_have_caps() {
    let (mut link, mut findings, big) = (Link::default(), Findings::new(), big());
    for id in 0..=limits::MAX_FRAGMENTED {
        let id = u16::try_from(id).unwrap();
        let _ = link.decode(&at(u64::from(id) + 1, 0, fragment(false, id, &big, 0, 48)), &mut findings);
    }
    let finding = findings.drain().next().unwrap();
    assert_eq!((finding.code, finding.at), (Code::LinkFragmentLimit, Some(Origin::new(1, 0))));
    link.end(&mut findings);
    assert_eq!(findings.list().len(), limits::MAX_FRAGMENTED);
    // Ends beyond the maximum payload, or has an invalid length.
    assert_eq!(code_of(&packet(101, v4_with(1, 0x1fff, 6, &[0; 16]))), Code::LinkMalformed);
    assert_eq!(code_of(&packet(101, v4_with(1, 0x2000, 6, &[0; 15]))), Code::LinkMalformed);
}

proptest! {
    /// Fragments in any order, of any lengths, overlapping and repeated: the packet is complete
    /// exactly once, when a map of received bytes is, and its bytes are correct.
    #[test]
    fn fragments_against_a_map_of_bytes(
        v6_: bool,
        len in 1usize..300,
        parts in proptest::collection::vec((0usize..40, 1usize..12), 1..80),
    ) {
        let payload = tcp(&(0..len).map(|i| i as u8).collect::<Vec<u8>>());
        let mut came = vec![false; payload.len()];
        let (mut link, mut findings, mut done) = (Link::default(), Findings::new(), false);
        for (i, (from, blocks)) in parts.into_iter().enumerate() {
            let from = from * 8 % payload.len() / 8 * 8;
            let to = (from + blocks * 8).min(payload.len());
            if (from, to) == (0, payload.len()) {
                continue;
            }
            came[from..to].fill(true);
            let decoded = link.decode(&at(i as u64 + 1, i as i64, fragment(v6_, 5, &payload, from, to)), &mut findings);
            if !done && came.iter().all(|c| *c) {
                done = true;
                match decoded {
                    Ok((_, segment)) => {
                        prop_assert_eq!(segment.payload.as_ref(), &payload[32..]);
                        prop_assert_eq!(segment.origin.packet.0, i as u64 + 1);
                    }
                    other => prop_assert!(false, "{other:?}"),
                }
            } else {
                prop_assert!(matches!(decoded, Err(Undecoded::Fragment)));
            }
            prop_assert!(findings.is_empty());
        }
    }
}

//! The fuzz target of packet headers.

use bytes::Bytes;

use super::{Link, plain};
use crate::base::fuzz::Choices;
use crate::base::{Findings, Origin};
use crate::capture::{LinkType, Packet};

/// Link types: those that are decoded, and one that is not.
pub(crate) const LINK_TYPES: [u32; 16] = [1, 0, 9, 12, 14, 50, 51, 101, 104, 108, 113, 147, 228, 229, 276, 1];

/// Packets: a segment has no more payload than came, and a packet of the plain form is decoded as
/// all others are.
pub fn frames(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (mut link, mut findings, mut number, mut pushed) = (Link::default(), Findings::new(), 0, 0);
    while !choices.is_empty() {
        let (choice, data) = (choices.u8(), Bytes::copy_from_slice(choices.piece()));
        let link_type = LINK_TYPES.get(usize::from(choice & 15) % LINK_TYPES.len()).copied().unwrap_or(1);
        number += 1;
        pushed += data.len();
        // The snapshot length cut off some bytes of it, or none.
        let cut = u32::from(choice >> 4) * 40;
        let packet = Packet {
            origin: Origin::new(number, i64::try_from(number).unwrap_or(0) * 1_000_000_000),
            link_type: LinkType(link_type),
            interface: 0,
            original_len: u32::try_from(data.len()).unwrap_or(0) + cut,
            data,
        };
        if let Some(plain) = plain::open(&mut packet.clone(), 0) {
            let mut none = Findings::new();
            let general = Link::default().open_packet(&packet, 0, &mut none);
            assert_eq!(format!("{:?}", Ok::<_, ()>(plain)), format!("{:?}", general.map_err(drop)));
            assert!(none.is_empty());
        }
        if let Ok((_, segment)) = link.decode(&packet, &mut findings) {
            assert!(segment.payload.len() <= pushed, "{} bytes of {pushed}", segment.payload.len());
            let is_whole = link.fragments().is_empty();
            assert!(!is_whole || segment.payload.len() <= packet.data.len());
        }
    }
    link.end(&mut findings);
}

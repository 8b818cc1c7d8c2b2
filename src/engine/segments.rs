//! Facts about segments.

use crate::base::fact::{DirectionFact, SegmentFact, SegmentNote};
use crate::base::tls::client_random;
use crate::base::{End, PacketNo};
use crate::link::Segment;
use crate::tcp::ConnectionId;

/// Returns the fact about a segment, with an ordinary place in its direction. `fragments` are the
/// packets that it was reassembled from.
pub(super) fn fact(id: ConnectionId, from: End, segment: &Segment, fragments: &[PacketNo]) -> SegmentFact {
    let Segment { origin, seq, ack, flags, payload, window, hop_limit, .. } = segment;
    SegmentFact {
        tcp_stream: id.tcp_stream,
        origin: *origin,
        fragments: fragments.iter().copied().filter(|packet| *packet != origin.packet).collect(),
        from,
        seq: *seq,
        ack: *ack,
        syn: flags.syn,
        fin: flags.fin,
        rst: flags.rst,
        len: segment.wire_len(),
        window: *window,
        hop_limit: *hop_limit,
        client_random: client_random(payload),
        note: SegmentNote::Ordinary,
    }
}

/// Returns the place of a segment in its direction, from the counts of the direction before and
/// after it.
pub(super) fn note(before: DirectionFact, after: DirectionFact) -> SegmentNote {
    let has_more = |count: fn(&DirectionFact) -> u64| count(&after) > count(&before);
    if has_more(|counts| counts.duplicates) {
        SegmentNote::Duplicate
    } else if has_more(|counts| counts.lost_before) {
        SegmentNote::LostBefore
    } else if has_more(|counts| counts.retransmissions) {
        SegmentNote::Retransmission
    } else if has_more(|counts| counts.out_of_order) {
        SegmentNote::OutOfOrder
    } else if has_more(|counts| counts.holes) {
        SegmentNote::AfterHole
    } else {
        SegmentNote::Ordinary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_copy_differs_from_one_that_was_overtaken() {
        let counts = DirectionFact::default();
        for (after, want) in [
            (DirectionFact { retransmissions: 1, lost_before: 1, ..counts }, SegmentNote::LostBefore),
            (DirectionFact { retransmissions: 1, ..counts }, SegmentNote::Retransmission),
            (DirectionFact { out_of_order: 1, ..counts }, SegmentNote::OutOfOrder),
            (DirectionFact { holes: 1, packets: 1, ..counts }, SegmentNote::AfterHole),
            (DirectionFact { duplicates: 1, ..counts }, SegmentNote::Duplicate),
            (DirectionFact { packets: 1, bytes: 9, ..counts }, SegmentNote::Ordinary),
        ] {
            assert_eq!(note(counts, after), want);
        }
    }
}

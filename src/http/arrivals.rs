//! When the pieces of a body arrived.

use crate::base::{Origin, limits};

/// Where in a body pieces end, and the packet that completed each. Nothing is kept of a body that
/// came in one piece.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// The length of the body up to the end of a piece, and the packet that completed it.
    ends: Vec<(u64, Origin)>,
    /// The packet that completed the latest piece.
    latest: Origin,
    /// Packets between two that are kept.
    every: u32,
    /// Packets since the last one that is kept.
    since: u32,
}

impl Arrivals {
    /// Records the next piece, which the packet `at` completed; `before` is the length of the body
    /// before it. Pieces of the same time are one, so that it does not matter how a packet is cut.
    #[inline]
    pub(super) fn record(&mut self, before: u64, at: Origin) {
        if before > 0 && at.time != self.latest.time {
            self.next_packet(before);
        }
        self.latest = at;
    }

    /// The pieces so far, of `len` bytes, came with another packet than the next ones.
    fn next_packet(&mut self, len: u64) {
        self.since += 1;
        if self.since <= self.every {
            return;
        }
        self.since = 0;
        if self.ends.len() >= limits::MAX_ARRIVALS {
            let mut place = 0;
            self.ends.retain(|_| {
                place += 1;
                place % 2 == 0
            });
            self.every = self.every * 2 + 1;
        }
        self.ends.push((len, self.latest));
    }

    /// Returns the packet that completed the first `len` bytes, or one a little later of a body in
    /// very many pieces; `None` if that is the packet that completed the body.
    #[must_use]
    pub fn at(&self, len: u64) -> Option<Origin> {
        let place = self.ends.partition_point(|(end, _)| *end < len);
        self.ends.get(place).map(|(_, at)| *at)
    }

    /// Returns what is allocated, in bytes.
    pub(super) fn held(&self) -> usize {
        self.ends.capacity() * size_of::<(u64, Origin)>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(pieces: &[(u64, i64)]) -> (Arrivals, u64) {
        let (mut arrivals, mut len) = (Arrivals::default(), 0);
        for (bytes, time) in pieces {
            arrivals.record(len, Origin::new(*time as u64, *time));
            len += bytes;
        }
        (arrivals, len)
    }

    proptest! {
        /// The packet of each byte is found, as in a list of all bytes, however packets are cut.
        #[test]
        fn each_byte_has_its_packet(
            packets in prop::collection::vec(prop::collection::vec(1u64..4, 1..4), 1..20),
        ) {
            let cut: Vec<_> = packets.iter().enumerate()
                .flat_map(|(time, pieces)| pieces.iter().map(move |bytes| (*bytes, time as i64)))
                .collect();
            let whole: Vec<_> = packets.iter().enumerate()
                .map(|(time, pieces)| (pieces.iter().sum::<u64>(), time as i64))
                .collect();
            let (arrivals, len) = record(&cut);
            let (other, _) = record(&whole);
            let bytes: Vec<i64> = whole.iter().flat_map(|(n, time)| (0..*n).map(|_| *time)).collect();
            for (at, time) in (1..=len).zip(bytes) {
                let last = packets.len() as i64 - 1;
                let found = |arrivals: &Arrivals| arrivals.at(at).map_or(last, |at| at.time.0);
                prop_assert_eq!(found(&arrivals), time);
                prop_assert_eq!(found(&other), time);
            }
        }
    }

    #[test]
    fn a_body_of_very_many_packets_keeps_some_places() {
        let pieces: Vec<_> = (0..100_000).map(|time| (1, time)).collect();
        let (arrivals, len) = record(&pieces);
        assert!(arrivals.ends.len() <= limits::MAX_ARRIVALS);
        for at in (1..len).step_by(997) {
            let found = arrivals.at(at).map_or(99_999, |at| at.time.0);
            assert!((at as i64 - 1..at as i64 + 100).contains(&found), "{at}: {found}");
        }
    }
}

//! Round trips that PING frames show (RFC 9113 section 6.7).

use crate::base::{Origin, RoundTrips, Side};

/// PING frames of a connection.
#[derive(Debug, Default)]
pub(super) struct Pings {
    /// The latest PING of the client and of the server that was not answered: its payload and its
    /// packet.
    open: [Option<([u8; 8], Origin)>; 2],
    round_trips: RoundTrips,
}

impl Pings {
    /// `by` sent a PING.
    pub(super) fn sent(&mut self, by: Side, payload: &[u8], at: Origin) {
        if let Some(payload) = payload.first_chunk() {
            *self.of(by) = Some((*payload, at));
        }
    }

    /// `by` answered a PING of the other side.
    pub(super) fn ack(&mut self, by: Side, payload: &[u8], at: Origin) {
        let open = self.of(by.other());
        if let Some((_, sent)) = open.take_if(|(sent, _)| payload == sent.as_slice()) {
            self.round_trips.add(at.time.since(sent.time));
        }
    }

    /// Returns what was measured.
    pub(super) fn round_trips(&self) -> RoundTrips {
        self.round_trips
    }

    fn of(&mut self, side: Side) -> &mut Option<([u8; 8], Origin)> {
        let [client, server] = &mut self.open;
        if side == Side::Client { client } else { server }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_lasts_from_a_ping_to_its_own_answer() {
        let at = |ns: i64| Origin::new(ns as u64, ns);
        let mut pings = Pings::default();
        pings.sent(Side::Client, &[1; 8], at(10));
        pings.sent(Side::Server, &[2; 8], at(11));
        pings.ack(Side::Server, &[9; 8], at(12));
        assert_eq!(pings.round_trips(), RoundTrips::default(), "another payload");
        pings.ack(Side::Server, &[1; 8], at(15));
        pings.ack(Side::Client, &[2; 8], at(41));
        pings.ack(Side::Client, &[2; 8], at(50));
        let trips = pings.round_trips();
        assert_eq!((trips.count, trips.shortest_ns, trips.longest_ns), (2, 5, 30));
    }
}

//! What the client of a session does.

use std::collections::BTreeSet;

use super::values::Values;
use crate::base::{Room, Side, Timestamp};
use crate::ledger::{Cause, Exchange, Status};

/// Requests of a session whose overlaps are looked at: the first.
const MAX_INTERVALS: usize = 4096;

/// Connections of a session that are told apart.
const MAX_CONNECTIONS: usize = 1024;

/// About the memory of a connection that is told apart, in bytes.
const CONNECTION: usize = 8;

/// What the client of a session does.
#[derive(Clone, Debug, Default)]
pub(super) struct Behaviour {
    /// Revisions of its requests.
    pub(super) revisions: Values,
    /// How its requests authenticate.
    pub(super) authentication: Values,
    pub(super) http: Values,
    /// How long it waited for what it then gave up, by how it gave up.
    pub(super) gave_up: Values,
    /// Requests that it sent again.
    pub(super) retries: u64,
    pub(super) requests: u64,
    pub(super) failures: u64,
    /// From the first byte of a request to the end of the wait.
    intervals: Vec<(Timestamp, Timestamp)>,
    connections: BTreeSet<u32>,
}

impl Behaviour {
    /// Returns about its memory, in bytes.
    pub(super) fn allocated(&self) -> usize {
        let values = [&self.revisions, &self.authentication, &self.http, &self.gave_up];
        let values: usize = values.into_iter().map(Values::allocated).sum();
        let connections = self.connections.len() * CONNECTION;
        Self::BASE + values + connections + self.intervals.len() * Self::INTERVAL
    }

    /// About the memory of one without values, in bytes.
    pub(super) const BASE: usize = size_of::<Self>() + 64;

    /// Memory of an interval in a list that has grown, in bytes.
    const INTERVAL: usize = 2 * size_of::<(Timestamp, Timestamp)>();

    /// Takes an exchange of the session. What is new is kept if `room` has place for it.
    pub(super) fn exchange(&mut self, exchange: &Exchange, room: &mut Room) {
        if exchange.origin != Side::Client {
            return;
        }
        self.requests += 1;
        self.failures += u64::from(exchange.is_failure());
        if let Some(revision) = &exchange.protocol_version {
            self.revisions.add(revision, room);
        }
        if let Some(http) = exchange.protocols.http {
            self.http.add(http.name(), room);
        }
        if self.connections.len() < MAX_CONNECTIONS
            && !self.connections.contains(&exchange.tcp_stream)
            && room.take(CONNECTION)
        {
            self.connections.insert(exchange.tcp_stream);
        }
        if let Some(end) = exchange.waited_until()
            && self.intervals.len() < MAX_INTERVALS
            && room.take(Self::INTERVAL)
        {
            self.intervals.push((exchange.request.span.start.time, end.time));
        }
        let how = match exchange.cause {
            Some(Cause::Cancelled) => Some("cancelled"),
            Some(Cause::ClientClosed | Cause::ClientReset) => Some("closed"),
            _ => None,
        };
        let is_wait = matches!(exchange.status, Status::Cancelled | Status::Unanswered);
        if let (Some(how), true, Some(ns)) = (how, is_wait, exchange.unanswered_ns()) {
            self.gave_up.add(&format!("{} after {}", how, rounded(ns)), room);
        }
    }

    /// The most requests that were open at once.
    pub(super) fn parallel(&self) -> u64 {
        let mut steps: Vec<(Timestamp, i64)> =
            self.intervals.iter().flat_map(|(from, to)| [(*from, 1), (*to, -1)]).collect();
        // What ends as another begins is not open with it.
        steps.sort_unstable();
        let (mut open, mut most) = (0, 0);
        for (_, step) in steps {
            open += step;
            most = most.max(open);
        }
        u64::try_from(most).unwrap_or_default()
    }

    /// The number of connections that carried its requests.
    pub(super) fn connections(&self) -> u64 {
        self.connections.len() as u64
    }
}

/// A time-out is the same within a twentieth: to the second, below 10 s to the tenth.
fn rounded(ns: i64) -> String {
    let tenths = ns.saturating_add(50_000_000) / 100_000_000;
    if tenths < 100 {
        format!("{}.{} s", tenths / 10, tenths % 10)
    } else {
        format!("{} s", (tenths + 5) / 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_overlap_while_both_are_open() {
        let of = |intervals: &[(i64, i64)]| {
            let intervals = intervals.iter().map(|(from, to)| (Timestamp(*from), Timestamp(*to))).collect();
            Behaviour { intervals, ..Behaviour::default() }.parallel()
        };
        assert_eq!(of(&[]), 0);
        assert_eq!(of(&[(0, 5), (5, 9)]), 1);
        assert_eq!(of(&[(0, 9), (1, 2), (3, 4), (3, 12)]), 3);
    }

    #[test]
    fn waits_are_rounded() {
        // The largest duration that timestamps of packets have is 292 years.
        let most = (i64::MAX, "9223372037 s");
        for (ns, text) in
            [(60_004_000_000, "60 s"), (4_960_000_000, "5.0 s"), (0, "0.0 s"), (9_990_000_000, "10 s"), most]
        {
            assert_eq!(rounded(ns), text);
        }
    }
}

//! What must hold of the exchanges of a damaged capture, compared with those of the original.

use std::collections::{BTreeMap, BTreeSet};

use mcpdump::base::{Code, PacketNo, Side};
use mcpdump::capture::{Item, Packet};
use mcpdump::ledger::{Exchange, Status};

use super::frame::Frame;
use super::run::{Remade, Run, packets};

/// The original that a damaged capture is compared with.
pub(crate) struct Measure<'a> {
    /// The exchanges of the original.
    exchanges: Vec<&'a Exchange>,
    /// Its packets.
    packets: BTreeMap<u64, &'a Packet>,
    /// Whether requests of the server can be read after a gap; not in a compressed stream.
    is_plain: bool,
    /// Whether every byte was captured once, so that losing a packet moves no time of a complete
    /// message.
    is_smooth: bool,
}

impl<'a> Measure<'a> {
    /// Compares with a run over the original.
    pub(crate) fn new(run: &'a Run, items: &'a [Item], is_plain: bool) -> Self {
        let exchanges = run.exchanges();
        assert!(!exchanges.is_empty(), "a measure without exchanges measures nothing");
        Self { exchanges, packets: packets(items), is_plain, is_smooth: run.is_smooth() }
    }

    /// The false or missing exchanges of a damaged capture in which the packets `survivors` are
    /// complete.
    ///
    /// 1. Every exchange is one of the original (client, origin, id, method, and a common packet).
    /// 2. Its session, name and status are those of the original, or it is degraded. An exchange
    ///    that was cancelled may have any status: the cancellation may be lost without a trace.
    /// 3. If all its packets are complete and it is not degraded, its times are the same.
    /// 4. Every exchange whose request is complete is there, unless a connection could not be
    ///    decrypted, or lost the header fields of HTTP/2 that say how long a request is: one whose
    ///    last frame is missing, too, may be longer.
    pub(crate) fn broken(&self, run: &Run, remade: &Remade, survivors: &BTreeSet<u64>) -> Vec<String> {
        self.check(run, remade, survivors, Times::Same)
    }

    /// [`Measure::broken`] for a complete capture in another order: times may differ, nothing may
    /// be missing.
    pub(crate) fn broken_in_other_order(&self, run: &Run, remade: &Remade) -> Vec<String> {
        let survivors = self.packets.keys().copied().collect();
        self.check(run, remade, &survivors, Times::Any)
    }

    fn check(&self, run: &Run, remade: &Remade, survivors: &BTreeSet<u64>, times: Times) -> Vec<String> {
        let (mut problems, mut found) = (Vec::new(), BTreeSet::new());
        for exchange in run.exchanges() {
            let name = describe(exchange);
            match self.find(exchange, remade, &found) {
                None => problems.push(format!("invented {name}")),
                Some(at) => {
                    found.insert(at);
                    let was = self.exchanges[at];
                    let wrong = self.disagrees(was, exchange, survivors, times);
                    problems.extend(wrong.map(|wrong| format!("false {name}: {wrong}")));
                }
            }
        }
        // Without its beginning a TLS connection may not be decrypted, which is said.
        let unread = [Code::TlsNoSecret, Code::Http2FieldsUnknown];
        let is_unread = run.findings().iter().any(|finding| unread.contains(&finding.code));
        for (at, was) in self.exchanges.iter().enumerate().filter(|_| !is_unread) {
            let is_readable = was.origin == Side::Client || self.is_plain;
            if is_readable && !found.contains(&at) && self.request_is_whole(was, survivors) {
                problems.push(format!("missing {}, all of it is in the capture", describe(was)));
            }
        }
        problems
    }

    /// The exchange of the original that corresponds to this one, if it was not found yet.
    fn find(&self, exchange: &Exchange, remade: &Remade, found: &BTreeSet<usize>) -> Option<usize> {
        let ends =
            [exchange.request.span.first, exchange.request.span.last].map(|no: PacketNo| remade.back(no.0));
        let (first, last) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
        let meets = |was: &Exchange| {
            // If a packet was retransmitted, the first copy may be lost and another packet carries
            // the message.
            !self.is_smooth || (was.request.span.first.0 <= last && was.request.span.last.0 >= first)
        };
        let what = |exchange: &'_ Exchange| (exchange.origin, exchange.id.clone(), exchange.method.clone());
        let is_same = |at: &usize| {
            let was = self.exchanges[*at];
            !found.contains(at) && was.client == exchange.client && what(was) == what(exchange) && meets(was)
        };
        let is_exact = |at: &usize| {
            let span = self.exchanges[*at].request.span;
            (span.first.0, span.last.0) == (first, last)
        };
        let same: Vec<usize> = (0..self.exchanges.len()).filter(is_same).collect();
        same.iter().copied().find(is_exact).or(same.first().copied())
    }

    /// How an exchange that is not degraded differs from the original.
    fn disagrees(
        &self,
        was: &Exchange,
        is: &Exchange,
        survivors: &BTreeSet<u64>,
        times: Times,
    ) -> Option<String> {
        if is.degraded.any() {
            return None;
        }
        if (&was.session.id, &was.name) != (&is.session.id, &is.name) {
            return Some(format!("session {:?}, name {:?}", is.session.id, is.name));
        }
        if was.status == Status::Cancelled {
            return None;
        }
        if was.status != is.status {
            return Some(format!("{}, it was {}", is.status.name(), was.status.name()));
        }
        let timed = times == Times::Same && self.is_smooth;
        let whole = self.request_is_whole(was, survivors) && self.response_is_whole(was, survivors);
        let moments = |exchange: &Exchange| {
            let response =
                exchange.response.map(|response| (response.span.start.time, response.span.end.time));
            (exchange.request.span.start.time, exchange.request.span.end.time, response)
        };
        (timed && whole && moments(was) != moments(is))
            .then(|| format!("times {:?}, they were {:?}", moments(is), moments(was)))
    }

    /// Whether all packets of the request's direction, from its first to its last, are complete.
    fn request_is_whole(&self, was: &Exchange, survivors: &BTreeSet<u64>) -> bool {
        let span = was.request.span;
        let ends = [span.first, span.last, span.start.packet, span.end.packet].map(|no| no.0);
        self.are_left(ends, survivors)
    }

    fn response_is_whole(&self, was: &Exchange, survivors: &BTreeSet<u64>) -> bool {
        was.response.is_none_or(|response| {
            let span = response.span;
            self.are_left(
                [span.first, span.last, span.start.packet, span.end.packet].map(|no| no.0),
                survivors,
            )
        })
    }

    /// Whether the packets from the first to the last of `ends` in the direction of the first one
    /// are complete.
    fn are_left(&self, ends: [u64; 4], survivors: &BTreeSet<u64>) -> bool {
        let (first, last) = (ends.iter().min().unwrap(), ends.iter().max().unwrap());
        let way = |packet: &Packet| Frame::of(packet).map(|frame| (frame.source, frame.destination));
        let Some(first_way) = self.packets.get(first).map(|packet| way(packet)) else {
            return false;
        };
        let mut span = self.packets.range(first..=last);
        span.all(|(no, packet)| survivors.contains(no) || way(packet) != first_way)
    }
}

/// Whether times are compared.
#[derive(Clone, Copy, PartialEq)]
enum Times {
    Same,
    Any,
}

fn describe(exchange: &Exchange) -> String {
    let (session, span) = (exchange.session.id.as_deref(), exchange.request.span);
    let (origin, id, method) = (exchange.origin.name(), &exchange.id, &exchange.method);
    format!("{origin} {id} {method} of {session:?} in packets {} to {}", span.first, span.last)
}

/// The connections of a run whose byte counts do not balance, and those that are emitted twice.
pub(crate) fn unbalanced(run: &Run) -> Vec<String> {
    let (mut problems, mut told) = (Vec::new(), BTreeSet::new());
    for connection in run.connections() {
        let no = connection.tcp_stream;
        if !told.insert(no) {
            problems.push(format!("connection {no} is told of twice"));
        }
        for (side, books) in Side::BOTH.into_iter().zip(connection.directions) {
            if books.bytes != books.delivered + books.given_up {
                problems.push(format!("connection {no}, {}: {books:?}", side.name()));
            }
        }
    }
    problems
}

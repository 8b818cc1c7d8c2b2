//! Updates of all connections in, in the order of their packets; records out.

use std::collections::VecDeque;
use std::vec::Drain;

use super::closed_transactions::ClosedTransactions;
use super::definitions::Definitions;
use super::deliveries::Deliveries;
use super::evidence::{Deferred, Evidence};
use super::exchange_table::Exchanges;
use super::handle::{SessionIndex, TransactionKey};
use super::held_responses::HeldResponse;
use super::idle::IdleEnds;
use super::interner::Interner;
use super::quirks::Quirks;
use super::record::{Record, Session, Stream};
use super::rules::{self, Misdelivery, RULES};
use super::session_table::Sessions;
use super::step::{Next, Step};
use super::tables::Tables;
use super::transaction::{Transaction, TransactionEnd};
use super::transaction_table::Transactions;
use super::views::Views;
use crate::base::fact::ConnectionFact;
use crate::base::{
    Code, Degraded, Finding, Findings, Origin, PacketNo, Peers, Side, Sink, Timestamp, latest, limits,
};
use crate::rpc::{CarriedBy, ParsedUpdate, TransactionNo, Update, UpdateKind};

/// How long a response waits for its request, in nanoseconds of packet time: `tcp` may hold the
/// request behind a hole for [`limits::HOLE_WAIT`].
const REQUEST_WAIT: i64 = limits::RESPONSE_WAIT + limits::HOLE_WAIT + 2 * limits::TICK;

/// Takes the next of `updates` if it belongs to a transaction and is none that the tracker itself
/// looks at.
#[inline]
fn next_of(updates: &mut Drain<'_, ParsedUpdate>, transaction: TransactionNo) -> Option<ParsedUpdate> {
    let update = updates.as_slice().first().filter(|update| update.transaction == transaction)?;
    match update.kind {
        UpdateKind::Request(_) | UpdateKind::Response(_) | UpdateKind::Gap { .. } => None,
        _ => updates.next(),
    }
}

/// Tracks every session of a capture.
#[derive(Debug, Default)]
pub struct Tracker {
    transactions: Transactions,
    sessions: Sessions,
    exchanges: Exchanges,
    evidence: Evidence,
    views: Views,
    deliveries: Deliveries,
    definitions: Definitions,
    idle_ends: IdleEnds,
    interner: Interner,
    quirks: Quirks,
    closed: ClosedTransactions,
    /// Transactions whose response is over and whose request was not seen, oldest first.
    awaiting_request: VecDeque<(Origin, TransactionKey)>,
    /// Transactions whose response began before the request was seen, oldest first.
    without_request: VecDeque<(Origin, TransactionKey)>,
    /// Those of them whose request may still come from behind a hole.
    lacking_request: VecDeque<(Origin, TransactionKey)>,
    /// The latest packet of an item.
    last: Origin,
    emits_requests: bool,
}

impl Tracker {
    /// A tracker that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on emits each request when it is complete ([`Record::Request`]), and not only its
    /// exchange.
    pub fn emit_requests(&mut self) {
        self.emits_requests = true;
        self.exchanges.emit_interrupted();
    }

    /// Takes the next updates of a connection and appends what they complete to the sink: the first
    /// one, and those behind it for the same transaction, `most` in all. Together they take fewer
    /// lookups.
    pub fn push(
        &mut self,
        by: &CarriedBy,
        (updates, most): (&mut Drain<'_, ParsedUpdate>, usize),
        Sink { out, findings }: Sink<'_, Record>,
    ) {
        let before = findings.len();
        self.handle(by, (updates, most), out, findings);
        self.complete_released(Some(self.last.time), Sink { out, findings });
        self.collect_quirks(before, findings);
    }

    #[inline]
    fn collect_quirks(&mut self, before: usize, findings: &mut Findings) {
        if findings.len() > before {
            let sessions = &self.sessions;
            let server_of = |finding: &Finding| {
                let index = SessionIndex::of_number(finding.session?);
                Some(sessions.get(index)?.reference().server)
            };
            self.quirks.collect(before, findings, server_of);
        }
    }

    fn handle(
        &mut self,
        by: &CarriedBy,
        (updates, most): (&mut Drain<'_, ParsedUpdate>, usize),
        out: &mut Vec<Record>,
        findings: &mut Findings,
    ) {
        let CarriedBy { peers, tls, retransmissions } = by;
        let (peers, retransmissions) = (&**peers, *retransmissions);
        let Some(Update { transaction, mut at, kind }) = updates.next() else { return };
        self.last = self.last.later(at);
        let key = (peers.tcp_stream, transaction);
        if let UpdateKind::Gap { side, why } = kind {
            self.add_gap(key, *peers, at, (side, why));
            return;
        }
        let is_response = matches!(kind, UpdateKind::Response(_));
        let row = match &kind {
            UpdateKind::Request(_) | UpdateKind::Response(_) => {
                self.transactions.find_or_create(key, *peers, retransmissions)
            }
            _ => self.transactions.find(key),
        };
        let Some(row) = row else {
            match kind {
                UpdateKind::Request(_) | UpdateKind::Response(_) => {
                    let detail = format!("more than {} transactions", limits::MAX_TRANSACTIONS);
                    rules::add_limit(at, detail, findings);
                }
                UpdateKind::Fault(fault) => findings.push(self.closed.finding(key, at, fault)),
                _ => {}
            }
            return;
        };
        let transactions = self.transactions.allocated();
        let can_wait = self.without_request.len() + self.lacking_request.len() < limits::MAX_HELD_RESPONSES;
        let (before, mut last) = (findings.len(), self.last);
        let Some(mut step) = self.step(row, at, Sink { out, findings }) else { return };
        step.transaction.set_retransmissions(retransmissions);
        if let UpdateKind::Request(head) | UpdateKind::Response(head) = &kind {
            step.transaction.set_protocols(head, tls.clone());
        }
        let mut next = step.handle(kind);
        let mut excess = step.limit_memory(transactions);
        // What findings, memory and held exchanges lead to is done before the next update.
        let lacks_request = is_response && step.transaction.lacks_request();
        let mut left = most.saturating_sub(1);
        while left > 0
            && next == Next::Continue
            && excess == 0
            && !lacks_request
            && step.is_quiet(before)
            && let Some(update) = next_of(updates, transaction)
        {
            left -= 1;
            at = update.at;
            last = last.later(at);
            step.advance(at, last);
            next = step.handle(update.kind);
            excess = step.limit_memory(transactions);
        }
        if lacks_request && !can_wait {
            step.give_up_request();
        }
        if lacks_request && can_wait {
            self.without_request.push_back((at, key));
        }
        self.last = last;
        if next != Next::Close {
            self.transactions.note(row);
        }
        for (key, at) in self.transactions.shed_waiting() {
            let detail = format!("what connection {} carried before its session is known", key.0);
            rules::add_limit(at, detail, findings);
        }
        if excess > 0 {
            self.shed_transactions(excess, row, Sink { out, findings });
        }
        match next {
            Next::Continue => {}
            Next::AwaitRequest if self.awaiting_request.len() < limits::MAX_HELD_RESPONSES => {
                self.awaiting_request.push_back((at, key));
            }
            Next::AwaitRequest | Next::Close => self.close(row, at, Sink { out, findings }),
        }
    }

    /// Gives up open transactions so that `excess` bytes become free, but not the one in `row`.
    /// What they still carry is not read, so nothing is said to be missing from here on.
    fn shed_transactions(&mut self, excess: usize, row: usize, mut sink: Sink<'_, Record>) {
        let keys = self.transactions.largest(excess, row);
        let at = self.last;
        let detail = format!("{} open transactions given up: they take too much memory", keys.len());
        rules::add_limit(at, detail, sink.findings);
        self.evidence.add_missing(Degraded::NOT_READ, at);
        for key in keys {
            let Some(row) = self.transactions.find(key) else { continue };
            if let Some(transaction) = self.transactions.get_mut(key) {
                transaction.degrade(Degraded::NOT_READ);
                if transaction.end().is_none() {
                    transaction.set_end(TransactionEnd { at: Some(at), ..TransactionEnd::OPEN });
                }
                if let Some(session) = transaction.session().and_then(|index| self.sessions.get_mut(index)) {
                    session.degrade(Degraded::NOT_READ);
                    let sides = Side::BOTH.into_iter();
                    sides.for_each(|side| session.add_gap(side, at.packet, Degraded::NOT_READ));
                }
            }
            let Sink { out, findings } = &mut sink;
            self.close(row, at, Sink { out, findings });
        }
    }

    /// Packet time is `now`: emits what has waited long enough.
    pub fn tick(&mut self, now: Origin, out: &mut Vec<Record>, findings: &mut Findings) {
        let before = findings.len();
        // Before what waits longer: a request that was not captured explains a response.
        let is_due =
            |(since, _): &mut (Origin, TransactionKey)| now.time.since(since.time) > limits::RESPONSE_WAIT;
        while let Some((at, key)) = self.without_request.pop_front_if(is_due) {
            self.check_request(key, at);
            self.lacking_request.push_back((at, key));
        }
        let is_due = |(since, _): &mut (Origin, TransactionKey)| now.time.since(since.time) > REQUEST_WAIT;
        while let Some((_, key)) = self.lacking_request.pop_front_if(is_due) {
            self.give_up_request(key, now, Sink { out, findings });
        }
        while let Some(held) = self.exchanges.held().pop_due(now.time, REQUEST_WAIT) {
            let Some(held) = self.decide(held, now, Sink { out, findings }) else { continue };
            let degraded = self.degraded_of(held.carrier);
            self.tables(Sink { out, findings }).give_up(&held, degraded);
        }
        while let Some(deferred) = self.evidence.pop_due(now.time, REQUEST_WAIT) {
            self.decide_deferred(deferred, findings);
        }
        let is_due = |(since, _): &mut (Origin, TransactionKey)| now.time.since(since.time) > REQUEST_WAIT;
        while let Some((_, key)) = self.awaiting_request.pop_front_if(is_due) {
            if let Some(row) = self.transactions.find(key) {
                self.close(row, now, Sink { out, findings });
            }
        }
        while let Some(n) = self.exchanges.pop_ended_by_server_due(now.time, REQUEST_WAIT) {
            if self.exchanges.get(n).is_some_and(|open| open.has_ended() && open.is_unanswered()) {
                self.tables(Sink { out, findings }).complete(n);
            }
        }
        while let Some(n) = self.exchanges.pop_interrupted_due(now.time) {
            if self.exchanges.get(n).is_some_and(|open| open.carrier().is_none()) {
                self.tables(Sink { out, findings }).complete(n);
            }
        }
        self.complete_released(Some(now.time), Sink { out, findings });
        self.add_doubted(Some(now.time), findings);
        self.collect_quirks(before, findings);
        self.quirks.tick(now.time, findings);
        self.sessions.tick(now.time);
        let most = limits::MAX_SESSIONS_OVER;
        let sessions = &mut self.sessions;
        while let Some(record) = sessions.take_over(most).or_else(|| sessions.take_idle(most, now.time)) {
            self.definitions.forget(SessionIndex::of_number(record.session.number));
            out.push(Record::Session(Box::new(record)));
        }
    }

    /// The capture lacks packets from `at` on: they may have held anything.
    pub fn missing(&mut self, why: Degraded, at: Origin) {
        self.evidence.add_missing(why, at);
    }

    /// Packet times go back at `packet`: durations across it are not known.
    pub fn time_goes_back(&mut self, packet: PacketNo) {
        self.evidence.add_time_step(packet);
    }

    /// Whether the transaction (Wireshark's number of its connection, its number there) is known to
    /// carry MCP. Of those that are over, only the latest is still known.
    #[must_use]
    pub fn is_mcp(&self, key: TransactionKey) -> bool {
        self.transactions
            .get(key)
            .map_or_else(|| self.closed.ended_in_session(key), |open| open.session().is_some())
    }

    /// The capture is over: emits what is still open, in the order of the requests.
    pub fn finish(&mut self, out: &mut Vec<Record>, findings: &mut Findings) {
        let before = findings.len();
        self.awaiting_request.clear();
        for (at, key) in std::mem::take(&mut self.without_request) {
            self.check_request(key, at);
        }
        for key in self.transactions.sorted_keys() {
            let Some(row) = self.transactions.find(key) else { continue };
            if let Some(transaction) = self.transactions.get_mut(key)
                && transaction.end().is_none()
            {
                transaction.set_end(TransactionEnd::OPEN);
            }
            self.close(row, self.last, Sink { out, findings });
        }
        self.idle_ends.finish(findings);
        while let Some(held) = self.exchanges.held().pop() {
            let degraded = self.degraded_of(held.carrier);
            self.tables(Sink { out, findings }).give_up(&held, degraded);
        }
        while let Some(deferred) = self.evidence.pop() {
            self.decide_deferred(deferred, findings);
        }
        self.add_doubted(None, findings);
        for costly in self.sessions.costly() {
            rules::add_costly(&costly, findings);
        }
        self.complete_released(None, Sink { out, findings });
        let ends_early = self.evidence.missing().contains(Degraded::CAPTURE_END);
        for n in self.exchanges.numbers() {
            if ends_early && let Some(open) = self.exchanges.get_mut(n) {
                open.degrade(Degraded::CAPTURE_END);
            }
            self.tables(Sink { out, findings }).complete(n);
        }
        // What completing them left to decide.
        while let Some(deferred) = self.evidence.pop() {
            self.decide_deferred(deferred, findings);
        }
        self.collect_quirks(before, findings);
        self.quirks.finish(findings);
    }

    /// Completes what waited for the leg in front of a proxy.
    #[inline]
    fn complete_released(&mut self, now: Option<Timestamp>, mut sink: Sink<'_, Record>) {
        while let Some(exchange) = self.views.pop_released(now) {
            let Sink { out, findings } = &mut sink;
            self.tables(Sink { out, findings }).complete_removed(exchange);
        }
    }

    /// After [`Tracker::finish`]: emits the sessions, in the order of their first packet.
    pub fn sessions(&mut self, out: &mut Vec<Record>) {
        out.extend(self.sessions.take_all().into_iter().map(|record| Record::Session(Box::new(record))));
    }

    /// Takes half the memory for what belongs to sessions.
    pub fn halve_memory(&mut self) {
        self.sessions.halve_memory();
    }

    /// The latest [`limits::MAX_IN_PROGRESS`] sessions so far.
    #[must_use]
    pub fn open_sessions(&self) -> Vec<Session> {
        self.sessions.records()
    }

    /// The event streams that are open, in the order of their connections: those of the latest, at
    /// most [`limits::MAX_IN_PROGRESS`]. Their bytes are not counted yet.
    #[must_use]
    pub fn open_streams(&self) -> Vec<Stream> {
        let record = |transaction: &Transaction| {
            let mut stream = transaction.stream_record(TransactionEnd::OPEN)?;
            let session = transaction.session().and_then(|index| self.sessions.get(index));
            stream.session = session.map(|session| session.reference().clone());
            Some(*stream)
        };
        let streams = self.transactions.iter().filter_map(record);
        latest(streams, limits::MAX_IN_PROGRESS, |stream| (stream.tcp_stream, stream.transaction))
    }

    /// Bytes of `side` are missing that could have held a response.
    fn add_gap(&mut self, key: TransactionKey, peers: Peers, at: Origin, (side, why): (Side, Degraded)) {
        if why.contains(Degraded::CUT_PACKET) {
            self.evidence.add_missing(Degraded::CUT_PACKET, at);
        }
        let mut concerned = Vec::new();
        if let Some(transaction) = self.transactions.get_mut(key) {
            transaction.add_gap(why);
            if let Some(index) = transaction.session() {
                self.sessions.degrade(index, why);
                concerned.push(index);
            }
        }
        if side == Side::Client || concerned.is_empty() {
            // The client may respond to the server on any connection, and a transaction whose
            // request is missing may be of any session.
            concerned.extend(self.sessions.of_peers(peers));
        }
        for index in concerned {
            if let Some(session) = self.sessions.get_mut(index) {
                session.add_gap(side, at.packet, why);
            }
        }
    }

    /// Records that the capture lacks the request of a transaction, unless it was captured since.
    fn check_request(&mut self, key: TransactionKey, at: Origin) {
        let Some(transaction) = self.transactions.get(key).filter(|it| it.lacks_request()) else { return };
        self.evidence.add_missing(Degraded::GAP, at);
        for index in self.sessions.of_peers(transaction.peers()) {
            if let Some(session) = self.sessions.get_mut(index) {
                session.add_gap(Side::Client, at.packet, Degraded::GAP);
            }
        }
    }

    /// The request of a transaction does not come any more, if it was not captured since.
    fn give_up_request(&mut self, key: TransactionKey, at: Origin, sink: Sink<'_, Record>) {
        let Some(row) = self.transactions.find(key) else { return };
        if let Some(mut step) = self.step(row, at, sink) {
            step.give_up_request();
        }
        self.transactions.note(row);
    }

    /// Decides on a response that has waited long enough for its request; returns it if nothing can
    /// be said about it.
    fn decide(&mut self, held: HeldResponse, at: Origin, sink: Sink<'_, Record>) -> Option<HeldResponse> {
        let Some(mut step) = self.transactions.find(held.carrier).and_then(|row| self.step(row, at, sink))
        else {
            return Some(held);
        };
        step.decide_waiting(held)
    }

    /// The connection ended: nothing more of it will be seen. One that was not read may have
    /// carried messages of the sessions of its client and its server.
    pub fn close_connection(&mut self, connection: &ConnectionFact) {
        self.sessions.close_connection(connection.tcp_stream);
        if connection.speaks.is_read() {
            return;
        }
        let ConnectionFact { tcp_stream, client, named_client, server, last, .. } = *connection;
        let peers = Peers { tcp_stream, client: named_client.unwrap_or(client), server, via: None };
        for index in self.sessions.of_peers(peers) {
            if let Some(session) = self.sessions.get_mut(index) {
                Side::BOTH
                    .into_iter()
                    .for_each(|side| session.add_gap(side, last.packet, Degraded::NOT_READ));
            }
        }
    }

    /// Adds what was doubted and holds: all of it without `now`.
    fn add_doubted(&mut self, now: Option<Timestamp>, findings: &mut Findings) {
        while let Some(finding) = self.sessions.pop_doubted(now) {
            if let Some(finding) = finding {
                findings.push(finding);
            }
        }
    }

    /// Adds a deferred finding if nothing is missing.
    fn decide_deferred(&mut self, deferred: Deferred, findings: &mut Findings) {
        let session = self.sessions.get(deferred.session);
        let degraded = session.map_or(Degraded::NONE, |session| session.missing());
        if degraded.and(self.evidence.missing()).any() {
            return;
        }
        if deferred.finding.code == Code::McpNotInitialized
            && session.is_none_or(|session| session.lifecycle().is_initialized())
        {
            return;
        }
        let stray = deferred.stray.as_ref();
        let copy = stray.filter(|stray| stray.from == Side::Server).and_then(|stray| {
            self.deliveries.owner_of(stray.digest, deferred.session, deferred.since, &self.sessions)
        });
        if let (None, Some(stray)) = (copy, stray)
            && session.is_some_and(|session| session.lacks_token(stray.from.other(), &stray.token))
        {
            // Its request was not captured.
            if let Some(session) = self.sessions.get_mut(deferred.session) {
                session.add_gap(stray.from.other(), deferred.since.packet, Degraded::GAP);
            }
            return;
        }
        match copy.zip(session) {
            Some(((copy, owner), session)) => {
                let Deferred { since: at, finding, .. } = &deferred;
                let what = finding.detail.clone();
                let (session, tcp_stream) = (session.number(), finding.tcp_stream.unwrap_or_default());
                let moment = Misdelivery { what, at: *at, tcp_stream, session, owner, copy };
                rules::check(RULES.misdelivery, &moment, findings);
            }
            None => findings.push(deferred.finding),
        }
    }

    /// Ends the transaction in `row`, of which nothing more will be seen.
    fn close(&mut self, row: usize, at: Origin, sink: Sink<'_, Record>) {
        let Some(mut step) = self.step(row, at, sink) else { return };
        step.close();
        let session = step.session_number();
        if let Some(transaction) = self.transactions.remove(row) {
            self.closed.add(&transaction, session);
            self.transactions.reuse(transaction);
        }
    }

    /// Why a transaction may not be complete.
    fn degraded_of(&self, key: TransactionKey) -> Degraded {
        self.transactions.get(key).map_or(Degraded::NONE, Transaction::degraded)
    }

    fn tables<'a>(&'a mut self, sink: Sink<'a, Record>) -> Tables<'a> {
        Tables {
            sessions: &mut self.sessions,
            exchanges: &mut self.exchanges,
            evidence: &mut self.evidence,
            last: self.last,
            views: &mut self.views,
            deliveries: &mut self.deliveries,
            definitions: &mut self.definitions,
            idle_ends: &mut self.idle_ends,
            sink,
        }
    }

    #[inline(always)]
    fn step<'a>(&'a mut self, row: usize, at: Origin, sink: Sink<'a, Record>) -> Option<Step<'a>> {
        let (transaction, other_transactions) = self.transactions.split(row)?;
        Some(Step {
            at,
            transaction,
            other_transactions,
            tables: Tables {
                sessions: &mut self.sessions,
                exchanges: &mut self.exchanges,
                evidence: &mut self.evidence,
                last: self.last,
                views: &mut self.views,
                deliveries: &mut self.deliveries,
                definitions: &mut self.definitions,
                idle_ends: &mut self.idle_ends,
                sink,
            },
            interner: &mut self.interner,
            emits_requests: self.emits_requests,
        })
    }
}

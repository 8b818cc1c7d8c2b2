//! What the handling of one update may change besides its transaction.

use super::definitions::Definitions;
use super::deliveries::Deliveries;
use super::evidence::Evidence;
use super::exchange::OpenExchange;
use super::exchange_table::Exchanges;
use super::held_responses::HeldResponse;
use super::idle::IdleEnds;
use super::record::Record;
use super::rules::{self, CompletedExchange, Misdelivery, Orphan, ProxiedCall, RULES, UncrossedCall};
use super::session::SessionState;
use super::session_list::OtherSessions;
use super::session_table::Sessions;
use super::views::{Pair, Views};
use crate::base::{Degraded, Origin, Side, Sink};
use crate::rpc::{Id, Kind};

/// Sessions and exchanges, and where results go.
pub(super) struct Tables<'a> {
    pub(super) sessions: &'a mut Sessions,
    pub(super) exchanges: &'a mut Exchanges,
    pub(super) evidence: &'a mut Evidence,
    pub(super) views: &'a mut Views,
    pub(super) deliveries: &'a mut Deliveries,
    pub(super) definitions: &'a mut Definitions,
    /// The latest packet of all updates.
    pub(super) last: Origin,
    pub(super) idle_ends: &'a mut IdleEnds,
    pub(super) sink: Sink<'a, Record>,
}

impl Tables<'_> {
    /// Completes the exchange `n`: nothing more is to come of it.
    pub(super) fn complete(&mut self, n: u64) {
        if let Some(exchange) = self.exchanges.remove(n) {
            self.complete_removed(exchange);
        }
    }

    /// Completes an exchange that is no longer among the open ones.
    pub(super) fn complete_removed(&mut self, exchange: Box<OpenExchange>) {
        match self.sessions.split(exchange.session()) {
            Some((session, mut others)) => {
                let (others, evidence, views) = (&mut others, &mut *self.evidence, &mut *self.views);
                Completion { session, others, evidence, views, last: self.last, sink: &mut self.sink }
                    .complete(exchange);
            }
            None => emit(exchange, self.last, &mut self.sink),
        }
    }

    /// Gives up waiting for the request of a response. `carrier` says why the transaction of the
    /// response may not be complete.
    pub(super) fn give_up(&mut self, response: &HeldResponse, carrier: Degraded) {
        if let Some(duplicate) = &response.duplicate {
            return self.evidence.defer(response.span.end, response.session, duplicate.clone());
        }
        let Some(session) = self.sessions.get_mut(response.session) else { return };
        if response.envelope.look.server_info.is_some() && !session.lifecycle().is_initialize_seen() {
            // It answers `initialize`: what the client sent at the beginning is not in the capture.
            session.degrade(Degraded::MIDSTREAM);
        }
        if response.envelope.id.as_ref().is_none_or(|id| *id == Id::Null)
            && response.envelope.kind == Kind::Error
        {
            // It answers something unreadable (JSON-RPC 2.0 section 5).
            return;
        }
        let mut missing = session.missing().and(self.evidence.missing()).and(carrier).and(response.degraded);
        let is_counted = response.envelope.id == Some(Id::Int(0)) && missing.is_none();
        let zero_ids = if is_counted { session.count_orphan_with_id_zero() } else { 0 };
        let number = session.number();
        if missing.is_none()
            && response.from == Side::Server
            && let Some((copy, owner)) = self.deliveries.owner_of(
                response.envelope.digest,
                response.session,
                response.span.end,
                self.sessions,
            )
        {
            let what = format!("the response with {}", rules::id_text(response.envelope.id.as_ref()));
            let (at, tcp_stream) = (response.span.end, response.carrier.0);
            let moment = Misdelivery { what, at, tcp_stream, session: number, owner, copy };
            rules::check(RULES.misdelivery, &moment, self.sink.findings);
            return;
        }
        let asker = response.from.other();
        if missing.is_none()
            && response.may_answer_unseen
            && let Some(session) = self.sessions.get_mut(response.session)
            && response.envelope.id.as_ref().is_some_and(|id| session.lacks_request(asker, id))
        {
            missing = Degraded::GAP;
            session.add_gap(asker, response.span.start.packet, missing);
        }
        let orphan = Orphan { session: number, response, missing, zero_ids };
        rules::check(RULES.orphan, &orphan, self.sink.findings);
    }
}

/// What completing an exchange may change: its session and the others, and where results go.
pub(super) struct Completion<'a, 'others, 'sink> {
    pub(super) session: &'a mut SessionState,
    pub(super) others: &'a mut OtherSessions<'others>,
    pub(super) evidence: &'a mut Evidence,
    pub(super) views: &'a mut Views,
    /// The latest packet of the capture.
    pub(super) last: Origin,
    pub(super) sink: &'a mut Sink<'sink, Record>,
}

impl Completion<'_, '_, '_> {
    /// Completes an exchange of the session, which is no longer among the open ones.
    pub(super) fn complete(&mut self, mut exchange: Box<OpenExchange>) {
        if exchange.is_unanswered() && !exchange.is_cancelled_by_message() {
            exchange.degrade(missing_response(&exchange, self.session, self.evidence));
        }
        exchange.settle(self.last);
        exchange.set_session(self.session.reference());
        exchange.set_protocol_version_if_none(self.session.protocol_version());
        self.session.add_completed(exchange.record(), exchange.token(), exchange.is_answered());
        let record = exchange.record();
        let answered_at = record.response.map(|_| record.last_packet());
        if self.evidence.has_time_step(record.request.span.first, answered_at) {
            exchange.degrade(Degraded::TIME_BACK);
        }
        let pairs = self.views.complete(&mut exchange);
        let record = exchange.record();
        let lost = self.session.gap_since(record.origin.other(), record.request.span.start.packet);
        check_completed(&mut exchange, lost.any(), self.sink);
        if exchange.record().total_ns().is_some_and(|total| total < 0) {
            exchange.degrade(Degraded::TIME_BACK);
        }
        for nested in self.views.take_nested() {
            rules::check(RULES.nested_sessions, &nested, self.sink.findings);
        }
        for pair in &pairs {
            check_pair(&mut exchange, pair, self.sink);
        }
        if self.evidence.missing().is_none() {
            self.check_crossing(&exchange);
        }
        self.sink.out.push(Record::Exchange(exchange.into_record()));
    }

    /// Checks what holds for a call that reached a proxy and was not seen on the leg on the other
    /// side.
    fn check_crossing(&mut self, exchange: &OpenExchange) {
        let record = exchange.record();
        let (has_next_leg, twin) = match record.origin {
            Side::Client => (self.session.legs().has_leg_behind(), record.twins.behind),
            Side::Server => (self.session.legs().in_front().is_some(), record.twins.in_front),
        };
        if !has_next_leg || twin.is_some() || self.session.legs().is_joined() {
            return;
        }
        let mut missing = self.session.missing();
        let mut other = None;
        for leg in self.session.legs().others() {
            if let Some((record, why)) = self.others.record(*leg) {
                missing.add(why);
                other.get_or_insert_with(|| (*leg, record.session.clone()));
            }
        }
        let Some((index, other)) = other.filter(|_| missing.is_none()) else { return };
        let is_first = !self.session.legs().is_uncrossed_reported();
        let call = UncrossedCall { exchange: record, other: &other, is_first };
        // A gap on the other leg is known later than the exchange is complete.
        for finding in rules::violations(RULES.uncrossed_call, &call) {
            self.evidence.defer(self.last, index, finding);
            self.session.legs_mut().set_uncrossed_reported();
        }
    }
}

/// Completes an exchange whose session is no longer known.
fn emit(mut exchange: Box<OpenExchange>, last: Origin, sink: &mut Sink<'_, Record>) {
    exchange.settle(last);
    check_completed(&mut exchange, true, sink);
    sink.out.push(Record::Exchange(exchange.into_record()));
}

/// Checks what holds for a complete exchange.
fn check_completed(exchange: &mut OpenExchange, may_miss_messages: bool, sink: &mut Sink<'_, Record>) {
    let record = exchange.record();
    let at = record.response.unwrap_or(record.request).span.end;
    let messages = (exchange.messages(), exchange.first_message());
    let completed = CompletedExchange {
        exchange: record,
        at,
        unusable: exchange.unusable(),
        missing_capability: exchange.missing_capability(),
        messages,
        may_miss_messages,
    };
    let before = sink.findings.len();
    rules::check(RULES.completed_exchange, &completed, sink.findings);
    let found = sink.findings.list().iter().skip(before).map(|finding| finding.code);
    let new: Vec<_> = found.filter(|code| !record.findings.contains(code)).collect();
    exchange.add_findings(new);
}

/// Checks what holds for a call that is complete on two legs, of which `exchange` is one.
fn check_pair(exchange: &mut OpenExchange, pair: &Pair, sink: &mut Sink<'_, Record>) {
    let record = exchange.record();
    let at = record.response.unwrap_or(record.request).span.end;
    let before = sink.findings.len();
    rules::check(RULES.proxied_call, &ProxiedCall { exchange: record, at, pair }, sink.findings);
    let found: Vec<_> = sink.findings.list().iter().skip(before).map(|finding| finding.code).collect();
    exchange.add_findings(found);
}

/// Why the response to an exchange without one may be missing from the capture.
fn missing_response(exchange: &OpenExchange, session: &SessionState, evidence: &Evidence) -> Degraded {
    let record = exchange.record();
    let since = record.request.span.start.packet;
    let mut missing = session.gap_since(record.origin.other(), since);
    if session.degraded().contains(Degraded::MIDSTREAM) {
        // No stream of the session was seen, or it was concluded which one is.
        missing.add(Degraded::MIDSTREAM);
    }
    if evidence.has_loss_since(since) {
        missing.add(Degraded::LOST_PACKETS);
    }
    if evidence.missing().contains(Degraded::NOT_READ) {
        // Another connection of the server could not be decrypted.
        missing.add(Degraded::NOT_READ);
    }
    if record.origin == Side::Client {
        // The client may have cancelled the request, deleted the session or closed before.
        missing.add(session.gap_since(Side::Client, since));
    }
    if record.origin == Side::Server {
        // The outcome of the call for which the server asked may tell that it has an answer.
        missing.add(session.gap_since(Side::Server, since));
    }
    missing
}

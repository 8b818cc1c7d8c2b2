//! What becomes of a response whose id matches no request.

use super::exchange::OpenExchange;
use super::held_responses::HeldResponse;
use super::rules::{self, RULES, Unmatched};
use super::step::Step;
use crate::base::{Side, limits};
use crate::rpc::{Id, Kind};

impl Step<'_> {
    /// The transaction is over: decides on the responses that it carried and that match no request.
    pub(super) fn decide_unmatched(&mut self) {
        let unmatched = self.tables.exchanges.held().take_on(self.transaction.key());
        let is_alone = unmatched.len() == 1;
        for held in unmatched {
            if let Some(n) = self.request_with_other_id(&held, is_alone) {
                self.answer_with_other_id(n, &held);
            } else if held.may_answer_others {
                // Its request may be captured after it.
                self.tables.exchanges.held().add(held);
            } else {
                self.reject(&held);
            }
        }
    }

    /// A response on a stream that is open has waited long enough for its request. Returns it if
    /// nothing can be said about it.
    pub(super) fn decide_waiting(&mut self, held: HeldResponse) -> Option<HeldResponse> {
        if let Some(n) = self.request_with_other_id(&held, false) {
            self.answer_with_other_id(n, &held);
            return None;
        }
        let is_request_open =
            held.duplicate.is_none() && held.from == Side::Server && self.own_request().is_some();
        if is_request_open { self.tables.exchanges.held().add_until_end(held) } else { Some(held) }
    }

    /// The only request of the POST, if it has no response.
    fn own_request(&self) -> Option<u64> {
        let [n] = self.transaction.requests() else { return None };
        let is_open = |open: &OpenExchange| open.is_unanswered() && open.record().id != Id::Null;
        self.tables.exchanges.get(*n).is_some_and(is_open).then_some(*n)
    }

    /// The request that a response answers although its id is another: the only request of its own
    /// POST whose id differs by its JSON type alone, the only request of a POST whose response
    /// holds exactly this, or the only one of the session whose id may have been changed to this
    /// one.
    fn request_with_other_id(&self, held: &HeldResponse, is_alone: bool) -> Option<u64> {
        if held.duplicate.is_some() {
            return None;
        }
        let id = held.envelope.id.as_ref();
        let retyped = id.and_then(Id::retyped);
        if held.from == Side::Server && !self.transaction.is_refused() {
            let is_own = |n: &&u64| {
                let open = self.tables.exchanges.get(**n);
                open.is_some_and(|open| {
                    open.is_unanswered() && open.carrier() == Some(self.transaction.key())
                })
            };
            let session = self.tables.sessions.get(held.session);
            let alike =
                session.zip(retyped.as_ref()).and_then(|(session, id)| session.outstanding(Side::Client, id));
            let mut own = alike.into_iter().flatten().take(limits::MAX_ALIKE).filter(is_own);
            if let (Some(n), None) = (own.next(), own.next()) {
                return Some(*n);
            }
            // If messages are missing, it may be the response to a request that was not captured.
            // Only an error that names no request names no other one either.
            let mut missing = self.transaction.degraded().and(self.transaction.gaps());
            if id.is_some_and(|id| *id != Id::Null) {
                missing.add(self.tables.evidence.missing());
            }
            let is_whole = !missing.may_hide_messages();
            if is_alone
                && is_whole
                && let Some(n) = self.own_request()
            {
                return Some(n);
            }
        }
        let session = self.tables.sessions.get(held.session)?;
        if !held.may_answer_others || session.answers_only_on_own_post(held.from) {
            return None;
        }
        // A request whose own response may be in a gap is not meant.
        let is_meant = |n: &u64| {
            let start = self.tables.exchanges.get(*n).map(|open| open.record().request.span.start.packet);
            start.is_some_and(|start| {
                start <= held.span.end.packet && session.gap_since(held.from, start).is_none()
            })
        };
        let mut meant = session.changed_to(held.from.other(), id?).filter(is_meant);
        meant.next().filter(|_| meant.next().is_none())
    }

    fn answer_with_other_id(&mut self, n: u64, held: &HeldResponse) {
        self.with_context(held.session, held.message(), |context| context.answer_with_other_id(n));
    }

    /// A response in a body that answers no request of its own POST.
    fn reject(&mut self, held: &HeldResponse) {
        let id = held.envelope.id.as_ref().filter(|id| **id != Id::Null);
        let is_error = held.envelope.kind == Kind::Error;
        if is_error && (self.transaction.is_refused() || id.is_none()) {
            return;
        }
        let degraded = self.transaction.degraded().and(self.transaction.gaps());
        let is_request_known = self.transaction.has_request_body() || !self.transaction.is_post();
        let has_requests = !self.transaction.requests().is_empty();
        if has_requests || !is_request_known || degraded.any() {
            return self.tables.give_up(held, degraded);
        }
        let session = self.tables.sessions.get(held.session);
        let transaction = &*self.transaction;
        let stray = Unmatched { transaction, message: held.message(), session, completed: None };
        rules::check(RULES.stray_response, &stray, self.tables.sink.findings);
    }
}

//! One JSON-RPC message: a request opens an exchange, a response answers it, a notification joins
//! it.

use super::carrier::Carrier;
use super::definitions::{Audience, Definitions};
use super::deliveries::Deliveries;
use super::evidence::Evidence;
use super::exchange::{Message, OpenExchange};
use super::exchange_table::Exchanges;
use super::handle::TransactionKey;
use super::held_responses::HeldResponse;
use super::history::Continued;
use super::interner::Interner;
use super::record::{Exchange, Offer, Record};
use super::rules::{
    self, Answer, ChangedListing, LateAnswer, NewExchange, OtherId, RULES, Redirect, Unmatched,
};
use super::session::SessionState;
use super::session_list::OtherSessions;
use super::tables::Completion;
use super::transaction::Transaction;
use super::transaction_table::OtherTransactions;
use super::views::Views;
use super::{method, revision};
use crate::base::{Code, Finding, Side, Sink, limits};
use crate::rpc::{Id, Kind, Listing, Look};

/// A message with its session and its transaction, and what it may change besides.
pub(super) struct Context<'a, 'sink> {
    pub(super) message: Message<'a>,
    pub(super) session: &'a mut SessionState,
    pub(super) other_sessions: OtherSessions<'a>,
    pub(super) transaction: &'a mut Transaction,
    pub(super) other_transactions: OtherTransactions<'a>,
    pub(super) exchanges: &'a mut Exchanges,
    pub(super) evidence: &'a mut Evidence,
    pub(super) views: &'a mut Views,
    pub(super) deliveries: &'a mut Deliveries,
    pub(super) definitions: &'a mut Definitions,
    pub(super) interner: &'a mut Interner,
    /// Whether requests are emitted when they open an exchange, too.
    pub(super) emits_requests: bool,
    pub(super) sink: &'a mut Sink<'sink, Record>,
}

impl Context<'_, '_> {
    /// Handles the message. `n` is the number of its exchange if it is a request of the client.
    ///
    /// Returns the number of the exchange that the message belongs to; `None` if it is not known.
    pub(super) fn handle(&mut self, n: u64) -> Option<u64> {
        match self.message.envelope.kind {
            Kind::Request => self.request(n),
            Kind::Notification => self.notification(),
            Kind::Response | Kind::Error => self.response(),
            Kind::Unknown => None,
        }
    }

    fn request(&mut self, reserved: u64) -> Option<u64> {
        let Message { from, envelope, .. } = self.message;
        if from == Side::Server && self.transaction.stream().is_none() {
            let request = unmatched(self.transaction, self.message, None);
            rules::check(RULES.request_in_json, &request, self.sink.findings);
            return None;
        }
        if from == Side::Client
            && let Some(repeated) = self.repeated()
        {
            return Some(repeated);
        }
        if let Some(copy) = self.copy_on_other_stream() {
            return Some(copy);
        }
        let n = if from == Side::Server { self.exchanges.next_number() } else { reserved };
        let method = self.interner.share(envelope.method.as_deref().unwrap_or_default());
        let name = method::name_of(envelope).map(|name| self.interner.share(name));
        let session = (self.session.index(), self.session.reference().clone());
        let exchange = OpenExchange::new(n, self.message, self.transaction, session, (method, name));
        let mut exchange = Box::new(exchange);
        self.session.count_exchange(method::is_call(&exchange.record().method));
        exchange.set_stream(self.response_stream());
        let parent = self.parent();
        exchange.set_parent(parent);
        if let Some(parent) = parent.and_then(|n| self.exchanges.get_mut(n)) {
            parent.open_question(self.message.span.end.time);
        }
        exchange.set_missing_capability(rules::missing_capability(self.session, exchange.record()));
        self.check_new(&mut exchange);
        exchange.set_continues(self.continued(exchange.record(), &envelope.look));
        if from == Side::Client {
            self.session.set_first_method(&exchange.record().method);
            self.session
                .attempts_mut()
                .count(method::opens_session(&exchange.record().method), &envelope.look);
            self.set_client(&mut exchange, &envelope.look);
        }
        let passage = self.transaction.request().map(|request| request.passage).unwrap_or_default();
        let on = (&mut *self.exchanges, passage);
        self.views.open(&mut exchange, self.session, &mut self.other_sessions, on);
        self.session.add_outstanding(exchange.record(), exchange.token());
        if self.transaction.is_channel() && from == Side::Client {
            // Nothing acknowledges it, and its response comes as that of any other request.
            exchange.clear_carrier();
        } else if from == Side::Client {
            self.transaction.add_request(n);
            if let Some(response) = self.transaction.response() {
                exchange.acknowledge(response);
            }
        } else {
            self.transaction.add_question(n, |n| self.exchanges.get(n).is_some());
            let (session, carrier) = (self.session.index(), self.transaction.certain_key());
            self.deliveries.add(session, carrier, n, self.message);
        }
        if self.emits_requests {
            self.emit_request(exchange.record());
        }
        self.exchanges.insert(exchange);
        self.answer_from_held(n);
        Some(n)
    }

    /// The exchange in which the server asks: the only request of the POST on whose stream it does,
    /// or, for what a call needs of the client, the only call that is open and not cancelled.
    fn parent(&self) -> Option<u64> {
        let Message { from, envelope, .. } = self.message;
        if from == Side::Client {
            return None;
        }
        match self.transaction.requests() {
            [only] => return Some(*only),
            [_, ..] => return None,
            [] => {}
        }
        if !method::may_serve_a_call(envelope.method.as_deref()?) {
            return None;
        }
        let is_call = |n: &u64| {
            let open = self.exchanges.get(*n);
            open.is_some_and(|open| method::is_call(&open.record().method) && !open.is_cancelled())
        };
        let mut calls = self.session.few_outstanding(Side::Client).filter(is_call);
        calls.next().filter(|_| calls.next().is_none())
    }

    /// The stream on which the response may come, and the server's retransmissions there so far.
    fn response_stream(&self) -> Option<(TransactionKey, u32)> {
        let key = if self.session.has_one_stream() {
            self.session.stream_transaction()?
        } else {
            self.transaction.key()
        };
        Some((key, self.transaction_with(key)?.server_retransmissions()))
    }

    pub(super) fn transaction_with(&self, key: TransactionKey) -> Option<&Transaction> {
        if key == self.transaction.key() {
            Some(&*self.transaction)
        } else {
            self.other_transactions.get(key)
        }
    }

    /// Checks the rules for a new exchange, which lists what they find.
    fn check_new(&mut self, exchange: &mut OpenExchange) {
        let before = self.sink.findings.len();
        if *exchange.record().method == *method::INITIALIZED {
            // With an id it is no notification, and says the same.
            self.session.lifecycle_mut().set_initialized();
        }
        let missing = self.session.missing().and(self.evidence.missing());
        let is_outstanding_here = self.is_outstanding_here(exchange.record());
        let has_token_in_use = exchange
            .token()
            .is_some_and(|token| self.session.with_token(exchange.record().origin, token).is_some());
        let is_translated =
            (is_outstanding_here || has_token_in_use) && self.is_translated(exchange.record());
        let new =
            NewExchange { session: self.session, exchange, missing, is_outstanding_here, is_translated };
        rules::check(RULES.new_exchange, &new, self.sink.findings);
        let is_repeated = |finding: &Finding| finding.code == Code::McpIdNotUnique;
        let has_repeated_id = self.sink.findings.list().iter().skip(before).any(is_repeated);
        let mut is_uninitialized = false;
        for finding in rules::violations(RULES.doubtful_exchange, &new) {
            is_uninitialized |= finding.code == Code::McpNotInitialized;
            self.evidence.defer(exchange.record().request.span.end, self.session.index(), finding);
        }
        if is_uninitialized {
            self.session.lifecycle_mut().set_use_reported();
        }
        if has_repeated_id {
            self.session.set_repetition_reported(exchange.record().origin);
        }
        exchange.add_findings(self.sink.findings.list().iter().skip(before).map(|finding| finding.code));
    }

    /// Whether a request with the id of a new one is outstanding at the same address of the server.
    fn is_outstanding_here(&self, new: &Exchange) -> bool {
        let server = self.transaction.peers().server;
        let is_here = |n: &u64| {
            let open = self.exchanges.get(*n).filter(|open| !open.has_ended());
            let Some(open) = open else { return false };
            let carrier = open.carrier();
            let carrier = carrier.and_then(|key| self.transaction_with(key));
            carrier.is_none_or(|transaction| transaction.peers().server == server)
        };
        let alike = self.session.outstanding(new.origin, &new.id);
        alike.is_some_and(|numbers| numbers.iter().take(limits::MAX_ALIKE).any(is_here))
    }

    /// Whether a new request is an outstanding one that was captured on the other side of a NAT,
    /// too: of another client address, with the same method and length, and at about the same time.
    fn is_translated(&self, new: &Exchange) -> bool {
        let is_other_side = |n: &u64| {
            self.exchanges.get(*n).map(OpenExchange::record).is_some_and(|known| {
                let apart = new.request.span.start.time.since(known.request.span.start.time);
                known.client.ip() != new.client.ip()
                    && known.method == new.method
                    && known.request.bytes == new.request.bytes
                    && apart.saturating_abs() <= limits::DUPLICATE_WAIT
            })
        };
        let alike = self.session.outstanding(new.origin, &new.id);
        alike.is_some_and(|numbers| numbers.iter().take(limits::MAX_ALIKE).any(is_other_side))
    }

    /// The exchange that a new request continues: the retry after an `input_required` result, or a
    /// task.
    fn continued(&mut self, exchange: &Exchange, look: &Look) -> Option<Continued> {
        if method::is_task(&exchange.method) {
            let n = self.session.history().task(look.task.as_deref()?)?;
            return Some(Continued { n, asked_at: None });
        }
        self.session.history_mut().take_input_request(exchange, look)
    }

    /// Takes what a request says about its client and its revision.
    fn set_client(&mut self, exchange: &mut OpenExchange, look: &Look) {
        let is_initialize = method::is_initialize(&exchange.record().method);
        if is_initialize {
            let (client, at) = (exchange.record().client.ip(), exchange.record().request.span.start.time);
            self.session.lifecycle_mut().set_initialize_seen(client, at);
        }
        let header = self.transaction.request().and_then(|request| request.protocol_version.as_deref());
        if let Some(version) = look.meta_version.as_deref().or(header) {
            if revision::is_stateless(version) && !is_initialize {
                let version = self.interner.share(version);
                exchange.set_protocol_version(Some(version.clone()));
                self.session.set_protocol_version(Some(version));
            } else if self.session.protocol_version().is_none() {
                self.session.set_protocol_version(Some(self.interner.share(version)));
            }
        }
        if look.meta_version.is_some() || is_initialize {
            self.session.set_client(look);
        }
    }

    /// Emits a request as it would be emitted if nothing changed until its exchange is complete.
    fn emit_request(&mut self, exchange: &Exchange) {
        let mut request = Box::new(exchange.clone());
        if request.protocol_version.is_none() && !method::is_initialize(&request.method) {
            request.protocol_version = self.session.protocol_version().cloned();
        }
        self.sink.out.push(Record::Request(request));
    }

    /// Emits an exchange whose outcome is open, with what seems to have ended the wait.
    pub(super) fn emit_interrupted(&mut self, n: u64) {
        if let Some(open) = self.exchanges.get(n).filter(|_| self.emits_requests) {
            let record = open.interrupted(self.session.reference());
            self.sink.out.push(Record::Interrupted(Box::new(record)));
        }
    }

    /// The interrupted or redirected exchange whose POST the request repeats: it belongs to that
    /// exchange.
    fn repeated(&mut self) -> Option<u64> {
        let id = self.message.envelope.id.as_ref()?;
        let latest = self.session.outstanding(Side::Client, id)?.back()?;
        let open = self.exchanges.get_mut(*latest)?;
        let has_same_method = Some(&*open.record().method) == self.message.envelope.method.as_deref();
        let is_awaited = open.is_redirected() || (open.is_interrupted() && self.session.has_id());
        if !is_awaited || !has_same_method {
            return None;
        }
        if open.is_redirected() && !self.session.set_redirect_reported() {
            let at = self.message.span.end;
            let redirect = Redirect { exchange: open.record(), transaction: self.transaction, at };
            rules::check(RULES.redirect, &redirect, self.sink.findings);
        }
        open.repeat(self.transaction.key());
        self.transaction.add_request(open.record().n);
        let n = open.record().n;
        self.emit_interrupted(n);
        Some(n)
    }

    /// Answers a new exchange with a response that was captured before its request.
    fn answer_from_held(&mut self, n: u64) {
        let responder = self.message.from.other();
        let own_post_only = self.session.answers_only_on_own_post(responder);
        let Some(held) = self.exchanges.take_held_for(n, own_post_only) else { return };
        if self.is_of_other_session(n, &held) {
            return self.exchanges.held().add(held);
        }
        let carrier = self.transaction_with(held.carrier);
        let carrier = carrier.map_or_else(|| Carrier::unknown(held.carrier), Carrier::of);
        self.answer(n, carrier, held.message());
    }

    /// Whether a response that came before the request `n` is a copy of one in another session of
    /// the server, and no packets were reordered.
    fn is_of_other_session(&self, n: u64, held: &HeldResponse) -> bool {
        let start = self.exchanges.get(n).map(|open| open.record().request.span.start.time);
        let is_early = start.is_some_and(|start| start.since(held.span.end.time) > limits::TIME_SKEW);
        let copy = self.deliveries.copy_of(held.envelope.digest, held.session, held.span.end);
        let other = copy.and_then(|copy| self.other_sessions.record(copy.session));
        let (server, path) = (self.session.reference().server, &self.session.reference().path);
        is_early
            && other.is_some_and(|(other, _)| other.session.server == server && other.session.path == *path)
    }

    fn response(&mut self) -> Option<u64> {
        if let Some(n) = self.answered_exchange() {
            self.answer(n, Carrier::of(self.transaction), self.message);
            return Some(n);
        }
        let Message { from, envelope, .. } = self.message;
        let id = envelope.id.as_ref().filter(|id| **id != Id::Null);
        let is_refused = self.transaction.is_refused();
        let is_error = envelope.kind == Kind::Error;
        if from == Side::Server && is_error && (is_refused || id.is_none()) {
            self.transaction.set_body_error(envelope.error.as_ref());
        }
        // The request of an error may be captured after it.
        if from == Side::Server
            && is_refused
            && is_error
            && (self.transaction.has_request_body() || id.is_none())
        {
            return None;
        }
        if id.is_none() && is_error && !self.transaction.is_post() {
            // Answers something unreadable (JSON-RPC 2.0 section 5).
            return None;
        }
        if let Some(completed) = id.and_then(|id| self.completed_exchange(id)) {
            let mut response = unmatched(self.transaction, self.message, Some(completed));
            response.session = Some(self.session);
            let failure = self.session.history().failure(completed);
            let duplicate = match failure {
                Some(failure) => {
                    rules::violations(RULES.late_answer, &LateAnswer { response, failure }).next()
                }
                None => rules::violations(RULES.repeated_response, &response).next(),
            };
            let mut held = HeldResponse::new(self.session.index(), self.transaction, self.message);
            if held.may_answer_unseen {
                held.duplicate = duplicate;
                self.exchanges.held().add(held);
            } else if let Some(finding) = duplicate {
                self.evidence.defer(self.message.span.end, self.session.index(), finding);
            }
            return Some(completed);
        }
        let held = HeldResponse::new(self.session.index(), self.transaction, self.message);
        self.exchanges.held().add(held);
        None
    }

    /// Answers the exchange `n` with the message, whose id is another than that of the request.
    pub(super) fn answer_with_other_id(&mut self, n: u64) {
        let is_zero = self.message.envelope.id == Some(Id::Int(0));
        let zero_ids = if is_zero { self.session.count_orphan_with_id_zero() } else { 0 };
        let Some(open) = self.exchanges.get_mut(n) else { return };
        let mut response = unmatched(self.transaction, self.message, Some(n));
        response.session = Some(self.session);
        let other = OtherId { response, asked: &open.record().id, zero_ids };
        rules::check(RULES.response_with_other_id, &other, self.sink.findings);
        open.add_findings([Code::McpIdChanged]);
        self.answer(n, Carrier::of(self.transaction), self.message);
    }

    /// The open exchange that a response answers: of the requests with its id the one that its own
    /// POST carried, else the oldest if it is an event or is POSTed by the client, of those whose
    /// own response cannot be in a gap. A body answers nothing but the requests of its own POST.
    fn answered_exchange(&self) -> Option<u64> {
        let Message { from, envelope, .. } = self.message;
        let open = self.session.outstanding(from.other(), envelope.id.as_ref()?)?;
        if from == Side::Server
            && let Some(own) = self.exchanges.carried_by(open, self.transaction.key())
        {
            return Some(own);
        }
        let is_body = from == Side::Server && self.transaction.stream().is_none();
        if is_body || self.session.answers_only_on_own_post(from) {
            return None;
        }
        let has_no_gap = |n: &&u64| {
            let start = self.exchanges.get(**n).map(|open| open.record().request.span.start.packet);
            start.is_some_and(|start| self.session.gap_since(from, start).is_none())
        };
        open.iter().take(limits::MAX_ALIKE).find(has_no_gap).or(open.front()).copied()
    }

    /// The completed exchange that a response answers again. In a body, and on the response to a
    /// POST with requests, it is one of that POST's own.
    fn completed_exchange(&self, id: &Id) -> Option<u64> {
        let from = self.message.from;
        let requests = self.transaction.requests();
        let has_own = !requests.is_empty() || self.transaction.stream().is_none();
        let among = (from == Side::Server && has_own || self.session.answers_only_on_own_post(from))
            .then_some(requests);
        self.session.history().completed(from.other(), id, among)
    }

    fn answer(&mut self, n: u64, carrier: Carrier, message: Message<'_>) {
        let Some(open) = self.exchanges.get_mut(n) else { return };
        open.answer(carrier, message);
        if message.from == Side::Server && self.transaction.is_refused() {
            self.transaction.set_body_error(message.envelope.error.as_ref());
        }
        if let Some(asker) = open.take_question().and_then(|parent| self.exchanges.get_mut(parent)) {
            asker.close_question(message.span.start.time);
        }
        self.check_answer(n, carrier, message);
        let Some(open) = self.exchanges.get_mut(n) else { return };
        self.session.add_answered(open.record(), open.token());
        self.deliveries.add(self.session.index(), Some(carrier.key), n, message);
        let look = &message.envelope.look;
        let is_success = self.transaction.status().is_none_or(|status| status < 300);
        if message.from == Side::Server && message.envelope.kind == Kind::Error && is_success {
            self.session.attempts_mut().fail();
        }
        if method::is_initialize(&open.record().method) && message.envelope.kind == Kind::Response {
            let version = look.protocol_version.as_deref().map(|version| self.interner.share(version));
            self.session.set_protocol_version(version.clone());
            open.set_protocol_version(version);
        }
        if look.server_info.is_some() && message.from == Side::Server {
            self.session.set_server(look);
        }
        if look.input_required {
            self.session.history_mut().add_input_request(open.record(), look.request_state);
        }
        if let Some(task) = &look.task
            && !method::is_task(&open.record().method)
        {
            self.session.history_mut().add_task(task.clone(), n);
        }
        if let Some(listing) = &look.listing {
            let definitions = listing.definitions.iter().map(|d| (d.name.clone(), d.bytes)).collect();
            let server = self.session.reference().identity();
            let is_other_view = self.session.reference().behind.is_some();
            let offer = Offer { server, is_other_view, kind: listing.kind, definitions };
            let server = offer.server.clone();
            self.sink.out.push(Record::Offer(Box::new(offer)));
            if !is_other_view && message.from == Side::Server {
                let at = message.span.end;
                let index = self.session.index();
                let listing =
                    Listing { is_complete: listing.is_complete && !open.has_cursor(), ..listing.clone() };
                let revision = open.record().protocol_version.clone();
                let revision = revision.or_else(|| self.session.protocol_version().cloned());
                let client = self.session.reference().client_name.clone();
                let whom = (server, Audience { revision, client });
                let changes = self.definitions.compare(whom, index, &listing, at.packet);
                if changes.reaches_limit {
                    let detail = "more definitions of servers than are compared".to_owned();
                    rules::add_limit(at, detail, self.sink.findings);
                }
                if !changes.is_empty() {
                    let (exchange, kind) = (open.record(), listing.kind);
                    let moment = ChangedListing { exchange, at, kind, changes: &changes };
                    let found: Vec<_> = rules::violations(RULES.changed_listing, &moment).collect();
                    open.add_findings(found.iter().map(|finding| finding.code));
                    found.into_iter().for_each(|finding| self.sink.findings.push(finding));
                }
            }
        }
        if !open.needs_acknowledgement() {
            self.complete(n);
        }
    }

    /// Checks the rules for an answer, which its exchange lists.
    fn check_answer(&mut self, n: u64, carrier: Carrier, message: Message<'_>) {
        let Some(open) = self.exchanges.get(n) else { return };
        let is_over = |parent: u64| self.exchanges.get(parent).is_none_or(OpenExchange::is_answered);
        let is_own = carrier.key == self.transaction.key();
        // Roots are also asked for without a call.
        let needs_parent = method::serves_a_call(&open.record().method);
        let answer = Answer {
            exchange: open.record(),
            message,
            tcp_stream: carrier.key.0,
            parent: open.parent().filter(|parent| needs_parent && is_over(*parent)),
            carrier: self.transaction_with(carrier.key).filter(|_| is_own && !self.session.has_one_stream()),
        };
        let found: Vec<_> = rules::violations(RULES.answer, &answer).collect();
        for finding in found {
            if let Some(open) = self.exchanges.get_mut(n) {
                open.add_findings([finding.code]);
            }
            self.sink.findings.push(finding);
        }
    }

    fn complete(&mut self, n: u64) {
        if let Some(exchange) = self.exchanges.remove(n) {
            if let Some(front) = self.leg_in_front(exchange.record()) {
                return self.views.hold_opening(exchange, front, self.message.span.end.time);
            }
            Completion {
                session: self.session,
                others: &mut self.other_sessions,
                evidence: self.evidence,
                views: self.views,
                last: self.message.span.end,
                sink: self.sink,
            }
            .complete(exchange);
        }
    }

    /// The transaction that may carry the same `initialize` on the leg in front of a proxy, whose
    /// session is not known before its response.
    fn leg_in_front(&self, exchange: &Exchange) -> Option<TransactionKey> {
        if !method::is_initialize(&exchange.method) || exchange.session.id.is_none() {
            return None;
        }
        let start = exchange.request.span.start.packet;
        let is_it = |other: &&Transaction| {
            let is_before = other.request_span().is_some_and(|span| span.start.packet < start);
            is_before && self.transaction.has_same_request(other)
        };
        self.other_transactions.of_session(None).find(is_it).map(Transaction::key)
    }
}

/// A message that belongs to no open exchange.
pub(super) fn unmatched<'a>(
    transaction: &'a Transaction,
    message: Message<'a>,
    completed: Option<u64>,
) -> Unmatched<'a> {
    Unmatched { transaction, message, session: None, completed }
}

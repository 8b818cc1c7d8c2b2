//! One JSON-RPC message: a request opens an exchange, a response answers it, a notification joins
//! it.

use super::evidence::Evidence;
use super::exchange::{Carrier, Message, OpenExchange};
use super::exchange_table::{Exchanges, HeldResponse};
use super::handle::TransactionKey;
use super::interner::Interner;
use super::record::{Cause, Exchange, MessageSpan, Notification, Offer, Record};
use super::rules::{self, NewExchange, RULES, Unmatched};
use super::session::SessionState;
use super::session_table::OtherSessions;
use super::tables;
use super::transaction::Transaction;
use super::transaction_table::OtherTransactions;
use super::views::Views;
use super::{method, revision};
use crate::base::{Side, Sink};
use crate::rpc::{Id, Kind, Look};

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
    pub(super) interner: &'a mut Interner,
    /// Whether requests are emitted when they open an exchange, too.
    pub(super) emits_requests: bool,
    pub(super) sink: &'a mut Sink<'sink, Record>,
}

impl Context<'_, '_> {
    /// Handles the message. `n` is the number of its exchange if it is a request of the client.
    pub(super) fn handle(&mut self, n: u64) {
        match self.message.envelope.kind {
            Kind::Request => self.request(n),
            Kind::Notification => self.notification(),
            Kind::Response | Kind::Error => self.response(),
            Kind::Unknown => {}
        }
    }

    fn request(&mut self, reserved: u64) {
        let Message { from, envelope, .. } = self.message;
        if from == Side::Server && self.transaction.stream().is_none() {
            let request = unmatched(self.transaction, self.message, None);
            rules::check(RULES.request_in_json, &request, self.sink.findings);
            return;
        }
        if from == Side::Client && self.is_repetition() {
            return;
        }
        let n = if from == Side::Server { self.exchanges.next_number() } else { reserved };
        let method = self.interner.share(envelope.method.as_deref().unwrap_or_default());
        let name = method::name_of(envelope).map(|name| self.interner.share(name));
        let session = (self.session.index(), self.session.reference().clone());
        let exchange = OpenExchange::new(n, self.message, self.transaction, session, (method, name));
        let mut exchange = Box::new(exchange);
        self.session.count_exchange();
        exchange.set_stream(self.response_stream());
        self.check_new(&mut exchange);
        exchange.set_continues(self.continued(exchange.record(), &envelope.look));
        if from == Side::Client {
            self.session.count_attempt(method::opens_session(&exchange.record().method), &envelope.look);
            self.set_client(&mut exchange, &envelope.look);
        }
        self.views.open(&mut exchange, self.session, &mut self.other_sessions, self.exchanges);
        self.session.add_outstanding(exchange.record(), exchange.token());
        if from == Side::Client {
            self.transaction.add_request(n);
            if let Some(response) = self.transaction.response() {
                exchange.acknowledge(response);
            }
        }
        if self.emits_requests {
            self.emit_request(exchange.record());
        }
        self.exchanges.insert(exchange);
        self.answer_from_held(n);
    }

    /// The stream on which the response may come, and the server's retransmissions there so far.
    fn response_stream(&self) -> Option<(TransactionKey, u32)> {
        let key = if self.session.is_http_sse() {
            self.session.stream_transaction()?
        } else {
            self.transaction.key()
        };
        Some((key, self.transaction_with(key)?.server_retransmissions()))
    }

    fn transaction_with(&self, key: TransactionKey) -> Option<&Transaction> {
        if key == self.transaction.key() {
            Some(&*self.transaction)
        } else {
            self.other_transactions.get(key)
        }
    }

    /// Checks the rules for a new exchange, which lists what they find.
    fn check_new(&mut self, exchange: &mut OpenExchange) {
        let before = self.sink.findings.len();
        let missing = self.session.missing().and(self.evidence.missing());
        let new = NewExchange { session: self.session, exchange, missing };
        rules::check(RULES.new_exchange, &new, self.sink.findings);
        let first = rules::violations(RULES.first_exchange, &new);
        for finding in first {
            self.evidence.defer(exchange.record().request.span.end, self.session.index(), finding);
        }
        exchange.add_findings(self.sink.findings.list().iter().skip(before).map(|finding| finding.code));
    }

    /// The exchange that a new request continues: the retry after an `input_required` result, or a
    /// task.
    fn continued(&mut self, exchange: &Exchange, look: &Look) -> Option<u64> {
        if method::is_task(&exchange.method) {
            return self.session.history().task(look.task.as_deref()?);
        }
        self.session.history_mut().take_input_request(exchange, look)
    }

    /// Takes what a request says about its client and its revision.
    fn set_client(&mut self, exchange: &mut OpenExchange, look: &Look) {
        let is_initialize = method::is_initialize(&exchange.record().method);
        if is_initialize {
            self.session.set_initialize_seen();
        }
        let header = self.transaction.request().and_then(|request| request.protocol_version.as_deref());
        if let Some(version) = look.meta_version.as_deref().or(header) {
            let version = self.interner.share(version);
            if revision::is_stateless(&version) && !is_initialize {
                exchange.set_protocol_version(Some(version.clone()));
                self.session.set_protocol_version(Some(version));
            } else {
                self.session.set_protocol_version_if_none(version);
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

    /// Whether the request repeats the POST of an interrupted exchange: it then belongs to that
    /// exchange.
    fn is_repetition(&mut self) -> bool {
        let Some(id) = self.message.envelope.id.as_ref().filter(|_| self.session.has_id()) else {
            return false;
        };
        let latest = self.session.outstanding(Side::Client, id).and_then(|numbers| numbers.back());
        let Some(open) = latest.and_then(|n| self.exchanges.get_mut(*n)) else {
            return false;
        };
        let has_same_method = Some(&*open.record().method) == self.message.envelope.method.as_deref();
        if !open.is_interrupted() || !has_same_method {
            return false;
        }
        open.repeat(self.transaction.key());
        self.transaction.add_request(open.record().n);
        true
    }

    /// Answers a new exchange with a response that was captured before its request.
    fn answer_from_held(&mut self, n: u64) {
        let responder = self.message.from.other();
        let own_post_only = self.session.answers_only_on_own_post(responder);
        let Some(held) = self.exchanges.take_held_for(n, own_post_only) else { return };
        let carrier = self.transaction_with(held.carrier);
        let carrier = carrier.map_or_else(|| Carrier::unknown(held.carrier), Carrier::of);
        self.answer(n, carrier, held.message());
    }

    fn response(&mut self) {
        if let Some(n) = self.answered_exchange() {
            self.answer(n, Carrier::of(self.transaction), self.message);
            return;
        }
        let Message { from, envelope, .. } = self.message;
        let id = envelope.id.as_ref().filter(|id| **id != Id::Null);
        let is_refused = self.transaction.status().is_some_and(|status| status >= 400);
        if from == Side::Server && is_refused && envelope.kind == Kind::Error {
            self.transaction.set_body_error(envelope.error.as_ref());
            // Its request may be captured after it.
            if self.transaction.has_request_body() || id.is_none() {
                return;
            }
        }
        if id.is_none() && envelope.kind == Kind::Error {
            // Answers something unreadable (JSON-RPC 2.0 section 5).
            return;
        }
        if let Some(completed) = id.and_then(|id| self.completed_exchange(id)) {
            let mut response = unmatched(self.transaction, self.message, Some(completed));
            response.session = Some(self.session);
            for finding in rules::violations(RULES.repeated_response, &response) {
                self.evidence.defer(self.message.span.end, self.session.index(), finding);
            }
            return;
        }
        let held = HeldResponse::new(self.session.index(), self.transaction.key(), self.message);
        self.exchanges.hold(held);
    }

    /// The open exchange that a response answers: of the requests with its id the one that its own
    /// POST carried, else the oldest.
    fn answered_exchange(&self) -> Option<u64> {
        let Message { from, envelope, .. } = self.message;
        let open = self.session.outstanding(from.other(), envelope.id.as_ref()?)?;
        if from == Side::Server
            && let Some(own) = self.exchanges.carried_by(open, self.transaction.key())
        {
            return Some(own);
        }
        if self.session.answers_only_on_own_post(from) { None } else { open.front().copied() }
    }

    /// The completed exchange that a response answers again. On the response to a POST it is one of
    /// that POST's own.
    fn completed_exchange(&self, id: &Id) -> Option<u64> {
        let from = self.message.from;
        let requests = self.transaction.requests();
        let is_on_post = from == Side::Server && !requests.is_empty();
        let among = (is_on_post || self.session.answers_only_on_own_post(from)).then_some(requests);
        self.session.history().completed(from.other(), id, among)
    }

    fn answer(&mut self, n: u64, carrier: Carrier, message: Message<'_>) {
        let Some(open) = self.exchanges.get_mut(n) else { return };
        open.answer(carrier, message);
        self.session.remove_outstanding(open.record());
        let look = &message.envelope.look;
        let is_success = self.transaction.status().is_none_or(|status| status < 300);
        if message.from == Side::Server && message.envelope.kind == Kind::Error && is_success {
            self.session.fail_attempt();
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
            let server = self.session.reference().server;
            let is_other_view = self.session.reference().behind.is_some();
            let offer = Offer { server, is_other_view, kind: listing.kind, definitions };
            self.sink.out.push(Record::Offer(Box::new(offer)));
        }
        if !open.needs_acknowledgement() {
            self.complete(n);
        }
    }

    fn complete(&mut self, n: u64) {
        if let Some(exchange) = self.exchanges.remove(n) {
            let at = self.message.span.end;
            tables::complete(exchange, self.session, (self.evidence, at), self.views, self.sink);
        }
    }

    fn notification(&mut self) {
        let Message { from, span, degraded, envelope } = self.message;
        let method = envelope.method.as_deref().unwrap_or_default();
        let exchange = match method {
            method::PROGRESS => self.progress(),
            method::CANCELLED => self.cancellation(),
            _ => None,
        };
        if method == method::INITIALIZED {
            self.session.set_initialized();
        }
        let task = envelope.look.task.as_deref().and_then(|task| self.session.history().task(task));
        let own = match from {
            Side::Client => None,
            Side::Server => self.transaction.requests().first().copied(),
        };
        let exchange = exchange.or(task).or(own);
        if from == Side::Server
            && let Some(open) = exchange.and_then(|n| self.exchanges.get_mut(n))
        {
            open.count_message(span.end);
        }
        self.sink.out.push(Record::Notification(Box::new(Notification {
            session: self.session.reference().clone(),
            tcp_stream: self.transaction.key().0,
            from,
            method: self.interner.share(method),
            message: MessageSpan { span, bytes: envelope.bytes },
            exchange,
            degraded: degraded.and(self.transaction.degraded()),
        })));
    }

    /// The exchange that a progress notification belongs to.
    fn progress(&mut self) -> Option<u64> {
        let token = self.message.envelope.look.progress_token.as_ref()?;
        let origin = self.message.from.other();
        if let Some(open) = self.session.with_token(origin, token) {
            let own = self.exchanges.carried_by(open, self.transaction.key());
            if let Some(n) = own.or_else(|| open.front().copied()) {
                if let Some(open) = self.exchanges.get_mut(n) {
                    open.count_progress();
                }
                return Some(n);
            }
        }
        let completed = self.session.history().completed_with_token(origin, token);
        if completed.is_none() {
            let progress = unmatched(self.transaction, self.message, None);
            for finding in rules::violations(RULES.unmatched_progress, &progress) {
                self.evidence.defer(self.message.span.end, self.session.index(), finding);
            }
        }
        completed
    }

    /// The exchange that a cancellation belongs to.
    fn cancellation(&mut self) -> Option<u64> {
        let id = self.message.envelope.look.request_id.as_ref()?;
        let from = self.message.from;
        let latest = self.session.outstanding(from, id).and_then(|open| open.back()).copied();
        if let Some(n) = latest {
            self.exchanges.get_mut(n)?.cancel(self.message.span.end, Cause::Cancelled);
            return Some(n);
        }
        let completed = self.session.history().completed(from, id, None);
        let cancellation = unmatched(self.transaction, self.message, completed);
        rules::check(RULES.unmatched_cancellation, &cancellation, self.sink.findings);
        completed
    }
}

/// A message that belongs to no open exchange.
fn unmatched<'a>(
    transaction: &'a Transaction,
    message: Message<'a>,
    completed: Option<u64>,
) -> Unmatched<'a> {
    Unmatched { transaction, message, session: None, completed }
}

//! One update of one transaction: keeps what it carries until its session is known, then handles
//! its messages.

use std::sync::Arc;

use super::content::Content;
use super::event_stream::EventStream;
use super::exchange::Message;
use super::handle::{SessionIndex, TransactionKey};
use super::heads::Verb;
use super::history::Replay;
use super::interner::Interner;
use super::message::Context;
use super::record::{Record, Stream};
use super::rules::{self, Body, Endpoint, Head, RULES, StreamOver, Violation};
use super::session::SessionState;
use super::session_key::{self, SessionKey};
use super::tables::Tables;
use super::transaction::{Transaction, TransactionEnd};
use super::transaction_table::OtherTransactions;
use super::{bare, ending, endpoint, router};
use crate::base::{Code, Degraded, Finding, Origin, Side};
use crate::rpc::{Fault, Head as HttpHead, Kind, Parsed, StreamEvent, UpdateKind};

/// An update with its transaction, and what it may change besides.
pub(super) struct Step<'a> {
    /// The packet that completed the update.
    pub(super) at: Origin,
    pub(super) transaction: &'a mut Transaction,
    pub(super) other_transactions: OtherTransactions<'a>,
    pub(super) tables: Tables<'a>,
    pub(super) interner: &'a mut Interner,
    /// Whether requests are emitted when they open an exchange, too.
    pub(super) emits_requests: bool,
}

/// What becomes of the transaction after an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// More is to come.
    Continue,
    /// The response is over before the request was seen, which may be captured after it.
    AwaitRequest,
    /// Nothing more is to come.
    Close,
}

impl Step<'_> {
    /// Handles the update.
    pub(super) fn handle(&mut self, update: UpdateKind<Box<Parsed>, Box<StreamEvent>>) -> Next {
        match update {
            UpdateKind::Request(head) => self.request_head(&head),
            UpdateKind::RequestBody(body) => return self.request_body(body),
            UpdateKind::Response(head) => {
                self.transaction.set_response(&head);
                self.bind(false);
                self.acknowledge();
            }
            UpdateKind::ResponseBody(mut body) => {
                self.transaction.set_response_body(&mut body);
                self.content(Content::Response(body));
            }
            UpdateKind::Event(event) => self.event(event),
            UpdateKind::Sent(message) => self.message_of_client(message),
            UpdateKind::Gap { .. } => {}
            UpdateKind::Waited { side, wait } => self.transaction.http2_mut().add_wait(side, wait),
            UpdateKind::Closing(frame) => self.transaction.http2_mut().set_closed_by(frame),
            UpdateKind::Fault(fault) => self.fault(fault),
            UpdateKind::ClientClosed => ending::close_client(self.transaction, self.at, &mut self.tables),
            UpdateKind::Ended { how, bytes, span, degraded } => {
                self.transaction.set_end(TransactionEnd { how, at: Some(self.at), bytes, span, degraded });
                return if self.transaction.awaits_request_body() { Next::AwaitRequest } else { Next::Close };
            }
        }
        Next::Continue
    }

    /// Goes on with the next update of the transaction. `last` is the latest packet of all updates.
    pub(super) fn advance(&mut self, at: Origin, last: Origin) {
        self.at = at;
        self.tables.last = last;
    }

    /// Returns whether nothing was found since there were `findings`, and no exchange is held.
    pub(super) fn is_quiet(&self, findings: usize) -> bool {
        self.tables.sink.findings.len() == findings && self.tables.views.holds_nothing()
    }

    /// Ends the transaction: nothing more of it will be seen.
    pub(super) fn close(&mut self) {
        let Some(end) = self.transaction.end() else { return };
        self.give_up_request();
        self.bind(true);
        self.emit_faults();
        self.decide_unmatched();
        let stream = self.transaction.stream_record(end);
        if let Some(stream) = &stream {
            self.add_idle_end(end, stream);
        }
        ending::end_transaction(self.transaction, end, &mut self.tables);
        self.check_over();
        let is_other_channel = self.transaction.is_channel() && self.transaction.session().is_none();
        if let Some(mut stream) = stream.filter(|_| !is_other_channel) {
            let index = self.transaction.session().map(|index| self.owner(index, &stream));
            let session = index.and_then(|index| self.tables.sessions.get(index));
            stream.session = session.map(|session| session.reference().clone());
            self.tables.sink.out.push(Record::Stream(stream));
        }
        bare::close(self.transaction, end, self.at, &mut self.tables);
    }

    /// Checks the rules for a transaction that is over.
    fn check_over(&mut self) {
        let has_client =
            self.transaction.stream().is_some() && self.tables.sessions.has_client(self.transaction.peers());
        let session = self.transaction.session().and_then(|index| self.tables.sessions.get(index));
        let over = StreamOver { transaction: self.transaction, session, has_client, end: self.at };
        rules::check(RULES.stream_over, &over, self.tables.sink.findings);
        if self.transaction.refuses_session()
            && let Some(session) =
                self.transaction.session().and_then(|index| self.tables.sessions.get_mut(index))
            && let Some(span) = self.transaction.request_span()
        {
            session.served_mut().refuse(span.start.packet, self.at.packet);
        }
    }

    /// The session of an event stream that is over. A client may open a stream to see whether it
    /// can, and use another one: then it is one session.
    fn owner(&mut self, index: SessionIndex, stream: &Stream) -> SessionIndex {
        let is_left = stream.ended.by() == Some(Side::Client);
        let is_probe =
            is_left && stream.events <= 1 && self.transaction.stream().is_some_and(EventStream::has_endpoint);
        let used = if is_probe { self.tables.sessions.used_instead_of(index) } else { None };
        if used.is_some() {
            self.transaction.set_session(used);
            self.tables.sessions.forget(index);
        }
        used.unwrap_or(index)
    }

    /// The number of the session that the transaction belongs to.
    pub(super) fn session_number(&self) -> Option<u32> {
        let session = self.transaction.session().and_then(|index| self.tables.sessions.get(index));
        session.map(SessionState::number)
    }

    fn request_head(&mut self, head: &HttpHead) {
        self.transaction.set_request(head, self.interner);
        self.bind(false);
        let session = self.transaction.session().and_then(|index| self.tables.sessions.get(index));
        let head = Head { transaction: self.transaction, session, at: self.at };
        rules::check(RULES.request_head, &head, self.tables.sink.findings);
        if self.transaction.verb() == Some(Verb::Delete)
            && let Some(index) = self.transaction.session()
            && let Some(session) = self.tables.sessions.get_mut(index)
        {
            session.deletion_mut().request(self.at);
        }
    }

    fn request_body(&mut self, body: Box<Parsed>) -> Next {
        let requests = body.envelopes.iter().filter(|message| message.kind == Kind::Request).count();
        let first = self.tables.exchanges.reserve_numbers(requests as u64);
        self.transaction.set_request_body(&body);
        self.content(Content::Request(body, first));
        if self.transaction.session().is_some() {
            self.emit_faults();
        }
        // The response may have been captured before the request.
        self.acknowledge();
        if self.transaction.end().is_some() { Next::Close } else { Next::Continue }
    }

    fn event(&mut self, event: Box<StreamEvent>) {
        let is_post = self.transaction.is_post();
        self.transaction.begin_event();
        let Some(stream) = self.transaction.stream_mut() else { return };
        let is_first_id = !stream.is_resumable();
        stream.record(&event);
        if stream.channel().is_some() {
            return self.message_of_server(event);
        }
        if event.name.as_deref() == Some("endpoint") && !stream.has_endpoint() && !is_post {
            stream.set_endpoint();
            return self.endpoint(event.text.as_deref().unwrap_or_default());
        }
        if event.name.is_some() {
            let fault = event.unread_message().filter(|_| is_post || self.transaction.session().is_some());
            return fault.into_iter().for_each(|fault| self.fault(fault));
        }
        let has_messages = !event.parsed.envelopes.is_empty() && !event.parsed.is_empty_object();
        if self.transaction.session().is_none() && !is_post {
            if !event.parsed.envelopes.iter().any(|message| message.has_version) {
                return;
            }
            if self.transaction.awaits_request() {
                return self.transaction.add_waiting(Content::Event(event));
            }
            self.adopt(event.parsed.span.start);
        }
        let session = self.transaction.session();
        if is_first_id && let Some(id) = event.id.as_deref().filter(|id| !id.is_empty()) {
            self.check_event_id(id, event.parsed.span.end);
        }
        if let Some(id) = &event.id
            && let Some(session) = session.and_then(|index| self.tables.sessions.get_mut(index))
        {
            let last = self.transaction.request().and_then(|request| request.last_event_id);
            let key = self.transaction.key();
            let replay = session.history_mut().add_event((id, event.parsed.bytes), key, last);
            if replay == Replay::OfOtherStream {
                self.check_replay(id, event.parsed.span.end);
            }
            if replay != Replay::None {
                return;
            }
        }
        let is_json_rpc = has_messages || !event.parsed.faults.is_empty();
        // If the POST is not known to be MCP, its first event can show that it is.
        if is_json_rpc && (session.is_some() || self.transaction.waiting().is_empty()) {
            self.content(Content::Event(event));
        }
    }

    /// Reports a fault of the transaction, once the exchange that its request opens is known.
    pub(super) fn fault(&mut self, fault: Fault) {
        let awaits_exchange = self.transaction.is_post()
            && (self.transaction.session().is_none() || !self.transaction.has_request_body());
        self.transaction.add_fault(self.at, fault);
        if !awaits_exchange || self.transaction.has_most_faults() {
            self.emit_faults();
        }
    }

    /// Reports what is wrong with the transaction so far, with the exchange that it carries.
    fn emit_faults(&mut self) {
        for (at, fault) in self.transaction.take_faults() {
            let exchange = self.transaction.requests().first().copied();
            let session = self.session_number();
            if let Some(open) = exchange.and_then(|n| self.tables.exchanges.get_mut(n)) {
                open.add_finding(fault.code);
            }
            let finding = Finding {
                code: fault.code,
                at: Some(at),
                tcp_stream: Some(self.transaction.key().0),
                session,
                exchange,
                count: 1,
                detail: fault.detail.into_owned(),
            };
            // The other end may have closed first, in a packet behind a hole.
            let blames = matches!(finding.code, Code::HttpBodyCut | Code::HttpRequestCut);
            match self.transaction.session() {
                Some(session) if blames => self.tables.evidence.defer(at, session, finding),
                _ => self.tables.sink.findings.push(finding),
            }
        }
    }

    /// Takes the `endpoint` event of HTTP+SSE, which says where the POSTs of its session go.
    fn endpoint(&mut self, reference: &str) {
        let peers = self.transaction.peers();
        let base = self.transaction.target().map(|target| &**target);
        let target: Arc<str> = endpoint::resolve(base, reference).into();
        let (id, _) = endpoint::shown_id(&target);
        let authority = endpoint::authority(reference).map(str::to_owned);
        let first = self.transaction.request_span().map_or(self.at, |span| span.start);
        let key = SessionKey::Target(peers.server, target);
        if !session_key::is_unique(&id) && self.tables.sessions.is_left_by_client(&key) {
            // A server without ids gives all of its clients one target.
            self.tables.sessions.release(&key);
        }
        let index = match self.unclaimed(&id) {
            Some(index) if self.tables.sessions.find(&key).is_none() => {
                self.tables.sessions.add_address(key, index, peers);
                index
            }
            _ => {
                let seen = self.transaction.sighting(first);
                self.tables.sessions.find_or_create(key, Some(id.into()), seen)
            }
        };
        self.transaction.set_session(Some(index));
        if let Some(session) = self.tables.sessions.get_mut(index) {
            session.extend(first, self.at);
            session.reopen();
            let transaction = &*self.transaction;
            let named = Endpoint { transaction, session, authority: authority.as_deref(), at: self.at };
            let before = self.tables.sink.findings.len();
            rules::check(RULES.endpoint, &named, self.tables.sink.findings);
            if self.tables.sink.findings.len() > before {
                session.set_reported();
            }
        }
        self.bind(false);
    }

    /// The session with an id of uuid strength that has no stream: its POSTs go to another address.
    /// One that has a stream is another leg of a proxy.
    fn unclaimed(&self, id: &str) -> Option<SessionIndex> {
        if !session_key::is_unique(id) {
            return None;
        }
        let mut all = self.tables.sessions.with_id(id).filter(|session| !session.has_open_stream());
        all.next_back().map(|session| session.index())
    }

    /// Handles what the transaction carries, at once if its session is known.
    pub(super) fn content(&mut self, content: Content) {
        match self.transaction.session() {
            Some(session) if self.transaction.waiting().is_empty() => {
                self.tables.sessions.wake(session, self.at.time);
                self.handle_content(session, content);
            }
            _ => {
                self.transaction.add_waiting(content);
                self.bind(false);
            }
        }
    }

    /// Finds the session, and handles what waited for it. `is_last`: nothing more of the
    /// transaction will be seen.
    pub(super) fn bind(&mut self, is_last: bool) {
        let is_known = self.transaction.session().is_some();
        if !is_known {
            let session = router::Search {
                sessions: &mut *self.tables.sessions,
                transaction: &*self.transaction,
                others: self.other_transactions,
                at: self.at,
                is_last,
            }
            .session();
            self.transaction.set_session(session);
        }
        let Some(index) = self.transaction.session() else { return };
        self.tables.sessions.wake(index, self.at.time);
        if !is_known && self.transaction.protocols().http2_stream.is_some() {
            self.tables.sessions.carried_mut().add(self.transaction.key().0, index);
        }
        // What the response carries is read behind the requests that it may answer.
        let is_early = self.transaction.is_post() && !self.transaction.has_request_body() && !is_last;
        let waiting = if is_early { Vec::new() } else { self.transaction.take_waiting() };
        if let (Some(session), Some(span)) =
            (self.tables.sessions.get_mut(index), self.transaction.request_span())
        {
            session.extend(span.start, self.at);
        }
        if self.tables.sessions.get(index).is_some_and(|session| !session.has_id()) {
            self.tables.sessions.add_connection(self.transaction.key().0, index);
        }
        self.open_stream(index);
        let is_charged = is_known && waiting.is_empty();
        for content in waiting {
            self.handle_content(index, content);
        }
        if self.transaction.has_request_body() {
            self.emit_faults();
        }
        if !is_charged {
            self.tables.sessions.charge(index);
            self.limit_sessions();
        }
    }

    /// If the response to a GET is an event stream, the server can send on it what belongs to no
    /// POST.
    pub(super) fn open_stream(&mut self, index: SessionIndex) {
        if self.transaction.is_post() {
            return;
        }
        let Some(stream) = self.transaction.stream_mut().filter(|stream| !stream.is_standalone()) else {
            return;
        };
        stream.set_standalone();
        let gaps = self.transaction.gaps();
        self.tables.idle_ends.reopen(index);
        if let Some(session) = self.tables.sessions.get_mut(index) {
            session.open_stream(self.transaction.key());
            if gaps.any() {
                session.add_gap(Side::Server, self.tables.last.packet, gaps);
            }
        }
    }

    fn handle_content(&mut self, session: SessionIndex, content: Content) {
        match content {
            Content::Request(body, first) if self.transaction.is_channel() => {
                self.messages(session, Side::Client, &body, first);
            }
            Content::Request(mut body, first) => {
                let hash = self.transaction.messages_hash();
                let state = self.tables.sessions.get_mut(session);
                if state.is_some_and(|session| session.take_redirected(hash)) {
                    self.transaction.set_has_messages(Side::Client);
                    // Requests are joined to their exchange.
                    body.envelopes.retain(|message| message.kind == Kind::Request);
                }
                self.messages(session, Side::Client, &body, first);
                self.check_body(session, RULES.request_body, &body);
            }
            Content::Response(mut body) => {
                self.keep_json_rpc(session, &mut body);
                if !body.holds_nothing() {
                    self.check_body(session, RULES.response_body, &body);
                }
                self.messages(session, Side::Server, &body, 0);
            }
            Content::Event(event) => self.messages(session, Side::Server, &event.parsed, 0),
        }
    }

    /// Leaves in the body of a response what is JSON-RPC: everything if it is the 2xx answer to a
    /// request, else the messages with a `jsonrpc` member. The `{"message": "Accepted"}` of a 202
    /// or the `{"error": "invalid_token"}` of a 401 breaks no rule of JSON-RPC.
    fn keep_json_rpc(&mut self, session: SessionIndex, body: &mut Parsed) {
        let session = self.tables.sessions.get(session);
        let is_on_stream = session.is_some_and(|session| session.is_http_sse());
        if !self.transaction.answers_in_json() {
            // It need not be JSON, but it has to say that it is an event stream.
            body.faults.retain(|fault| fault.code == Code::HttpMediaType);
        }
        // After a gap, requests and responses may be paired wrongly.
        let is_whole = self.transaction.degraded().and(self.transaction.gaps()).is_none();
        if self.transaction.answers_requests() && !is_on_stream && is_whole {
            return;
        }
        if self.transaction.is_refused() && !body.envelopes.iter().any(|message| message.has_version) {
            self.transaction.set_http_error_text(body);
        }
        body.envelopes.retain(|message| message.has_version);
        if body.envelopes.is_empty() {
            body.faults.clear();
            body.batch = false;
        }
    }

    /// Handles the messages of a body or event. `n` is the number of its first exchange if the
    /// client sent it.
    fn messages(&mut self, index: SessionIndex, from: Side, parsed: &Parsed, mut n: u64) {
        if let Some(session) = self.tables.sessions.get_mut(index) {
            session.extend(parsed.span.start, parsed.span.end);
        }
        if parsed.holds_nothing() {
            return;
        }
        if !parsed.envelopes.is_empty() {
            self.transaction.set_has_messages(from);
        }
        if from == Side::Server
            && let Some(open) = self.transaction.only_request().and_then(|n| self.tables.exchanges.get_mut(n))
        {
            // Before its response completes it.
            parsed.faults.iter().for_each(|fault| open.add_finding(fault.code));
        }
        for envelope in &parsed.envelopes {
            let message = Message { from, span: parsed.span, degraded: parsed.degraded, envelope };
            let exchange = self.message(index, message, n).or_else(|| self.transaction.only_request());
            self.add_faults(index, parsed, &envelope.faults, exchange);
            n += u64::from(envelope.kind == Kind::Request);
        }
        self.add_faults(index, parsed, &parsed.faults, self.transaction.only_request());
        if parsed.batch {
            self.check_body(index, RULES.batch, parsed);
        }
    }

    /// Checks rules for a body; what they find is listed by the exchange whose request is the only
    /// one of its POST.
    fn check_body(
        &mut self,
        index: SessionIndex,
        rules: &[fn(&Body<'_>) -> Option<Violation>],
        parsed: &Parsed,
    ) {
        let session = self.tables.sessions.get(index);
        let exchange = self.transaction.only_request();
        let before = self.tables.sink.findings.len();
        let body = Body { transaction: self.transaction, session, parsed, exchange };
        rules::check(rules, &body, self.tables.sink.findings);
        if let Some(open) = exchange.and_then(|n| self.tables.exchanges.get_mut(n)) {
            let found = self.tables.sink.findings.list().iter().skip(before);
            open.add_findings(found.map(|finding| finding.code));
        }
    }

    /// Adds the faults that `rpc` found in a body or event, which is known to be MCP, or in one of
    /// its messages.
    fn add_faults(&mut self, index: SessionIndex, parsed: &Parsed, faults: &[Fault], exchange: Option<u64>) {
        if faults.is_empty() {
            return;
        }
        let session = self.tables.sessions.get(index).map(SessionState::number);
        for fault in faults {
            rules::add_fault(self.transaction, (session, exchange), parsed, fault, self.tables.sink.findings);
        }
    }

    fn message(&mut self, index: SessionIndex, message: Message<'_>, n: u64) -> Option<u64> {
        let exchange = self.with_context(index, message, |context| context.handle(n)).flatten();
        self.limit_exchanges(message.span.end);
        self.tables.sessions.charge(index);
        exchange
    }

    /// Calls `handle` with a message of the session; `None` if the session was evicted.
    pub(super) fn with_context<T>(
        &mut self,
        index: SessionIndex,
        message: Message<'_>,
        handle: impl FnOnce(&mut Context<'_, '_>) -> T,
    ) -> Option<T> {
        let Tables { sessions, exchanges, evidence, views, deliveries, definitions, sink, .. } =
            &mut self.tables;
        let (session, other_sessions) = sessions.split(index)?;
        let mut context = Context {
            message,
            session,
            other_sessions,
            transaction: self.transaction,
            other_transactions: self.other_transactions,
            exchanges,
            evidence,
            views,
            deliveries,
            definitions,
            interner: self.interner,
            emits_requests: self.emits_requests,
            sink,
        };
        Some(handle(&mut context))
    }

    /// The final status line of the response was seen: it acknowledges the requests that the POST
    /// carried.
    fn acknowledge(&mut self) {
        let (Some(response), Some(index)) = (self.transaction.response(), self.transaction.session()) else {
            return;
        };
        let head =
            Head { transaction: self.transaction, session: self.tables.sessions.get(index), at: self.at };
        rules::check(RULES.response_head, &head, self.tables.sink.findings);
        let doubted = rules::violations(RULES.refused_stream, &head).next();
        if let Some(finding) = doubted {
            self.tables.sessions.doubts().add(self.at, index, finding);
        }
        let is_success = response.status.is_some_and(|status| (200..300).contains(&status));
        if self.transaction.is_post() && response.status == Some(404) {
            self.tables.sessions.doubts().confirm(index);
        }
        if self.transaction.is_post() && self.transaction.is_redirect() {
            let client = self.transaction.peers().client.ip();
            self.tables.sessions.add_redirected(self.transaction.messages_hash(), client, index);
        }
        if let Some(session) = self.tables.sessions.get_mut(index) {
            if self.transaction.verb() == Some(Verb::Delete) {
                session.set_deletion_answered(is_success, self.at.packet);
            } else if is_success {
                session.served_mut().add(self.transaction.peers().server, self.at.packet);
            } else if self.transaction.is_post() && self.transaction.is_redirect() {
                session.set_redirected(self.transaction.messages_hash());
            }
        }
        // The answer to `initialize` may name the session in a field that is not in the capture.
        let may_name = self.transaction.lacks_response_fields() && response.session_id.is_none();
        if (may_name || response.status.is_some_and(|status| status >= 300))
            && let Some(session) = self.tables.sessions.get_mut(index)
        {
            for _ in self.transaction.requests() {
                session.attempts_mut().fail();
            }
        }
        let retransmissions = self.transaction.client_retransmissions();
        let mut complete = Vec::new();
        for n in self.transaction.requests() {
            let Some(open) = self.tables.exchanges.get_mut(*n) else { continue };
            if open.acknowledge(response) {
                open.add_retransmissions(retransmissions);
            }
            if open.is_answered() {
                complete.push(*n);
            }
        }
        for n in complete {
            self.tables.complete(n);
        }
    }

    /// Why a transaction may not be complete.
    pub(super) fn degraded_of(&self, key: TransactionKey) -> Degraded {
        if key == self.transaction.key() {
            self.transaction.degraded()
        } else {
            self.other_transactions.get(key).map_or(Degraded::NONE, Transaction::degraded)
        }
    }
}

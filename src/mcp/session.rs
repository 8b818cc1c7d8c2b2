//! One session: what is known of it while it is active.

use std::net::SocketAddr;
use std::sync::Arc;

use super::attempts::Attempts;
use super::deletion::Deletion;
use super::gaps::Gaps;
use super::handle::{SessionIndex, TransactionKey};
use super::history::History;
use super::legs::Legs;
use super::lifecycle::Lifecycle;
use super::numbering::Numbering;
use super::numbers::Numbers;
use super::record::{Exchange, Session, SessionEnd, SessionRef, Transport};
use super::request_index::{PerSide, RequestIndex};
use super::served::Served;
use super::server_stream::ServerStream;
use super::session_key::{SessionKey, SessionKeys};
use super::unended::Unended;
use crate::base::{Degraded, Origin, PacketNo, ResponseEnd, Side};
use crate::rpc::{Id, Look};

/// An active session.
#[derive(Debug)]
pub(super) struct SessionState {
    index: SessionIndex,
    record: Session,
    /// Length of the texts of `record`, in bytes: it is asked for after every message.
    text_len: usize,
    /// What the session is found by.
    keys: SessionKeys,
    server_stream: ServerStream,
    /// The latest of the server's streams.
    stream_transaction: Option<TransactionKey>,
    /// Created for a stream whose beginning was not captured, and not joined by any POST yet.
    is_headless: bool,
    lifecycle: Lifecycle,
    /// Requests without a response, by the side that sent them.
    outstanding: PerSide<RequestIndex>,
    /// Those of them that the end of a stream was not applied to.
    unended: PerSide<Unended>,
    /// Progress tokens of open requests, by the side that chose them.
    tokens: PerSide<RequestIndex>,
    history: History,
    /// The ids of each side's requests.
    numbering: PerSide<Numbering>,
    gaps: Gaps,
    /// Whether a finding says that the ids of this side's requests are not unique.
    is_repetition_reported: PerSide<bool>,
    /// Responses with the id 0 that match no request.
    orphans_with_id_zero: u32,
    /// The messages of a POST that was redirected and not repeated yet, as a hash.
    redirected: Option<u64>,
    is_redirect_reported: bool,
    served: Served,
    /// The method of the first request of the client.
    first_method: Option<Arc<str>>,
    /// Whether a finding names it before anything was sent to it.
    is_reported: bool,
    /// Number of open connections; only counted without an id.
    connections: u32,
    /// Attempts to open it.
    attempts: Attempts,
    deletion: Deletion,
    /// The session's other views.
    legs: Legs,
}

impl SessionState {
    pub(super) fn new(index: SessionIndex, session: SessionRef, at: Origin) -> Self {
        let record = Session {
            addresses: vec![session.server],
            session,
            protocol_version: None,
            client_info: None,
            server_info: None,
            client_capabilities: Vec::new(),
            server_capabilities: Vec::new(),
            exchanges: 0,
            calls: 0,
            first: at,
            last: at,
            ended: SessionEnd::Open,
            degraded: Degraded::NONE,
        };
        Self { attempts: Attempts::default(), ..Self::resume(index, record, Vec::new()) }
    }

    /// A session that was silent for so long that only its record was kept.
    pub(super) fn resume(index: SessionIndex, record: Session, keys: Vec<SessionKey>) -> Self {
        Self {
            index,
            lifecycle: Lifecycle::of_past(record.exchanges > 0),
            text_len: record.text_len(),
            record,
            keys: keys.into(),
            server_stream: ServerStream::Unseen,
            stream_transaction: None,
            is_headless: false,
            outstanding: PerSide::default(),
            unended: PerSide::default(),
            tokens: PerSide::default(),
            history: History::default(),
            numbering: PerSide::default(),
            gaps: Gaps::default(),
            is_repetition_reported: PerSide::default(),
            orphans_with_id_zero: 0,
            redirected: None,
            is_redirect_reported: false,
            served: Served::default(),
            first_method: None,
            is_reported: false,
            connections: 0,
            attempts: Attempts::unknown(),
            deletion: Deletion::default(),
            legs: Legs::default(),
        }
    }

    pub(super) fn index(&self) -> SessionIndex {
        self.index
    }

    /// Everything that is emitted of the session.
    pub(super) fn record(&self) -> &Session {
        &self.record
    }

    /// The record and the keys.
    pub(super) fn into_parts(mut self) -> (Session, Vec<SessionKey>) {
        (self.record, self.keys.take())
    }

    /// About what is allocated for it, in bytes, without its open exchanges.
    pub(super) fn allocated(&self) -> usize {
        let lists = self.unended.sum(Unended::allocated) + self.history.allocated();
        size_of::<Self>() + self.text_len + self.keys.allocated() + lists
    }

    /// Texts of the record changed.
    fn count_texts(&mut self) {
        self.text_len = self.record.text_len();
    }

    /// Number, id, transport and addresses.
    pub(super) fn reference(&self) -> &SessionRef {
        &self.record.session
    }

    /// The session's number in this capture.
    pub(super) fn number(&self) -> u32 {
        self.record.session.number
    }

    /// Whether the wire has an id of the session.
    pub(super) fn has_id(&self) -> bool {
        self.record.session.id.is_some()
    }

    /// Whether the transport is HTTP+SSE: responses come on the session's stream.
    pub(super) fn is_http_sse(&self) -> bool {
        self.record.session.transport == Transport::HttpSse
    }

    pub(super) fn is_streamable_http(&self) -> bool {
        self.record.session.transport == Transport::StreamableHttp
    }

    /// Whether both sides send messages on one connection.
    pub(super) fn is_channel(&self) -> bool {
        matches!(self.record.session.transport, Transport::WebSocket | Transport::Stdio)
    }

    /// Whether all responses of the server come on one stream: that of HTTP+SSE, or the channel.
    pub(super) fn has_one_stream(&self) -> bool {
        self.is_http_sse() || self.is_channel()
    }

    pub(super) fn degraded(&self) -> Degraded {
        self.record.degraded
    }

    pub(super) fn degrade(&mut self, why: Degraded) {
        self.record.degraded.add(why);
    }

    /// Extends the session to packets that carry something of it.
    pub(super) fn extend(&mut self, first: Origin, last: Origin) {
        if first.packet < self.record.first.packet {
            self.record.first = first;
        }
        self.record.last = self.record.last.later(last);
    }

    /// Whether something is open that needs more than the record.
    pub(super) fn is_busy(&self) -> bool {
        self.has_open_stream()
            || [Side::Client, Side::Server]
                .into_iter()
                .any(|side| !self.outstanding.get(side).is_empty() || !self.tokens.get(side).is_empty())
            || self.is_headless
    }

    // Identity.

    /// Adds another key of the session; `false` if it has as many as are kept.
    pub(super) fn add_key(&mut self, key: &SessionKey) -> bool {
        self.keys.push_if_room(key)
    }

    /// Removes the keys.
    pub(super) fn take_keys(&mut self) -> Vec<SessionKey> {
        self.keys.take()
    }

    /// Whether the server's path is this one.
    pub(super) fn has_path(&self, path: &str) -> bool {
        self.record.session.path.as_deref() == Some(path)
    }

    /// Sets the server's path if it is known.
    pub(super) fn set_path(&mut self, path: Option<&Arc<str>>) {
        if path.is_some() {
            self.record.session.path = path.cloned();
            self.count_texts();
        }
    }

    pub(super) fn set_reported(&mut self) {
        self.is_reported = true;
    }

    /// Whether it is an HTTP+SSE session of which nothing but its stream was seen.
    pub(super) fn is_unused(&self) -> bool {
        self.is_http_sse()
            && self.record.exchanges == 0
            && self.served.by().is_empty()
            && !self.is_reported
            && !self.is_headless
            && self.record.degraded.is_none()
    }

    /// Whether the client opened a stream, closed it, and did nothing else.
    pub(super) fn is_trial(&self) -> bool {
        matches!(self.server_stream, ServerStream::Ended(how) if how.by() == Some(Side::Client))
            && self.is_unused()
    }

    /// Whether it is neither [a trial](Self::is_trial) nor [a failed
    /// attempt](Self::is_failed_attempt), and will not be as long as it is active.
    pub(super) fn is_more_than_attempts(&self) -> bool {
        let is_used = self.record.exchanges > 0 || !self.served.by().is_empty() || self.is_reported;
        let has_more = self.attempts.has_more() || self.has_id();
        (is_used || self.record.degraded.any()) && has_more
    }

    pub(super) fn open_connection(&mut self) {
        self.connections += 1;
    }

    pub(super) fn close_connection(&mut self) {
        self.connections = self.connections.saturating_sub(1);
    }

    /// Whether a session without an id was opened, and all its connections ended: an `initialize`
    /// is that of another client.
    pub(super) fn is_left(&self) -> bool {
        self.record.protocol_version.is_some() && self.connections == 0
    }

    /// Adds an address of the server.
    pub(super) fn add_address(&mut self, server: SocketAddr) {
        if !self.record.addresses.contains(&server) {
            self.record.addresses.push(server);
        }
    }

    /// Sets what a key says of the session; returns whether the session had no beginning before.
    pub(super) fn identify(&mut self, key: SessionKey, transport: Transport, id: Option<&Arc<str>>) -> bool {
        self.keys.push(key);
        self.record.session.transport = transport;
        self.record.session.id = id.cloned();
        self.count_texts();
        std::mem::replace(&mut self.is_headless, false)
    }

    /// Whether it was created for a stream whose beginning was not captured, and no POST has joined
    /// it.
    pub(super) fn is_headless(&self) -> bool {
        self.is_headless
    }

    pub(super) fn set_headless(&mut self) {
        self.is_headless = true;
        self.record.degraded.add(Degraded::MIDSTREAM);
    }

    /// Whether both are sessions of one server, and not two views of one session.
    pub(super) fn is_same_server(&self, other: &Self) -> bool {
        self.record.session.server == other.record.session.server
            && self.record.session.path == other.record.session.path
    }

    /// The session's other views.
    pub(super) fn legs(&self) -> &Legs {
        &self.legs
    }

    pub(super) fn legs_mut(&mut self) -> &mut Legs {
        &mut self.legs
    }

    /// This session is the leg behind a proxy; `number` is the one in front.
    pub(super) fn set_behind(&mut self, number: u32) {
        self.record.session.behind = Some(number);
    }

    // Streams and gaps.

    /// Whether a stream is open on which the server can send what belongs to no POST.
    pub(super) fn has_open_stream(&self) -> bool {
        matches!(self.server_stream, ServerStream::Open(_))
    }

    pub(super) fn server_stream(&self) -> ServerStream {
        self.server_stream
    }

    /// The transaction of the server's latest stream.
    pub(super) fn stream_transaction(&self) -> Option<TransactionKey> {
        self.stream_transaction
    }

    pub(super) fn open_stream(&mut self, transaction: TransactionKey) {
        self.server_stream = self.server_stream.with_another();
        self.stream_transaction = Some(transaction);
    }

    /// One of the server's streams ended; returns whether another one is open.
    pub(super) fn close_stream(&mut self, at: Origin, how: ResponseEnd) -> bool {
        self.record.last = self.record.last.later(at);
        self.server_stream = self.server_stream.without_one(how);
        self.has_open_stream()
    }

    pub(super) fn end(&mut self, how: SessionEnd) {
        self.record.ended = how;
    }

    pub(super) fn deletion(&self) -> &Deletion {
        &self.deletion
    }

    pub(super) fn deletion_mut(&mut self) -> &mut Deletion {
        &mut self.deletion
    }

    /// The server answered the DELETE.
    pub(super) fn set_deletion_answered(&mut self, is_success: bool, at: PacketNo) {
        if is_success {
            self.record.ended = SessionEnd::Deleted;
            self.deletion.grant(at);
        } else if self.record.ended != SessionEnd::Deleted {
            self.deletion.refuse();
        }
    }

    /// A new stream names the session's endpoint after the last stream ended.
    pub(super) fn reopen(&mut self) {
        if matches!(self.record.ended, SessionEnd::StreamClosed { .. }) {
            self.record.ended = SessionEnd::Open;
        }
    }

    /// Bytes that `side` sent and that could have held a response were lost at `packet`.
    pub(super) fn add_gap(&mut self, side: Side, packet: PacketNo, why: Degraded) {
        self.gaps.add(side, packet, why);
    }

    /// Why anything of the session may be missing.
    pub(super) fn missing(&self) -> Degraded {
        self.record.degraded.and(self.gaps.reasons())
    }

    /// Why the response of `side` to a request sent in packet `since` may be missing.
    pub(super) fn gap_since(&self, side: Side, since: PacketNo) -> Degraded {
        self.gaps.since(side, since)
    }

    // Exchanges.

    /// A POST with these messages was redirected: it comes again.
    pub(super) fn set_redirected(&mut self, messages: u64) {
        self.redirected = Some(messages);
    }

    /// Whether a POST with these messages is the repetition of one that was redirected.
    pub(super) fn take_redirected(&mut self, messages: u64) -> bool {
        self.redirected.take_if(|redirected| *redirected == messages).is_some()
    }

    pub(super) fn set_first_method(&mut self, method: &Arc<str>) {
        self.first_method.get_or_insert_with(|| Arc::clone(method));
    }

    /// The method of the only exchange so far.
    pub(super) fn only_method(&self) -> Option<&str> {
        self.first_method.as_deref().filter(|_| self.record.exchanges == 1)
    }

    /// Notes that a redirect is reported; returns whether one was before.
    pub(super) fn set_redirect_reported(&mut self) -> bool {
        std::mem::replace(&mut self.is_redirect_reported, true)
    }

    /// The addresses that answered requests of the session with 2xx.
    pub(super) fn served(&self) -> &Served {
        &self.served
    }

    pub(super) fn served_mut(&mut self) -> &mut Served {
        &mut self.served
    }

    /// The attempts to open it.
    pub(super) fn attempts_mut(&mut self) -> &mut Attempts {
        &mut self.attempts
    }

    /// Whether the session has nothing but requests to open one, and all of them failed.
    pub(super) fn is_failed_attempt(&self) -> bool {
        self.attempts.have_failed() && !self.has_id() && !self.has_open_stream()
    }

    /// Whether the attempts were those of another program than the one that `key` names.
    pub(super) fn has_other_client(&self, key: &SessionKey) -> bool {
        let SessionKey::Client(_, _, _, Some(info)) = key else { return false };
        self.attempts.have_other_client(info)
    }

    /// Whether no request of the session was seen before the first one that is counted.
    pub(super) fn is_at_first_request(&self) -> bool {
        !self.lifecycle.is_initialized() && self.record.exchanges == 1
    }

    /// How far it is initialized.
    pub(super) fn lifecycle(&self) -> Lifecycle {
        self.lifecycle
    }

    pub(super) fn lifecycle_mut(&mut self) -> &mut Lifecycle {
        &mut self.lifecycle
    }

    pub(super) fn count_exchange(&mut self, is_call: bool) {
        self.record.exchanges += 1;
        self.record.calls += u64::from(is_call);
    }

    /// Whether a request of `origin` with this id may have been sent and not captured.
    pub(super) fn lacks_request(&self, origin: Side, id: &Id) -> bool {
        self.numbering.get(origin).lacks(id, self.is_idle(origin))
    }

    /// Whether a request of `origin` with this progress token may have been sent and not captured.
    pub(super) fn lacks_token(&self, origin: Side, token: &Id) -> bool {
        self.numbering.get(origin).lacks_token(token, self.is_idle(origin))
    }

    /// Whether no request of `origin` is outstanding for which an unknown id may be a wrong one.
    /// Clients are not known to answer with wrong ones.
    fn is_idle(&self, origin: Side) -> bool {
        origin == Side::Server || self.outstanding.get(origin).is_empty()
    }

    /// Adds an open exchange to the outstanding requests of its sender.
    pub(super) fn add_outstanding(&mut self, exchange: &Exchange, token: Option<&Id>) {
        self.numbering.get_mut(exchange.origin).add(&exchange.id);
        if exchange.id != Id::Null {
            self.outstanding.get_mut(exchange.origin).insert(exchange.id.clone(), exchange.n);
            self.add_unended(exchange.origin, exchange.n);
        }
        if let Some(token) = token {
            self.tokens.get_mut(exchange.origin).insert(token.clone(), exchange.n);
        }
    }

    /// Requests of `origin` without a response that have this id, oldest first.
    pub(super) fn outstanding(&self, origin: Side, id: &Id) -> Option<&Numbers> {
        self.outstanding.get(origin).get(id)
    }

    /// See [`Unended::add`].
    pub(super) fn add_unended(&mut self, origin: Side, n: u64) {
        self.unended.get_mut(origin).add(n, self.outstanding.get(origin));
    }

    /// The requests of `origin` that the end of a stream was not applied to.
    pub(super) fn unended(&mut self, origin: Side) -> &mut Unended {
        self.unended.get_mut(origin)
    }

    /// All requests of `origin` without a response, oldest first.
    pub(super) fn all_outstanding(&self, origin: Side) -> Vec<u64> {
        self.outstanding.get(origin).sorted()
    }

    /// The requests of `origin` without a response; none if there are many.
    pub(super) fn few_outstanding(&self, origin: Side) -> impl Iterator<Item = u64> + '_ {
        self.outstanding.get(origin).few()
    }

    /// The requests of `origin` without a response whose id `answered` may be meant for, as far as
    /// they are looked at.
    pub(super) fn changed_to<'a>(&'a self, origin: Side, answered: &'a Id) -> impl Iterator<Item = u64> + 'a {
        self.outstanding.get(origin).changed_to(answered)
    }

    /// The exchange has a response, or will get none.
    pub(super) fn remove_outstanding(&mut self, exchange: &Exchange) {
        self.outstanding.get_mut(exchange.origin).remove(&exchange.id, exchange.n);
    }

    /// Open requests of `origin` with this progress token, oldest first.
    pub(super) fn with_token(&self, origin: Side, token: &Id) -> Option<&Numbers> {
        self.tokens.get(origin).get(token)
    }

    /// Whether `origin` used this id for a request that was answered, and no finding says so yet.
    pub(super) fn is_repeated_id(&self, origin: Side, id: &Id) -> bool {
        self.has_id()
            && *id != Id::Null
            && !*self.is_repetition_reported.get(origin)
            && self.history.has_answered(origin, id)
    }

    pub(super) fn set_repetition_reported(&mut self, origin: Side) {
        *self.is_repetition_reported.get_mut(origin) = true;
    }

    /// Remembers an exchange whose response was seen: it may come again before the exchange is
    /// complete.
    pub(super) fn add_answered(&mut self, exchange: &Exchange, token: Option<&Id>) {
        self.remove_outstanding(exchange);
        self.history.add_completed(exchange, token);
    }

    /// Remembers an exchange that is complete.
    pub(super) fn add_completed(&mut self, exchange: &Exchange, token: Option<&Id>, is_answered: bool) {
        if let Some(token) = token {
            self.tokens.get_mut(exchange.origin).remove(token, exchange.n);
        }
        if !is_answered {
            self.add_answered(exchange, token);
        }
    }

    /// What is remembered of completed exchanges and tasks.
    pub(super) fn history(&self) -> &History {
        &self.history
    }

    pub(super) fn history_mut(&mut self) -> &mut History {
        &mut self.history
    }

    /// Whether responses of `from` can only be on the response to their own POST: without a session
    /// id, the request ids of several clients meet in one session.
    pub(super) fn answers_only_on_own_post(&self, from: Side) -> bool {
        from == Side::Server && !self.has_id() && !self.has_one_stream()
    }

    /// Counts a response with the id 0 that matches no request; returns how many there are.
    pub(super) fn count_orphan_with_id_zero(&mut self) -> u32 {
        self.orphans_with_id_zero += 1;
        self.orphans_with_id_zero
    }

    // What client and server say about themselves.

    pub(super) fn protocol_version(&self) -> Option<&Arc<str>> {
        self.record.protocol_version.as_ref()
    }

    pub(super) fn set_protocol_version(&mut self, version: Option<Arc<str>>) {
        self.record.protocol_version = version;
        self.count_texts();
    }

    pub(super) fn set_client(&mut self, look: &Look) {
        self.record.set_client(look);
        self.count_texts();
    }

    pub(super) fn set_server(&mut self, look: &Look) {
        self.record.set_server(look);
        self.count_texts();
    }
}

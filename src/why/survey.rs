//! What explanations compare: every call, stream, session and connection of a capture, compactly.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::base::fact::{CaptureFact, ConnectionFact};
use crate::base::{Code, Fact, Finding, Origin, Room, Side, Span, Status, limits};
use crate::ledger::store::{HttpItem, Store};
use crate::ledger::{
    Cause, Entry, Exchange, Notification, Record, Session, SessionEnd, Stream, replace_ended,
};

/// Findings of one code that are kept. They are told as examples.
const MAX_OF_CODE: usize = 64;

/// A call, as far as others are compared with it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) n: u64,
    pub(super) session: u32,
    pub(super) server: SocketAddr,
    pub(super) client: IpAddr,
    pub(super) origin: Side,
    pub(super) tcp_stream: u32,
    /// The connection and the transaction that carried the response; `None` without one.
    pub(super) answered_on: Option<(u32, u32)>,
    pub(super) method: Arc<str>,
    pub(super) name: Option<Arc<str>>,
    /// First and last byte of the request.
    pub(super) request: [Origin; 2],
    /// First and last byte of the response; `None` without one.
    pub(super) response: Option<[Origin; 2]>,
    pub(super) status: Status,
    pub(super) cause: Option<Cause>,
    pub(super) http_status: Option<u16>,
    /// The packet that ended the wait without a response; `None` if the response did.
    pub(super) ended: Option<Origin>,
    /// Nanoseconds that the server waited for the client meanwhile.
    pub(super) client_ns: i64,
}

impl Call {
    pub(super) fn of(exchange: &Exchange) -> Self {
        let span = exchange.request.span;
        Self {
            n: exchange.n,
            session: exchange.session.number,
            server: exchange.session.server,
            client: exchange.client.ip(),
            origin: exchange.origin,
            tcp_stream: exchange.tcp_stream,
            answered_on: exchange.answered_on,
            method: Arc::clone(&exchange.method),
            name: exchange.name.clone(),
            request: [span.start, span.end],
            response: exchange.response.map(|response| [response.span.start, response.span.end]),
            status: exchange.status,
            cause: exchange.cause,
            http_status: exchange.http_status,
            ended: exchange.wait_ended,
            client_ns: exchange.asked.client_ns,
        }
    }

    /// About its memory, in bytes.
    fn allocated(&self) -> usize {
        size_of::<Self>() + self.method.len() + self.name.as_ref().map_or(0, |name| name.len())
    }

    /// Returns the time from the last byte of the request to the first of the response, without
    /// what the server waited for the client, in nanoseconds; `None` without a response.
    pub(super) fn service_ns(&self) -> Option<i64> {
        let [_, sent] = self.request;
        let [first, _] = self.response?;
        Some(first.time.since(sent.time).saturating_sub(self.client_ns))
    }

    /// Returns the time from the last byte of the request to the end of the wait without a
    /// response, in nanoseconds; `None` with a response.
    pub(super) fn waited_ns(&self) -> Option<i64> {
        let [_, sent] = self.request;
        Some(self.ended?.time.since(sent.time))
    }

    /// Whether it calls the same method and tool.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        self.origin == other.origin && self.method == other.method && self.name == other.name
    }
}

/// A message of a server: an answer, a request or a notification.
#[derive(Clone, Copy, Debug)]
pub(super) struct SentMessage {
    /// The connection and the transaction that carried it.
    pub(super) on: (u32, u32),
    pub(super) first: Origin,
    pub(super) last: Origin,
    /// The exchange that it answers; `None` if it is no answer.
    pub(super) answers: Option<u64>,
    /// The exchange in which it was sent, if it is no answer; `None` if it belongs to none.
    pub(super) within: Option<u64>,
}

/// Servers of which refused connections are counted.
const MAX_REFUSING: usize = 256;

/// Connections to one address that were refused: a RST answered the SYN.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused {
    pub(super) count: u64,
    /// The first of them: its client, Wireshark's number of it, and its packets.
    pub(super) client: IpAddr,
    pub(super) tcp_stream: u32,
    pub(super) packets: [Origin; 2],
}

/// What was seen in a capture: of each kind the first that have room.
#[derive(Clone, Debug)]
pub(super) struct Survey {
    pub(super) calls: Vec<Call>,
    /// What servers sent. A store has no notifications that belong to no exchange.
    pub(super) sent: Vec<SentMessage>,
    /// The streams of MCP that ended or were open at the end.
    pub(super) streams: Vec<Stream>,
    pub(super) sessions: Vec<Session>,
    /// How many of the first sessions may have ended, and make room for one that did not.
    replaceable: usize,
    /// The connections that carried MCP, by Wireshark's numbers.
    pub(super) connections: BTreeMap<u32, ConnectionFact>,
    /// The refused connections, by the address that refused them.
    pub(super) refused: BTreeMap<SocketAddr, Refused>,
    /// The first findings of each code.
    pub(super) findings: Vec<Finding>,
    of_code: BTreeMap<Code, usize>,
    pub(super) capture: CaptureFact,
    rooms: Rooms,
}

/// Memory that is left for each kind.
#[derive(Clone, Debug)]
struct Rooms {
    calls: Room,
    sent: Room,
    streams: Room,
    sessions: Room,
    connections: Room,
}

impl Default for Survey {
    fn default() -> Self {
        let others = || Room::new(limits::MAX_COMPARED_OTHERS);
        let calls = Room::new(limits::MAX_COMPARED_CALLS);
        Self {
            calls: Vec::new(),
            sent: Vec::new(),
            streams: Vec::new(),
            sessions: Vec::new(),
            replaceable: usize::MAX,
            connections: BTreeMap::new(),
            refused: BTreeMap::new(),
            findings: Vec::new(),
            of_code: BTreeMap::new(),
            capture: CaptureFact::default(),
            rooms: Rooms {
                calls,
                sent: others(),
                streams: others(),
                sessions: others(),
                connections: others(),
            },
        }
    }
}

impl Survey {
    /// Takes what is stored, and what was in progress at its last update.
    pub(super) fn of_store(store: &Store) -> Self {
        let mut survey = Self { capture: *store.capture(), ..Self::default() };
        for index in 0..store.len().min(limits::MAX_COMPARED) {
            if let Some(exchange) = store.exchange(index) {
                survey.add_call(&exchange);
                store.notifications_of(exchange.n).for_each(|it| survey.add_notification(it));
            }
        }
        for item in store.http().iter().chain(store.open_streams()) {
            if let HttpItem::Stream(stream) = item {
                survey.add_stream(stream);
            }
        }
        for session in store.sessions().iter().chain(store.open_sessions()) {
            survey.add_session(session);
        }
        for connection in store.connections().iter().chain(store.open_connections()) {
            survey.add_connection(connection);
        }
        for finding in store.findings() {
            survey.add_finding(finding);
        }
        survey
    }

    /// Takes an entry of the capture. Every entry has to be pushed.
    pub(super) fn push(&mut self, entry: &Entry) {
        match entry {
            Entry::Record(Record::Exchange(exchange)) => self.add_call(exchange),
            Entry::Record(Record::Notification(notification)) => self.add_notification(notification),
            Entry::Record(Record::Stream(stream)) => self.add_stream(stream),
            Entry::Record(Record::Session(session)) => self.add_session(session),
            Entry::Finding(finding) => self.add_finding(finding),
            Entry::Fact(Fact::Connection(fact)) => self.add_connection(fact),
            Entry::Fact(Fact::Capture(capture)) => self.capture = **capture,
            _ => {}
        }
    }

    fn add_call(&mut self, exchange: &Exchange) {
        if exchange.origin == Side::Server {
            let on = (exchange.tcp_stream, exchange.transaction);
            self.add_sent(on, exchange.request.span, (None, exchange.parent));
        } else if let Some((on, response)) = exchange.answered_on.zip(exchange.response) {
            self.add_sent(on, response.span, (Some(exchange.n), None));
        }
        // The leg behind a proxy is a call that the client did not make.
        if self.calls.len() < limits::MAX_COMPARED && !exchange.is_other_view() {
            let call = Call::of(exchange);
            if self.rooms.calls.take(call.allocated()) {
                self.calls.push(call);
            }
        }
    }

    fn add_notification(&mut self, notification: &Notification) {
        if notification.from == Side::Server {
            let on = (notification.tcp_stream, notification.transaction);
            self.add_sent(on, notification.message.span, (None, notification.exchange));
        }
    }

    fn add_sent(&mut self, on: (u32, u32), span: Span, (answers, within): (Option<u64>, Option<u64>)) {
        if self.sent.len() < limits::MAX_COMPARED && self.rooms.sent.take(size_of::<SentMessage>()) {
            self.sent.push(SentMessage { on, first: span.start, last: span.end, answers, within });
        }
    }

    fn add_stream(&mut self, stream: &Stream) {
        let Some(session) = &stream.session else { return };
        let target = stream.target.as_ref().map_or(0, |target| target.len());
        let len = size_of::<Stream>() + session.text_len() + target;
        if self.streams.len() < limits::MAX_COMPARED && self.rooms.streams.take(len) {
            self.streams.push(stream.clone());
        }
    }

    fn add_session(&mut self, session: &Session) {
        let len = size_of::<Session>() + session.text_len();
        if self.sessions.len() < limits::MAX_COMPARED && self.rooms.sessions.take(len) {
            self.sessions.push(session.clone());
        } else if session.ended == SessionEnd::Open {
            replace_ended(&mut self.sessions, &mut self.replaceable, session);
        }
    }

    fn add_connection(&mut self, fact: &ConnectionFact) {
        if fact.is_refused {
            self.add_refused(fact);
        }
        let len = 2 * size_of::<ConnectionFact>() + fact.tls.as_ref().map_or(0, |tls| tls.text_len());
        let has_room = || self.connections.len() < limits::MAX_COMPARED;
        if fact.mcp && has_room() && self.rooms.connections.take(len) {
            self.connections.insert(fact.tcp_stream, fact.clone());
        }
    }

    fn add_refused(&mut self, fact: &ConnectionFact) {
        let first = Refused {
            count: 0,
            client: fact.client.ip(),
            tcp_stream: fact.tcp_stream,
            packets: [fact.first, fact.last],
        };
        if self.refused.len() < MAX_REFUSING || self.refused.contains_key(&fact.server) {
            self.refused.entry(fact.server).or_insert(first).count += 1;
        }
    }

    fn add_finding(&mut self, finding: &Finding) {
        let count = self.of_code.entry(finding.code).or_default();
        *count += 1;
        if *count <= MAX_OF_CODE {
            self.findings.push(finding.clone());
        }
    }

    /// Returns a session by its number.
    pub(super) fn session(&self, number: u32) -> Option<&Session> {
        self.sessions.iter().find(|session| session.session.number == number)
    }

    /// Returns the streams of a session, in the order in which they began.
    pub(super) fn streams_of(&self, session: u32) -> Vec<&Stream> {
        let is_of = |stream: &&Stream| stream.session.as_ref().is_some_and(|it| it.number == session);
        let mut streams: Vec<_> = self.streams.iter().filter(is_of).collect();
        streams.sort_by_key(|stream| stream.span.start.packet);
        streams
    }

    /// Returns the addresses of the clients of a session, ascending.
    pub(super) fn clients_of(&self, session: u32) -> BTreeSet<IpAddr> {
        self.calls.iter().filter(|call| call.session == session).map(|call| call.client).collect()
    }
}

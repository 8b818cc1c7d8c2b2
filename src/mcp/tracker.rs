//! The room's work: items of all connections in, in the order of their packets; records out.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::exchange::OpenExchanges;
use super::interner::Interner;
use super::session::{SessionIndex, SessionKey, SessionState, Sessions, Stream as SessionStream};
use super::transaction::{Over, Transaction, TransactionKey, Verb, Waiting};
use super::{Cause, Record, SessionEnd, Transport, endpoint, router, rules};
use crate::base::{Code, Degraded, Finding, Findings, Origin, PacketNo, ResponseEnd, Side, Span, limits};
use crate::rpc::{Envelope, Item, Kind, Parsed, StreamEvent, Update, UpdateKind};

/// Follows every session of a capture.
#[derive(Debug, Default)]
pub struct Tracker {
    pub(super) transactions: HashMap<TransactionKey, Transaction, foldhash::fast::RandomState>,
    pub(super) sessions: Sessions,
    pub(super) exchanges: OpenExchanges,
    /// Responses that wait for a request captured after them, oldest first.
    pub(super) held: VecDeque<HeldResponse>,
    /// Transactions that are over and whose request was not seen yet, oldest first.
    pub(super) awaiting_request: VecDeque<(Origin, TransactionKey)>,
    /// Findings that hold only where nothing is missing, which may not be known yet: see [`Tracker::tick`].
    pub(super) deferred: VecDeque<(Origin, SessionIndex, Finding)>,
    /// Requests whose connection broke before anything answered: they may be POSTed again. Oldest first.
    pub(super) interrupted: VecDeque<(Origin, u64)>,
    pub(super) names: Interner,
    pub(super) next: u64,
    /// Length of the texts of all open exchanges, in bytes.
    pub(super) open_text: usize,
    /// The packet at which the capture last said that it lost some.
    pub(super) lost_at: Option<PacketNo>,
    /// The latest packet of an item.
    last: Origin,
    /// The capture lost packets, or began or ended inside something: evidence may be missing anywhere.
    pub(super) missing: Degraded,
    /// Whether requests are told as they come: see [`Tracker::emit_requests`].
    pub(super) emits_requests: bool,
    pub(super) out: Vec<Record>,
}

/// A response whose request was not seen yet.
#[derive(Debug)]
pub(super) struct HeldResponse {
    pub(super) since: Origin,
    pub(super) place: SessionIndex,
    pub(super) carrier: TransactionKey,
    pub(super) from: Side,
    pub(super) envelope: Envelope,
    pub(super) span: Span,
    pub(super) degraded: Degraded,
}

/// Who says something: a side of a session, in a transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Speaker {
    pub(super) place: SessionIndex,
    pub(super) carrier: TransactionKey,
    pub(super) from: Side,
}

/// A message and where it was found.
pub(super) struct Found<'a> {
    pub(super) place: SessionIndex,
    pub(super) carrier: TransactionKey,
    pub(super) from: Side,
    pub(super) span: Span,
    pub(super) degraded: Degraded,
    pub(super) envelope: &'a Envelope,
}

impl Tracker {
    /// Nothing was seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on tells each request as soon as it is complete, and not only what became of it: for those who watch.
    pub fn emit_requests(&mut self) {
        self.emits_requests = true;
    }

    /// Takes the next item; appends what is complete to `out`.
    pub fn push(&mut self, item: Item, out: &mut Vec<Record>, findings: &mut Findings) {
        std::mem::swap(&mut self.out, out);
        self.item(item, findings);
        std::mem::swap(&mut self.out, out);
    }

    /// Packet time went on to `now`: what waited long enough is told.
    pub fn tick(&mut self, now: Origin, out: &mut Vec<Record>, findings: &mut Findings) {
        std::mem::swap(&mut self.out, out);
        // A request may be held in `tcp` behind a hole as long as HOLE_WAIT: its answer has to wait for it.
        let wait = limits::RESPONSE_WAIT + limits::HOLE_WAIT + 2 * limits::TICK;
        while let Some(held) = self.held.pop_front_if(|held| now.time.since(held.since.time) > wait) {
            self.orphan(&held, findings);
        }
        while let Some(finding) = self.deferred.pop_front_if(|(since, ..)| now.time.since(since.time) > wait)
        {
            self.resolve(finding, findings);
        }
        while let Some((_, key)) =
            self.awaiting_request.pop_front_if(|(since, _)| now.time.since(since.time) > wait)
        {
            self.over(key, now, findings);
        }
        while let Some((_, n)) =
            self.interrupted.pop_front_if(|(since, _)| now.time.since(since.time) > limits::REPEAT_WAIT)
        {
            if self.exchanges.get(&n).is_some_and(|open| open.carrier.is_none()) {
                self.complete(n, findings);
            }
        }
        self.sessions.tick(now.time);
        std::mem::swap(&mut self.out, out);
    }

    /// A finding that waited: told where nothing turned out to be missing.
    fn resolve(&mut self, (_, place, finding): (Origin, SessionIndex, Finding), findings: &mut Findings) {
        let degraded = self.sessions.get(place).map_or(Degraded::NONE, |state| state.told.degraded);
        if degraded.and(self.missing).is_none() {
            findings.push(finding);
        }
    }

    /// The capture lost packets, or ended inside a packet: nothing is said of what may have been in them.
    pub fn missing(&mut self, why: Degraded, at: Origin) {
        self.missing.add(why);
        if why == Degraded::LOST_PACKETS {
            self.lost_at = Some(at.packet);
        }
    }

    /// Whether the transaction `key` (Wireshark's number of its connection, its number there) is known to be MCP's;
    /// false once it is over.
    #[must_use]
    pub fn is_mcp(&self, key: TransactionKey) -> bool {
        self.transactions.get(&key).is_some_and(|transaction| transaction.session.is_some())
    }

    /// The capture is over: tells what is still open, in the order of the requests.
    pub fn finish(&mut self, out: &mut Vec<Record>, findings: &mut Findings) {
        std::mem::swap(&mut self.out, out);
        self.awaiting_request.clear();
        self.close_all(findings);
        while let Some(held) = self.held.pop_front() {
            self.orphan(&held, findings);
        }
        while let Some(finding) = self.deferred.pop_front() {
            self.resolve(finding, findings);
        }
        for n in self.exchanges.keys().copied().collect::<Vec<_>>() {
            if self.missing.contains(Degraded::CAPTURE_END) {
                self.degrade(n, Degraded::CAPTURE_END);
            }
            self.complete(n, findings);
        }
        std::mem::swap(&mut self.out, out);
    }

    /// After [`Tracker::finish`]: tells the sessions, in the order of their first packet.
    pub fn sessions(&mut self, out: &mut Vec<Record>) {
        out.extend(self.sessions.take_all().into_iter().map(|told| Record::Session(Box::new(told))));
    }

    /// The sessions as they are now. Some milliseconds where there are ten thousands.
    #[must_use]
    pub fn open_sessions(&self) -> Vec<super::Session> {
        self.sessions.all()
    }

    /// The streams that go on, as far as they came; in the order of their connections. Their bytes are not counted yet.
    #[must_use]
    pub fn open_streams(&self) -> Vec<super::Stream> {
        let mut streams: Vec<_> = self
            .transactions
            .values()
            .filter_map(|transaction| {
                let mut stream = transaction.told(ResponseEnd::Open, 0, None, Degraded::NONE)?;
                let state = transaction.session.and_then(|place| self.sessions.get(place));
                stream.session = state.map(|state| state.told.session.clone());
                stream.exchange = transaction.requests.first().copied();
                Some(stream)
            })
            .collect();
        streams.sort_by_key(|stream| (stream.tcp_stream, stream.transaction));
        streams
    }

    fn item(&mut self, item: Item, findings: &mut Findings) {
        let Item { peers, retransmissions, update: Update { transaction, at, kind } } = item;
        self.last = self.last.later(at);
        let key = (peers.tcp_stream, transaction);
        if let UpdateKind::Gap { side, why } = kind {
            self.gap((key, peers, at), side, why);
            return;
        }
        let known = self.transactions.contains_key(&key);
        if !known && self.transactions.len() >= limits::MAX_TRANSACTIONS {
            if matches!(kind, UpdateKind::Request(_) | UpdateKind::Response(_)) {
                findings.add(
                    Code::McpLimit,
                    at,
                    format!("more than {} transactions", limits::MAX_TRANSACTIONS),
                );
            }
            return;
        }
        let transaction =
            self.transactions.entry(key).or_insert_with(|| Transaction::new(key, peers, retransmissions));
        transaction.retransmissions.1 = retransmissions;
        match kind {
            UpdateKind::Request(head) => {
                if transaction.request(&head) {
                    let detail = "Mcp-Session-Id holds one id twice: two fields folded to one".to_owned();
                    findings.push(about(Code::McpSessionFolded, at, key, detail));
                }
                self.bind(key, at, false, findings);
            }
            UpdateKind::RequestBody(parsed) => self.request_body(key, at, parsed, findings),
            UpdateKind::Response(head) => {
                transaction.respond(&head);
                self.bind(key, at, false, findings);
                self.responded(key, at, findings);
            }
            UpdateKind::ResponseBody(parsed) => self.later(key, at, Waiting::Body(parsed), findings),
            UpdateKind::Event(event) => self.event(key, at, event, findings),
            UpdateKind::Gap { .. } => {}
            UpdateKind::ClientClosed => self.client_gone(key, at),
            UpdateKind::Ended { how, bytes, span, degraded } => {
                let over = Over { how, bytes, span, degraded };
                let orphan = !transaction.body_seen;
                transaction.over = Some(over);
                if orphan && self.awaiting_request.len() < limits::MAX_HELD_RESPONSES {
                    // An answer before its request is complete, or was captured.
                    self.awaiting_request.push_back((at, key));
                } else {
                    self.over(key, at, findings);
                }
            }
        }
    }

    /// The capture is over: so is every transaction that nothing ended.
    fn close_all(&mut self, findings: &mut Findings) {
        let mut open: Vec<TransactionKey> = self.transactions.keys().copied().collect();
        open.sort_unstable();
        let at = self.last;
        for key in open {
            if let Some(transaction) = self.transactions.get_mut(&key) {
                let nothing = Over { how: ResponseEnd::Open, bytes: 0, span: None, degraded: Degraded::NONE };
                transaction.over.get_or_insert(nothing);
            }
            self.over(key, at, findings);
        }
    }

    /// A transaction is over, and nothing more is to be seen of it.
    fn over(&mut self, key: TransactionKey, at: Origin, findings: &mut Findings) {
        let Some(Over { how, bytes, span, degraded }) = self.transactions.get(&key).and_then(|t| t.over)
        else {
            return;
        };
        self.bind(key, at, true, findings);
        self.ended(key, at, how, findings);
        let Some(transaction) = self.transactions.remove(&key) else {
            return;
        };
        if let Some(stream) = transaction.told(how, bytes, span, degraded) {
            self.tell_stream(&transaction, stream);
        }
    }

    fn request_body(&mut self, key: TransactionKey, at: Origin, parsed: Parsed, findings: &mut Findings) {
        let first = self.next + 1;
        self.next += parsed.envelopes.iter().filter(|envelope| envelope.kind == Kind::Request).count() as u64;
        if let Some(transaction) = self.transactions.get_mut(&key) {
            transaction.body_seen = true;
            transaction.degraded.add(parsed.degraded);
            if parsed.degraded.is_none() {
                // The whole request: its body's span begins with its head.
                transaction.request_span = Some(parsed.span);
            }
        }
        self.later(key, at, Waiting::FromClient(parsed, first), findings);
        // Its response was seen before it.
        self.responded(key, at, findings);
        self.over(key, at, findings);
    }

    /// Reads what a transaction carries, at once where its session is known.
    fn later(&mut self, key: TransactionKey, at: Origin, what: Waiting, findings: &mut Findings) {
        let Some(transaction) = self.transactions.get_mut(&key) else { return };
        match transaction.session {
            Some(place) if transaction.waiting.is_empty() => {
                self.sessions.wake(place, at.time);
                self.carried(key, place, what, findings);
            }
            _ => {
                transaction.waiting.push(what);
                self.bind(key, at, false, findings);
            }
        }
    }

    /// Finds the session of a transaction, and reads what waited for it.
    fn bind(&mut self, key: TransactionKey, at: Origin, last: bool, findings: &mut Findings) {
        let Some(transaction) = self.transactions.get_mut(&key) else {
            return;
        };
        if transaction.session.is_none() {
            if transaction.target.is_none() && transaction.verb == Verb::Unseen {
                return;
            }
            transaction.session = router::route(&mut self.sessions, transaction, at, last);
        }
        let Some(place) = transaction.session else { return };
        self.sessions.wake(place, at.time);
        let mut waiting = std::mem::take(&mut transaction.waiting);
        // What the client sent first: its response may have been captured before it.
        waiting.sort_by_key(|waiting| !matches!(waiting, Waiting::FromClient(..)));
        let span = transaction.request_span;
        if let (Some(state), Some(span)) = (self.sessions.get_mut(place), span) {
            state.seen(span.start, at);
        }
        self.opened(key, place);
        for what in waiting {
            self.carried(key, place, what, findings);
        }
        self.limit_sessions(at, findings);
    }

    /// Reads what a transaction of the session carries.
    fn carried(&mut self, key: TransactionKey, place: SessionIndex, what: Waiting, findings: &mut Findings) {
        let client = Speaker { place, carrier: key, from: Side::Client };
        let server = Speaker { from: Side::Server, ..client };
        match what {
            Waiting::FromClient(parsed, first) => {
                rules::request(self.transactions.get(&key), &parsed, findings);
                self.messages(client, &parsed, first, findings);
            }
            Waiting::Body(mut parsed) => {
                if !self.transactions.get(&key).is_some_and(Transaction::answers_in_json) {
                    parsed.faults.clear();
                }
                self.messages(server, &parsed, 0, findings);
            }
            Waiting::Event(event) => self.messages(server, &event.parsed, 0, findings),
        }
    }

    /// A GET's event stream belongs to a session: the server can speak on it.
    fn opened(&mut self, key: TransactionKey, place: SessionIndex) {
        let Some(transaction) = self.transactions.get_mut(&key) else {
            return;
        };
        let posted = transaction.verb == Verb::Post;
        let Some(story) = transaction.stream.as_mut().filter(|story| !story.standalone && !posted) else {
            return;
        };
        story.standalone = true;
        let gaps = transaction.gaps;
        if let Some(state) = self.sessions.get_mut(place) {
            state.stream = match state.stream {
                SessionStream::Open(n) => SessionStream::Open(n.saturating_add(1)),
                SessionStream::Unseen | SessionStream::Ended(_) => SessionStream::Open(1),
            };
            state.speaks_on = Some(key);
            if gaps.any() {
                state.missed(Side::Server, self.last.packet, gaps);
            }
        }
    }

    /// All messages of a body or event.
    fn messages(&mut self, speaker: Speaker, parsed: &Parsed, mut n: u64, findings: &mut Findings) {
        let Speaker { place, carrier, from } = speaker;
        rules::parsed(carrier, parsed, findings);
        if let Some(state) = self.sessions.get_mut(place) {
            state.seen(parsed.span.start, parsed.span.end);
        }
        for envelope in &parsed.envelopes {
            let (span, degraded) = (parsed.span, parsed.degraded);
            let found = Found { place, carrier, from, span, degraded, envelope };
            self.message(&found, n, findings);
            n += u64::from(envelope.kind == Kind::Request);
        }
        if parsed.batch {
            rules::batch(self.sessions.get(place), carrier, parsed, findings);
        }
    }

    fn event(&mut self, key: TransactionKey, at: Origin, event: StreamEvent, findings: &mut Findings) {
        let Some(transaction) = self.transactions.get_mut(&key) else {
            return;
        };
        let Some(story) = transaction.stream.as_mut() else {
            return;
        };
        story.event(&event);
        let names_endpoint = event.name.as_deref() == Some("endpoint") && !story.endpoint;
        if names_endpoint && transaction.verb != Verb::Post {
            story.endpoint = true;
            let text = event.text.clone().unwrap_or_default();
            self.endpoint(key, at, &text, findings);
            return;
        }
        if event.name.is_some() {
            return;
        }
        if transaction.session.is_none() && transaction.verb != Verb::Post {
            if !event.parsed.envelopes.iter().any(|envelope| envelope.has_version) {
                return;
            }
            self.adopt(key, at, event.parsed.span.start, findings);
        }
        let Some(transaction) = self.transactions.get_mut(&key) else { return };
        let again = match (transaction.session.and_then(|place| self.sessions.get_mut(place)), &event.id) {
            (Some(state), Some(id)) if !event.parsed.envelopes.is_empty() => {
                state.is_replayed(id, event.parsed.bytes, transaction.resumed)
            }
            _ => false,
        };
        let says_something = !event.parsed.envelopes.is_empty() || !event.parsed.faults.is_empty();
        // Where the POST that opened it is not known to be MCP, the first event can show that it is.
        if says_something && !again && (transaction.session.is_some() || transaction.waiting.is_empty()) {
            self.later(key, at, Waiting::Event(event), findings);
        }
    }

    /// A stream without head or `endpoint` event: which session it is is concluded, not read.
    fn adopt(&mut self, key: TransactionKey, at: Origin, first: Origin, findings: &mut Findings) {
        let Some(transaction) = self.transactions.get_mut(&key) else { return };
        let (place, unknown) = self.sessions.adopt(transaction.peers, first);
        transaction.session = Some(place);
        let why = if transaction.gaps.any() { transaction.gaps } else { Degraded::MIDSTREAM };
        transaction.degraded.add(why);
        if unknown {
            let detail = "several sessions could own it".to_owned();
            findings.push(about(Code::McpUnknownStream, at, key, detail));
        }
        self.opened(key, place);
    }

    /// HTTP+SSE: the stream says where its session's POSTs go.
    fn endpoint(&mut self, key: TransactionKey, at: Origin, reference: &str, findings: &mut Findings) {
        let Some(transaction) = self.transactions.get_mut(&key) else {
            return;
        };
        let peers = transaction.peers;
        let target: Arc<str> = endpoint::endpoint(transaction.target.as_deref(), reference).into();
        let (id, _) = endpoint::shown_id(&target);
        let first = transaction.request_span.map_or(at, |span| span.start);
        let place =
            self.sessions.enter(SessionKey::Target(peers.server, target), Some(id.into()), peers, first);
        transaction.session = Some(place);
        if let Some(state) = self.sessions.get_mut(place) {
            state.seen(first, at);
            if state.told.ended == SessionEnd::StreamClosed {
                state.told.ended = SessionEnd::Open;
            }
        }
        self.bind(key, at, false, findings);
        self.opened(key, place);
    }

    /// The final status line of a transaction was seen: it acknowledges the requests that the POST carried.
    pub(super) fn responded(&mut self, key: TransactionKey, at: Origin, findings: &mut Findings) {
        let Some(transaction) = self.transactions.get(&key) else {
            return;
        };
        let Some(response) = transaction.response.clone() else {
            return;
        };
        let Some(place) = transaction.session else { return };
        rules::responded(transaction, &response, at, findings);
        let deleted =
            transaction.verb == Verb::Delete && response.status.is_some_and(|s| (200..300).contains(&s));
        if let Some(state) = self.sessions.get_mut(place).filter(|_| deleted) {
            state.told.ended = SessionEnd::Deleted;
        }
        let retransmissions = transaction.client_retransmissions();
        let mut answered = Vec::new();
        for n in &transaction.requests {
            let Some(open) = self.exchanges.get_mut(n) else { continue };
            open.told.http_status = response.status;
            open.told.ack = response.status.is_some().then_some(response.start);
            if !std::mem::replace(&mut open.acknowledged, true) {
                open.told.retransmissions = open.told.retransmissions.saturating_add(retransmissions);
            }
            if open.answered {
                answered.push(*n);
            }
        }
        for n in answered {
            self.complete(n, findings);
        }
    }

    fn tell_stream(&mut self, transaction: &Transaction, mut stream: super::Stream) {
        let state = transaction.session.and_then(|place| self.sessions.get(place));
        stream.session = state.map(|state| state.told.session.clone());
        stream.exchange = transaction.requests.first().copied();
        self.out.push(Record::Stream(Box::new(stream)));
    }

    fn limit_sessions(&mut self, at: Origin, findings: &mut Findings) {
        while let Some(place) = self.sessions.over_limit() {
            findings.add(Code::McpLimit, at, format!("more than {} sessions", limits::MAX_SESSIONS));
            let mut open = self.open_of(place, Side::Client);
            open.extend(self.open_of(place, Side::Server));
            open.sort_unstable();
            for n in open {
                self.complete(n, findings);
            }
            if let Some(told) = self.sessions.remove(place) {
                self.out.push(Record::Session(Box::new(told)));
            }
        }
    }

    /// The streams of a session: whether one is left open after `how` ended one.
    pub(super) fn stream_ended(state: &mut SessionState, how: ResponseEnd) -> bool {
        state.stream = match state.stream {
            SessionStream::Open(n) if n > 1 => SessionStream::Open(n - 1),
            _ => SessionStream::Ended(how),
        };
        state.has_open_stream()
    }

    /// The cause that a finish leaves a request with.
    pub(super) fn cause(how: ResponseEnd) -> Cause {
        match how {
            // The server completed what should have carried the answer, without it.
            ResponseEnd::Complete | ResponseEnd::ClosedBy(Side::Server) => Cause::ServerClosed,
            ResponseEnd::ClosedBy(Side::Client) => Cause::ClientClosed,
            ResponseEnd::ResetBy(Side::Client) => Cause::ClientReset,
            ResponseEnd::ResetBy(Side::Server) => Cause::ServerReset,
            ResponseEnd::Open => Cause::CaptureEnd,
        }
    }

    /// Whether requests of the session are answered on its stream: HTTP+SSE.
    pub(super) fn answers_on_stream(&self, place: SessionIndex) -> bool {
        self.sessions.get(place).is_some_and(|state| state.told.session.transport == Transport::HttpSse)
    }
}

/// A finding about a transaction.
pub(super) fn about(code: Code, at: Origin, key: TransactionKey, detail: String) -> Finding {
    Finding { code, at: Some(at), tcp_stream: Some(key.0), session: None, exchange: None, detail }
}

//! An HTTP transaction while it lasts: its heads, its session, and what it carries until the
//! session is known.

use std::borrow::Cow;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::content::Content;
use super::event_stream::EventStream;
use super::handle::{SessionIndex, TransactionKey};
use super::heads::{RequestHead, ResponseHead, Verb};
use super::interner::Interner;
use super::sighting::Sighting;
use crate::base::protocols::{Protocols, TlsNames};
use crate::base::{Code, Degraded, Few, Origin, Peers, Side, Span, limits};
use crate::rpc::{Channel, Envelope, Fault, Head, Parsed, RpcError, StartLine};

mod body;
mod end;
mod http2;
mod records;

pub(super) use end::TransactionEnd;
use http2::Http2State;

/// How far apart a proxy's two legs begin a request without messages, in nanoseconds.
const PROXY_DELAY: i64 = 1_000_000_000;

/// A transaction that is not over.
#[derive(Debug)]
pub(super) struct Transaction {
    key: TransactionKey,
    peers: Peers,
    /// What its first head shows.
    protocols: Protocols,
    request: Option<RequestHead>,
    /// Packets of the request, or of its head if the body is not complete.
    request_span: Option<Span>,
    has_request_body: bool,
    /// A hash of the messages of the request: kinds, ids and methods.
    messages_hash: u64,
    response: Option<ResponseHead>,
    /// Memory of the texts of both heads, in bytes.
    heads_allocated: usize,
    session: Option<SessionIndex>,
    /// What it carried before its session was known, in order.
    waiting: Vec<Content>,
    /// Memory of `waiting`, in bytes.
    waiting_allocated: usize,
    /// The exchanges whose requests it carried.
    requests: Few<u64>,
    /// Exchanges whose requests the server sent on its response: all that are open, and others.
    questions: Vec<u64>,
    /// Number of `questions` at which those that are over are dropped.
    most_questions: usize,
    /// The error in the response that names none of these.
    body_error: Option<RpcError>,
    /// What is wrong with the body of the response.
    body_fault: Option<Box<str>>,
    /// Whether the body of the response has messages.
    body_is_json_rpc: bool,
    /// What the response's body says: its text if it is no JSON-RPC, else the message of an error.
    body_text: Option<Cow<'static, str>>,
    /// Whether the request carried a message, and whether the response did.
    has_messages: [bool; 2],
    stream: Option<EventStream>,
    end: Option<TransactionEnd>,
    /// What is wrong with it, and the packets that showed it, until its exchange is known.
    faults: Vec<(Origin, Fault)>,
    /// Retransmissions of the client and the server on the connection, before the transaction and
    /// so far.
    retransmissions: ([u32; 2], [u32; 2]),
    degraded: Degraded,
    /// Header fields of the request and of the response are not in the capture.
    lacks_fields: [bool; 2],
    /// The request does not come any more.
    lost_request: bool,
    /// Why bytes of the connection are missing.
    gaps: Degraded,
    /// What frames of HTTP/2 say about it; `None` if they say nothing.
    http2: Option<Box<Http2State>>,
}

impl Transaction {
    /// `retransmissions` are those of the client and the server on the connection so far.
    pub(super) fn new(key: TransactionKey, peers: Peers, retransmissions: [u32; 2]) -> Self {
        Self {
            key,
            peers,
            protocols: Protocols::default(),
            request: None,
            request_span: None,
            has_request_body: false,
            messages_hash: 0,
            response: None,
            heads_allocated: 0,
            session: None,
            waiting: Vec::new(),
            waiting_allocated: 0,
            requests: Few::None,
            questions: Vec::new(),
            most_questions: 0,
            body_error: None,
            body_fault: None,
            body_is_json_rpc: false,
            body_text: None,
            has_messages: [false; 2],
            stream: None,
            end: None,
            faults: Vec::new(),
            retransmissions: (retransmissions, retransmissions),
            degraded: Degraded::NONE,
            lacks_fields: [false; 2],
            lost_request: false,
            gaps: Degraded::NONE,
            http2: None,
        }
    }

    pub(super) fn key(&self) -> TransactionKey {
        self.key
    }

    pub(super) fn peers(&self) -> Peers {
        self.peers
    }

    /// Takes a head, on a connection with this TLS.
    pub(super) fn set_protocols(&mut self, head: &Head, tls: Option<Arc<TlsNames>>) {
        let is_known = self.protocols.http.is_some();
        if !is_known {
            self.protocols = Protocols { http: head.version(), http2_stream: None, tls };
        }
        // After an upgrade, the response to a request of HTTP/1 is on a stream.
        self.protocols.http2_stream = self.protocols.http2_stream.or(head.stream());
    }

    /// Returns the protocols that carry it.
    pub(super) fn protocols(&self) -> &Protocols {
        &self.protocols
    }

    // The request.

    /// Takes the head of the request.
    pub(super) fn set_request(&mut self, head: &Head, interner: &mut Interner) {
        if let Some(request) = RequestHead::of(head, interner) {
            self.request = Some(request);
            self.count_heads();
            self.add_unknown_fields(head);
            self.request_span = Some(head.span);
        }
    }

    /// The head of the request; `None` if it was not captured.
    pub(super) fn request(&self) -> Option<&RequestHead> {
        self.request.as_ref()
    }

    /// Whether the capture lacks the request. A server may refuse without a request: 408 on an idle
    /// connection (RFC 9110 section 15.5.9), 400 for bytes that are none. Messages on lines have
    /// none.
    pub(super) fn lacks_request(&self) -> bool {
        let is_refusal = self.status().is_some_and(|status| status >= 400);
        let has_none = self.channel() == Some(Channel::Lines) && !self.lacks_response_fields();
        self.request.is_none() && self.response.is_some() && !is_refusal && !has_none
    }

    pub(super) fn is_post(&self) -> bool {
        self.verb() == Some(Verb::Post)
    }

    pub(super) fn verb(&self) -> Option<Verb> {
        self.request.as_ref().map(|request| request.verb)
    }

    pub(super) fn target(&self) -> Option<&Arc<str>> {
        self.request.as_ref().map(|request| &request.target)
    }

    /// Fields of a head are not known: what it seems to lack may be among them.
    fn add_unknown_fields(&mut self, head: &Head) {
        let [request, response] = &mut self.lacks_fields;
        let is_request = matches!(head.start, StartLine::Request { .. });
        *(if is_request { request } else { response }) |= head.unknown().any();
        self.degraded.add(head.unknown());
    }

    /// Whether header fields of the request or of the response are not in the capture.
    pub(super) fn lacks_fields(&self) -> bool {
        self.lacks_fields.contains(&true)
    }

    /// Its key, if the head of its request is whole in the capture: its session is no guess.
    pub(super) fn certain_key(&self) -> Option<TransactionKey> {
        (self.request().is_some() && !self.lacks_request_fields()).then_some(self.key())
    }

    /// Whether header fields of the request are not in the capture.
    pub(super) fn lacks_request_fields(&self) -> bool {
        let [request, _] = self.lacks_fields;
        request
    }

    /// Whether header fields of the response are not in the capture.
    pub(super) fn lacks_response_fields(&self) -> bool {
        let [_, response] = self.lacks_fields;
        response
    }

    /// Whether the request may be captured after its response, whose head was seen.
    pub(super) fn awaits_request(&self) -> bool {
        self.request.is_none() && self.status().is_some() && !self.lost_request
    }

    /// The request does not come any more.
    pub(super) fn give_up_request(&mut self) {
        self.lost_request = true;
    }

    /// Takes the body of the request, which `content` is the messages of.
    pub(super) fn set_request_body(&mut self, body: &Parsed) {
        self.has_request_body = true;
        self.messages_hash = hash(&body.envelopes);
        self.degraded.add(body.degraded);
        if body.degraded.is_none() {
            // The span of the body begins with its head.
            self.request_span = Some(body.span);
        }
    }

    pub(super) fn has_request_body(&self) -> bool {
        self.has_request_body
    }

    /// Whether a body of the request may be captured yet. Messages on lines have no request.
    pub(super) fn awaits_request_body(&self) -> bool {
        !self.has_request_body && self.channel() != Some(Channel::Lines)
    }

    /// Whether another transaction carries the same request at the same time: one that a proxy
    /// passes on. It is open while the other one is, and begins soon before or after it.
    pub(super) fn has_same_request(&self, other: &Self) -> bool {
        let (Some(request), Some(others)) = (&self.request, &other.request) else { return false };
        if request.verb != others.verb || self.peers.server == other.peers.server {
            return false;
        }
        if request.verb == Verb::Post {
            return other.has_request_body && self.messages_hash == other.messages_hash;
        }
        let start = |transaction: &Self| transaction.request_span.map(|span| span.start.time);
        let distance =
            start(self).zip(start(other)).map(|(start, others)| start.since(others).saturating_abs());
        distance.is_some_and(|distance| distance < PROXY_DELAY)
    }

    /// The transaction as a sign of its session. `at` is its first packet.
    pub(super) fn sighting(&self, at: Origin) -> Sighting<'_> {
        let path = self.request.as_ref().map(|request| &request.path);
        Sighting { peers: self.peers, path, at, messages: self.messages_hash }
    }

    /// Packets of the request, or of its head if the body is not complete.
    pub(super) fn request_span(&self) -> Option<Span> {
        self.request_span
    }

    /// The exchanges whose requests it carried.
    pub(super) fn requests(&self) -> &[u64] {
        &self.requests
    }

    /// The exchange whose request it carried; `None` if it carried several or none.
    pub(super) fn only_request(&self) -> Option<u64> {
        if let [only] = &*self.requests { Some(*only) } else { None }
    }

    pub(super) fn add_request(&mut self, n: u64) {
        self.requests.push(n);
    }

    /// The exchanges whose requests the server sent on its response; some may be over.
    pub(super) fn questions(&self) -> &[u64] {
        &self.questions
    }

    /// Adds one of them; `is_open` says which are not over.
    pub(super) fn add_question(&mut self, n: u64, is_open: impl Fn(u64) -> bool) {
        if self.questions.len() >= self.most_questions {
            self.questions.retain(|n| is_open(*n));
            self.most_questions = 2 * self.questions.len() + 16;
        }
        self.questions.push(n);
    }

    // The response.

    /// Takes the head of the response.
    pub(super) fn set_response(&mut self, head: &Head) {
        let status = match head.start {
            StartLine::Response { status } => Some(status),
            StartLine::UnseenResponse => None,
            StartLine::Request { .. } => return,
        };
        self.response = Some(ResponseHead::of(head, status));
        self.count_heads();
        self.add_unknown_fields(head);
        let is_unseen = head.is_unseen();
        if is_unseen {
            self.degraded.add(Degraded::MIDSTREAM);
        }
        let span = self.request_span.map_or(head.span, |request| request.join(head.span));
        if let Some(channel) = head.channel() {
            self.stream = Some(EventStream::of_channel(channel, span));
        } else if is_unseen || head.is_event_stream() {
            self.stream = Some(EventStream::new(span));
        }
    }

    /// The channel that it is, or changed to: both sides send messages on it. `None` for HTTP.
    pub(super) fn channel(&self) -> Option<Channel> {
        self.stream.as_ref().and_then(EventStream::channel)
    }

    /// Whether both sides send messages on it.
    pub(super) fn is_channel(&self) -> bool {
        self.channel().is_some()
    }

    /// The head of the response; `None` before it is complete.
    pub(super) fn response(&self) -> Option<&ResponseHead> {
        self.response.as_ref()
    }

    /// The status of the response; `None` if its head was not captured.
    pub(super) fn status(&self) -> Option<u16> {
        self.response.as_ref().and_then(|response| response.status)
    }

    /// Whether the body of the response has to be JSON.
    pub(super) fn answers_in_json(&self) -> bool {
        self.response.as_ref().is_some_and(|response| response.is_json)
    }

    /// Whether the body of the response is the answer to the requests that it carried: 2xx but not
    /// 202.
    pub(super) fn answers_requests(&self) -> bool {
        let is_answer = self.status().is_none_or(|status| status != 202 && (200..300).contains(&status));
        is_answer && !self.requests.is_empty()
    }

    /// Whether the response is a 4xx or 5xx.
    pub(super) fn is_refused(&self) -> bool {
        self.status().is_some_and(|status| (400..600).contains(&status))
    }

    /// Whether the response sends the client to another target.
    pub(super) fn is_redirect(&self) -> bool {
        matches!(self.status(), Some(301 | 302 | 303 | 307 | 308))
    }

    /// A hash of the messages of the request.
    pub(super) fn messages_hash(&self) -> u64 {
        self.messages_hash
    }

    /// Whether the request was accepted without a response of its own: 202, or another 2xx without
    /// JSON or events. A status that is not in the capture is taken for such a one.
    pub(super) fn is_only_accepted(&self) -> bool {
        let has_no_answer = self.stream.is_none() && !self.answers_in_json();
        match self.status() {
            Some(status) => status == 202 || ((200..300).contains(&status) && has_no_answer),
            None => self.lacks_response_fields() && has_no_answer && !self.body_is_json_rpc,
        }
    }

    /// Whether the status and perhaps the media type of the response are not in the capture, and
    /// its body may still show what it is.
    pub(super) fn may_show_answer(&self) -> bool {
        let has_body = self.waiting.iter().any(|content| matches!(content, Content::Response(_)));
        let is_unknown = self.response.is_some() && self.status().is_none() && self.lacks_response_fields();
        is_unknown && self.stream.is_none() && !has_body
    }

    /// The event stream of the response; `None` if the response is none.
    pub(super) fn stream(&self) -> Option<&EventStream> {
        self.stream.as_ref()
    }

    pub(super) fn stream_mut(&mut self) -> Option<&mut EventStream> {
        self.stream.as_mut()
    }

    // The session.

    pub(super) fn session(&self) -> Option<SessionIndex> {
        self.session
    }

    pub(super) fn set_session(&mut self, session: Option<SessionIndex>) {
        self.session = session;
    }

    /// What it carried before its session was known, in order.
    pub(super) fn waiting(&self) -> &[Content] {
        &self.waiting
    }

    pub(super) fn add_waiting(&mut self, content: Content) {
        self.waiting_allocated += content.allocated();
        self.waiting.push(content);
    }

    /// Drops what waits for the session because memory is short.
    pub(super) fn shed_waiting(&mut self) {
        self.waiting = Vec::new();
        self.waiting_allocated = 0;
        self.degraded.add(Degraded::NOT_READ);
    }

    /// About what is allocated for what waits for the session, in bytes.
    pub(super) fn waiting_allocated(&self) -> usize {
        self.waiting_allocated
    }

    fn count_heads(&mut self) {
        self.heads_allocated = self.request.as_ref().map_or(0, RequestHead::allocated)
            + self.response.as_ref().map_or(0, ResponseHead::allocated);
    }

    /// About what is allocated for it, in bytes, its entries in tables included.
    pub(super) fn allocated(&self) -> usize {
        /// An entry in the table by key, and in that of its session.
        const ENTRIES: usize = 96;
        let len = |text: Option<&str>| text.map_or(0, str::len);
        let faults: usize = self.faults.iter().map(|(_, fault)| fault.detail.len()).sum();
        let texts = faults + len(self.body_text.as_deref()) + len(self.body_fault.as_deref());
        let lists = (self.requests.capacity() + self.questions.capacity()) * size_of::<u64>()
            + self.faults.capacity() * size_of::<(Origin, Fault)>();
        size_of::<Self>()
            + ENTRIES
            + self.http2.as_ref().map_or(0, |http2| size_of_val(&**http2))
            + self.heads_allocated
            + texts
            + lists
            + self.waiting_allocated
    }

    /// Takes what waits for the session: first what the client sent, whose response may be captured
    /// before it.
    pub(super) fn take_waiting(&mut self) -> Vec<Content> {
        self.waiting_allocated = 0;
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by_key(|content| !matches!(content, Content::Request(..)));
        waiting
    }

    // Its quality and its end.

    /// Keeps what is wrong with it until its exchange is known. A server may close the connection
    /// of a stream that the client can resume (MCP 2025-11-25, transports, "Sending messages to the
    /// server").
    pub(super) fn add_fault(&mut self, at: Origin, fault: Fault) {
        let hides_body = matches!(
            fault.code,
            Code::HttpContentBad | Code::HttpContentUnknown | Code::HttpContentLimit | Code::HttpBodyTooLong
        );
        if hides_body && self.response.is_some() {
            self.set_body_fault(&fault);
        }
        let is_resumable = self.stream.as_ref().is_some_and(EventStream::is_resumable);
        if !(is_resumable && fault.code == Code::HttpBodyCut) {
            self.faults.push((at, fault));
        }
    }

    /// Whether it keeps as many faults as may wait.
    pub(super) fn has_most_faults(&self) -> bool {
        self.faults.len() >= limits::MAX_WAITING_FAULTS
    }

    pub(super) fn take_faults(&mut self) -> Vec<(Origin, Fault)> {
        std::mem::take(&mut self.faults)
    }

    /// Why what was read may not be complete.
    pub(super) fn degraded(&self) -> Degraded {
        self.degraded
    }

    pub(super) fn degrade(&mut self, why: Degraded) {
        self.degraded.add(why);
    }

    /// What frames of HTTP/2 say about it.
    pub(super) fn http2(&self) -> Http2State {
        self.http2.as_deref().copied().unwrap_or_default()
    }

    /// An event is complete.
    pub(super) fn begin_event(&mut self) {
        if let Some(http2) = &mut self.http2 {
            http2.begin_event();
        }
    }

    pub(super) fn http2_mut(&mut self) -> &mut Http2State {
        self.http2.get_or_insert_default()
    }

    /// Why bytes of the connection are missing.
    pub(super) fn gaps(&self) -> Degraded {
        self.gaps
    }

    pub(super) fn add_gap(&mut self, why: Degraded) {
        self.gaps.add(why);
    }

    /// Whether it is HTTP without a message: no event stream, and no POST with a message in it.
    pub(super) fn is_bare(&self) -> bool {
        self.request.is_some()
            && self.stream.is_none()
            && !(self.is_post() && self.has_messages(Side::Client))
    }

    /// Whether what `from` sent in it carried a message.
    pub(super) fn has_messages(&self, from: Side) -> bool {
        let [client, server] = self.has_messages;
        if from == Side::Client { client } else { server }
    }

    /// Notes that what `from` sent in it carried a message.
    pub(super) fn set_has_messages(&mut self, from: Side) {
        let [client, server] = &mut self.has_messages;
        *(if from == Side::Client { client } else { server }) = true;
    }

    /// Sets the retransmissions of the client and the server on the connection so far.
    pub(super) fn set_retransmissions(&mut self, retransmissions: [u32; 2]) {
        self.retransmissions.1 = retransmissions;
    }

    /// Segments that the client retransmitted since the transaction began.
    pub(super) fn client_retransmissions(&self) -> u32 {
        let ([before, _], [now, _]) = self.retransmissions;
        now.saturating_sub(before)
    }

    /// Segments that the server retransmitted on the connection so far.
    pub(super) fn server_retransmissions(&self) -> u32 {
        let (_, [_, now]) = self.retransmissions;
        now
    }

    /// How it ended; `None` while it lasts.
    pub(super) fn end(&self) -> Option<TransactionEnd> {
        self.end
    }

    pub(super) fn set_end(&mut self, end: TransactionEnd) {
        self.end = Some(end);
    }
}

/// Hash of the kinds, ids and methods of messages, the same in every run.
fn hash(messages: &[Envelope]) -> u64 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    for message in messages {
        (message.kind as u8, &message.id, &message.method).hash(&mut hasher);
    }
    hasher.finish()
}

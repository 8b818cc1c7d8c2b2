//! HTTP transactions while they last: which session they speak for, what they carry, and the streams among them.

use std::sync::Arc;

use super::Stream;
use super::session::SessionIndex;
use crate::base::{Degraded, Peers, ResponseEnd, Span, Timestamp, text};
use crate::rpc::{Field, Head, Parsed, RpcError, StartLine, StreamEvent, TransactionNo};

/// A transaction: Wireshark's number of its connection, and its number there.
pub(super) type TransactionKey = (u32, TransactionNo);

/// The methods that MCP uses over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// The request was not captured, or not yet.
    Unseen,
    Get,
    Post,
    Delete,
    Other,
}

/// What is known of a transaction that is not over.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) key: TransactionKey,
    pub(super) peers: Peers,
    pub(super) verb: Verb,
    method: Option<Box<str>>,
    pub(super) target: Option<Arc<str>>,
    /// `Mcp-Session-Id` of the request.
    pub(super) session_id: Option<Arc<str>>,
    /// `MCP-Protocol-Version` of the request.
    pub(super) version: Option<Box<str>>,
    /// `Mcp-Method` and `Mcp-Name` of the request.
    pub(super) repeats: (Option<Box<str>>, Option<Box<str>>),
    /// The request asks to resume a stream (`Last-Event-ID`).
    pub(super) resumed: bool,
    /// The request accepts both JSON and event streams, as Streamable HTTP wants of every POST.
    pub(super) accepts_both: bool,
    pub(super) request_span: Option<Span>,
    pub(super) body_seen: bool,
    /// `None` where the head of the response was not seen (yet).
    pub(super) response: Option<Response>,
    pub(super) session: Option<SessionIndex>,
    /// What it carried before its session was known, in order.
    pub(super) waiting: Vec<Waiting>,
    /// The exchanges whose requests it carried.
    pub(super) requests: Vec<u64>,
    /// An error in the response that names none of these.
    pub(super) body_error: Option<RpcError>,
    pub(super) stream: Option<StreamStory>,
    pub(super) over: Option<Over>,
    /// Segments sent again on the connection when it began, and by now: by the client, by the server.
    pub(super) retransmissions: ([u32; 2], [u32; 2]),
    /// Why what was read may not be whole.
    pub(super) degraded: Degraded,
    /// Why what is missing may have been in a gap.
    pub(super) gaps: Degraded,
}

/// The head of a final response.
#[derive(Clone, Debug)]
pub(super) struct Response {
    /// `None` where the head was not captured.
    pub(super) status: Option<u16>,
    /// Its first packet.
    pub(super) start: Timestamp,
    /// `Mcp-Session-Id`.
    pub(super) session_id: Option<Arc<str>>,
    /// Its body says that it is JSON: what is none there is a fault. («Accepted» behind a 202 is none.)
    pub(super) json: bool,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Over {
    pub(super) how: ResponseEnd,
    pub(super) bytes: u64,
    pub(super) span: Option<Span>,
    pub(super) degraded: Degraded,
}

/// What waits for its session.
#[derive(Debug)]
pub(super) enum Waiting {
    /// The request's body, and the number of its first exchange.
    FromClient(Parsed, u64),
    /// A body of the response.
    Body(Parsed),
    /// An event of the response.
    Event(StreamEvent),
}

/// An event stream so far.
#[derive(Debug)]
pub(super) struct StreamStory {
    /// From the first byte of the request.
    pub(super) span: Span,
    pub(super) first_event: Option<Timestamp>,
    pub(super) last_event: Option<Timestamp>,
    pub(super) events: u64,
    /// Its events have ids: what was missed can be asked for again.
    pub(super) resumable: bool,
    /// It is the stream of a session that belongs to no POST.
    pub(super) standalone: bool,
    /// Its `endpoint` event was seen.
    pub(super) endpoint: bool,
}

impl Transaction {
    pub(super) fn new(key: TransactionKey, peers: Peers, retransmissions: [u32; 2]) -> Self {
        Self {
            key,
            peers,
            verb: Verb::Unseen,
            method: None,
            target: None,
            session_id: None,
            version: None,
            repeats: (None, None),
            resumed: false,
            accepts_both: false,
            request_span: None,
            body_seen: false,
            response: None,
            session: None,
            waiting: Vec::new(),
            requests: Vec::new(),
            body_error: None,
            stream: None,
            over: None,
            retransmissions: (retransmissions, retransmissions),
            degraded: Degraded::NONE,
            gaps: Degraded::NONE,
        }
    }

    /// The request's head. Yields whether its session header holds one id twice.
    pub(super) fn request(&mut self, head: &Head) -> bool {
        let StartLine::Request { method, target } = &head.start else {
            return false;
        };
        self.verb = match &**method {
            "GET" => Verb::Get,
            "POST" => Verb::Post,
            "DELETE" => Verb::Delete,
            _ => Verb::Other,
        };
        self.method = Some(method.clone());
        self.target = Some(text::kept(target).into());
        self.request_span = Some(head.span);
        let field = |field| head.field(field).map(|value| text::kept(value).into());
        self.version = field(Field::ProtocolVersion);
        self.repeats = (field(Field::McpMethod), field(Field::McpName));
        self.resumed = head.field(Field::LastEventId).is_some();
        let accept = head.field(Field::Accept).unwrap_or_default();
        self.accepts_both = holds(accept, "application/json") && holds(accept, "text/event-stream");
        let (id, folded) = session_id(head);
        self.session_id = id;
        folded
    }

    /// The response's head.
    pub(super) fn respond(&mut self, head: &Head) {
        let status = match head.start {
            StartLine::Response { status } => Some(status),
            StartLine::UnseenResponse => None,
            StartLine::Request { .. } => return,
        };
        let content_type = head.field(Field::ContentType).unwrap_or_default();
        self.response = Some(Response {
            status,
            start: head.span.start.time,
            session_id: session_id(head).0,
            json: holds(content_type, "json"),
        });
        let unseen = head.is_unseen();
        if unseen {
            self.degraded.add(Degraded::MIDSTREAM);
        }
        if unseen || head.is_event_stream() {
            let span = self.request_span.map_or(head.span, |request| request.join(head.span));
            self.stream = Some(StreamStory {
                span,
                first_event: None,
                last_event: None,
                events: 0,
                resumable: false,
                standalone: false,
                endpoint: false,
            });
        }
    }

    /// The status of the response; `None` where its head was not captured.
    pub(super) fn status(&self) -> Option<u16> {
        self.response.as_ref().and_then(|response| response.status)
    }

    /// Segments that the client sent again since it began.
    pub(super) fn client_retransmissions(&self) -> u32 {
        let ([before, _], [now, _]) = self.retransmissions;
        now.saturating_sub(before)
    }

    /// Segments that the server had sent again on the connection by now.
    pub(super) fn server_retransmissions(&self) -> u32 {
        let (_, [_, now]) = self.retransmissions;
        now
    }

    /// Whether the request was accepted without an answer of its own: 202, or another 2xx that holds none.
    pub(super) fn only_accepted(&self) -> bool {
        let holds_none = self.stream.is_none() && !self.answers_in_json();
        self.status().is_some_and(|status| status == 202 || ((200..300).contains(&status) && holds_none))
    }

    /// Whether the body of the response has to be JSON.
    pub(super) fn answers_in_json(&self) -> bool {
        self.response.as_ref().is_some_and(|response| response.json)
    }

    /// The stream as it is told when it is over. The session and the exchange are filled in by the caller.
    pub(super) fn told(
        &self,
        how: ResponseEnd,
        bytes: u64,
        span: Option<Span>,
        degraded: Degraded,
    ) -> Option<Stream> {
        let story = self.stream.as_ref()?;
        Some(Stream {
            session: None,
            exchange: None,
            tcp_stream: self.peers.tcp_stream,
            transaction: self.key.1.0,
            method: self.method.clone(),
            target: self.target.as_deref().map(Into::into),
            http_status: self.status(),
            server: self.peers.server,
            client: self.peers.client,
            span: span.map_or(story.span, |span| story.span.join(span)),
            first_event: story.first_event,
            last_event: story.last_event,
            events: story.events,
            bytes,
            ended: how,
            degraded: self.degraded.and(degraded),
        })
    }
}

impl StreamStory {
    pub(super) fn event(&mut self, event: &StreamEvent) {
        self.events += 1;
        self.first_event.get_or_insert(event.parsed.span.start.time);
        self.last_event = Some(event.parsed.span.end.time);
        self.resumable |= event.id.as_ref().is_some_and(|id| !id.is_empty());
    }
}

/// Whether a header value holds a word, in any case.
fn holds(value: &str, word: &str) -> bool {
    value.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

/// `Mcp-Session-Id`, and whether it holds one id twice: `a, a`, two fields folded to one.
fn session_id(head: &Head) -> (Option<Arc<str>>, bool) {
    let Some(value) = head.field(Field::SessionId) else {
        return (None, false);
    };
    let mut parts = value.split(',').map(str::trim);
    let first = parts.next().unwrap_or_default();
    let mut rest = parts.peekable();
    let folded = rest.peek().is_some() && rest.all(|part| part == first);
    let id = if folded { first } else { value };
    (Some(text::kept(id).into()), folded)
}

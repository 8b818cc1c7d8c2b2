//! HTTP/1 (RFC 9112): turns the bytes of both directions into the parts of transactions.
//!
//! A response belongs to the oldest request without one (section 9.3.2). After a gap that may hide
//! whole messages this order is unknown; packet numbers then decide, which is right for a client
//! that does not pipeline.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::fact::Speaks;
use crate::base::{
    Code, Degraded, Ending, Feed, Findings, Layer, Origin, PacketNo, ResponseEnd, Side, Sink, Span, Switched,
    limits,
};

use super::part::{ended_by, give_up};
use super::{Head, Part, PartKind, StartLine, TransactionNo};
use body::Framing;
use direction::Direction;
use early::EarlyResponses;
use faults::{push_faults, push_findings};
use head::Unusual;
use step::Step;
pub(super) use upgraded::{Protocol, Upgraded};

mod body;
mod chunk;
mod direction;
mod early;
mod excess;
mod faults;
pub(super) mod first_bytes;
#[cfg(any(test, feature = "fuzz"))]
pub(super) mod fuzz;
mod hand_over;
mod head;
mod lost;
pub mod scan;
mod step;
mod strict_head;
mod tunnel;
mod upgraded;

/// One HTTP/1 connection.
///
/// After a gap each direction searches for the next boundary: the next chunk in a chunked body,
/// else the next head. It is synchronised again there (`http.resync`), and the messages around it
/// are degraded by the reason of the gap.
#[derive(Debug)]
pub struct Connection {
    client: Direction,
    server: Direction,
    /// Number of the next transaction.
    next: u32,
    /// Requests that wait for the head of their final response, oldest first.
    waiting: VecDeque<Waiting>,
    /// Responses whose request was not seen yet.
    early: EarlyResponses,
    /// Transaction of the request that is being read.
    sending: Option<TransactionNo>,
    /// Transaction of the response that is being read.
    answering: Option<TransactionNo>,
    /// Transactions of the last request and of the last response that ended.
    ended: [Option<TransactionNo>; 2],
    /// The latest `CONNECT`.
    connect: Option<Connect>,
    /// The protocol that the connection switched to.
    switched: Option<Speaks>,
    /// What is known of the change to HTTP/2 or WebSocket; `None` before it.
    upgraded: Option<Upgraded>,
    /// The latest request that asks for WebSocket, while it is not answered.
    asked_websocket: Option<TransactionNo>,
    /// Whether the client went on in WebSocket before the answer was seen.
    is_ahead: bool,
    /// The latest response is an event stream, whose end nobody waits for.
    is_in_events: bool,
    /// Whole requests may be missing.
    requests_missing: bool,
    /// Why whole responses, or what tells which requests they answer, may be missing since the last
    /// response.
    responses_missing: Degraded,
    /// Which side ended the connection first, and how.
    closed: Option<ResponseEnd>,
    /// The client's direction has ended.
    client_ended: bool,
    /// The server's direction has ended.
    server_ended: bool,
}

/// A `CONNECT` request.
#[derive(Debug)]
struct Connect {
    transaction: TransactionNo,
    target: Arc<str>,
    /// Whether it was granted: a tunnel began behind the response.
    is_open: bool,
}

#[derive(Debug)]
struct Waiting {
    transaction: TransactionNo,
    first: PacketNo,
    kind: Method,
}

/// Request methods that change how the response is framed (RFC 9112 section 6.3 rules 1 and 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Head,
    Connect,
    Other,
}

impl Default for Connection {
    fn default() -> Self {
        Self::new()
    }
}

impl Layer for Connection {
    type In = (Side, Feed);
    type Out = Part;

    fn push(&mut self, (side, feed): Self::In, sink: &mut Sink<'_, Part>) {
        match feed {
            // Most bytes of large transfers.
            Feed::Data(bytes, span)
                if side == Side::Server && self.server.take_content(bytes.len(), span) =>
            {
                if let Some(transaction) = self.answering {
                    sink.out.push(Part { transaction, side, kind: PartKind::Content(bytes, span) });
                }
            }
            Feed::Data(bytes, span) => {
                self.direction(side).push(bytes, span);
                self.steps(side, sink);
            }
            Feed::Gap { len, why, at } => self.gap(side, (len, why, at), sink),
            Feed::Eof { how, at } => self.eof(side, (how, at), sink),
        }
    }

    #[inline]
    fn held(&self) -> usize {
        let waiting = self.waiting.capacity() * size_of::<Waiting>();
        self.client.held() + self.server.held() + waiting + self.early.allocated()
    }

    fn shed(&mut self, at: Origin, findings: &mut Findings) {
        self.client.shed(at, findings);
        self.server.shed(at, findings);
    }

    fn settle(&mut self) {
        self.client.settle();
        self.server.settle();
    }

    fn is_over(&self) -> bool {
        let is_blind = self.client.is_blind() && self.server.is_blind() && self.waiting.is_empty();
        is_blind || (self.client_ended && self.server_ended)
    }

    fn switched(&self) -> Switched {
        let is_tunnel = self.connect.as_ref().is_some_and(|connect| connect.is_open);
        Switched { is_tunnel, to: self.switched }
    }
}

impl Connection {
    /// Creates a connection of which nothing was read.
    #[must_use]
    pub fn new() -> Self {
        Self::numbered_from(0)
    }

    /// Creates a connection of which nothing was read; its first transaction has the number `next`.
    #[must_use]
    pub fn numbered_from(next: u32) -> Self {
        Self {
            client: Direction::new(Side::Client),
            server: Direction::new(Side::Server),
            next,
            waiting: VecDeque::new(),
            early: EarlyResponses::default(),
            sending: None,
            answering: None,
            ended: [None; 2],
            connect: None,
            switched: None,
            upgraded: None,
            asked_websocket: None,
            is_ahead: false,
            is_in_events: true,
            requests_missing: false,
            responses_missing: Degraded::NONE,
            closed: None,
            client_ended: false,
            server_ended: false,
        }
    }

    /// Starts inside an event stream whose head was not captured: the server's next byte belongs to
    /// a chunk-size line (`chunked`), or to a body that the close ends. Returns the head of the
    /// unseen response.
    #[must_use]
    pub fn start_in_stream(&mut self, chunked: bool, span: Span, why: Degraded) -> Part {
        let transaction = self.number();
        self.answering = Some(transaction);
        self.requests_missing = true;
        self.server.inside(chunked);
        let kind = PartKind::Head(Box::new(Head::unseen(span)), why);
        Part { transaction, side: Side::Server, kind }
    }

    fn direction(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn number(&mut self) -> TransactionNo {
        let number = TransactionNo(self.next);
        self.next = self.next.saturating_add(1);
        number
    }

    fn steps(&mut self, side: Side, sink: &mut Sink<'_, Part>) {
        let mut findings = Findings::new();
        while let Some(step) = self.next_step(side, &mut findings) {
            let current = if side == Side::Client { self.sending } else { self.answering };
            if !findings.is_empty() {
                push_findings(current, side, (&mut findings, sink.findings), sink.out);
            }
            let kind = match step {
                Step::Head(parsed, why) if side == Side::Client => {
                    self.request(parsed, why, sink);
                    continue;
                }
                Step::Head(parsed, why) => {
                    self.response(parsed, why, sink);
                    continue;
                }
                Step::Stream(span, why) => {
                    let (transaction, _) = self.answered(span, sink.out);
                    self.answering = Some(transaction);
                    let kind = PartKind::Head(Box::new(Head::unseen(span)), why);
                    sink.out.push(Part { transaction, side, kind });
                    continue;
                }
                Step::Preface => {
                    if self.connect.is_none() {
                        self.client.hand_over();
                        self.enter_http2();
                    }
                    continue;
                }
                Step::Content(bytes, span) => PartKind::Content(bytes, span),
                Step::Gap(why) => PartKind::Gap { why, at: Origin::default() },
                Step::End(at) => {
                    if side == Side::Server {
                        self.early.response_ended(at.packet);
                    }
                    self.end_message(side);
                    PartKind::End { how: ResponseEnd::Complete, at }
                }
                Step::Cut(at, came) => {
                    self.end_message(side);
                    if let Some(transaction) = current {
                        let detail = format!("{came}, then the next request begins");
                        sink.out.push(Part::fault(transaction, side, Code::HttpRequestCut, (at, detail)));
                    }
                    // No end was seen: the rest of the body was never sent.
                    PartKind::End { how: ResponseEnd::ClosedBy(side), at }
                }
                Step::Excess(at, detail) => {
                    self.excess(side, (at, detail), sink);
                    continue;
                }
            };
            if let Some(transaction) = current {
                sink.out.push(Part { transaction, side, kind });
            }
        }
        if !findings.is_empty() {
            sink.findings.append(findings);
        }
        self.check_tunnel(sink.out);
    }

    /// Returns the next step of `side`, unless HTTP/2 begins there.
    fn next_step(&mut self, side: Side, findings: &mut Findings) -> Option<Step> {
        if side == Side::Client && self.connect.is_none() && self.client.hand_over_at_preface() {
            self.enter_http2();
        }
        if side == Side::Client && self.asked_websocket.is_some() && self.client.hand_over_at_frame() {
            self.is_ahead = true;
        }
        self.find_websocket(side);
        self.direction(side).step(findings)
    }

    /// The message of `side` that was being read is over.
    fn end_message(&mut self, side: Side) {
        let [client, server] = &mut self.ended;
        if side == Side::Server {
            *server = self.answering.take();
            return;
        }
        *client = self.sending.take();
        if self.upgraded.is_some() {
            self.client.hand_over();
        } else if self.switched.is_some() {
            self.client.blind();
        }
    }

    /// Bytes followed the last message of `side`.
    fn excess(&self, side: Side, (at, detail): (Origin, String), sink: &mut Sink<'_, Part>) {
        let [client, server] = self.ended;
        match if side == Side::Client { client } else { server } {
            Some(ended) => sink.out.push(Part::fault(ended, side, Code::HttpLengthMismatch, (at, detail))),
            None => sink.findings.add(Code::HttpLengthMismatch, at, detail),
        }
    }

    fn request(&mut self, parsed: head::Parsed, why: Degraded, sink: &mut Sink<'_, Part>) {
        let span = parsed.head.span;
        let kind = match &parsed.head.start {
            StartLine::Request { method, .. } if &**method == "HEAD" => Method::Head,
            StartLine::Request { method, .. } if &**method == "CONNECT" => Method::Connect,
            _ => Method::Other,
        };
        let early = self.early.take(span.start, self.requests_missing, sink.findings);
        let transaction = early.unwrap_or_else(|| {
            let transaction = self.number();
            self.waiting.push_back(Waiting { transaction, first: span.start.packet, kind });
            transaction
        });
        if self.waiting.len() > limits::MAX_PIPELINED {
            // No client pipelines that many requests: their responses are not in the capture.
            if let Some(oldest) = self.waiting.pop_front() {
                give_up(oldest.transaction, Degraded::GAP, span.end, sink.out);
            }
            self.responses_missing.add(Degraded::GAP);
        }
        self.sending = Some(transaction);
        let unusual = parsed.unusual.map_or_else(Unusual::default, |unusual| *unusual);
        if unusual.asks_websocket {
            self.asked_websocket = Some(transaction);
        }
        if let (Method::Connect, StartLine::Request { target, .. }) = (kind, &parsed.head.start) {
            self.connect = Some(Connect { transaction, target: target.clone(), is_open: false });
            self.client.body(Framing::Length(0), false);
            // The client may send before it knows that the tunnel is open.
            self.client.enter_tunnel();
        } else {
            let is_unsaid = parsed.framing == Framing::Unsaid;
            let framing = if is_unsaid { Framing::Length(0) } else { parsed.framing };
            self.client.body(framing, parsed.expects_continue);
        }
        sink.out.push(Part { transaction, side: Side::Client, kind: PartKind::Head(parsed.head, why) });
        push_faults(transaction, Side::Client, (unusual.faults, span), sink.out);
    }

    fn response(&mut self, mut parsed: head::Parsed, why: Degraded, sink: &mut Sink<'_, Part>) {
        let span = parsed.head.span;
        let unusual = parsed.unusual.take().map_or_else(Unusual::default, |unusual| *unusual);
        if unusual.interim {
            if parsed.head.start == (StartLine::Response { status: 100 }) {
                self.client.expect_body();
            }
            self.server.no_message();
            return;
        }
        let (transaction, kind) = self.answered(span, sink.out);
        self.asked_websocket.take_if(|asked| *asked == transaction);
        let status = if let StartLine::Response { status } = parsed.head.start { status } else { 0 };
        self.answering = Some(transaction);
        let side = Side::Server;
        if unusual.upgrade == Some(Speaks::Http2) {
            return self.upgrade_to_http2(transaction, kind);
        }
        let is_websocket = unusual.upgrade == Some(Speaks::WebSocket) && unusual.compresses.is_ok();
        if is_websocket {
            parsed.head.begin_websocket();
        }
        let is_in_events = parsed.head.is_event_stream();
        sink.out.push(Part { transaction, side, kind: PartKind::Head(parsed.head, why) });
        push_faults(transaction, side, (unusual.faults, span), sink.out);
        if let (Some(Speaks::WebSocket), Ok(is_compressing)) = (unusual.upgrade, &unusual.compresses) {
            self.upgrade_to_websocket(transaction, *is_compressing);
        } else if let Some(to) = unusual.upgrade {
            let what = unusual.compresses.err().unwrap_or_else(|| described(to).to_owned());
            self.upgrade(transaction, (to, &what, span.end), sink.out);
        } else if kind == Method::Connect && (200..300).contains(&status) {
            self.open_tunnel(transaction, span.end, sink.out);
        } else {
            if kind == Method::Connect && self.client.switched().is_some() {
                // What it sent ahead was for a tunnel that there is not.
                self.client.blind();
            }
            if self.sending == Some(transaction) {
                self.client.allow_restart();
            }
            let framing = if kind == Method::Head { Framing::Length(0) } else { parsed.framing };
            self.is_in_events = is_in_events;
            self.server.body(framing, false);
            if self.early.has(transaction) {
                self.server.allow_no_body();
            }
        }
    }

    /// The server switched protocols (status 101): what follows is not decoded.
    fn upgrade(
        &mut self,
        transaction: TransactionNo,
        (to, what, at): (Speaks, &str, Origin),
        out: &mut Vec<Part>,
    ) {
        let side = Side::Server;
        // Only a WebSocket that is read counts as one.
        self.switched = Some(if to == Speaks::WebSocket { Speaks::Other } else { to });
        self.server.blind();
        if self.sending.is_none() {
            self.client.blind();
        }
        self.answering = None;
        let detail = format!("the server switched to {what} (101)");
        out.push(Part::fault(transaction, side, Code::HttpNotRead, (at, detail)));
        // The answer to the request may follow in the other protocol.
        for kind in
            [PartKind::Gap { why: Degraded::NOT_READ, at }, PartKind::End { how: ResponseEnd::Complete, at }]
        {
            out.push(Part { transaction, side, kind });
        }
    }

    /// Returns the transaction, and the method of its request, that the response in `span` answers.
    fn answered(&mut self, span: Span, out: &mut Vec<Part>) -> (TransactionNo, Method) {
        let before = |waiting: &Waiting| waiting.first <= span.start.packet;
        let missing = std::mem::take(&mut self.responses_missing);
        if missing.any() {
            // It answers the latest request before it: the answers to earlier ones are in the gap.
            while self.waiting.get(1).is_some_and(before) {
                if let Some(lost) = self.waiting.pop_front() {
                    give_up(lost.transaction, missing, span.start, out);
                }
            }
        }
        let plausible = !self.requests_missing || self.waiting.front().is_some_and(before);
        if let Some(request) = self.waiting.pop_front_if(|_| plausible) {
            return (request.transaction, request.kind);
        }
        let transaction = self.number();
        self.early.push(transaction, span.start);
        (transaction, Method::Other)
    }

    fn gap(&mut self, side: Side, (len, why, at): (u64, Degraded, Origin), sink: &mut Sink<'_, Part>) {
        let before = sink.out.len();
        let messages_missing = self.direction(side).gap(len, why);
        if messages_missing {
            match side {
                Side::Client => {
                    self.requests_missing = true;
                    // What answered a request in the gap, or behind it, counts for one before it:
                    // the next response answers the latest request again.
                    self.responses_missing.add(why);
                }
                Side::Server => self.responses_missing.add(why),
            }
        }
        self.steps(side, sink);
        for part in sink.out.iter_mut().skip(before) {
            if let PartKind::Gap { at: origin, .. } | PartKind::End { at: origin, .. } = &mut part.kind {
                *origin = at;
            }
        }
        if side == Side::Client && messages_missing && self.sending.is_none() {
            // Between two requests: a whole request may be missing.
            let kind = PartKind::Gap { why, at };
            sink.out.push(Part { transaction: TransactionNo(self.next), side, kind });
        }
        if side == Side::Server && messages_missing {
            // The answers to these requests may be in the gap.
            sink.out.extend(self.waiting.iter().map(|waiting| Part {
                transaction: waiting.transaction,
                side,
                kind: PartKind::Gap { why, at },
            }));
        }
    }

    fn eof(&mut self, side: Side, (how, at): (Ending, Origin), sink: &mut Sink<'_, Part>) {
        let finish = match how {
            Ending::Closed => *self.closed.get_or_insert(ResponseEnd::ClosedBy(side)),
            Ending::Reset(by) => *self.closed.get_or_insert(ResponseEnd::ResetBy(by)),
            Ending::Open => self.closed.unwrap_or(ResponseEnd::Open),
        };
        if let Some(excess) = self.direction(side).take_excess() {
            self.excess(side, excess, sink);
        }
        if side == Side::Client {
            self.client_ended = true;
            if let Some(transaction) = self.sending.take() {
                if let (Some(came), Some(by)) = (self.client.incomplete_body(), ended_by(finish)) {
                    let detail = format!("{came} before {by}");
                    sink.out.push(Part::fault(transaction, side, Code::HttpRequestCut, (at, detail)));
                }
                sink.out.push(Part { transaction, side, kind: PartKind::End { how: finish, at } });
            }
            if how == Ending::Closed {
                let open = self.answering.into_iter().chain(self.waiting.iter().map(|w| w.transaction));
                let kind = PartKind::ClientClosed { at };
                sink.out.extend(open.map(|transaction| Part { transaction, side, kind: kind.clone() }));
            }
        } else {
            self.server_ended = true;
            self.end_response(finish, at, sink);
        }
        if self.server_ended {
            // Nothing answers the requests that still wait, nor requests of the client that come
            // later.
            for waiting in self.waiting.drain(..) {
                let kind = PartKind::End { how: finish, at };
                sink.out.push(Part { transaction: waiting.transaction, side: Side::Server, kind });
            }
        }
        if self.client_ended {
            self.early.report(self.requests_missing, sink.findings);
        }
    }

    /// The server's direction ended, perhaps inside a response.
    fn end_response(&mut self, finish: ResponseEnd, at: Origin, sink: &mut Sink<'_, Part>) {
        if let Some(transaction) = self.answering.take() {
            let by_close = self.server.ends_with_close() && finish == ResponseEnd::ClosedBy(Side::Server);
            let how = if by_close { ResponseEnd::Complete } else { finish };
            let is_by_server =
                matches!(how, ResponseEnd::ClosedBy(Side::Server) | ResponseEnd::ResetBy(Side::Server));
            // Without the request the capture may lack that the client closed first.
            let is_early = self.early.has(transaction);
            if is_early && is_by_server {
                let kind = PartKind::Gap { why: Degraded::GAP, at };
                sink.out.push(Part { transaction, side: Side::Client, kind });
            }
            let is_unsized = self.server.ends_with_close() && !self.is_in_events;
            if let Some(by) = ended_by(how)
                && (is_by_server || self.server.has_length() || is_unsized)
                && !is_early
                && !self.server.is_lost()
            {
                let detail = match self.server.incomplete_body() {
                    Some(came) => format!("{came} before {by}"),
                    None if is_unsized => format!("a body without a length had not ended when {by}"),
                    None => format!("{by} inside a response"),
                };
                sink.out.push(Part::fault(transaction, Side::Server, Code::HttpBodyCut, (at, detail)));
            }
            let kind = PartKind::End { how, at };
            sink.out.push(Part { transaction, side: Side::Server, kind });
        }
    }
}

/// Returns a protocol that is not decoded, in words.
fn described(protocol: Speaks) -> &'static str {
    match protocol {
        Speaks::Tls => "TLS",
        Speaks::Http2 => "HTTP/2",
        Speaks::WebSocket => "WebSocket",
        Speaks::Nothing | Speaks::Http1 | Speaks::JsonLines | Speaks::Other => "an unknown protocol",
    }
}

#[cfg(test)]
mod tests;

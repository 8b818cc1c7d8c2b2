//! HTTP/1 (RFC 9112): turns the bytes of both directions into the parts of transactions.
//!
//! A response belongs to the oldest request without one (section 9.3.2). After a gap that may hide
//! whole messages this order is unknown; packet numbers then decide, which is right for a client
//! that does not pipeline.

use std::collections::VecDeque;

use crate::base::{
    Code, Degraded, Ending, Feed, Findings, Layer, Origin, PacketNo, ResponseEnd, Side, Sink, Span, limits,
};

use super::{Head, Part, PartKind, StartLine, TransactionNo};
use direction::{Direction, Step};
use head::Framing;

mod direction;
mod head;
pub mod scan;

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
    /// Responses whose request was not seen yet: the capture is not in causal order, or has a gap.
    early: VecDeque<(TransactionNo, PacketNo)>,
    /// Transaction of the request that is being read.
    sending: Option<TransactionNo>,
    /// Transaction of the response that is being read.
    answering: Option<TransactionNo>,
    /// Whole requests may be missing.
    requests_missing: bool,
    /// Why whole responses may be missing since the last response.
    responses_missing: Degraded,
    /// Which side ended the connection first, and how.
    closed: Option<ResponseEnd>,
    /// The client's direction has ended.
    client_ended: bool,
    /// The server's direction has ended.
    server_ended: bool,
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
            Feed::Data(bytes, span) => {
                self.direction(side).push(bytes, span);
                self.steps(side, sink);
            }
            Feed::Gap { len, why, at } => self.gap(side, (len, why, at), sink),
            Feed::Eof { how, at } => self.eof(side, (how, at), sink),
        }
    }

    fn held(&self) -> usize {
        self.client.held() + self.server.held()
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
        self.client_ended && self.server_ended
    }
}

impl Connection {
    /// Creates a connection of which nothing was read.
    #[must_use]
    pub fn new() -> Self {
        Self {
            client: Direction::new(Side::Client),
            server: Direction::new(Side::Server),
            next: 0,
            waiting: VecDeque::new(),
            early: VecDeque::new(),
            sending: None,
            answering: None,
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
        while let Some(step) = self.direction(side).step(sink.findings) {
            let current = if side == Side::Client { self.sending } else { self.answering };
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
                Step::Content(bytes, span) => PartKind::Content(bytes, span),
                Step::Gap(why) => PartKind::Gap { why, at: Origin::default() },
                Step::End(at) => {
                    if side == Side::Client {
                        self.sending = None;
                    } else {
                        self.answering = None;
                    }
                    PartKind::End { how: ResponseEnd::Complete, at }
                }
            };
            if let Some(transaction) = current {
                sink.out.push(Part { transaction, side, kind });
            }
        }
    }

    fn request(&mut self, parsed: head::Parsed, why: Degraded, sink: &mut Sink<'_, Part>) {
        let span = parsed.head.span;
        report_faults(&parsed, span, sink.findings);
        let kind = match &parsed.head.start {
            StartLine::Request { method, .. } if &**method == "HEAD" => Method::Head,
            StartLine::Request { method, .. } if &**method == "CONNECT" => Method::Connect,
            _ => Method::Other,
        };
        let transaction = self.answered_early(span.start, sink.findings).unwrap_or_else(|| {
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
        self.client.body(if parsed.framing == Framing::Unsaid { Framing::Length(0) } else { parsed.framing });
        sink.out.push(Part { transaction, side: Side::Client, kind: PartKind::Head(parsed.head, why) });
    }

    /// Returns the transaction of a response that was captured before its request, which begins at
    /// `start`.
    fn answered_early(&mut self, start: Origin, findings: &mut Findings) -> Option<TransactionNo> {
        while let Some((transaction, first)) = self.early.pop_front() {
            if !self.requests_missing || first > start.packet {
                return Some(transaction);
            }
            report_unmatched(start, findings);
        }
        None
    }

    fn response(&mut self, parsed: head::Parsed, why: Degraded, sink: &mut Sink<'_, Part>) {
        let span = parsed.head.span;
        report_faults(&parsed, span, sink.findings);
        if parsed.interim {
            self.server.no_message();
            return;
        }
        let (transaction, kind) = self.answered(span, sink.out);
        let status = if let StartLine::Response { status } = parsed.head.start { status } else { 0 };
        self.answering = Some(transaction);
        let tunnel = status == 101 || (kind == Method::Connect && (200..300).contains(&status));
        let at = span.end;
        sink.out.push(Part { transaction, side: Side::Server, kind: PartKind::Head(parsed.head, why) });
        if tunnel {
            self.client.blind();
            self.server.blind();
            self.answering = None;
            let kind = PartKind::End { how: ResponseEnd::Complete, at };
            sink.out.push(Part { transaction, side: Side::Server, kind });
        } else {
            self.server.body(if kind == Method::Head { Framing::Length(0) } else { parsed.framing });
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
        if self.early.len() < limits::MAX_PIPELINED {
            self.early.push_back((transaction, span.start.packet));
        }
        (transaction, Method::Other)
    }

    fn gap(&mut self, side: Side, (len, why, at): (u64, Degraded, Origin), sink: &mut Sink<'_, Part>) {
        let before = sink.out.len();
        let messages_missing = self.direction(side).gap(len, why);
        if messages_missing {
            match side {
                Side::Client => self.requests_missing = true,
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
        if side == Side::Client {
            self.client_ended = true;
            if let Some(transaction) = self.sending.take() {
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
            for _ in self.early.drain(..) {
                report_unmatched(at, sink.findings);
            }
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
            let is_early = self.early.iter().any(|(early, _)| *early == transaction);
            if is_by_server && !is_early && !self.server.is_lost() {
                sink.findings.add(Code::HttpBodyCut, at, "the server ended the connection inside a response");
            }
            let kind = PartKind::End { how, at };
            sink.out.push(Part { transaction, side: Side::Server, kind });
        }
    }
}

/// Ends a transaction whose response is not in the capture.
fn give_up(transaction: TransactionNo, why: Degraded, at: Origin, out: &mut Vec<Part>) {
    for kind in [PartKind::Gap { why, at }, PartKind::End { how: ResponseEnd::Complete, at }] {
        out.push(Part { transaction, side: Side::Server, kind });
    }
}

fn report_faults(parsed: &head::Parsed, span: Span, findings: &mut Findings) {
    for (code, detail) in &parsed.faults {
        findings.add(*code, span.end, detail.clone());
    }
}

fn report_unmatched(at: Origin, findings: &mut Findings) {
    findings.add(Code::HttpUnmatchedResponse, at, "its request is not in the capture");
}

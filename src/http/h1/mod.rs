//! HTTP/1 (RFC 9112): two directions of bytes in, the parts of transactions out.
//!
//! A response belongs to the oldest request without one (section 9.3.2). After a gap that may hide whole messages
//! that order no longer tells: then packet numbers do, for a client that does not pipeline.

use std::collections::VecDeque;

use crate::base::{
    Code, Degraded, Ending, Feed, Findings, Origin, PacketNo, ResponseEnd, Side, Span, Stage, limits,
};

use super::{Head, Part, PartKind, StartLine, TransactionNo};
use direction::{Direction, Step};
use head::Framing;

mod direction;
mod head;

/// One HTTP/1 connection.
///
/// After a gap each direction looks for the next boundary: the next chunk in a chunked body, else the next head that
/// reads as one. It counts as found again there (`http.resync`), and what was read around it carries the gap's reason.
#[derive(Debug)]
pub struct Connection {
    client: Direction,
    server: Direction,
    next: u32,
    /// Requests without the head of their final response, oldest first.
    waiting: VecDeque<Waiting>,
    /// Responses whose request was not seen (yet): of a capture that is not in causal order, or with a gap.
    early: VecDeque<(TransactionNo, PacketNo)>,
    sending: Option<TransactionNo>,
    answering: Option<TransactionNo>,
    /// Whole requests may be missing.
    requests_missing: bool,
    /// Whole responses may be missing since the last one.
    responses_missing: Degraded,
    /// Who ended the connection first.
    closed: Option<ResponseEnd>,
    /// Whether the client's direction has ended, and the server's.
    ended: [bool; 2],
}

#[derive(Debug)]
struct Waiting {
    transaction: TransactionNo,
    first: PacketNo,
    kind: Method,
}

/// Methods whose response is framed in a way of its own (RFC 9112 section 6.3 rules 1 and 2).
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

impl Stage for Connection {
    type Out = Part;

    fn push(&mut self, side: Side, feed: Feed, out: &mut Vec<Part>, findings: &mut Findings) {
        match feed {
            Feed::Data(bytes, span) => {
                self.direction(side).push(bytes, span);
                self.steps(side, out, findings);
            }
            Feed::Gap { len, why, at } => self.gap(side, (len, why, at), out, findings),
            Feed::End { how, at } => self.end(side, (how, at), out, findings),
        }
    }
}

impl Connection {
    /// A connection of which nothing was seen.
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
            ended: [false; 2],
        }
    }

    /// How many bytes wait for more, in both directions.
    #[must_use]
    pub fn held(&self) -> usize {
        self.client.held() + self.server.held()
    }

    /// Whether both directions have ended: nothing more comes out.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.ended == [true; 2]
    }

    /// Gives up the heads that are not complete.
    pub fn shed(&mut self, at: Origin, findings: &mut Findings) {
        self.client.shed(at, findings);
        self.server.shed(at, findings);
    }

    /// Lets go of what held slices pin: see [`StreamBuf::settle`](crate::base::StreamBuf::settle).
    pub fn settle(&mut self) {
        self.client.settle();
        self.server.settle();
    }

    /// Begins inside an event stream whose head was not captured: the server's next byte is that of a chunk-size line
    /// (`chunked`), or of a body that the close ends.
    pub fn begin_in_stream(&mut self, chunked: bool, span: Span, why: Degraded, out: &mut Vec<Part>) {
        let transaction = self.number();
        self.answering = Some(transaction);
        self.requests_missing = true;
        self.server.inside(chunked);
        let what = PartKind::Head(Box::new(Head::unseen_stream(span)), why);
        out.push(Part { transaction, side: Side::Server, what });
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

    fn steps(&mut self, side: Side, out: &mut Vec<Part>, findings: &mut Findings) {
        while let Some(step) = self.direction(side).step(findings) {
            let current = if side == Side::Client { self.sending } else { self.answering };
            let what = match step {
                Step::Head(parsed, why) if side == Side::Client => {
                    self.request(parsed, why, out, findings);
                    continue;
                }
                Step::Head(parsed, why) => {
                    self.response(parsed, why, out, findings);
                    continue;
                }
                Step::Stream(span, why) => {
                    let (transaction, _) = self.answered(span, out);
                    self.answering = Some(transaction);
                    let what = PartKind::Head(Box::new(Head::unseen_stream(span)), why);
                    out.push(Part { transaction, side, what });
                    continue;
                }
                Step::Content(bytes, span) => PartKind::Content(bytes, span),
                Step::Gap(len, why) => PartKind::Gap { len, why, at: Origin::default() },
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
                out.push(Part { transaction, side, what });
            }
        }
    }

    fn request(&mut self, parsed: head::Parsed, why: Degraded, out: &mut Vec<Part>, findings: &mut Findings) {
        let span = parsed.head.span;
        note(&parsed, span, findings);
        let kind = match &parsed.head.start {
            StartLine::Request { method, .. } if &**method == "HEAD" => Method::Head,
            StartLine::Request { method, .. } if &**method == "CONNECT" => Method::Connect,
            _ => Method::Other,
        };
        let transaction = self.answered_early(span.start, findings).unwrap_or_else(|| {
            let transaction = self.number();
            self.waiting.push_back(Waiting { transaction, first: span.start.packet, kind });
            transaction
        });
        if self.waiting.len() > limits::MAX_PIPELINED {
            // Nobody pipelines a thousand requests: their responses are not in the capture.
            if let Some(oldest) = self.waiting.pop_front() {
                give_up(oldest.transaction, Degraded::GAP, span.end, out);
            }
            self.responses_missing.add(Degraded::GAP);
        }
        self.sending = Some(transaction);
        self.client.body(if parsed.framing == Framing::Unsaid { Framing::Length(0) } else { parsed.framing });
        out.push(Part { transaction, side: Side::Client, what: PartKind::Head(parsed.head, why) });
    }

    /// The transaction of a response that came before this request, which began at `start`.
    fn answered_early(&mut self, start: Origin, findings: &mut Findings) -> Option<TransactionNo> {
        while let Some((transaction, first)) = self.early.pop_front() {
            if !self.requests_missing || first > start.packet {
                return Some(transaction);
            }
            unmatched(start, findings);
        }
        None
    }

    fn response(
        &mut self,
        parsed: head::Parsed,
        why: Degraded,
        out: &mut Vec<Part>,
        findings: &mut Findings,
    ) {
        let span = parsed.head.span;
        note(&parsed, span, findings);
        if parsed.interim {
            self.server.no_message();
            return;
        }
        let (transaction, kind) = self.answered(span, out);
        let status = match parsed.head.start {
            StartLine::Response { status } => status.unwrap_or_default(),
            StartLine::Request { .. } => 0,
        };
        self.answering = Some(transaction);
        let tunnel = status == 101 || (kind == Method::Connect && (200..300).contains(&status));
        let at = span.end;
        out.push(Part { transaction, side: Side::Server, what: PartKind::Head(parsed.head, why) });
        if tunnel {
            self.client.blind();
            self.server.blind();
            self.answering = None;
            let what = PartKind::End { how: ResponseEnd::Complete, at };
            out.push(Part { transaction, side: Side::Server, what });
        } else {
            self.server.body(if kind == Method::Head { Framing::Length(0) } else { parsed.framing });
        }
    }

    /// The transaction that a response which lies in `span` answers.
    fn answered(&mut self, span: Span, out: &mut Vec<Part>) -> (TransactionNo, Method) {
        let before = |waiting: &Waiting| waiting.first <= span.start.packet;
        let missing = std::mem::take(&mut self.responses_missing);
        if missing.any() {
            // The latest request before it: the answers to those before that are in the gap.
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

    fn gap(
        &mut self,
        side: Side,
        gap: (u64, Degraded, Origin),
        out: &mut Vec<Part>,
        findings: &mut Findings,
    ) {
        let (len, why, at) = gap;
        let before = out.len();
        let messages_missing = self.direction(side).gap(len, why);
        if messages_missing {
            match side {
                Side::Client => self.requests_missing = true,
                Side::Server => self.responses_missing.add(why),
            }
        }
        self.steps(side, out, findings);
        for part in out.iter_mut().skip(before) {
            if let PartKind::Gap { at: place, .. } | PartKind::End { at: place, .. } = &mut part.what {
                *place = at;
            }
        }
        if side == Side::Client && messages_missing && self.sending.is_none() {
            // Between two requests: it concerns what the client could have said in another.
            let what = PartKind::Gap { len: 0, why, at };
            out.push(Part { transaction: TransactionNo(self.next), side, what });
        }
        if side == Side::Server && messages_missing {
            // The answer to any of these may have been in it.
            out.extend(self.waiting.iter().map(|waiting| Part {
                transaction: waiting.transaction,
                side,
                what: PartKind::Gap { len: 0, why, at },
            }));
        }
    }

    fn end(&mut self, side: Side, (how, at): (Ending, Origin), out: &mut Vec<Part>, findings: &mut Findings) {
        let finish = match how {
            Ending::Closed => *self.closed.get_or_insert(ResponseEnd::ClosedBy(side)),
            Ending::Reset(by) => *self.closed.get_or_insert(ResponseEnd::ResetBy(by)),
            Ending::Open => self.closed.unwrap_or(ResponseEnd::Open),
        };
        let [client_ended, server_ended] = &mut self.ended;
        *(if side == Side::Client { client_ended } else { server_ended }) = true;
        if side == Side::Client {
            if let Some(transaction) = self.sending.take() {
                out.push(Part { transaction, side, what: PartKind::End { how: finish, at } });
            }
            if how == Ending::Closed {
                let open = self.answering.into_iter().chain(self.waiting.iter().map(|w| w.transaction));
                let what = PartKind::ClientClosed { at };
                out.extend(open.map(|transaction| Part { transaction, side, what: what.clone() }));
            }
        } else if let Some(transaction) = self.answering.take() {
            let by_close = self.server.ends_with_close() && finish == ResponseEnd::ClosedBy(Side::Server);
            let how = if by_close { ResponseEnd::Complete } else { finish };
            if matches!(how, ResponseEnd::ClosedBy(Side::Server) | ResponseEnd::ResetBy(Side::Server)) {
                findings.add(Code::HttpBodyCut, at, "the server ended the connection inside a response");
            }
            out.push(Part { transaction, side, what: PartKind::End { how, at } });
        }
        let [client_ended, server_ended] = self.ended;
        if server_ended {
            // Nothing answers what still waits, nor what the client may yet be seen to have sent.
            for waiting in self.waiting.drain(..) {
                let what = PartKind::End { how: finish, at };
                out.push(Part { transaction: waiting.transaction, side: Side::Server, what });
            }
        }
        if client_ended {
            for _ in self.early.drain(..) {
                unmatched(at, findings);
            }
        }
    }
}

/// The response to this request is not in the capture.
fn give_up(transaction: TransactionNo, why: Degraded, at: Origin, out: &mut Vec<Part>) {
    for what in [PartKind::Gap { len: 0, why, at }, PartKind::End { how: ResponseEnd::Complete, at }] {
        out.push(Part { transaction, side: Side::Server, what });
    }
}

fn note(parsed: &head::Parsed, span: Span, findings: &mut Findings) {
    for (code, detail) in &parsed.faults {
        findings.add(*code, span.end, detail.clone());
    }
}

fn unmatched(at: Origin, findings: &mut Findings) {
    findings.add(Code::HttpUnmatchedResponse, at, "its request is not in the capture");
}

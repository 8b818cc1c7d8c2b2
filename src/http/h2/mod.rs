//! HTTP/2 (RFC 9113): turns the bytes of both directions into the parts of transactions, which are
//! those that HTTP/1 gives.
//!
//! ```text
//!   (Side, Feed) ─▶ Direction ─▶ Step ─▶ Connection ─▶ Part
//!                   frames, HPACK        streams, flow control
//! ```
//!
//! A stream carries one transaction, so a response needs no search for its request. Server push and
//! priorities are ignored; tunnels are named and not read. A connection that carries nothing but
//! gRPC is dropped.

use bytes::Bytes;

use super::part::{give_up, report_unmatched};
use super::{Part, PartKind, TransactionNo};
use crate::base::http2::{ClosingFrame, ErrorCode};
use crate::base::{
    Code, Degraded, Feed, Findings, Layer, Origin, ResponseEnd, RoundTrips, Side, Sink, Switched, limits,
};
use direction::{Block, Direction, Step};
use flow::Flow;
use frame::{FrameHeader, Kind, Settings};
use head::{Parsed, RequestKind};
use losses::Losses;
use ping::Pings;
use stream::{State, Streams};

mod closing;
mod direction;
mod flow;
mod frame;
#[cfg(any(test, feature = "fuzz"))]
pub(super) mod fuzz;
mod head;
mod hpack;
mod losses;
mod ping;
mod proof;
mod stream;

/// Requests of gRPC, and of nothing else, after which a connection is not read any more.
const ONLY_GRPC: u32 = 4;

/// One HTTP/2 connection.
///
/// After a gap each direction searches for the next frame that can be proven (`http.resync`). From
/// there on the dynamic table is not known: header fields that repeat earlier ones are missing, and
/// messages are degraded by the reason of the gap.
#[derive(Debug)]
pub struct Connection {
    client: Direction,
    server: Direction,
    streams: Streams,
    /// What the client and the server may send.
    flows: [Flow; 2],
    pings: Pings,
    /// The GOAWAY of the client and of the server; `None` if it sent none.
    goaways: [Option<ClosingFrame>; 2],
    losses: Losses,
    /// The packet that is being read.
    at: Origin,
    /// Which side ended the connection first, and how.
    closed: Option<ResponseEnd>,
    client_ended: bool,
    server_ended: bool,
    /// Requests of gRPC before any other.
    grpc: u32,
    /// Whether a request of something else than gRPC was seen.
    has_others: bool,
    is_limit_reported: bool,
    is_unknown_reported: bool,
    /// Reused from content to content.
    kinds: Vec<PartKind>,
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
        self.at = feed.at();
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
        self.client.held() + self.server.held() + self.streams.held()
    }

    fn shed(&mut self, at: Origin, findings: &mut Findings) {
        self.client.shed(at, findings);
        self.server.shed(at, findings);
        let before = self.streams.len();
        while self.streams.take_excess(Streams::COMMON).is_some() {}
        let dropped = before - self.streams.len();
        if dropped > 0 {
            findings.add(Code::Http2Limit, at, format!("{dropped} open streams dropped"));
        }
    }

    fn settle(&mut self) {
        self.client.settle();
        self.server.settle();
    }

    fn is_over(&self) -> bool {
        let is_grpc = self.grpc >= ONLY_GRPC && !self.has_others;
        is_grpc || (self.client_ended && self.server_ended)
    }

    fn switched(&self) -> Switched {
        Switched::default()
    }

    fn round_trips(&self) -> RoundTrips {
        self.pings.round_trips()
    }
}

impl Connection {
    /// Creates a connection of which nothing was read.
    #[must_use]
    pub fn new() -> Self {
        Self {
            client: Direction::new(Side::Client),
            server: Direction::new(Side::Server),
            streams: Streams::default(),
            flows: [Flow::default(), Flow::default()],
            pings: Pings::default(),
            goaways: [None; 2],
            losses: Losses::default(),
            at: Origin::default(),
            closed: None,
            client_ended: false,
            server_ended: false,
            grpc: 0,
            has_others: false,
            is_limit_reported: false,
            is_unknown_reported: false,
            kinds: Vec::new(),
        }
    }

    /// Returns the side that sent these bytes from the middle of a connection; `None` if they are
    /// not HTTP/2, or do not show it. The search begins at `from`, which is moved to where it goes
    /// on when there are more bytes.
    #[must_use]
    pub fn sender(bytes: &[u8], from: &mut usize) -> Option<Side> {
        proof::sender(bytes, from, limits::MAX_FRAME)
    }

    /// Creates the connection that an HTTP/1 connection goes on as (`Upgrade: h2c`, RFC 7540
    /// section 3.2): its stream 1 is the response to `request`, whose transaction is not over.
    /// `next` is the number of the next transaction.
    #[must_use]
    pub(super) fn upgraded(request: TransactionNo, is_head: bool, next: u32) -> Self {
        let mut connection = Self { streams: Streams::from(request.0), has_others: true, ..Self::new() };
        // The request set the initial window, in a field that is not read.
        let [_, server] = &mut connection.flows;
        server.forget_initial();
        let stream = connection.streams.open(1, Side::Client, &connection.flows);
        stream.client.state = State::Ended;
        stream.has_no_content = is_head;
        connection.streams.skip_to(next);
        connection
    }

    /// Creates a connection of which nothing was read; its first transaction has the number `next`.
    #[must_use]
    pub(super) fn numbered_from(next: TransactionNo) -> Self {
        Self { streams: Streams::from(next.0), ..Self::new() }
    }

    fn direction(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn steps(&mut self, side: Side, sink: &mut Sink<'_, Part>) {
        while let Some(step) = self.direction(side).step(sink.findings) {
            match step {
                Step::Block(block) => self.block(side, block, sink),
                Step::Data(header, at) => self.data(side, header, at, sink),
                Step::Content(id, bytes, span) => {
                    if let Some(stream) = self.streams.get_mut(id) {
                        let transaction = stream.transaction;
                        stream.message(side).content(bytes, span, &mut self.kinds);
                        let parts = self.kinds.drain(..).map(|kind| Part { transaction, side, kind });
                        sink.out.extend(parts);
                    }
                }
                Step::Gap(id, why) => {
                    if let Some(stream) = self.streams.get_mut(id) {
                        stream.message(side).add_gap();
                        let kind = PartKind::Gap { why, at: Origin::default() };
                        sink.out.push(Part { transaction: stream.transaction, side, kind });
                    } else if side == Side::Server {
                        // It may have come before the client reset the stream.
                        let kind = PartKind::Lost { why, at: Origin::default() };
                        sink.out.push(Part { transaction: self.streams.next(), side, kind });
                    }
                }
                Step::Lost(why) => self.lost(side, why, sink),
                Step::Found(why) => self.found(side, why, sink.out),
                Step::DataEnd { stream, ends_stream, at } => {
                    self.data_end(side, (stream, ends_stream), at, sink)
                }
                Step::Frame(header, payload, at) => self.frame(side, (&header, payload.as_ref()), at, sink),
            }
        }
    }

    // Heads.

    fn block(&mut self, side: Side, block: Block, sink: &mut Sink<'_, Part>) {
        let direction = self.direction(side);
        let (fields, why) = (direction.take_fields(), direction.take_why());
        if fields.unknown().may_hide_messages() && !std::mem::replace(&mut self.is_unknown_reported, true) {
            let detail = format!("first in the fields of stream {}, from the {}", block.stream, side.name());
            sink.findings.add(Code::Http2FieldsUnknown, block.span.end, detail);
        }
        if !block.is_promise && block.stream % 2 == 1 {
            match head::parse(side, &fields, block.span) {
                Parsed::Request(mut request) => {
                    request.head.set_stream(block.stream);
                    self.request(block, request, why, sink);
                }
                Parsed::Response(mut response) => {
                    response.head.set_stream(block.stream);
                    self.response(block, response, why, sink);
                }
                Parsed::Trailers => self.trailers(side, block, sink),
                Parsed::Interim => {}
            }
        }
        self.direction(side).put_fields(fields);
    }

    fn request(&mut self, block: Block, request: head::Request, why: Degraded, sink: &mut Sink<'_, Part>) {
        let (id, side, at) = (block.stream, Side::Client, block.span.end);
        for _ in 0..self.streams.take_unmatched(id) {
            report_unmatched(true, at, sink.findings);
        }
        let is_new = match self.streams.get_mut(id) {
            Some(stream) => stream.client.state == State::Unseen,
            None => self.streams.can_open(id, false),
        };
        if !is_new {
            return self.trailers(side, block, sink);
        }
        if request.kind == RequestKind::Grpc {
            self.grpc += 1;
            return self.streams.ignore(id);
        }
        self.has_others = true;
        let stream = self.streams.open(id, side, &self.flows);
        let transaction = stream.transaction;
        stream.has_no_content = request.kind == RequestKind::Head;
        stream.client.begin(&request.head, request.length);
        let kind = PartKind::Head(request.head, why);
        sink.out.push(Part { transaction, side, kind });
        let why = self.losses.of_answer(block.span.start.packet);
        if why.any() && stream.server.state == State::Unseen {
            stream.server.add_gap();
            let kind = PartKind::Gap { why, at };
            sink.out.push(Part { transaction, side: Side::Server, kind });
        }
        if let Some(detail) = request.fault {
            sink.out.push(Part::fault(transaction, side, Code::Http2BadHeaders, (at, detail)));
        }
        if let RequestKind::Tunnel(to) = request.kind {
            stream.tunnel = Some(to);
        }
        if block.ends_stream {
            self.end_message(side, id, (ResponseEnd::Complete, at), sink);
        }
        self.evict(at, sink);
    }

    fn response(&mut self, block: Block, response: head::Response, why: Degraded, sink: &mut Sink<'_, Part>) {
        let (id, side, at) = (block.stream, Side::Server, block.span.end);
        let is_new = match self.streams.get_mut(id) {
            // What ends the stream and has no status may be trailers as well.
            Some(stream) if response.status.is_some() || !block.ends_stream => {
                stream.server.state == State::Unseen || stream.server.may_be_interim()
            }
            Some(stream) => stream.server.state == State::Unseen,
            None => self.streams.can_open(id, self.losses.why().any()),
        };
        if !is_new {
            return self.trailers(side, block, sink);
        }
        if response.is_grpc {
            return self.streams.close(id);
        }
        let stream = self.streams.open(id, side, &self.flows);
        let transaction = stream.transaction;
        let has_no_content = stream.has_no_content || matches!(response.status, Some(204 | 304));
        stream.server.begin(&response.head, response.length.filter(|_| !has_no_content));
        if let Some(detail) = response.fault {
            sink.out.push(Part::fault(transaction, side, Code::Http2BadHeaders, (at, detail)));
        }
        let is_tunnel = response.status.is_some_and(|status| (200..300).contains(&status));
        if let Some(tunnel) = stream.tunnel.take().filter(|_| is_tunnel) {
            let kind = PartKind::Head(response.head, why);
            sink.out.push(Part { transaction, side, kind });
            return self.tunnel(id, (transaction, tunnel), at, sink.out);
        }
        if (response.may_be_stream || response.may_be_interim) && !block.ends_stream {
            stream.server.set_may_be_interim(response.may_be_interim);
            stream.server.defer(Some(response.head), why);
        } else {
            stream.server.set_may_be_interim(false);
            let kind = PartKind::Head(response.head, why);
            sink.out.push(Part { transaction, side, kind });
        }
        if block.ends_stream {
            self.end_message(side, id, (ResponseEnd::Complete, at), sink);
        }
        self.evict(at, sink);
    }

    /// The server granted a `CONNECT`: what the stream carries from here on is not read.
    fn tunnel(
        &mut self,
        id: u32,
        (transaction, to): (TransactionNo, String),
        at: Origin,
        out: &mut Vec<Part>,
    ) {
        let side = Side::Server;
        out.push(Part::fault(
            transaction,
            side,
            Code::HttpNotRead,
            (at, format!("{to} on a stream of HTTP/2")),
        ));
        give_up(transaction, Degraded::NOT_READ, at, out);
        let kind = PartKind::End { how: ResponseEnd::Complete, at };
        out.push(Part { transaction, side: Side::Client, kind });
        self.streams.close(id);
    }

    /// A block behind the content, or one whose stream is over.
    fn trailers(&mut self, side: Side, block: Block, sink: &mut Sink<'_, Part>) {
        if block.ends_stream {
            self.end_message(side, block.stream, (ResponseEnd::Complete, block.span.end), sink);
        }
    }

    /// Gives up the oldest stream if too many are open.
    fn evict(&mut self, at: Origin, sink: &mut Sink<'_, Part>) {
        while let Some((id, stream)) = self.streams.take_excess(limits::MAX_STREAMS) {
            if !std::mem::replace(&mut self.is_limit_reported, true) {
                let detail = format!("more than {} open streams, the oldest is {id}", limits::MAX_STREAMS);
                sink.findings.add(Code::Http2Limit, at, detail);
            }
            let transaction = stream.transaction;
            if stream.client.state == State::Open {
                let kind = PartKind::End { how: ResponseEnd::Open, at };
                sink.out.push(Part { transaction, side: Side::Client, kind });
            }
            if stream.server.state != State::Ended {
                give_up(transaction, Degraded::NOT_READ, at, sink.out);
            }
        }
    }

    // Content.

    fn data(&mut self, side: Side, header: FrameHeader, at: Origin, sink: &mut Sink<'_, Part>) {
        let id = header.stream;
        let can_be_read = side == Side::Server && self.losses.why().any() && header.length > 0;
        if can_be_read && self.streams.get_mut(id).is_none() && self.streams.can_open(id, true) {
            self.streams.open(id, side, &self.flows);
        }
        let missing = self.losses.why();
        let [client, server] = &mut self.flows;
        let connection = if side == Side::Client { &mut client.connection } else { &mut server.connection };
        let Some(stream) = self.streams.get_mut(id) else { return connection.send(header.length) };
        let transaction = stream.transaction;
        let message = stream.message(side);
        if side == Side::Server && message.state == State::Unseen && missing.any() {
            message.defer(None, missing);
            message.add_gap();
        }
        if let Some(wait) = message.flow.send(header.length, connection) {
            sink.out.push(Part { transaction, side, kind: PartKind::Waited { wait, at } });
        }
    }

    fn data_end(
        &mut self,
        side: Side,
        (id, ends_stream): (u32, bool),
        at: Origin,
        sink: &mut Sink<'_, Part>,
    ) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        let transaction = stream.transaction;
        let message = stream.message(side);
        let is_readable = message.end_frame(&mut self.kinds);
        let parts = self.kinds.drain(..).map(|mut kind| {
            if let PartKind::Head(head, _) = &mut kind {
                head.set_stream(id);
            }
            Part { transaction, side, kind }
        });
        sink.out.extend(parts);
        if !is_readable && stream.client.state == State::Unseen {
            return self.streams.discard(id);
        }
        if ends_stream {
            return self.end_message(side, id, (ResponseEnd::Complete, at), sink);
        }
        let message = stream.message(side);
        if !is_readable {
            message.state = State::Unseen;
            return;
        }
        let [client, server] = &self.flows;
        let flow = if side == Side::Client { client } else { server };
        message.flow.sent(&flow.connection, at);
    }

    /// The request or the response of a stream is over.
    fn end_message(
        &mut self,
        side: Side,
        id: u32,
        (how, at): (ResponseEnd, Origin),
        sink: &mut Sink<'_, Part>,
    ) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        let transaction = stream.transaction;
        let message = stream.message(side);
        if message.state == State::Ended {
            return;
        }
        message.decide(&mut self.kinds);
        let why = message.take_doubt();
        if why.any() {
            self.kinds.push(PartKind::Gap { why, at });
        }
        let parts = self.kinds.drain(..).map(|kind| Part { transaction, side, kind });
        sink.out.extend(parts);
        if message.state == State::Open
            && how == ResponseEnd::Complete
            && let Some((length, came)) = message.wrong_length()
        {
            let detail = format!("from the {}: Content-Length is {length}, {came} bytes came", side.name());
            sink.out.push(Part::fault(transaction, side, Code::HttpLengthMismatch, (at, detail)));
        }
        message.state = State::Ended;
        sink.out.push(Part { transaction, side, kind: PartKind::End { how, at } });
        self.streams.close_if_over(id);
    }

    // Frames of the connection.

    fn frame(
        &mut self,
        side: Side,
        (header, payload): (&FrameHeader, Option<&Bytes>),
        at: Origin,
        sink: &mut Sink<'_, Part>,
    ) {
        let Some(payload) = payload else {
            return match header.kind {
                Kind::RST_STREAM => self.reset(side, header.stream, (None, at), sink),
                Kind::SETTINGS | Kind::WINDOW_UPDATE => self.forget_flow(side.other()),
                _ => {}
            };
        };
        match header.kind {
            Kind::SETTINGS if !header.is_ack() => self.settings(side, Settings::read(payload), at),
            Kind::PING if header.is_ack() => self.pings.ack(side, payload, at),
            Kind::PING => self.pings.sent(side, payload, at),
            Kind::RST_STREAM => self.reset(side, header.stream, (Some(ErrorCode::read(payload)), at), sink),
            Kind::GOAWAY => self.goaway(side, payload, at, sink),
            Kind::WINDOW_UPDATE => {
                let bytes = i64::from(frame::number(payload));
                if header.stream == 0 {
                    let [client, server] = &mut self.flows;
                    let flow = if side == Side::Client { server } else { client };
                    flow.connection.grow(bytes, at);
                } else if let Some(stream) = self.streams.get_mut(header.stream) {
                    stream.message(side.other()).flow.window.grow(bytes, at);
                }
            }
            _ => {}
        }
    }

    /// `side` says how it wants to be sent to.
    fn settings(&mut self, side: Side, settings: Settings, at: Origin) {
        let sender = side.other();
        if let Some(max) = settings.max_frame {
            self.direction(sender).allow_frames(max);
        }
        let Some(window) = settings.window else { return };
        let [client, server] = &mut self.flows;
        let flow = if sender == Side::Client { client } else { server };
        if let Some(change) = flow.set_initial(window) {
            for (_, stream) in self.streams.iter_mut() {
                stream.message(sender).flow.window.grow(change, at);
            }
        }
    }

    /// How much `sender` may send is not known any more.
    fn forget_flow(&mut self, sender: Side) {
        let [client, server] = &mut self.flows;
        let flow = if sender == Side::Client { client } else { server };
        flow.forget();
        for (_, stream) in self.streams.iter_mut() {
            stream.message(sender).flow.window.forget();
        }
    }
}

#[cfg(test)]
mod tests;

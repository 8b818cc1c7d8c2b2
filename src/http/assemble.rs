//! Puts the messages of a connection together: whole bodies and events, content codings removed.

use std::collections::HashMap;

use bytes::{Bytes, BytesMut};

use super::content::{CHUNK, Decoder};
use super::{
    Arrivals, Body, Event, Field, Head, Item, Part, PartKind, TransactionNo, Update, UpdateKind, grow, sse,
};
use crate::base::{Code, Degraded, Findings, Layer, Origin, ResponseEnd, Side, Sink, Span, limits, text};

/// Assembles the messages of one connection.
///
/// A message is found in constant time, however many are open. HTTP/1 has one open message per
/// direction, which is kept in `current`; only concurrent ones (HTTP/2 streams) need `others`.
#[derive(Debug, Default)]
pub struct Assembler {
    /// One open message of the client and one of the server.
    current: [Option<Message>; 2],
    /// All further open messages.
    others: HashMap<MessageId, Message, foldhash::fast::RandomState>,
    /// Messages of `others` that may hold a slice of the capture: see [`Layer::settle`].
    unsettled: Vec<MessageId>,
    /// Sum of [`Message::counted`].
    held: usize,
    /// The message and the packets of coded content that is not decoded completely.
    pending: Option<(MessageId, Span)>,
    /// What the message that is being read completed.
    items: Vec<Item>,
    /// Whether content that is no text is only counted.
    drops_binary: bool,
}

/// Bytes decoded in one step: small beside what a compressed packet can decode to.
const MAX_DECODED: usize = 64 << 10;

/// Length of content at which it is judged whether it is text, in bytes. The text of an error is
/// shorter.
const JUDGED: usize = 16 << 10;

/// A message: the request or the response of a transaction.
type MessageId = (TransactionNo, Side);

/// An open message.
struct Message {
    transaction: TransactionNo,
    side: Side,
    /// The packets of the head and of the content so far.
    span: Span,
    degraded: Degraded,
    /// Length of the content so far after content decoding, in bytes.
    bytes: u64,
    /// No gap, no damage and no cap so far.
    is_complete: bool,
    /// Its content coding is not known: it may be text all the same.
    is_coded: bool,
    decoder: Option<Box<Decoder>>,
    content: Content,
    /// When the pieces of the content arrived, of a response.
    arrivals: Arrivals,
    /// The part of [`Assembler::held`] that this message accounts for.
    counted: usize,
}

enum Content {
    /// No content yet.
    Empty,
    /// One piece: a slice of the packet.
    Piece(Bytes),
    /// Several pieces, copied together.
    Joined(BytesMut),
    /// The beginning of content that is no text, and the number of bytes behind it.
    Binary(Bytes, u64),
    /// An event stream: only the incomplete event is held.
    Events(Box<sse::Parser>),
    /// An event stream that can no longer be decoded.
    Undecodable,
}

impl Content {
    /// Returns the number of its bytes, those of events excluded.
    fn len(&self) -> u64 {
        match self {
            Self::Piece(bytes) => bytes.len() as u64,
            Self::Joined(bytes) => bytes.len() as u64,
            Self::Binary(bytes, behind) => bytes.len() as u64 + behind,
            Self::Empty | Self::Events(_) | Self::Undecodable => 0,
        }
    }

    /// Drops all but the beginning if that is no text. What is behind it changes nothing then: the
    /// first byte that is not UTF-8 is in the beginning.
    fn drop_binary(&mut self) {
        let bytes = match self {
            Self::Piece(bytes) => &bytes[..],
            Self::Joined(bytes) => &bytes[..],
            Self::Binary(..) | Self::Empty | Self::Events(_) | Self::Undecodable => return,
        };
        let Some((beginning, behind)) = bytes.split_at_checked(JUDGED) else { return };
        // A character may be cut at its end.
        let is_text = text::utf8(beginning).map_or_else(|valid| valid + 4 > JUDGED, |_| true);
        if !is_text {
            *self = Self::Binary(Bytes::copy_from_slice(beginning), behind.len() as u64);
        }
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("transaction", &self.transaction)
            .field("side", &self.side)
            .finish_non_exhaustive()
    }
}

impl Layer for Assembler {
    type In = Part;
    type Out = Update;

    fn push(&mut self, part: Part, sink: &mut Sink<'_, Update>) {
        let id = (part.transaction, part.side);
        let (transaction, side) = id;
        match part.kind {
            PartKind::Head(head, why) => self.head(id, head, why, sink),
            PartKind::Content(bytes, span) => self.content(id, (bytes, span), sink),
            PartKind::Gap { why, at, .. } => {
                if let Some(message) = find(&mut self.current, &mut self.others, id) {
                    message.gap(why);
                    message.count(&mut self.held);
                }
                if why.any() {
                    sink.out.push(Update { transaction, at, kind: UpdateKind::Gap { side, why } });
                }
            }
            PartKind::Lost { why, at } => {
                sink.out.push(Update { transaction, at, kind: UpdateKind::Gap { side, why } });
            }
            PartKind::Message(bytes, span) => self.message(id, (bytes, span), sink),
            PartKind::Waited { wait, at } => {
                sink.out.push(Update { transaction, at, kind: UpdateKind::Waited { side, wait } });
            }
            PartKind::Closing { frame, at } => {
                sink.out.push(Update { transaction, at, kind: UpdateKind::Closing(frame) });
            }
            PartKind::End { how, at } => self.end(id, (how, at), sink),
            PartKind::ClientClosed { at } => {
                sink.out.push(Update { transaction, at, kind: UpdateKind::ClientClosed });
            }
            PartKind::Fault { fault, at } => {
                sink.out.push(Update { transaction, at, kind: UpdateKind::Fault(fault) });
            }
        }
    }

    fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    fn resume(&mut self, sink: &mut Sink<'_, Update>) {
        if let Some((id, span)) = self.pending {
            self.decode(id, span, sink);
        }
    }

    fn held(&self) -> usize {
        self.held
    }

    fn shed(&mut self, at: Origin, findings: &mut Findings) {
        let mut others: Vec<MessageId> = self.others.keys().copied().collect();
        others.sort_unstable();
        let current = self.current.iter().flatten().map(Message::id);
        for id in current.chain(others).collect::<Vec<_>>() {
            if let Some(message) = find(&mut self.current, &mut self.others, id)
                && message.held() > 0
            {
                message.shed(at, findings);
                message.count(&mut self.held);
            }
        }
    }

    fn settle(&mut self) {
        for message in self.current.iter_mut().flatten() {
            message.settle(&mut self.held);
        }
        for id in self.unsettled.drain(..) {
            if let Some(message) = self.others.get_mut(&id) {
                message.settle(&mut self.held);
            }
        }
    }

    fn is_over(&self) -> bool {
        false
    }
}

/// Returns an open message; `None` if it is not open.
fn find<'a>(
    [client, server]: &'a mut [Option<Message>; 2],
    others: &'a mut HashMap<MessageId, Message, foldhash::fast::RandomState>,
    id: MessageId,
) -> Option<&'a mut Message> {
    let current = if id.1 == Side::Client { client } else { server };
    match current {
        Some(message) if message.transaction == id.0 => Some(message),
        _ => others.get_mut(&id),
    }
}

impl Assembler {
    /// Creates an assembler without open messages.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates one that only counts the content of large messages that is no text, which is most of
    /// what most captures hold. Messages of JSON-RPC are UTF-8.
    #[must_use]
    pub fn dropping_binary() -> Self {
        Self { drops_binary: true, ..Self::default() }
    }

    fn head(&mut self, id: MessageId, head: Box<Head>, why: Degraded, sink: &mut Sink<'_, Update>) {
        let (transaction, side) = id;
        let span = head.span;
        let mut message = Message {
            transaction,
            side,
            span,
            degraded: Degraded::NONE,
            bytes: 0,
            is_complete: true,
            is_coded: false,
            decoder: None,
            content: Content::Empty,
            arrivals: Arrivals::default(),
            counted: 0,
        };
        match Decoder::from_header(head.field(Field::ContentEncoding).unwrap_or_default().as_bytes()) {
            Ok(decoder) => message.decoder = decoder.map(Box::new),
            Err(error) => {
                self.items.push(Item::fault(Code::HttpContentUnknown, span.end, error.to_string()));
                message.is_coded = true;
            }
        }
        let unseen = head.is_unseen();
        if side == Side::Server && (unseen || head.is_event_stream()) {
            let parser = if unseen { sse::Parser::midstream(why) } else { sse::Parser::new() };
            message.content = Content::Events(Box::new(parser));
        }
        if head.channel().is_some() {
            // Its messages are no content of a body.
            message.content = Content::Undecodable;
        }
        if unseen {
            message.degraded = why;
        }
        message.count(&mut self.held);
        let [client, server] = &mut self.current;
        let current = if side == Side::Client { client } else { server };
        if current.is_none() {
            *current = Some(message);
        } else {
            self.others.insert(id, message);
        }
        let kind = if side == Side::Client { UpdateKind::Request(head) } else { UpdateKind::Response(head) };
        sink.out.push(Update { transaction, at: span.end, kind });
        self.emit_items(transaction, sink.out);
    }

    /// Emits what a message of the transaction completed, and its faults.
    #[inline]
    fn emit_items(&mut self, transaction: TransactionNo, out: &mut Vec<Update>) {
        // Most pieces complete nothing.
        if self.items.is_empty() {
            return;
        }
        out.extend(self.items.drain(..).map(|item| match item {
            Item::Event(event) => Update { transaction, at: event.span.end, kind: UpdateKind::Event(event) },
            Item::Fault { fault, at } => Update { transaction, at, kind: UpdateKind::Fault(fault) },
        }));
    }

    fn content(&mut self, id: MessageId, (bytes, span): (Bytes, Span), sink: &mut Sink<'_, Update>) {
        let Some(message) = find(&mut self.current, &mut self.others, id) else {
            return;
        };
        message.span = message.span.join(span);
        if let Some(decoder) = &mut message.decoder {
            if message.is_complete || matches!(message.content, Content::Events(_)) {
                decoder.push(bytes);
                self.decode(id, span, sink);
            }
            return;
        }
        message.take(bytes, span, self.drops_binary, &mut self.items);
        message.count(&mut self.held);
        self.took_content(id, sink);
    }

    /// Emits a message of a channel, which belongs to the response.
    fn message(&mut self, id: MessageId, (content, span): (Bytes, Span), sink: &mut Sink<'_, Update>) {
        let (transaction, side) = id;
        let kind = if side == Side::Server {
            if let Some(response) = find(&mut self.current, &mut self.others, id) {
                response.bytes += content.len() as u64;
                response.span = response.span.join(span);
            }
            let degraded = Degraded::NONE;
            UpdateKind::Event(Event { span, name: None, id: None, retry: None, data: content, degraded })
        } else {
            let len = content.len() as u64;
            UpdateKind::Sent(Body {
                content,
                len,
                span,
                arrivals: Arrivals::default(),
                degraded: Degraded::NONE,
                is_complete: true,
            })
        };
        sink.out.push(Update { transaction, at: span.end, kind });
    }

    /// Decodes the next part of the content that was pushed to the decoder of a message.
    fn decode(&mut self, id: MessageId, span: Span, sink: &mut Sink<'_, Update>) {
        self.pending = None;
        let Some(message) = find(&mut self.current, &mut self.others, id) else { return };
        // Dropped since, because a cap was reached.
        let Some(decoder) = &mut message.decoder else { return };
        let mut decoded = BytesMut::new();
        let mut chunk = [0; CHUNK];
        let result = loop {
            match decoder.read(&mut chunk) {
                Ok(len) => decoded.extend_from_slice(chunk.get(..len).unwrap_or_default()),
                Err(error) => break Err(error),
            }
            match decoder.is_pending() {
                false => break Ok(()),
                true if decoded.len() >= MAX_DECODED => {
                    self.pending = Some((id, span));
                    break Ok(());
                }
                true => {}
            }
        };
        if !decoded.is_empty() {
            message.take(decoded.freeze(), span, self.drops_binary, &mut self.items);
        }
        if let Err(error) = result {
            if message.is_complete {
                self.items.push(Item::fault(error.code(), span.end, error.to_string()));
            }
            message.drop_content();
        }
        message.count(&mut self.held);
        self.took_content(id, sink);
    }

    /// Emits the events and faults of a message that took content.
    fn took_content(&mut self, id: MessageId, sink: &mut Sink<'_, Update>) {
        if let Some(message) = self.others.get(&id)
            && matches!(message.content, Content::Piece(_))
        {
            self.unsettled.push(id);
        }
        self.emit_items(id.0, sink.out);
    }

    fn end(&mut self, id: MessageId, (how, at): (ResponseEnd, Origin), sink: &mut Sink<'_, Update>) {
        let (transaction, side) = id;
        let [client, server] = &mut self.current;
        let current = if side == Side::Client { client } else { server };
        let is_current = current.as_ref().is_some_and(|message| message.transaction == transaction);
        let mut other = if is_current { None } else { self.others.remove(&id) };
        // Finished in its place: a message is large to move.
        let message = if is_current { current.as_mut() } else { other.as_mut() };
        let ended = UpdateKind::Ended {
            how,
            bytes: message.as_ref().map_or(0, |message| message.bytes),
            span: message.as_ref().map(|message| message.span),
            degraded: message.as_ref().map_or(Degraded::NONE, |message| message.degraded),
        };
        if let Some(message) = message {
            self.held -= message.counted;
            let body = message.finish(how, at, &mut self.items);
            if is_current {
                *current = None;
            }
            if let Some(body) = body {
                let kind = if side == Side::Client {
                    UpdateKind::RequestBody(body)
                } else {
                    UpdateKind::ResponseBody(body)
                };
                sink.out.push(Update { transaction, at, kind });
            }
            self.emit_items(transaction, sink.out);
        }
        if side == Side::Server {
            sink.out.push(Update { transaction, at, kind: ended });
        }
    }
}

impl Message {
    fn id(&self) -> MessageId {
        (self.transaction, self.side)
    }

    /// Updates the sum of what all messages hold.
    fn count(&mut self, sum: &mut usize) {
        let held = self.held();
        *sum = *sum - self.counted + held;
        self.counted = held;
    }

    /// Copies a slice of the capture, which would keep a whole block of it in memory, and updates
    /// the sum of what all messages hold.
    #[inline]
    fn settle(&mut self, sum: &mut usize) {
        if let Content::Piece(bytes) = &self.content {
            self.content = Content::Joined(BytesMut::from(&bytes[..]));
            self.count(sum);
        }
    }

    fn held(&self) -> usize {
        let content = match &self.content {
            Content::Empty => 0,
            Content::Piece(bytes) => bytes.len(),
            Content::Joined(bytes) => bytes.capacity(),
            Content::Binary(bytes, _) => bytes.len(),
            Content::Events(parser) => parser.held(),
            Content::Undecodable => 0,
        };
        content + self.arrivals.held() + self.decoder.as_ref().map_or(0, |decoder| decoder.held())
    }

    /// Appends decoded content.
    fn take(&mut self, bytes: Bytes, span: Span, drops_binary: bool, items: &mut Vec<Item>) {
        let bytes_len = bytes.len() as u64;
        self.bytes += bytes_len;
        match &mut self.content {
            Content::Events(parser) => parser.push(bytes, span, items),
            Content::Undecodable => {}
            _ if !self.is_complete => {}
            Content::Empty => self.content = Content::Piece(bytes),
            Content::Piece(first) => {
                let mut joined = BytesMut::from(&first[..]);
                grow::append(&mut joined, &bytes);
                self.content = Content::Joined(joined);
            }
            Content::Joined(joined) => grow::append(joined, &bytes),
            Content::Binary(_, behind) => *behind += bytes.len() as u64,
        }
        let len = self.content.len();
        if len > 0 && self.side == Side::Server {
            self.arrivals.record(len - bytes_len, span.end);
        }
        if drops_binary && len > JUDGED as u64 && len - bytes_len <= JUDGED as u64 {
            self.content.drop_binary();
        }
        if len > limits::MAX_BODY as u64 {
            let detail = format!("more than {} bytes", limits::MAX_BODY);
            items.push(Item::fault(Code::HttpBodyTooLong, span.end, detail));
            self.give_up();
        }
    }

    fn gap(&mut self, why: Degraded) {
        self.degraded.add(why);
        match &mut self.content {
            Content::Events(parser) if self.decoder.is_none() => parser.gap(why),
            _ => self.drop_content(),
        }
    }

    /// Drops the content because the shard's share is full.
    fn shed(&mut self, at: Origin, findings: &mut Findings) {
        let share = limits::MAX_MEMORY_PER_SHARD;
        let detail = format!("{} bytes held when all together took {share}", self.held());
        findings.add(Code::HttpBodyTooLong, at, detail);
        self.give_up();
    }

    /// Drops the content because a cap was reached.
    fn give_up(&mut self) {
        self.degraded.add(Degraded::NOT_READ);
        self.drop_content();
    }

    fn drop_content(&mut self) {
        self.is_complete = false;
        // A compressed stream cannot be entered in the middle (RFC 1951 refers back 32 KiB).
        let coded = self.decoder.take().is_some();
        match &mut self.content {
            Content::Events(parser) if !coded => **parser = sse::Parser::midstream(self.degraded),
            Content::Events(_) | Content::Undecodable => self.content = Content::Undecodable,
            content => *content = Content::Empty,
        }
    }

    /// Takes the body out of it; `None` for an event stream.
    fn finish(&mut self, how: ResponseEnd, at: Origin, items: &mut Vec<Item>) -> Option<Body> {
        let len = self.content.len();
        let content = match std::mem::replace(&mut self.content, Content::Empty) {
            Content::Events(mut parser) => {
                parser.end(at, items);
                return None;
            }
            Content::Undecodable => return None,
            Content::Empty => Bytes::new(),
            Content::Piece(bytes) | Content::Binary(bytes, _) => bytes,
            Content::Joined(bytes) => bytes.freeze(),
        };
        // Clients ignore a coding that they do not know, as "utf-8".
        let is_readable = !self.is_coded || begins_like_json(&content);
        let is_complete = self.is_complete && is_readable && how == ResponseEnd::Complete;
        let (span, arrivals, degraded) = (self.span, std::mem::take(&mut self.arrivals), self.degraded);
        Some(Body { content, len, span, arrivals, degraded, is_complete })
    }
}

/// Whether a body is an object or an array in JSON, by its first character.
fn begins_like_json(content: &[u8]) -> bool {
    matches!(content.trim_ascii_start().first(), Some(b'{' | b'['))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::{FieldValues, StartLine};

    /// Returns the body of a response that consists of these pieces.
    fn body(mut assembler: Assembler, pieces: &[&[u8]]) -> Body {
        let (mut out, mut findings, span) = (Vec::new(), Findings::new(), Span::of(Origin::new(1, 1)));
        let (start, transaction) = (StartLine::Response { status: 200 }, TransactionNo(0));
        let head = Box::new(Head::with_values(start, span, Bytes::new(), FieldValues::default()));
        let content = pieces.iter().map(|piece| PartKind::Content(Bytes::copy_from_slice(piece), span));
        let end = PartKind::End { how: ResponseEnd::Complete, at: span.end };
        for kind in [PartKind::Head(head, Degraded::NONE)].into_iter().chain(content).chain([end]) {
            let part = Part { transaction, side: Side::Server, kind };
            assembler.push(part, &mut Sink::new(&mut out, &mut findings));
            assembler.settle();
        }
        assert_eq!(assembler.held(), 0);
        let body = out.into_iter().find_map(|update| match update.kind {
            UpdateKind::ResponseBody(body) => Some(body),
            _ => None,
        });
        body.expect("a body")
    }

    proptest! {
        /// However it is cut, content is the same text, or is no text from the same byte on.
        #[test]
        fn dropped_content_reads_like_kept_content(
            texts in prop::collection::vec((0usize..9000, prop::sample::select(vec!["", "\u{e9}", "\u{1f600}"])), 1..6),
            wrong in prop::option::of(0usize..30_000),
        ) {
            let pieces: Vec<_> = texts.iter().map(|(len, end)| "a".repeat(*len) + end).collect();
            let mut pieces: Vec<_> = pieces.iter().map(|piece| piece.as_bytes().to_vec()).collect();
            if let Some(byte) = wrong.and_then(|at| pieces.iter_mut().flatten().nth(at)) {
                *byte = 0xff;
            }
            let pieces: Vec<_> = pieces.iter().map(Vec::as_slice).filter(|piece| !piece.is_empty()).collect();
            let kept = body(Assembler::new(), &pieces);
            let dropped = body(Assembler::dropping_binary(), &pieces);
            prop_assert_eq!((kept.len, kept.content.len() as u64), (dropped.len, kept.len));
            prop_assert_eq!(text::utf8(&kept.content).err(), text::utf8(&dropped.content).err());
            prop_assert!(text::utf8(&kept.content).is_err() || dropped.content == kept.content);
        }
    }

    #[test]
    fn large_content_that_is_no_text_is_dropped() {
        let pieces = [&[0xff; 10_000][..]; 5];
        let body = body(Assembler::dropping_binary(), &pieces);
        assert_eq!((body.content.len(), body.len), (JUDGED, 50_000));
    }
}

//! Parts of transactions in; whole bodies and events out, content codings taken off.

use bytes::{Bytes, BytesMut};

use super::content::Decoder;
use super::{Body, Event, Field, Head, Part, PartKind, TransactionNo, Update, UpdateKind, sse};
use crate::base::{Code, Degraded, Findings, Origin, ResponseEnd, Side, Span, limits};

/// Puts the messages of one connection together.
///
/// What is held grows with the bodies that are not complete: see [`Assembler::held`] and [`Assembler::shed`].
#[derive(Debug, Default)]
pub struct Assembler {
    /// The messages that are being read: one per direction over HTTP/1, many over HTTP/2.
    open: Vec<Message>,
    events: Vec<Event>,
    decoded: BytesMut,
}

/// A message that is being read.
struct Message {
    transaction: TransactionNo,
    side: Side,
    /// The packets of the head and of the content so far.
    span: Span,
    degraded: Degraded,
    /// Content so far, in bytes after content decoding.
    bytes: u64,
    /// No gap, no damage and no cap so far.
    whole: bool,
    decoder: Option<Box<Decoder>>,
    content: Content,
}

enum Content {
    /// Nothing yet.
    Empty,
    /// One piece, as it came.
    Piece(Bytes),
    /// Several, joined.
    Joined(BytesMut),
    /// An event stream: nothing is kept but the event that is not complete.
    Events(Box<sse::Parser>),
    /// An event stream that cannot be read any more.
    Unread,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("transaction", &self.transaction)
            .field("side", &self.side)
            .finish_non_exhaustive()
    }
}

impl Assembler {
    /// Nothing is being read.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next part.
    pub fn push(&mut self, part: Part, out: &mut Vec<Update>, findings: &mut Findings) {
        let (transaction, side) = (part.transaction, part.side);
        let whose = (transaction, side);
        match part.what {
            PartKind::Head(head, why) => self.head(whose, head, why, (out, findings)),
            PartKind::Content(bytes, span) => {
                if let Some(at) = self.find(transaction, side) {
                    self.content(at, (bytes, span), out, findings);
                }
            }
            PartKind::Gap { why, at, .. } => {
                if let Some(message) = self.find(transaction, side).and_then(|index| self.open.get_mut(index))
                {
                    message.gap(why);
                }
                if why.any() {
                    out.push(Update { transaction, at, kind: UpdateKind::Gap { side, why } });
                }
            }
            PartKind::End { how, at } => self.end(whose, (how, at), out, findings),
            PartKind::ClientClosed { at } => {
                out.push(Update { transaction, at, kind: UpdateKind::ClientClosed })
            }
        }
    }

    /// Bytes held for messages that are not complete.
    #[must_use]
    pub fn held(&self) -> usize {
        self.open.iter().map(Message::held).sum()
    }

    /// Gives up what is held: the bodies will not be read, their ends will be found.
    pub fn shed(&mut self, at: Origin, findings: &mut Findings) {
        for message in &mut self.open {
            if message.held() > 0 {
                message.too_long(at, findings);
            }
        }
    }

    /// Lets go of what a held slice pins: a whole block of the capture file. Called when a feed has been read.
    pub fn settle(&mut self) {
        for message in &mut self.open {
            if let Content::Piece(bytes) = &message.content {
                message.content = Content::Joined(BytesMut::from(&bytes[..]));
            }
        }
    }

    fn find(&self, transaction: TransactionNo, side: Side) -> Option<usize> {
        self.open.iter().position(|message| message.transaction == transaction && message.side == side)
    }

    fn head(
        &mut self,
        (transaction, side): (TransactionNo, Side),
        head: Box<Head>,
        why: Degraded,
        (out, findings): (&mut Vec<Update>, &mut Findings),
    ) {
        let span = head.span;
        let mut message = Message {
            transaction,
            side,
            span,
            degraded: Degraded::NONE,
            bytes: 0,
            whole: true,
            decoder: None,
            content: Content::Empty,
        };
        match Decoder::from_header(head.field(Field::ContentEncoding).unwrap_or_default().as_bytes()) {
            Ok(decoder) => message.decoder = decoder.map(Box::new),
            Err(error) => {
                findings.add(Code::HttpContentUnknown, span.end, error.to_string());
                message.whole = false;
            }
        }
        let unseen = head.raw.is_empty();
        if side == Side::Server && (unseen || head.is_event_stream()) {
            let parser = if unseen { sse::Parser::midstream(why) } else { sse::Parser::new() };
            message.content = Content::Events(Box::new(parser));
        }
        if unseen {
            message.degraded = why;
        }
        self.open.push(message);
        let kind = if side == Side::Client { UpdateKind::Request(head) } else { UpdateKind::Response(head) };
        out.push(Update { transaction, at: span.end, kind });
    }

    fn content(
        &mut self,
        at: usize,
        (bytes, span): (Bytes, Span),
        out: &mut Vec<Update>,
        findings: &mut Findings,
    ) {
        let Some(message) = self.open.get_mut(at) else {
            return;
        };
        message.span = message.span.join(span);
        let Some(decoder) = &mut message.decoder else {
            message.take(bytes, span, &mut self.events, findings);
            emit(message.transaction, &mut self.events, out);
            return;
        };
        if !message.whole && !matches!(message.content, Content::Events(_)) {
            return;
        }
        let result = decoder.push(&bytes, &mut self.decoded);
        if !self.decoded.is_empty() {
            message.take(self.decoded.split().freeze(), span, &mut self.events, findings);
        }
        if let Err(error) = result {
            if message.whole {
                findings.add(error.code(), span.end, error.to_string());
            }
            message.give_up_content();
        }
        emit(message.transaction, &mut self.events, out);
    }

    fn end(
        &mut self,
        (transaction, side): (TransactionNo, Side),
        (how, at): (ResponseEnd, Origin),
        out: &mut Vec<Update>,
        findings: &mut Findings,
    ) {
        let message = self.find(transaction, side).map(|index| self.open.swap_remove(index));
        let ended = |message: Option<&Message>| UpdateKind::Ended {
            how,
            bytes: message.map_or(0, |message| message.bytes),
            span: message.map(|message| message.span),
            degraded: message.map_or(Degraded::NONE, |message| message.degraded),
        };
        let last = ended(message.as_ref());
        if let Some(message) = message
            && let Some(body) = message.finish(how, at, findings)
        {
            let kind = if side == Side::Client {
                UpdateKind::RequestBody(body)
            } else {
                UpdateKind::ResponseBody(body)
            };
            out.push(Update { transaction, at, kind });
        }
        if side == Side::Server {
            out.push(Update { transaction, at, kind: last });
        }
    }
}

fn emit(transaction: TransactionNo, events: &mut Vec<Event>, out: &mut Vec<Update>) {
    out.extend(events.drain(..).map(|event| Update {
        transaction,
        at: event.span.end,
        kind: UpdateKind::Event(event),
    }));
}

impl Message {
    fn held(&self) -> usize {
        let content = match &self.content {
            Content::Empty => 0,
            Content::Piece(bytes) => bytes.len(),
            Content::Joined(bytes) => bytes.capacity(),
            Content::Events(parser) => parser.held(),
            Content::Unread => 0,
        };
        content + self.decoder.as_ref().map_or(0, |decoder| decoder.held())
    }

    /// Takes decoded content.
    fn take(&mut self, bytes: Bytes, span: Span, events: &mut Vec<Event>, findings: &mut Findings) {
        self.bytes += bytes.len() as u64;
        match &mut self.content {
            Content::Events(parser) => parser.push(bytes, span, events, findings),
            Content::Unread => {}
            _ if !self.whole => {}
            Content::Empty => self.content = Content::Piece(bytes),
            Content::Piece(first) => {
                // Shared slices pin the block of the file that they lie in: what waits for more is copied.
                let mut joined = BytesMut::with_capacity((first.len() + bytes.len()) * 2);
                joined.extend_from_slice(first);
                joined.extend_from_slice(&bytes);
                self.content = Content::Joined(joined);
            }
            Content::Joined(joined) => joined.extend_from_slice(&bytes),
        }
        if self.held() > limits::MAX_BODY && !matches!(self.content, Content::Events(_)) {
            self.too_long(span.end, findings);
        }
    }

    fn gap(&mut self, why: Degraded) {
        self.degraded.add(why);
        match &mut self.content {
            Content::Events(parser) if self.decoder.is_none() => parser.gap(why),
            _ => self.give_up_content(),
        }
    }

    fn too_long(&mut self, at: Origin, findings: &mut Findings) {
        let detail = format!("{} bytes after {} held for all", self.bytes, limits::MAX_CONTENT);
        findings.add(Code::HttpBodyTooLong, at, detail);
        self.give_up_content();
    }

    fn give_up_content(&mut self) {
        self.whole = false;
        // A compressed stream cannot be entered in the middle (RFC 1951 refers back 32 KiB).
        let coded = self.decoder.take().is_some();
        match &mut self.content {
            Content::Events(parser) if !coded => **parser = sse::Parser::midstream(self.degraded),
            Content::Events(_) | Content::Unread => self.content = Content::Unread,
            content => *content = Content::Empty,
        }
    }

    /// The body, where it is no event stream.
    fn finish(self, how: ResponseEnd, at: Origin, findings: &mut Findings) -> Option<Body> {
        let content = match self.content {
            Content::Events(mut parser) => {
                parser.end(at, findings);
                return None;
            }
            Content::Unread => return None,
            Content::Empty => Bytes::new(),
            Content::Piece(bytes) => bytes,
            Content::Joined(bytes) => bytes.freeze(),
        };
        let whole = self.whole && how == ResponseEnd::Complete;
        Some(Body { content, span: self.span, degraded: self.degraded, whole })
    }
}

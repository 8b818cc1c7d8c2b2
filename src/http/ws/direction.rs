//! One direction: frames, and the messages that they make (RFC 6455 sections 5.4 and 5.5).

use bytes::{Bytes, BytesMut};

use super::frame::{Front, Header, Opcode, unmask};
use super::inflate::{Failure, Inflater};
use super::proof::{FrameSearch, Place};
use crate::base::{Code, Degraded, Origin, Side, Span, StreamBuf, limits};
use crate::http::grow;

/// The next element of the direction.
#[derive(Debug)]
pub(super) enum Step {
    /// A complete message.
    Message(Bytes, Span),
    /// A message, or the rest of one, that is not read; why, and the packet that shows it.
    Lost(Degraded, Origin),
    /// Reading goes on here after bytes that are missing or were skipped; why.
    Resumed(Degraded, Origin),
    /// Something is wrong.
    Fault(Code, String, Origin),
    /// The sender says that it sends nothing more.
    Close(Reason, Origin),
}

/// The status code and the text of a Close frame (RFC 6455 section 5.5.1); `None` without a code.
pub(super) type Reason = Option<(u16, String)>;

/// Where the next byte belongs.
#[derive(Debug)]
enum State {
    /// To a header.
    Header,
    /// To the payload of a frame, of which this many bytes were read.
    Payload(Header, u64),
    /// Unknown: the next frame that is proven is searched.
    Lost,
    /// Nowhere: the sender sends nothing more.
    Over,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Direction {
    side: Side,
    buf: StreamBuf,
    state: State,
    /// The message that is not complete.
    message: Option<Message>,
    /// The payload of the Close frame so far.
    close: Vec<u8>,
    /// Whether compressed messages were agreed on; `None` if it is not known.
    is_compressing: Option<bool>,
    inflater: Inflater,
    /// The search for a frame, in [`State::Lost`].
    search: FrameSearch,
    /// Whether it was reported that messages refer to lost ones.
    is_context_reported: bool,
    /// Why bytes are missing since the last message.
    missing: Degraded,
    /// A step that was found out together with the last one.
    due: Option<Step>,
}

/// A message that is not complete.
#[derive(Debug)]
struct Message {
    span: Span,
    is_compressed: bool,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Empty,
    /// One piece: a slice of the packet.
    Piece(Bytes),
    Joined(BytesMut),
    /// Not kept.
    Dropped(Degraded),
}

impl Direction {
    pub(super) fn new(side: Side, is_compressing: Option<bool>) -> Self {
        Self {
            side,
            buf: StreamBuf::new(),
            state: State::Header,
            message: None,
            close: Vec::new(),
            is_compressing,
            inflater: Inflater::default(),
            search: FrameSearch::new(side),
            is_context_reported: false,
            missing: Degraded::NONE,
            due: None,
        }
    }

    /// Returns the number of bytes held.
    pub(super) fn held(&self) -> usize {
        let message = self.message.as_ref().map_or(0, |message| match &message.content {
            Content::Empty | Content::Dropped(_) => 0,
            Content::Piece(bytes) => bytes.len(),
            Content::Joined(bytes) => bytes.capacity(),
        });
        self.buf.allocated() + message + self.inflater.held()
    }

    /// Whether a message has begun and is not complete.
    pub(super) fn is_inside(&self) -> bool {
        self.message.as_ref().is_some_and(|message| !matches!(message.content, Content::Dropped(_)))
    }

    /// Whether nothing more of the direction is read.
    fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Reads nothing more. Returns why messages may be missing that no step has told of.
    pub(super) fn end(&mut self) -> Degraded {
        self.state = State::Over;
        self.buf = StreamBuf::new();
        self.message = None;
        std::mem::take(&mut self.missing)
    }

    pub(super) fn push(&mut self, bytes: Bytes, span: Span) {
        if !self.is_over() {
            self.buf.push(bytes, span);
        }
    }

    /// Copies slices that would keep a block of the capture in memory.
    pub(super) fn settle(&mut self) {
        self.buf.settle();
        if let Some(Message { content, .. }) = &mut self.message
            && let Content::Piece(bytes) = content
        {
            *content = Content::Joined(BytesMut::from(&bytes[..]));
        }
    }

    /// Drops what is held because a cap was reached. Returns the number of bytes.
    pub(super) fn shed(&mut self) -> usize {
        let held = self.held();
        if let Some(message) = &mut self.message {
            message.content = Content::Dropped(Degraded::NOT_READ);
        }
        self.inflater.lose_context();
        if !self.buf.is_empty() {
            self.buf = StreamBuf::new();
            self.lose(Degraded::NOT_READ);
        }
        held
    }

    /// `len` bytes are missing, 0 if their number is not known. Returns whether whole messages may
    /// be among them.
    pub(super) fn gap(&mut self, len: u64, why: Degraded) -> bool {
        match &mut self.state {
            State::Over => false,
            State::Payload(header, read) if len > 0 && *read + len <= header.payload => {
                *read += len;
                if let Some(message) = self.message.as_mut().filter(|_| !header.opcode.is_control()) {
                    message.content = Content::Dropped(why);
                    self.inflater.lose_context();
                }
                false
            }
            State::Header | State::Payload(..) | State::Lost => {
                self.buf = StreamBuf::new();
                self.lose(why);
                true
            }
        }
    }

    /// Searches for the next frame that is proven.
    fn lose(&mut self, why: Degraded) {
        self.state = State::Lost;
        self.message = None;
        self.missing.add(why);
        self.inflater.lose_context();
    }

    /// Returns the next step; `None` if more bytes are needed.
    pub(super) fn step(&mut self) -> Option<Step> {
        loop {
            if let Some(step) = self.due.take() {
                return Some(step);
            }
            match self.state {
                State::Over => return None,
                State::Lost => {
                    let place = self.search.find(self.buf.bytes());
                    let (Place::At(len) | Place::Perhaps(len)) = place;
                    self.buf.skip(len);
                    if matches!(place, Place::Perhaps(_)) {
                        return None;
                    }
                    self.state = State::Header;
                    let why = std::mem::take(&mut self.missing);
                    if why.any() && why != Degraded::MIDSTREAM {
                        let at = self.buf.first_span().map_or_else(Origin::default, |span| span.start);
                        return Some(Step::Resumed(why, at));
                    }
                }
                State::Header => {
                    let header = match Header::read(self.side, self.buf.bytes()) {
                        Front::Header(header) => header,
                        Front::Incomplete => return None,
                        Front::Invalid(detail) => return Some(self.refuse(detail)),
                    };
                    let span = self.buf.span(header.len)?;
                    if let Err(detail) = self.begin(&header, span) {
                        return Some(self.refuse(detail));
                    }
                    self.buf.skip(header.len);
                    self.state = State::Payload(header, 0);
                    if header.payload == 0
                        && let Some(step) = self.end_frame(header, span.end)
                    {
                        return Some(step);
                    }
                }
                State::Payload(header, read) if read == header.payload => {
                    // Its last bytes are missing.
                    let at = self.message.as_ref().map_or_else(Origin::default, |message| message.span.end);
                    if let Some(step) = self.end_frame(header, at) {
                        return Some(step);
                    }
                }
                State::Payload(header, read) => {
                    let left = usize::try_from(header.payload - read).unwrap_or(usize::MAX);
                    let (bytes, span) = self.buf.take_piece(left)?;
                    let after = read + bytes.len() as u64;
                    self.state = State::Payload(header, after);
                    // A message that is too long is reported where it became so.
                    let step = self.payload(&header, read, (bytes, span));
                    if after == header.payload {
                        self.due = self.end_frame(header, span.end);
                    }
                    if step.is_some() {
                        return step;
                    }
                }
            }
        }
    }

    /// The header begins a frame, or cannot stand here.
    fn begin(&mut self, header: &Header, span: Span) -> Result<(), &'static str> {
        if header.is_compressed && (self.is_compressing == Some(false) || header.opcode != Opcode::Data) {
            return Err("a reserved bit (RSV1) without permessage-deflate");
        }
        match (header.opcode, &mut self.message) {
            (Opcode::Data, Some(_)) => Err("a message inside another one"),
            (Opcode::Continuation, None) => Err("a continuation of no message"),
            (Opcode::Data, None) => {
                let is_compressed = header.is_compressed;
                self.message = Some(Message { span, is_compressed, content: Content::Empty });
                Ok(())
            }
            (Opcode::Continuation, Some(message)) => {
                message.span = message.span.join(span);
                Ok(())
            }
            (Opcode::Close | Opcode::Beat, _) => Ok(()),
        }
    }

    /// What stands here is no frame: the receiver fails the connection (RFC 6455 section 7.1.7).
    fn refuse(&mut self, detail: &str) -> Step {
        let at = self.buf.first_span().map_or_else(Origin::default, |span| span.end);
        // Nothing but the frame that is refused could be proven again.
        self.buf.skip(1);
        self.lose(Degraded::NOT_READ);
        Step::Fault(Code::WsBadFrame, format!("{}: {detail}", self.side.name()), at)
    }

    /// Takes bytes of a payload, of which `read` came before.
    fn payload(&mut self, header: &Header, read: u64, (bytes, span): (Bytes, Span)) -> Option<Step> {
        if header.opcode == Opcode::Beat {
            return None;
        }
        let bytes = match header.mask {
            None => bytes,
            Some(mask) => {
                let mut unmasked = BytesMut::from(&bytes[..]);
                unmask(&mut unmasked, mask, read);
                unmasked.freeze()
            }
        };
        if header.opcode == Opcode::Close {
            self.close.extend_from_slice(&bytes);
            return None;
        }
        let message = self.message.as_mut()?;
        message.span = message.span.join(span);
        let len = match &mut message.content {
            Content::Dropped(_) => return None,
            content @ Content::Empty => {
                let len = bytes.len();
                *content = Content::Piece(bytes);
                len
            }
            content @ Content::Piece(_) => {
                let Content::Piece(first) = std::mem::replace(content, Content::Empty) else { return None };
                let mut joined = BytesMut::from(&first[..]);
                grow::append(&mut joined, &bytes);
                let len = joined.len();
                *content = Content::Joined(joined);
                len
            }
            Content::Joined(joined) => {
                grow::append(joined, &bytes);
                joined.len()
            }
        };
        if len <= limits::MAX_BODY {
            return None;
        }
        message.content = Content::Dropped(Degraded::NOT_READ);
        let detail = format!("a WebSocket message of more than {} bytes", limits::MAX_BODY);
        Some(Step::Fault(Code::HttpBodyTooLong, detail, span.end))
    }

    /// The payload of a frame is complete in the packet `at`.
    fn end_frame(&mut self, header: Header, at: Origin) -> Option<Step> {
        self.state = State::Header;
        match header.opcode {
            Opcode::Beat => None,
            Opcode::Close => {
                let payload = std::mem::take(&mut self.close);
                let reason = payload.split_first_chunk::<2>().map(|(code, text)| {
                    (u16::from_be_bytes(*code), String::from_utf8_lossy(text).into_owned())
                });
                Some(Step::Close(reason, at))
            }
            Opcode::Data | Opcode::Continuation if !header.is_final => None,
            Opcode::Data | Opcode::Continuation => {
                let message = self.message.take()?;
                Some(self.complete(message))
            }
        }
    }

    /// Returns a complete message.
    fn complete(&mut self, message: Message) -> Step {
        let Message { span, is_compressed, content } = message;
        let payload = match content {
            Content::Dropped(why) => {
                if is_compressed {
                    self.inflater.lose_context();
                }
                return Step::Lost(why, span.end);
            }
            Content::Empty => Bytes::new(),
            Content::Piece(bytes) => bytes,
            Content::Joined(bytes) => bytes.freeze(),
        };
        if !is_compressed {
            return Step::Message(payload, span);
        }
        match self.inflater.inflate(&payload) {
            Ok(text) => Step::Message(text, span),
            Err(Failure::Damaged(error)) => {
                let detail = format!("{}: a compressed WebSocket message: {error}", self.side.name());
                Step::Fault(Code::HttpContentBad, detail, span.end)
            }
            Err(Failure::TooLong) => {
                let detail = format!("{}: a compressed WebSocket message", self.side.name());
                Step::Fault(Code::HttpContentLimit, detail, span.end)
            }
            Err(Failure::ContextLost) if std::mem::replace(&mut self.is_context_reported, true) => {
                Step::Lost(Degraded::GAP, span.end)
            }
            Err(Failure::ContextLost) => {
                let detail = format!("{}: it refers to messages that are missing", self.side.name());
                Step::Fault(Code::WsNotInflated, detail, span.end)
            }
        }
    }
}

//! One direction of an HTTP/2 connection: delimits frames, joins header blocks and decodes them.
//!
//! ```text
//!   Preface ─▶ Header ─▶ Whole ────────────────────────────┐
//!    (client)   ▲  │└──▶ Pad ─▶ Data ─▶ Rest (padding) ─────┤
//!               │  └───▶ Rest (a frame that is not read) ───┤
//!               ├───────────────────────────────────────────┘
//!               └── Lost ◀─ a gap that may hide whole frames, or a length that cannot be right
//! ```

use bytes::{Bytes, BytesMut};

use super::frame::{self, FrameHeader, HEADER, Kind, PREFACE};
use super::hpack::{Decoder, Fields};
use super::proof::{self, Place};
use crate::base::{Code, Degraded, Findings, Origin, Side, Span, StreamBuf, limits};

/// The next element of the direction.
#[derive(Debug)]
pub(super) enum Step {
    /// A complete header block. Its fields are in [`Direction::take_fields`].
    Block(Block),
    /// A DATA frame begins, with this payload length (padding included), in this packet.
    Data(FrameHeader, Origin),
    /// Content of a stream.
    Content(u32, Bytes, Span),
    /// Content of a stream is missing.
    Gap(u32, Degraded),
    /// Whole frames may be missing, from this place on.
    Lost(Degraded),
    /// Frames were found again: what is before them was not read.
    Found(Degraded),
    /// A DATA frame of the stream ended in this packet, and perhaps the stream with it.
    DataEnd { stream: u32, ends_stream: bool, at: Origin },
    /// A frame whose payload is read at once; `None` if its payload is missing.
    Frame(FrameHeader, Option<Bytes>, Origin),
}

/// A header block: HEADERS and the CONTINUATION frames that belong to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) stream: u32,
    /// The sender ends the stream with it.
    pub(super) ends_stream: bool,
    /// It belongs to a PUSH_PROMISE.
    pub(super) is_promise: bool,
    /// Packets of its frames, frame headers included.
    pub(super) span: Span,
}

/// Memory of a dynamic table of the usual size, in bytes: it is not dropped to save memory, since
/// every later head needs it.
const USUAL_TABLE: usize = 16 << 10;

/// State of the direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the connection preface of the client.
    Preface,
    /// At the header of a frame.
    Header,
    /// The payload of a frame that is read whole.
    Whole(FrameHeader),
    /// At the length of the padding of a DATA frame.
    Pad(FrameHeader),
    /// In the content of a DATA frame.
    Data { stream: u32, left: u32, padding: u32, ends_stream: bool },
    /// In bytes that are not read; behind them the DATA frame of a stream ends.
    Rest { left: u32, data: Option<(u32, bool)> },
    /// Searching for the next frame.
    Lost,
}

/// A header block that is not complete.
#[derive(Debug)]
struct OpenBlock {
    block: Block,
    coded: BytesMut,
    /// CONTINUATION frames so far.
    continuations: usize,
    /// A part of it is missing or was too long.
    is_unread: bool,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Direction {
    side: Side,
    buf: StreamBuf,
    state: State,
    /// Packets of the header of the frame that is being read.
    header_span: Option<Span>,
    decoder: Decoder,
    fields: Fields,
    open: Option<OpenBlock>,
    /// Largest payload that the receiver takes.
    max_frame: u32,
    /// Steps that were found out together, emitted before the next byte is read; the last one
    /// first.
    due: Vec<Step>,
    /// Why bytes are missing since the last frame.
    why: Degraded,
    /// Bytes were skipped since the last frame.
    skipped: bool,
    /// Frames that have to be plausible, else the place at which reading resumed was none.
    unproven: u8,
}

impl Direction {
    /// Creates a direction of which nothing was read.
    pub(super) fn new(side: Side) -> Self {
        Self {
            side,
            buf: StreamBuf::new(),
            state: if side == Side::Client { State::Preface } else { State::Header },
            header_span: None,
            decoder: Decoder::new(),
            fields: Fields::default(),
            open: None,
            max_frame: limits::MAX_FRAME,
            due: Vec::new(),
            why: Degraded::NONE,
            skipped: false,
            unproven: 0,
        }
    }

    /// Returns what is allocated, in bytes.
    pub(super) fn held(&self) -> usize {
        self.droppable() + self.fields.held() + self.decoder.held() + self.due.capacity() * size_of::<Step>()
    }

    /// Returns the bytes of what is not complete.
    fn droppable(&self) -> usize {
        self.buf.allocated() + self.open.as_ref().map_or(0, |open| open.coded.capacity())
    }

    /// Drops what is held.
    pub(super) fn shed(&mut self, at: Origin, findings: &mut Findings) {
        // Room for the next block.
        self.fields = Fields::default();
        if self.decoder.held() > USUAL_TABLE {
            findings.add(
                Code::Http2Limit,
                at,
                format!("{} bytes of header fields dropped", self.decoder.held()),
            );
            self.decoder.lose(Degraded::NOT_READ);
        }
        if self.droppable() == 0 {
            return;
        }
        findings.add(Code::Http2Limit, at, format!("{} bytes of frames dropped", self.droppable()));
        if let Some(open) = &mut self.open {
            open.give_up();
            self.decoder.lose(Degraded::NOT_READ);
            self.fields.add_unknown(Degraded::NOT_READ);
        }
        if let State::Whole(header) = self.state {
            self.skip_whole(header, Degraded::NOT_READ, self.buf.len());
        } else if !self.buf.is_empty() {
            self.lose(Degraded::NOT_READ);
        }
    }

    pub(super) fn settle(&mut self) {
        self.buf.settle();
    }

    pub(super) fn push(&mut self, bytes: Bytes, span: Span) {
        self.buf.push(bytes, span);
    }

    /// The receiver takes frames of up to `max` bytes.
    pub(super) fn allow_frames(&mut self, max: u32) {
        self.max_frame = self.max_frame.max(max);
    }

    /// Returns the fields of the block of the last step; give them back with
    /// [`Direction::put_fields`].
    pub(super) fn take_fields(&mut self) -> Fields {
        std::mem::take(&mut self.fields)
    }

    /// Takes the fields back, whose memory serves for the next block.
    pub(super) fn put_fields(&mut self, mut fields: Fields) {
        fields.clear();
        self.fields = fields;
    }

    /// Returns why bytes are missing before the block of the last step.
    pub(super) fn take_why(&mut self) -> Degraded {
        std::mem::take(&mut self.why)
    }

    /// Returns whether the place of the next frame is not known.
    fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    /// Bytes of the direction are missing.
    pub(super) fn gap(&mut self, len: u64, why: Degraded) {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.skipped |= len > 0;
        let is_within = |left: u32| len > 0 && len <= left;
        match self.state {
            State::Data { stream, left, padding, ends_stream } if is_within(left + padding) => {
                // The window still counts the whole frame, so nothing but its content is missing.
                let beyond = len.saturating_sub(left);
                let left = left.saturating_sub(len);
                self.state = State::Data { stream, left, padding: padding - beyond, ends_stream };
                self.due.push(Step::Gap(stream, why));
            }
            State::Pad(header) if is_within(header.length) => {
                let data = Some((header.stream, header.ends_stream()));
                self.state = State::Rest { left: header.length - len, data };
                self.due.push(Step::Gap(header.stream, why));
            }
            State::Rest { left, data } if is_within(left) => {
                self.state = State::Rest { left: left - len, data };
            }
            State::Whole(header) if is_within(header.length.saturating_sub(self.buf_len())) => {
                self.skip_whole(header, why, self.buf.len() + len as usize);
            }
            _ => self.lose(why),
        }
    }

    /// The payload of `header` is not read; `passed` bytes of it are over.
    fn skip_whole(&mut self, header: FrameHeader, why: Degraded, passed: usize) {
        let at = self.header_span.map_or_else(Origin::default, |span| span.end);
        self.buf.skip(self.buf.len());
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        self.state = State::Rest { left: header.length.saturating_sub(passed), data: None };
        if header.kind.has_block() {
            self.unread_block(&header, why);
        } else {
            self.due.push(Step::Frame(header, None, at));
        }
    }

    /// The next frame has to be searched for.
    fn lose(&mut self, why: Degraded) {
        self.why.add(why);
        let state = std::mem::replace(&mut self.state, State::Lost);
        if let State::Data { stream, .. } = state {
            self.due.push(Step::Gap(stream, why));
        }
        self.buf.skip(self.buf.len());
        self.decoder.lose(why);
        self.unproven = 0;
        if let Some(open) = self.open.take() {
            self.fields.clear();
            self.fields.add_unknown(why);
            self.due.push(Step::Block(open.block));
        }
        self.due.push(Step::Lost(why));
    }

    /// The direction is over. Returns why its last frames may be missing.
    pub(super) fn end(&mut self) -> Degraded {
        if self.is_lost() && std::mem::take(&mut self.skipped) { self.why } else { Degraded::NONE }
    }

    fn buf_len(&self) -> u32 {
        u32::try_from(self.buf.len()).unwrap_or(u32::MAX)
    }

    /// Returns the next step; `None` until more bytes come.
    pub(super) fn step(&mut self, findings: &mut Findings) -> Option<Step> {
        loop {
            if let Some(step) = self.due.pop() {
                return Some(step);
            }
            match self.state {
                State::Preface => self.preface()?,
                State::Header => {
                    if let Some(step) = self.header(findings)? {
                        return Some(step);
                    }
                }
                State::Whole(header) if self.buf_len() < header.length => return None,
                State::Whole(header) => {
                    if let Some(step) = self.whole(header, findings) {
                        return Some(step);
                    }
                }
                State::Pad(header) => self.pad(header, findings)?,
                State::Data { left: 0, stream, padding, ends_stream } => {
                    self.state = State::Rest { left: padding, data: Some((stream, ends_stream)) };
                }
                State::Data { left, stream, padding, ends_stream } => {
                    let (bytes, span) = self.buf.take_piece(left as usize)?;
                    let left = left.saturating_sub(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
                    self.at(span);
                    self.state = State::Data { stream, left, padding, ends_stream };
                    return Some(Step::Content(stream, bytes, span));
                }
                State::Rest { left: 0, data } => {
                    self.state = State::Header;
                    if let Some((stream, ends_stream)) = data {
                        return Some(Step::DataEnd { stream, ends_stream, at: self.last() });
                    }
                }
                State::Rest { left, data } => {
                    let span = self.buf.span(left as usize)?;
                    self.at(span);
                    let passed = self.buf.skip(left as usize);
                    let left = left.saturating_sub(u32::try_from(passed).unwrap_or(u32::MAX));
                    self.state = State::Rest { left, data };
                }
                State::Lost => {
                    if self.search(findings)? {
                        return Some(Step::Found(self.why));
                    }
                }
            }
        }
    }

    /// The frame that is being read reaches into these packets.
    fn at(&mut self, span: Span) {
        Span::extend(&mut self.header_span, span);
    }

    /// Returns the last packet of the frame so far.
    fn last(&self) -> Origin {
        self.header_span.map_or_else(Origin::default, |span| span.end)
    }

    fn preface(&mut self) -> Option<()> {
        let bytes = self.buf.bytes();
        let len = bytes.len().min(PREFACE.len());
        if bytes.get(..len) != PREFACE.get(..len) {
            // The client's side of an upgrade that another program answered: read as what follows.
            self.lose_quietly();
            return Some(());
        }
        if len < PREFACE.len() {
            return None;
        }
        self.buf.skip(len);
        self.state = State::Header;
        Some(())
    }

    /// Searches from the next byte on: what was taken for a frame was none.
    fn lose_quietly(&mut self) {
        self.state = State::Lost;
        self.why.add(Degraded::NOT_READ);
        self.decoder.lose(Degraded::NOT_READ);
        self.skipped |= self.buf.skip(1) > 0;
    }

    /// Reads the header of a frame. `None` until it is complete.
    fn header(&mut self, findings: &mut Findings) -> Option<Option<Step>> {
        let header = FrameHeader::read(self.buf.bytes())?;
        if self.unproven > 0 {
            self.unproven -= 1;
            if !header.is_plausible(self.max_frame) {
                self.lose_quietly();
                return Some(None);
            }
        }
        let span = self.buf.span(HEADER)?;
        self.header_span = Some(span);
        if let Some(fault) = self.fault(&header) {
            let detail = format!("from the {}: {fault}", self.side.name());
            findings.add(Code::Http2BadFrame, span.end, detail);
            if header.length > self.max_frame {
                // Where the next frame begins is not known.
                self.lose_quietly();
                return Some(None);
            }
            self.buf.skip(HEADER);
            if self.open.is_some() || header.kind.has_block() {
                self.state = State::Rest { left: header.length, data: None };
                self.unread_block(&header, Degraded::NOT_READ);
            }
            self.state = State::Rest { left: header.length, data: None };
            return Some(None);
        }
        self.buf.skip(HEADER);
        match header.kind {
            Kind::DATA => {
                let (stream, ends_stream) = (header.stream, header.ends_stream());
                self.state = if header.is_padded() {
                    State::Pad(header)
                } else {
                    State::Data { stream, left: header.length, padding: 0, ends_stream }
                };
                return Some(Some(Step::Data(header, span.end)));
            }
            kind if kind.is_read_whole() && header.length as usize <= limits::MAX_HEAD => {
                self.state = State::Whole(header);
            }
            kind if kind.has_block() => {
                let detail = format!("{kind} of {} bytes", header.length);
                findings.add(Code::HttpHeadTooLong, span.end, detail);
                self.unread_block(&header, Degraded::NOT_READ);
                self.state = State::Rest { left: header.length, data: None };
            }
            _ => self.state = State::Rest { left: header.length, data: None },
        }
        Some(None)
    }

    /// Returns what is wrong with a frame here.
    fn fault(&self, header: &FrameHeader) -> Option<String> {
        let open = self.open.as_ref().map(|open| open.block.stream);
        match (header.kind, open) {
            (Kind::CONTINUATION, Some(stream)) if stream == header.stream => header.fault(self.max_frame),
            // RFC 9113 section 6.10.
            (Kind::CONTINUATION, _) => {
                Some(format!("CONTINUATION of stream {} without its HEADERS", header.stream))
            }
            (kind, Some(stream)) => Some(format!("{kind} inside the header block of stream {stream}")),
            _ => header.fault(self.max_frame),
        }
    }

    /// A frame that carries a header block, or a part of one, is not read, or interrupts one. From
    /// there on the dynamic table is not known.
    fn unread_block(&mut self, header: &FrameHeader, why: Degraded) {
        self.decoder.lose(why);
        let is_part = header.kind == Kind::CONTINUATION;
        let ended = match self.open.take() {
            Some(mut open) if is_part && open.block.stream == header.stream && !header.ends_headers() => {
                open.give_up();
                self.open = Some(open);
                None
            }
            Some(open) => Some(open.block),
            None if is_part => None,
            None => {
                let span = self.header_span.unwrap_or_else(|| Span::of(Origin::default()));
                let mut open = OpenBlock::new(header, span);
                open.give_up();
                let block = open.block;
                self.open = Some(open).filter(|_| !header.ends_headers());
                self.open.is_none().then_some(block)
            }
        };
        if self.open.is_some() || ended.is_some() {
            self.fields.add_unknown(why);
        }
        self.due.extend(ended.map(Step::Block));
    }

    /// Reads a frame whose payload is complete.
    fn whole(&mut self, header: FrameHeader, findings: &mut Findings) -> Option<Step> {
        self.state = State::Header;
        let payload = if header.length == 0 {
            Bytes::new()
        } else {
            let (payload, span) = self.buf.take(header.length as usize)?;
            self.at(span);
            payload
        };
        if header.kind.has_block() {
            return self.block(&header, &payload, findings);
        }
        Some(Step::Frame(header, Some(payload), self.last()))
    }

    /// Adds a part to the header block. Returns the block if that completes it.
    fn block(&mut self, header: &FrameHeader, payload: &Bytes, findings: &mut Findings) -> Option<Step> {
        let span = self.header_span?;
        let Some(part) = frame::block_of(header, payload).and_then(|range| payload.get(range)) else {
            let detail =
                format!("from the {}: {} with more padding than payload", self.side.name(), header.kind);
            findings.add(Code::Http2BadFrame, span.end, detail);
            self.unread_block(header, Degraded::NOT_READ);
            return None;
        };
        if self.open.is_none() && header.ends_headers() {
            let block = OpenBlock::new(header, span).block;
            self.decode(part, span, findings);
            return Some(Step::Block(block));
        }
        let open = self.open.get_or_insert_with(|| OpenBlock::new(header, span));
        open.block.span = open.block.span.join(span);
        open.continuations += usize::from(header.kind == Kind::CONTINUATION);
        let is_too_long = open.coded.len() + part.len() > limits::MAX_HEAD
            || open.continuations > limits::MAX_CONTINUATIONS;
        if is_too_long && !open.is_unread {
            let detail = format!(
                "{} bytes in {} CONTINUATION frames",
                open.coded.len() + part.len(),
                open.continuations
            );
            findings.add(Code::HttpHeadTooLong, span.end, detail);
            open.give_up();
            self.decoder.lose(Degraded::NOT_READ);
            self.fields.add_unknown(Degraded::NOT_READ);
        }
        let open = self.open.as_mut()?;
        if !open.is_unread {
            open.coded.extend_from_slice(part);
        }
        if !header.ends_headers() {
            return None;
        }
        let open = self.open.take()?;
        if !open.is_unread {
            self.decode(&open.coded, open.block.span, findings);
        }
        Some(Step::Block(open.block))
    }

    fn decode(&mut self, coded: &[u8], span: Span, findings: &mut Findings) {
        if let Err(error) = self.decoder.decode(coded, &mut self.fields) {
            let detail = format!("from the {}: {error}", self.side.name());
            findings.add(Code::Http2BadHeaders, span.end, detail);
            self.decoder.lose(Degraded::NOT_READ);
            self.fields.add_unknown(Degraded::NOT_READ);
        } else if self.fields.is_cut() {
            let (bytes, fields) = (limits::MAX_HEAD, limits::MAX_FIELDS);
            let detail = format!("more than {bytes} bytes or {fields} fields");
            findings.add(Code::HttpHeadTooLong, span.end, detail);
            self.fields.add_unknown(Degraded::NOT_READ);
        }
    }

    /// Reads the length of the padding of a DATA frame. `None` until it is there.
    fn pad(&mut self, header: FrameHeader, findings: &mut Findings) -> Option<()> {
        let padding = u32::from(*self.buf.bytes().first()?);
        let span = self.buf.span(1)?;
        self.at(span);
        self.buf.skip(1);
        let (stream, ends_stream) = (header.stream, header.ends_stream());
        match (header.length - 1).checked_sub(padding) {
            Some(left) => self.state = State::Data { stream, left, padding, ends_stream },
            None => {
                let detail = format!("from the {}: DATA with more padding than payload", self.side.name());
                findings.add(Code::Http2BadFrame, span.end, detail);
                self.state = State::Rest { left: header.length - 1, data: Some((stream, ends_stream)) };
                self.due.push(Step::Gap(stream, Degraded::NOT_READ));
            }
        }
        Some(())
    }

    /// Searches for the next frame. Returns whether bytes were skipped before it; `None` until more
    /// bytes come.
    fn search(&mut self, findings: &mut Findings) -> Option<bool> {
        let (at, is_found) = match proof::find(self.buf.bytes(), self.max_frame) {
            Place::At(at) => (at, true),
            Place::Perhaps(at) => (at, false),
        };
        self.skipped |= self.buf.skip(at) > 0;
        if !is_found {
            return None;
        }
        let is_later = std::mem::take(&mut self.skipped);
        if is_later && let Some(span) = self.buf.first_span() {
            let detail = format!("from the {}: a frame was found", self.side.name());
            findings.add(Code::HttpResync, span.start, detail);
        }
        self.state = State::Header;
        // The frame itself, and the one behind it.
        self.unproven = 2;
        Some(is_later)
    }
}

impl OpenBlock {
    fn new(header: &FrameHeader, span: Span) -> Self {
        let block = Block {
            stream: header.stream,
            ends_stream: header.ends_stream(),
            is_promise: header.kind == Kind::PUSH_PROMISE,
            span,
        };
        Self { block, coded: BytesMut::new(), continuations: 0, is_unread: false }
    }

    /// Its fields will not be read.
    fn give_up(&mut self) {
        self.is_unread = true;
        self.coded = BytesMut::new();
    }
}

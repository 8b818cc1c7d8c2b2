//! One direction: the lines that it consists of.

use bytes::{Bytes, BytesMut};
use serde::de::IgnoredAny;

use crate::base::{Code, Degraded, Origin, Side, Span, StreamBuf, limits, text};
use crate::http::grow;

/// Text of a line that a finding quotes, in bytes.
const MAX_QUOTE: usize = 80;

/// The next element of the direction.
#[derive(Debug)]
pub(super) enum Step {
    /// A line that begins like a message.
    Message(Bytes, Span),
    /// A line that is not read; why, and the packet that completes it.
    Lost(Degraded, Origin),
    /// Reading goes on here after bytes that are missing; why.
    Resumed(Degraded, Origin),
    /// Something is wrong.
    Fault(Code, String, Origin),
}

/// One direction.
#[derive(Debug)]
pub(super) struct Direction {
    side: Side,
    /// What was pushed and not looked at yet.
    buf: StreamBuf,
    /// The line so far, without what is in `buf`.
    content: Content,
    /// Its packets; `None` before its first byte.
    span: Option<Span>,
    /// Why bytes are missing behind the last line: the line in progress may be the rest of one.
    missing: Degraded,
    /// Steps that were found out together with the last one.
    due: [Option<Step>; 2],
    /// Nothing more is read.
    is_over: bool,
}

#[derive(Debug, Default)]
enum Content {
    #[default]
    Empty,
    /// One piece: a slice of the packet.
    Piece(Bytes),
    Joined(BytesMut),
    /// Not kept.
    Dropped,
}

impl Content {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Piece(bytes) => bytes,
            Self::Joined(bytes) => bytes,
            Self::Empty | Self::Dropped => &[],
        }
    }
}

impl Direction {
    pub(super) fn new(side: Side) -> Self {
        Self {
            side,
            buf: StreamBuf::new(),
            content: Content::Empty,
            span: None,
            missing: Degraded::NONE,
            due: [None, None],
            is_over: false,
        }
    }

    /// Returns the number of bytes held.
    pub(super) fn held(&self) -> usize {
        let line = match &self.content {
            Content::Empty | Content::Dropped => 0,
            Content::Piece(bytes) => bytes.len(),
            Content::Joined(bytes) => bytes.capacity(),
        };
        self.buf.allocated() + line
    }

    pub(super) fn push(&mut self, bytes: Bytes, span: Span) {
        if !self.is_over {
            self.buf.push(bytes, span);
        }
    }

    /// Bytes are missing. Returns whether anything of the direction is still read.
    pub(super) fn gap(&mut self, why: Degraded) -> bool {
        if self.is_over {
            return false;
        }
        (self.content, self.span) = (Content::Empty, None);
        self.missing.add(why);
        true
    }

    /// Copies slices that would keep a block of the capture in memory.
    pub(super) fn settle(&mut self) {
        self.buf.settle();
        if let Content::Piece(bytes) = &self.content {
            self.content = Content::Joined(BytesMut::from(&bytes[..]));
        }
    }

    /// Drops what is held because a cap was reached. Returns the number of bytes.
    pub(super) fn shed(&mut self) -> usize {
        let held = self.held();
        if self.span.is_some() {
            self.content = Content::Dropped;
        }
        if !self.buf.is_empty() {
            self.buf = StreamBuf::new();
            self.gap(Degraded::NOT_READ);
        }
        held
    }

    /// Returns the next step; `None` if more bytes are needed.
    pub(super) fn step(&mut self) -> Option<Step> {
        loop {
            if let Some(step) = self.due.iter_mut().find_map(Option::take) {
                return Some(step);
            }
            if self.is_over || self.buf.is_empty() {
                return None;
            }
            let end = memchr::memchr(b'\n', self.buf.bytes());
            let len = end.map_or(self.buf.len(), |end| end + 1);
            let too_long = self.append(len, end.is_some());
            let (first, second) = if end.is_some() { self.complete() } else { (None, None) };
            if too_long.is_none() {
                self.due = [first, second];
                continue;
            }
            // Of a line that is dropped there is one step at most.
            self.due = [too_long, first];
        }
    }

    /// Moves `len` bytes to the line; the last one of them ends it if it `is_end`.
    fn append(&mut self, mut len: usize, is_end: bool) -> Option<Step> {
        let mut too_long = None;
        while let Some((bytes, span)) = self.buf.take_piece(len) {
            len -= bytes.len();
            self.span = Some(self.span.map_or(span, |line| line.join(span)));
            let kept = if len == 0 && is_end { bytes.len() - 1 } else { bytes.len() };
            let bytes = bytes.slice(..kept);
            match &mut self.content {
                _ if bytes.is_empty() => {}
                Content::Dropped => {}
                content @ Content::Empty => *content = Content::Piece(bytes),
                content @ Content::Piece(_) => {
                    let mut joined = BytesMut::from(content.bytes());
                    grow::append(&mut joined, &bytes);
                    *content = Content::Joined(joined);
                }
                Content::Joined(joined) => grow::append(joined, &bytes),
            }
            if self.content.bytes().len() > limits::MAX_BODY {
                self.content = Content::Dropped;
                // What a gap cut off has no length.
                if self.missing.is_none() {
                    let detail = format!("a line of more than {} bytes", limits::MAX_BODY);
                    too_long = Some(Step::Fault(Code::HttpBodyTooLong, detail, span.end));
                }
            }
        }
        too_long
    }

    /// The line is complete. Returns up to two steps that come of it.
    fn complete(&mut self) -> (Option<Step>, Option<Step>) {
        let Some(span) = self.span.take() else { return (None, None) };
        let why = std::mem::take(&mut self.missing);
        let line = match std::mem::take(&mut self.content) {
            Content::Empty => Bytes::new(),
            Content::Piece(bytes) => bytes,
            Content::Joined(bytes) => bytes.freeze(),
            Content::Dropped if why.any() => return (Some(Step::Resumed(why, span.end)), None),
            Content::Dropped => return (Some(Step::Lost(Degraded::NOT_READ, span.end)), None),
        };
        let line = if line.ends_with(b"\r") { line.slice(..line.len() - 1) } else { line };
        let resumed = why.any().then_some(Step::Resumed(why, span.end));
        if resumed.is_some() && !is_whole(&line) {
            return (resumed, None);
        }
        let step = match line.trim_ascii_start().first() {
            None => None,
            Some(b'{' | b'[' | 0xef) => Some(Step::Message(line, span)),
            Some(_) => Some(self.no_message(&line, span.end)),
        };
        match resumed {
            None => (step, None),
            resumed => (resumed, step),
        }
    }

    /// Returns the finding about a line that begins like no JSON.
    fn no_message(&self, line: &[u8], at: Origin) -> Step {
        let side = self.side.name();
        let front = line.get(..2 * MAX_QUOTE).unwrap_or(line);
        let quote = String::from_utf8_lossy(front);
        let quote = text::beginning(quote.trim(), MAX_QUOTE);
        let more = if quote.len() < line.trim_ascii().len() { "…" } else { "" };
        let detail = format!("the {side} sent a line of {} bytes: {quote}{more}", line.len());
        Step::Fault(Code::StdioNotMessage, detail, at)
    }

    /// Returns what the direction ends in, if that is no whole line: `by` is who ended it, in
    /// words.
    pub(super) fn rest(&self, by: &str, at: Origin) -> Option<Step> {
        if self.missing.any() || self.is_over {
            return None;
        }
        let side = self.side.name();
        match self.content.bytes().trim_ascii_start().first()? {
            b'{' | b'[' => {
                let detail = format!("{by} inside a line of the {side}, which no newline ends");
                Some(Step::Fault(Code::HttpBodyCut, detail, at))
            }
            _ => Some(self.no_message(self.content.bytes(), at)),
        }
    }

    /// Reads nothing more. Returns why messages may be missing that no step has told of.
    pub(super) fn end(&mut self) -> Degraded {
        self.is_over = true;
        self.buf = StreamBuf::new();
        (self.content, self.span, self.due) = (Content::Empty, None, [None, None]);
        std::mem::take(&mut self.missing)
    }
}

/// Whether what stands between a gap and a newline is a whole line. It is if it is an object or an
/// array of JSON: what ends another one closes what it has not opened.
fn is_whole(line: &[u8]) -> bool {
    matches!(line.trim_ascii_start().first(), Some(b'{' | b'['))
        && serde_json::from_slice::<IgnoredAny>(line).is_ok()
}

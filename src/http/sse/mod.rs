//! Parses server-sent events: turns the bytes of a `text/event-stream` body into events.
//!
//! Follows the WHATWG HTML Living Standard, section 9.2.6 "Interpreting an event stream", with one
//! difference: an event is dispatched when it has at least one `data` line, even if its data is
//! empty (as the priming events of resumable streams are). An event is returned at the line end
//! that dispatches it, at the CR if that is CR LF.

mod event;
mod field;
#[cfg(any(test, feature = "fuzz"))]
pub(super) mod fuzz;
mod open;

use std::mem;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memchr2};

use crate::base::{Code, Degraded, Origin, Span, limits};
use crate::http::grow;

pub use event::{Event, Item};
use field::{BOM, Field, LONGEST_LOOK, NAMES, milliseconds, misspelled};
use open::{Open, Text};

/// Incremental parser of one event stream.
///
/// ```text
///   new ──▶ Bom ──▶ Lines ◀──────────── blank line (proven) ────────────┐
///                   │  ▲                                                │
///           gap     │  └─ "event:" "data:" "id:" "retry:" first (not    │
///   midstream ─▶ Guess    proven: that one event is degraded)           │
///                   └────── anything else ─────▶ Skip ──────────────────┘
///                           Lines ─ event too long ─▶ Skip
/// ```
///
/// After a gap it is unknown whether the first byte starts a line. After the next line end a line
/// starts for certain, and an empty line there is a proven blank line. If the first bytes after the
/// gap are the name of a known field and a colon, they are taken for the first line of an event:
/// servers write an event at a time, so this is usually right, and the event is marked `degraded`.
/// A colon alone (a comment) is not: JSON text may be cut before one.
///
/// Discarded bytes are counted and reported in the finding that says where parsing continues.
#[derive(Debug)]
pub struct Parser {
    at: At,
    /// The last byte was a CR: an LF that follows belongs to the same line end.
    after_cr: bool,
    line: Line,
    open: Open,
    last_id: Option<Arc<str>>,
    retry: Option<u64>,
    books: Books,
    /// A line other than a comment was read, or a gap came.
    is_started: bool,
    /// A finding says that a field name is misspelled.
    is_name_reported: bool,
    /// [`limits::MAX_EVENT`], smaller in tests.
    cap: usize,
}

#[derive(Debug)]
enum At {
    /// At the start of the stream, with the first `matched` bytes of a BOM read.
    Bom { matched: usize, span: Option<Span> },
    /// In a line of an event, or between two lines.
    Lines,
    /// Directly after a gap: the bytes of `line` so far may be the name of a field.
    Guess(Lost),
    /// Between a gap, or an event too long, and the next blank line. `line_start` if the last byte
    /// ended a line.
    Skip { lost: Lost, line_start: bool },
}

/// Where and why parsing was interrupted.
#[derive(Clone, Copy, Debug)]
struct Lost {
    /// Why bytes are missing; none if an event was too long.
    why: Degraded,
    /// The value of [`Books::taken`] at the (last) gap.
    from: u64,
}

/// The current line, if it was cut between pushes.
#[derive(Debug, Default)]
struct Line {
    kind: Kind,
    text: BytesMut,
    span: Option<Span>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    /// No byte of it was read.
    #[default]
    Fresh,
    /// Its beginning is kept.
    Kept,
    /// It is a comment: nothing is kept.
    Comment,
    /// It is an unknown field: nothing is kept.
    Unknown,
}

/// Counts of the bytes that were read.
#[derive(Debug, Default)]
struct Books {
    /// Bytes pushed and read.
    taken: u64,
    /// The value of `taken` at the last boundary of events.
    boundary: u64,
    given_up: u64,
}

impl Parser {
    /// Creates a parser at the start of a stream, where a BOM may occur.
    #[must_use]
    pub fn new() -> Self {
        Self {
            at: At::Bom { matched: 0, span: None },
            after_cr: false,
            line: Line::default(),
            open: Open::default(),
            last_id: None,
            retry: None,
            books: Books::default(),
            is_started: false,
            is_name_reported: false,
            cap: limits::MAX_EVENT,
        }
    }

    /// Creates a parser of a stream whose start was not captured, as after a gap.
    #[must_use]
    pub fn midstream(why: Degraded) -> Self {
        let mut parser = Self::new();
        parser.gap(why);
        parser
    }

    /// Appends what the next bytes of the stream complete to `out`: events, and faults.
    ///
    /// An event comes out of the push that holds the line end that dispatches it. What comes out,
    /// and in which order, does not depend on how the bytes are cut.
    pub fn push(&mut self, mut bytes: Bytes, span: Span, out: &mut Vec<Item>) {
        while let Some(&first) = bytes.first() {
            let before = bytes.remaining();
            if mem::take(&mut self.after_cr) && first == b'\n' {
                bytes.advance(1);
                self.rest_of_crlf(span);
                continue;
            }
            let mut boundary = false;
            match self.at {
                At::Bom { .. } => self.read_bom(&mut bytes, span),
                At::Lines => boundary = self.read_line(&mut bytes, span, out),
                At::Guess(lost) => {
                    bytes.advance(1);
                    self.read_guess(first, lost, span, out);
                }
                At::Skip { lost, line_start } => {
                    boundary = self.skip_line(&mut bytes, (lost, line_start), span, out);
                }
            }
            self.books.taken += (before - bytes.remaining()) as u64;
            if boundary {
                self.books.boundary = self.books.taken;
            }
        }
        self.open.own();
    }

    /// Bytes of the stream are missing here because of `why`: discards the incomplete event.
    ///
    /// The finding that says where parsing continues reports it, or that of [`Parser::end`].
    pub fn gap(&mut self, why: Degraded) {
        let why = match self.at {
            At::Guess(lost) | At::Skip { lost, .. } => lost.why.and(why),
            At::Bom { .. } | At::Lines => why,
        };
        self.after_cr = false;
        self.is_started = true;
        self.line = Line::default();
        self.open = Open::default();
        let from = self.books.taken;
        self.at = At::Guess(Lost { why, from });
    }

    /// Ends the stream: an incomplete event is not dispatched.
    ///
    /// Adds `sse.event_cut` if that event had data, or if no boundary followed a gap.
    pub fn end(&mut self, at: Origin, out: &mut Vec<Item>) {
        let lost = self.books.taken - self.books.boundary;
        match self.at {
            At::Bom { .. } => {}
            At::Lines if self.open.data.is_some() || self.is_in_line() => {
                let with = if self.open.data.is_some() || self.line.text.starts_with(b"data") {
                    "inside an event with data"
                } else {
                    "inside a line of an event"
                };
                let detail = format!("the stream ended {with}, {lost} bytes given up");
                out.push(Item::fault(Code::SseEventCut, at, detail));
                self.books.give_up(lost);
            }
            At::Lines => {}
            At::Guess(_) | At::Skip { .. } if lost > 0 => {
                let detail = format!("the stream ended before the next event began, {lost} bytes given up");
                out.push(Item::fault(Code::SseEventCut, at, detail));
                self.books.give_up(lost);
            }
            At::Guess(_) | At::Skip { .. } => {}
        }
        self.line = Line::default();
        self.open = Open::default();
    }

    /// Whether the last line has no end and is of a field that an event is made of.
    fn is_in_line(&self) -> bool {
        [&b"data"[..], b"event"].iter().any(|name| self.line.text.starts_with(name))
    }

    /// Memory of an incomplete line or event, in bytes.
    #[must_use]
    pub fn held(&self) -> usize {
        let bom = match self.at {
            At::Bom { matched, .. } => matched,
            _ => 0,
        };
        bom + self.line.text.capacity() + self.open.allocated()
    }

    /// Number of bytes discarded so far: of events cut by a gap or by the end, of events too long,
    /// and up to where parsing continued.
    #[cfg(test)]
    #[must_use]
    pub fn given_up(&self) -> u64 {
        self.books.given_up
    }

    /// The last event id (what a client would send as `Last-Event-ID`): the `id` of the last event
    /// that had one, dispatched or not; `None` before the first. An empty id was reset by the
    /// server.
    #[cfg(test)]
    #[must_use]
    pub fn last_event_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// The latest reconnection time in milliseconds; `None` before the first `retry` field.
    #[cfg(test)]
    #[must_use]
    pub fn retry(&self) -> Option<u64> {
        self.retry
    }

    /// The LF of a CR LF, after the CR that ended the line.
    fn rest_of_crlf(&mut self, span: Span) {
        if self.books.boundary == self.books.taken {
            self.books.boundary += 1;
        }
        self.books.taken += 1;
        if self.open.ended_field {
            Span::extend(&mut self.open.span, span);
        }
    }

    /// Reads one byte that may belong to a BOM; an incomplete BOM belongs to the first line.
    fn read_bom(&mut self, bytes: &mut Bytes, span: Span) {
        let At::Bom { matched, span: held } = &mut self.at else {
            return;
        };
        if bytes.first() == BOM.get(*matched) {
            bytes.advance(1);
            *matched += 1;
            Span::extend(held, span);
            if *matched == BOM.len() {
                self.at = At::Lines;
            }
            return;
        }
        if *matched > 0 {
            self.line.kind = Kind::Kept;
            self.line.text.extend_from_slice(BOM.get(..*matched).unwrap_or_default());
            self.line.span = *held;
        }
        self.at = At::Lines;
    }

    /// Reads up to the next line end; returns whether the line is blank.
    fn read_line(&mut self, bytes: &mut Bytes, span: Span, out: &mut Vec<Item>) -> bool {
        // Every event ends with a blank line.
        let is_blank = matches!(bytes.first(), Some(b'\r' | b'\n'));
        let Some(len) = (if is_blank { Some(0) } else { memchr2(b'\r', b'\n', bytes) }) else {
            let rest = mem::take(bytes);
            self.keep(&rest, span, out);
            return false;
        };
        let piece = bytes.split_to(len);
        self.after_cr = bytes.first() == Some(&b'\r');
        bytes.advance(1);
        let Line { kind, text, span: front } = &mut self.line;
        let whole = front.take().map_or(span, |front| front.join(span));
        match mem::take(kind) {
            Kind::Fresh if piece.is_empty() => {
                self.dispatch(span, out);
                return true;
            }
            Kind::Fresh if piece.starts_with(b":") => self.open.ended_field = false,
            Kind::Fresh => self.field(Text::Shared(piece), whole, out),
            Kind::Kept => {
                grow::append(text, &piece);
                let text = mem::take(text);
                self.field(Text::Own(text), whole, out);
            }
            Kind::Comment => self.open.ended_field = false,
            Kind::Unknown => self.open.saw_field(whole),
        }
        false
    }

    /// Keeps the start of a line that continues in a later push, unless the line is ignored.
    fn keep(&mut self, piece: &[u8], span: Span, out: &mut Vec<Item>) {
        let line = &mut self.line;
        if line.kind == Kind::Fresh {
            line.kind = if piece.starts_with(b":") { Kind::Comment } else { Kind::Kept };
        }
        if line.kind == Kind::Comment {
            return;
        }
        Span::extend(&mut line.span, span);
        if line.kind == Kind::Unknown {
            return;
        }
        grow::append(&mut line.text, piece);
        if line.text.len() < LONGEST_LOOK {
            return;
        }
        let field = Field::split(&line.text).0;
        if !self.is_started {
            self.is_started = true;
            check_first_line(field, &line.text, span, out);
        }
        if field == Field::Unknown {
            let text = mem::take(&mut line.text);
            line.kind = Kind::Unknown;
            self.check_name(&text, span, out);
        } else if self.open.data_len() + line.text.len() > self.cap {
            self.too_long(false, span, out);
        }
    }

    /// Processes a whole line that is neither blank nor a comment.
    fn field(&mut self, mut text: Text, span: Span, out: &mut Vec<Item>) {
        let (field, from) = Field::split(text.as_slice());
        if !self.is_started {
            self.is_started = true;
            check_first_line(field, text.as_slice(), span, out);
        }
        if field == Field::Unknown {
            self.check_name(text.as_slice(), span, out);
        } else if self.open.data_len() + text.as_slice().len() > self.cap {
            self.too_long(true, span, out);
            return;
        }
        let open = &mut self.open;
        open.saw_field(span);
        text.advance(from);
        match field {
            Field::Data => match &mut open.data {
                None => open.data = Some(text),
                Some(data) => data.join_line(text.as_slice()),
            },
            Field::Event => {
                // The usual type is the default one: nothing is kept of it.
                open.name = match text.as_slice() {
                    b"" | b"message" => None,
                    name => Some(open.text(name).into()),
                };
            }
            Field::Id if memchr(0, text.as_slice()).is_none() => {
                open.id = Some(open.text(text.as_slice()).into());
            }
            Field::Retry => open.retry = milliseconds(text.as_slice()).or(open.retry),
            Field::Id | Field::Unknown => {}
        }
    }

    /// A line of an unknown field: reports the first that was meant to be another one.
    fn check_name(&mut self, line: &[u8], span: Span, out: &mut Vec<Item>) {
        if self.is_name_reported {
            return;
        }
        if let Some((name, meant)) = misspelled(line) {
            self.is_name_reported = true;
            let (name, meant) = (String::from_utf8_lossy(name), String::from_utf8_lossy(meant));
            let detail = format!("a line with the field name {name:?} is no {meant} field: it is ignored");
            out.push(Item::fault(Code::SseFieldName, span.end, detail));
        }
    }

    /// A blank line: dispatches the event if it has data, and starts the next one.
    fn dispatch(&mut self, blank: Span, out: &mut Vec<Item>) {
        let open = mem::take(&mut self.open);
        if let Some(id) = &open.id {
            self.last_id = Some(Arc::clone(id));
        }
        self.retry = open.retry.or(self.retry);
        let mut not_utf8 = open.not_utf8;
        if let Some(data) = open.data {
            let mut data = data.freeze();
            // Nearly all is ASCII, which is found out faster.
            if !data.is_ascii() && std::str::from_utf8(&data).is_err() {
                not_utf8 = true;
                data = String::from_utf8_lossy(&data).into_owned().into();
            }
            out.push(Item::Event(Event {
                span: open.span.map_or(blank, |span| span.join(blank)),
                name: open.name,
                id: open.id,
                retry: open.retry,
                data,
                degraded: open.degraded,
            }));
        }
        if not_utf8 {
            out.push(Item::fault(
                Code::SseNotUtf8,
                blank.end,
                "bytes that are not UTF-8 were replaced by U+FFFD",
            ));
        }
    }

    /// Discards the current event; `line_start` if the line that made it too long has ended.
    fn too_long(&mut self, line_start: bool, span: Span, out: &mut Vec<Item>) {
        let detail = format!("an event with more than {} bytes was given up", self.cap);
        out.push(Item::fault(Code::SseEventTooLong, span.end, detail));
        self.line = Line::default();
        self.open = Open::default();
        let lost = Lost { why: Degraded::NONE, from: self.books.taken };
        self.at = At::Skip { lost, line_start };
    }

    /// Reads one byte directly after a gap: parsing continues if the bytes so far are a field name
    /// and a colon.
    fn read_guess(&mut self, byte: u8, lost: Lost, span: Span, out: &mut Vec<Item>) {
        self.line.text.extend_from_slice(&[byte]);
        Span::extend(&mut self.line.span, span);
        let text: &[u8] = &self.line.text;
        if NAMES.iter().any(|(name, _)| text.strip_suffix(b":") == Some(*name)) {
            self.line.kind = Kind::Kept;
            self.open.degraded = lost.why;
            self.at = At::Lines;
            let bytes = lost.from - self.books.boundary;
            self.books.give_up(bytes);
            let detail = format!("event stream: {bytes} bytes given up, read on at what looks like a field");
            out.push(Item::fault(Code::HttpResync, span.end, detail));
        } else if !NAMES.iter().any(|(name, _)| name.starts_with(text)) {
            self.line = Line::default();
            self.after_cr = byte == b'\r';
            let line_start = matches!(byte, b'\r' | b'\n');
            self.at = At::Skip { lost, line_start };
        }
    }

    /// Skips a line; returns whether it was blank, which ends the skipping.
    fn skip_line(
        &mut self,
        bytes: &mut Bytes,
        (lost, line_start): (Lost, bool),
        span: Span,
        out: &mut Vec<Item>,
    ) -> bool {
        let Some(len) = memchr2(b'\r', b'\n', bytes) else {
            bytes.clear();
            self.at = At::Skip { lost, line_start: false };
            return false;
        };
        self.after_cr = bytes.get(len) == Some(&b'\r');
        bytes.advance(len + 1);
        if len > 0 || !line_start {
            self.at = At::Skip { lost, line_start: true };
            return false;
        }
        self.at = At::Lines;
        // The caller adds the one byte of this line end to `taken`.
        let bytes = self.books.taken + 1 - self.books.boundary;
        self.books.give_up(bytes);
        let detail = format!("event stream: {bytes} bytes given up, read on behind a blank line");
        out.push(Item::fault(Code::HttpResync, span.end, detail));
        true
    }
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Books {
    fn give_up(&mut self, bytes: u64) {
        self.given_up += bytes;
        self.boundary += bytes;
    }
}

/// Returns whether a text begins like an event stream: with a line that is a field.
#[must_use]
pub fn begins_with_field(text: &[u8]) -> bool {
    let line = text.strip_prefix(&BOM).unwrap_or(text);
    NAMES.iter().any(|(name, _)| line.strip_prefix(*name).is_some_and(|rest| rest.starts_with(b":")))
}

/// The first line of a stream: if it begins like JSON, the body is no event stream.
fn check_first_line(field: Field, line: &[u8], span: Span, out: &mut Vec<Item>) {
    if field == Field::Unknown && line.starts_with(b"{") {
        let detail = "JSON that is declared as text/event-stream: it holds no event";
        out.push(Item::fault(Code::HttpMediaType, span.end, detail));
    }
}

#[cfg(test)]
mod tests;

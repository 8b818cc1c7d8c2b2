//! One direction of an HTTP/1 connection: finds heads and delimits bodies (RFC 9112 sections 6 and
//! 7).

use bytes::Bytes;

use super::body::{Body, Framing};
use super::chunk::{self, ChunkSearch};
use super::excess::Excess;
use super::first_bytes::FirstBytes;
use super::head;
use super::scan::{self, EntrySearch, StartKind};
use super::step::Step;
use super::strict_head;
use crate::base::fact::Speaks;
use crate::base::{Code, Degraded, Findings, Origin, Side, Span, StreamBuf, limits};
use crate::http::FieldValues;
use crate::http::ws::FrameSearch;

/// State of the direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// At the first byte of a message, or in its head. `found`: after bytes that could not be
    /// parsed.
    Head { found: bool },
    /// In a body, with this many bytes left.
    Length(u64),
    /// At a chunk-size line.
    ChunkSize,
    /// In a chunk, with this many bytes left.
    ChunkData(u64),
    /// At the line end after a chunk.
    ChunkEnd,
    /// In the trailer section.
    Trailers,
    /// In a body that the close ends.
    UntilClose,
    /// Searching for the next head.
    Lost,
    /// In a chunked body, searching for the next chunk or the next head.
    LostChunk,
    /// No longer HTTP (CONNECT, 101).
    Blind,
    /// The connection goes on in another protocol: what follows waits to be taken.
    HandedOver,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Direction {
    pub(super) side: Side,
    pub(super) buf: StreamBuf,
    pub(super) state: State,
    /// Number of held bytes that were searched for a line end or a head.
    pub(super) scanned: usize,
    /// The search for a head or an event, in [`State::Lost`].
    pub(super) entry: EntrySearch,
    /// The search for a chunk, in [`State::LostChunk`].
    pub(super) chunks: ChunkSearch,
    /// The search for WebSocket frames; `None` if nothing was lost so far.
    pub(super) frames: Option<Box<FrameSearch>>,
    /// Reasons of the gaps since the last head.
    pub(super) why: Degraded,
    /// The packet of the last bytes taken.
    pub(super) at: Origin,
    /// Bytes were skipped since the last message.
    pub(super) skipped: bool,
    /// Steps that were found out together, emitted before the next byte is read; the last one
    /// first.
    due: Vec<Step>,
    body: Body,
    /// What begins here may be the next request although the body is not complete.
    may_restart: bool,
    /// The request of the response that is being read is not known: it may be a HEAD, so that no
    /// body follows.
    may_lack_body: bool,
    /// What begins here need not be HTTP: a tunnel begins.
    may_switch: bool,
    /// The protocol that began here in place of HTTP, and the packet that showed it.
    switched: Option<(Speaks, Origin)>,
    /// Bytes behind the end of a body that begin no message.
    excess: Option<Excess>,
}

impl Direction {
    pub(super) fn new(side: Side) -> Self {
        Self {
            side,
            buf: StreamBuf::new(),
            state: State::Head { found: false },
            scanned: 0,
            entry: EntrySearch::default(),
            chunks: ChunkSearch::from(0),
            frames: None,
            why: Degraded::NONE,
            at: Origin::default(),
            skipped: false,
            due: Vec::new(),
            body: Body::default(),
            may_restart: false,
            may_lack_body: false,
            may_switch: false,
            switched: None,
            excess: None,
        }
    }

    /// Returns the number of bytes held.
    pub(super) fn held(&self) -> usize {
        self.buf.allocated() + self.chunks.held()
    }

    /// Drops what is held, and searches for the next head or chunk.
    pub(super) fn shed(&mut self, at: Origin, findings: &mut Findings) {
        if !self.buf.is_empty() {
            findings.add(Code::HttpHeadTooLong, at, format!("{} bytes wait for more", self.buf.len()));
            self.gap(0, Degraded::NONE);
        }
    }

    pub(super) fn settle(&mut self) {
        self.buf.settle();
    }

    pub(super) fn push(&mut self, bytes: Bytes, span: Span) {
        if self.state != State::Blind {
            self.buf.push(bytes, span);
        }
    }

    /// Takes bytes that are content of the message alone, and after which the message goes on, past
    /// the buffer: the caller has them. Returns false if it may be otherwise.
    pub(super) fn take_content(&mut self, len: usize, span: Span) -> bool {
        let (len, is_other) = (len as u64, self.may_restart || self.may_lack_body || !self.due.is_empty());
        let next = match self.state {
            State::Length(left) if left > len => State::Length(left - len),
            State::ChunkData(left) if left > len => State::ChunkData(left - len),
            State::UntilClose => State::UntilClose,
            _ => return false,
        };
        if is_other || !self.buf.is_empty() {
            return false;
        }
        (self.state, self.at) = (next, span.end);
        self.body.read += if next == State::UntilClose { 0 } else { len };
        self.buf.pass(len);
        true
    }

    /// Sets the framing of the body after the head of the last step. `expects_continue`: the client
    /// waits for a 100 before it sends the body, and does not send it if it is refused.
    pub(super) fn body(&mut self, framing: Framing, expects_continue: bool) {
        let length = if let Framing::Length(length) = framing { Some(length) } else { None };
        self.body = Body { length, read: 0, expects_continue };
        self.may_restart = expects_continue;
        self.may_lack_body = false;
        self.state = match framing {
            Framing::Length(len) => State::Length(len),
            Framing::Chunked => State::ChunkSize,
            Framing::Unsaid => State::UntilClose,
            Framing::Unknown => {
                self.due = vec![Step::End(self.at), Step::Gap(Degraded::NONE)];
                return self.search_message();
            }
        };
    }

    /// The head of the last step was an interim response: it has no body and no end.
    pub(super) fn no_message(&mut self) {
        self.state = State::Head { found: false };
    }

    /// Ignores everything from here on: it is another protocol.
    pub(super) fn blind(&mut self) {
        self.state = State::Blind;
        self.buf.skip(self.buf.len());
    }

    /// Returns whether everything is ignored.
    pub(super) fn is_blind(&self) -> bool {
        self.state == State::Blind
    }

    /// A tunnel begins behind the current message: it may carry HTTP or anything else.
    pub(super) fn enter_tunnel(&mut self) {
        self.may_switch = true;
    }

    /// Returns why bytes since the last head may be missing.
    pub(super) fn missing(&self) -> Degraded {
        self.why
    }

    /// Returns the protocol that began in place of HTTP, and the packet that showed it.
    pub(super) fn switched(&self) -> Option<(Speaks, Origin)> {
        self.switched
    }

    /// The final response to the request that is being read was seen: the client need not send the
    /// rest of the body.
    pub(super) fn allow_restart(&mut self) {
        self.may_restart = self.is_in_body();
    }

    /// The request of the response whose head was the last step was not captured: if it was a HEAD,
    /// the next head follows in place of the body (RFC 9112 section 6.3 rule 1).
    pub(super) fn allow_no_body(&mut self) {
        self.may_lack_body = true;
    }

    /// The server asked for the body (status 100).
    pub(super) fn expect_body(&mut self) {
        self.body.expects_continue = false;
    }

    /// Returns how much of an incomplete body came, in words; `None` if it is complete, if bytes
    /// are missing from the capture, or if the client held it back (`Expect: 100-continue`).
    pub(super) fn incomplete_body(&self) -> Option<String> {
        let is_unsent = self.body.expects_continue && self.body.read == 0 && self.buf.is_empty();
        let is_known = self.is_in_body() && self.why.is_none() && !is_unsent;
        is_known.then(|| self.body.came())
    }

    /// Returns whether the body is delimited by a length.
    pub(super) fn has_length(&self) -> bool {
        matches!(self.state, State::Length(_))
    }

    /// The direction ended: returns the bytes that followed the last body, if there are any.
    pub(super) fn take_excess(&mut self) -> Option<(Origin, String)> {
        let until = self.buf.offset() + self.buf.len() as u64;
        self.excess.take().map(|excess| (excess.at, excess.detail(Some(until))))
    }

    fn is_in_body(&self) -> bool {
        match self.state {
            State::Length(left) => left > 0,
            State::ChunkSize | State::ChunkData(_) | State::ChunkEnd | State::Trailers => true,
            _ => false,
        }
    }

    /// Starts inside a message whose head was not captured.
    pub(super) fn inside(&mut self, chunked: bool) {
        self.state = if chunked { State::ChunkSize } else { State::UntilClose };
    }

    /// Returns whether the close delimits the message that is being read.
    pub(super) fn ends_with_close(&self) -> bool {
        self.state == State::UntilClose
    }

    /// Returns whether the end of the message that is being read may be in a gap.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self.state, State::Lost | State::LostChunk)
    }

    /// Bytes of the direction are missing. Returns whether whole messages may be missing.
    pub(super) fn gap(&mut self, len: u64, why: Degraded) -> bool {
        self.why.add(why);
        self.skipped |= len > 0;
        if let Some(excess) = self.excess.take() {
            self.due.push(Step::Excess(excess.at, excess.detail(None)));
        }
        self.buf.skip(self.buf.len());
        self.scanned = 0;
        self.may_restart = false;
        self.may_lack_body = false;
        self.body.length = self.body.length.filter(|_| self.is_in_body());
        let known = len > 0;
        match self.state {
            State::Length(left) if known && len <= left => {
                self.state = State::Length(left - len);
                self.body.read += len;
                self.due.push(Step::Gap(why));
                false
            }
            State::ChunkData(left) if known && len <= left => {
                self.state = if len == left { State::ChunkEnd } else { State::ChunkData(left - len) };
                self.due.push(Step::Gap(why));
                false
            }
            State::Length(_) => {
                self.due = vec![Step::End(self.at), Step::Gap(why)];
                self.search_message();
                true
            }
            State::ChunkSize | State::ChunkData(_) | State::ChunkEnd | State::Trailers | State::LostChunk => {
                self.due.push(Step::Gap(why));
                self.search_chunk();
                true
            }
            State::UntilClose => {
                self.due.push(Step::Gap(why));
                true
            }
            State::Head { .. } | State::Lost => {
                self.search_message();
                true
            }
            State::Blind | State::HandedOver => false,
        }
    }

    /// Returns the next step; `None` until more bytes come.
    #[inline]
    pub(super) fn step(&mut self, findings: &mut Findings) -> Option<Step> {
        loop {
            if let Some(step) = self.due.pop() {
                return Some(step);
            }
            if self.may_lack_body && (self.is_in_body() || self.ends_with_close()) {
                let lacks_body = scan::status_line(self.buf.bytes(), self.body.length)?;
                self.may_lack_body = false;
                if lacks_body {
                    self.body.length = None;
                    self.state = State::Head { found: false };
                    return Some(Step::End(self.at));
                }
            }
            if self.may_restart && self.is_in_body() {
                match scan::request_line(self.buf.bytes())? {
                    true => return Some(self.restart()),
                    false => self.may_restart = false,
                }
            }
            match self.state {
                State::Head { .. } if self.buf.is_empty() => return None,
                State::Head { found } => match self.head(found, findings) {
                    Some(step) => return Some(step),
                    None if self.state == (State::Head { found }) => return None,
                    None => {}
                },
                State::Length(0) => {
                    self.state = State::Head { found: false };
                    return Some(Step::End(self.at));
                }
                State::Length(left) => return self.content(left, State::Length),
                State::ChunkData(0) => self.state = State::ChunkEnd,
                State::ChunkData(left) => return self.content(left, State::ChunkData),
                State::UntilClose => {
                    let (bytes, span) = self.buf.take_piece(usize::MAX)?;
                    self.at = span.end;
                    return Some(Step::Content(bytes, span));
                }
                State::ChunkSize => self.chunk_size(findings)?,
                State::ChunkEnd => self.chunk_end(findings)?,
                State::Trailers => {
                    if self.trailer_line(findings)? {
                        self.state = State::Head { found: false };
                        return Some(Step::End(self.at));
                    }
                }
                State::Lost => {
                    if let Some(step) = self.find_message()? {
                        return Some(step);
                    }
                }
                State::LostChunk => {
                    if let Some(step) = self.find_chunk(findings)? {
                        return Some(step);
                    }
                }
                State::Blind | State::HandedOver => return None,
            }
        }
    }

    /// Returns a head if it is complete. If the bytes are no head, the state changes.
    fn head(&mut self, found: bool, findings: &mut Findings) -> Option<Step> {
        if self.scanned == 0 {
            let mut values = FieldValues::default();
            if let Some(strict) = strict_head::read(self.side, self.buf.bytes(), &mut values) {
                let (text, span) = (self.buf.peek(strict.len), self.buf.span(strict.len)?);
                self.buf.skip(strict.len);
                let parsed = head::Parsed::strict(strict, values, text, span);
                return Some(self.head_step(parsed, found, findings));
            }
            self.skip_blank_lines();
            let first = self.buf.first_span()?;
            let wanted = if self.side == Side::Client { StartKind::Request } else { StartKind::Response };
            let guess = scan::start_kind(self.buf.bytes());
            if guess == StartKind::Undecided {
                return None;
            }
            if guess != wanted {
                if self.may_switch && !found {
                    self.switch(first.end);
                    return None;
                }
                if let Some(length) = self.body.length.filter(|_| !found) {
                    self.excess = Some(Excess { from: self.buf.offset(), at: first.end, length });
                    self.search_from_next();
                    return None;
                }
                // The first byte decides: a TLS alert or handshake (RFC 8446 section 5.1).
                let error = match self.buf.bytes() {
                    [21 | 22, ..] => "no HTTP begins here, but what looks like TLS",
                    _ => "neither a request nor a response begins here",
                };
                return self.no_head(found, first.end, error, findings);
            }
        }
        let end = head::end(self.buf.bytes(), &mut self.scanned);
        if end.unwrap_or(self.buf.len()) > limits::MAX_HEAD {
            let at = self.buf.first_span()?.end;
            findings.add(Code::HttpHeadTooLong, at, format!("more than {} bytes", limits::MAX_HEAD));
            // The same number of bytes, however they were cut.
            self.buf.skip(limits::MAX_HEAD - 1);
            return self.no_head(true, at, "", findings);
        }
        let len = end?;
        let span = self.buf.span(len)?;
        // Keep the bytes until they are parsed: if they are no head, one may begin inside them.
        match head::parse(self.side, &self.buf.peek(len), span) {
            Ok(parsed) => {
                self.buf.skip(len);
                Some(self.head_step(parsed, found, findings))
            }
            Err(error) => self.no_head(found, span.end, &error, findings),
        }
    }

    /// Returns the step for a head that was consumed.
    fn head_step(&mut self, parsed: head::Parsed, found: bool, findings: &mut Findings) -> Step {
        let from = self.buf.offset() - parsed.head.text().len() as u64;
        let excess = self.excess.take().map(|excess| Step::Excess(excess.at, excess.detail(Some(from))));
        let span = parsed.head.span;
        self.scanned = 0;
        self.at = span.end;
        self.may_switch = false;
        self.body.length = None;
        let why = std::mem::take(&mut self.why);
        if std::mem::take(&mut self.skipped) && found && excess.is_none() {
            findings.add(Code::HttpResync, span.start, "reading continues at a head");
        }
        let head = Step::Head(parsed, why);
        match excess {
            Some(excess) => {
                self.due.push(head);
                excess
            }
            None => head,
        }
    }

    /// The front is no head: skip one byte and search for the next head.
    fn no_head(&mut self, found: bool, at: Origin, error: &str, findings: &mut Findings) -> Option<Step> {
        if !found {
            findings.add(Code::HttpBadHead, at, format!("from the {}: {error}", self.side.name()));
        }
        self.search_from_next();
        None
    }

    /// Skips one byte, and searches for the next head.
    fn search_from_next(&mut self) {
        self.buf.skip(1);
        self.skipped = true;
        self.search_message();
    }

    /// A tunnel begins with something else than HTTP/1: as soon as it is known with what, leaves
    /// the rest to what reads that, or ignores it.
    fn switch(&mut self, at: Origin) {
        let to = match FirstBytes::of(self.buf.bytes()) {
            FirstBytes::Undecided => return,
            FirstBytes::Tls => Speaks::Tls,
            FirstBytes::Http2 | FirstBytes::Http2Server => Speaks::Http2,
            FirstBytes::Request | FirstBytes::Response | FirstBytes::Other => Speaks::Other,
        };
        self.switched = Some((to, at));
        if to == Speaks::Other {
            self.blind();
        } else {
            self.state = State::HandedOver;
        }
    }

    /// The next request begins in place of the body, or of its rest.
    fn restart(&mut self) -> Step {
        let is_unsent = self.body.expects_continue && self.body.read == 0;
        let cut = self.incomplete_body().filter(|_| !is_unsent);
        self.may_restart = false;
        self.body.length = None;
        self.state = State::Head { found: false };
        match cut {
            Some(cut) => Step::Cut(self.at, cut),
            None => Step::End(self.at),
        }
    }

    fn skip_blank_lines(&mut self) {
        let blank = self.buf.bytes().iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        if blank > 0 {
            self.buf.skip(blank);
        }
    }

    fn content(&mut self, left: u64, state: fn(u64) -> State) -> Option<Step> {
        let (bytes, span) = self.buf.take_piece(usize::try_from(left).unwrap_or(usize::MAX))?;
        self.at = span.end;
        self.body.read += bytes.len() as u64;
        self.state = state(left - bytes.len() as u64);
        Some(Step::Content(bytes, span))
    }

    fn chunk_size(&mut self, findings: &mut Findings) -> Option<()> {
        if self.scanned == 0
            && let Some((size, len)) = chunk::plain_size(self.buf.bytes())
        {
            self.consume(len);
            self.state = if size == 0 { State::Trailers } else { State::ChunkData(size) };
            return Some(());
        }
        // A body that was never cut into chunks may have no line end to wait for.
        let is_none = |byte: &u8| !byte.is_ascii_hexdigit() && !byte.is_ascii_whitespace();
        if self.buf.bytes().first().is_some_and(is_none) {
            self.bad_chunk("no chunk size", findings);
            return Some(());
        }
        let line = self.line(findings)?;
        let Some(line) = line else { return Some(()) };
        let text = self.buf.bytes().get(..line)?;
        let digits = text.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let extension = text.get(digits..)?.trim_ascii();
        match chunk::hexadecimal(text.get(..digits)?) {
            Some(size) if extension.is_empty() || extension.starts_with(b";") => {
                self.consume(line);
                self.state = if size == 0 { State::Trailers } else { State::ChunkData(size) };
            }
            _ => self.bad_chunk("no chunk size", findings),
        }
        Some(())
    }

    fn chunk_end(&mut self, findings: &mut Findings) -> Option<()> {
        match self.buf.bytes() {
            [] | [b'\r'] => return None,
            [b'\r', b'\n', ..] => self.consume(2),
            [b'\n', ..] => self.consume(1),
            _ => {
                self.bad_chunk("no line end behind a chunk", findings);
                return Some(());
            }
        }
        self.state = State::ChunkSize;
        Some(())
    }

    /// Consumes a line of the trailer section. Returns whether it is the empty line that ends it.
    fn trailer_line(&mut self, findings: &mut Findings) -> Option<bool> {
        if self.scanned == 0 && self.buf.bytes().starts_with(b"\r\n") {
            self.consume(2);
            return Some(true);
        }
        let line = self.line(findings)?;
        let Some(line) = line else { return Some(false) };
        let empty = self.buf.bytes().get(..line)?.trim_ascii().is_empty();
        self.consume(line);
        Some(empty)
    }

    /// Returns the length of the line at the front, with its line end; `Some(None)` if it is too
    /// long.
    fn line(&mut self, findings: &mut Findings) -> Option<Option<usize>> {
        let bytes = self.buf.bytes();
        let end = memchr::memchr(b'\n', bytes.get(self.scanned..)?).map(|at| self.scanned + at);
        self.scanned = end.unwrap_or(bytes.len());
        if self.scanned > limits::MAX_CHUNK_LINE {
            self.bad_chunk("a line without an end", findings);
            return Some(None);
        }
        end.map(|end| Some(end + 1))
    }

    fn consume(&mut self, len: usize) {
        if let Some(span) = self.buf.span(len) {
            self.at = span.end;
        }
        self.buf.skip(len);
        self.scanned = 0;
    }

    fn bad_chunk(&mut self, what: &str, findings: &mut Findings) {
        let at = self.buf.first_span().map_or(self.at, |span| span.end);
        findings.add(Code::HttpBadChunk, at, format!("from the {}: {what}", self.side.name()));
        self.search_chunk();
        self.due.push(Step::Gap(Degraded::NONE));
    }
}

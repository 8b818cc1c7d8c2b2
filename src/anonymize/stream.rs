//! One direction of a connection: finds out what it carries, and replaces it byte by byte.
//!
//! The framing of HTTP/1 is followed, not checked. Where it cannot be followed (bytes are missing,
//! the capture begins in the middle) lines are read until one begins a message again; what stands
//! between is replaced as text.

use std::collections::VecDeque;

use super::event_stream::EventStream;
use super::head::{self, Fields, Framing, StartLine};
use super::output::Output;
use super::proxy_header;
use super::text::Text;
use super::tls::Records;
use super::tools::{Cleared, Tools};
use super::web_socket::WebSocket;
use crate::base::limits;

/// The longest line that is read as one, in bytes.
const MAX_LINE: usize = 64 << 10;

/// The longest line with the size of a chunk that is searched, in digits.
const MAX_CHUNK_DIGITS: usize = 8;

/// What both directions of a connection have to know.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Whether the requests that are not answered yet are HEAD and CONNECT, in order.
    requests: VecDeque<(bool, bool)>,
    switched: Option<Switch>,
    /// What the connection carries that is not read.
    unread: Option<Cleared>,
    /// Whether it carries a message on each line.
    is_lines: bool,
}

/// What a connection went on to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Switch {
    WebSocket,
    /// A proxy opened a tunnel.
    Tunnel,
    Other,
}

/// What is expected next.
#[derive(Debug)]
enum State {
    /// The first bytes.
    Begin,
    /// A start line.
    Start,
    Fields,
    Body(Body),
    /// A line that begins a message.
    Search,
    Unread(Cleared),
    Tls(Box<Records>),
    WebSocket(Box<WebSocket>),
    /// A message on each line.
    Lines,
}

/// Where in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Length(u64),
    UntilClose,
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailer,
}

/// How the content of a message is replaced.
#[derive(Debug)]
enum Content {
    Text(Text),
    Events(EventStream),
    Cleared(Cleared),
}

/// One direction of a connection.
#[derive(Debug)]
pub(super) struct Stream {
    output: Output,
    state: State,
    /// A line that is not complete, and is not in the output yet.
    line: Vec<u8>,
    content: Content,
    start: StartLine,
    fields: Fields,
    /// Whether the beginning was captured.
    is_whole: bool,
    /// Whether the direction entered what the connection switched to.
    has_switched: bool,
}

impl Stream {
    /// Begins at an offset; `is_whole` if that is the first byte that was sent.
    pub(super) fn new(base: u64, is_whole: bool) -> Self {
        Self {
            output: Output::new(base),
            state: State::Begin,
            line: Vec::new(),
            content: Content::Text(Text::default()),
            start: StartLine::Response { status: 0 },
            fields: Fields::default(),
            is_whole,
            has_switched: false,
        }
    }

    /// What was replaced.
    pub(super) fn output(&self) -> &Output {
        &self.output
    }

    /// See [`Output::trim`].
    pub(super) fn trim(&mut self, needed: u64) {
        self.output.trim(needed);
    }

    /// See [`Output::forget_all`].
    pub(super) fn forget(&mut self) {
        self.output.forget_all();
    }

    /// Adds the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8], shared: &mut Shared, tools: &mut Tools) {
        for byte in bytes {
            self.byte(*byte, shared, tools);
        }
    }

    /// Replaces an incomplete word: nothing more comes, or the packet may wait no longer.
    pub(super) fn flush(&mut self, shared: &mut Shared, tools: &mut Tools) {
        match &mut self.state {
            State::Tls(records) => {
                records.flush(&mut self.output);
                self.state = State::Unread(Cleared::Tls);
            }
            State::Begin => self.decide(true, shared, tools),
            _ => {}
        }
        if !self.line.is_empty() {
            self.give_up_line(tools);
            self.state = State::Search;
        }
        self.output.end_word(&mut tools.words);
    }

    /// Continues behind missing bytes.
    pub(super) fn skip(&mut self, len: u64, shared: &mut Shared, tools: &mut Tools) {
        if matches!(self.state, State::Begin) && !self.line.is_empty() {
            self.decide(true, shared, tools);
        }
        let mut is_lost = !self.line.is_empty();
        self.give_up_line(tools);
        self.output.end_word(&mut tools.words);
        match &mut self.state {
            State::Tls(records) => {
                if !records.skip(len, &mut self.output) {
                    self.state = State::Unread(Cleared::Tls);
                }
            }
            State::WebSocket(frames) => {
                if !frames.skip(len) {
                    self.state = State::Unread(Cleared::Unknown);
                }
            }
            State::Unread(_) | State::Lines => {}
            State::Begin => self.is_whole = false,
            State::Body(Body::Length(left) | Body::Chunk(left)) if len < *left => *left -= len,
            State::Body(Body::UntilClose) => {}
            State::Body(Body::Length(left)) if len == *left => self.state = State::Start,
            State::Body(Body::Chunk(left)) if len == *left => self.state = State::Body(Body::ChunkEnd),
            State::Start | State::Fields | State::Body(_) | State::Search => is_lost = true,
        }
        match &mut self.content {
            Content::Text(text) => text.lost(),
            Content::Events(events) => events.lost(),
            Content::Cleared(_) => {}
        }
        if is_lost && !matches!(self.state, State::Unread(_) | State::Tls(_) | State::WebSocket(_)) {
            self.search();
        }
        self.output.skip(len, &mut tools.words);
    }

    fn byte(&mut self, byte: u8, shared: &mut Shared, tools: &mut Tools) {
        if let (State::Start, true, Some(switch), false) =
            (&self.state, self.line.is_empty(), shared.switched, self.has_switched)
        {
            self.switch(switch);
        }
        match &mut self.state {
            State::Begin => {
                self.line.push(byte);
                self.decide(false, shared, tools);
            }
            State::Start | State::Fields | State::Search | State::Body(Body::ChunkSize | Body::Trailer) => {
                self.line.push(byte);
                if byte == b'\n' {
                    self.end_line(shared, tools);
                } else if self.line.len() >= MAX_LINE {
                    self.give_up_line(tools);
                    self.search();
                }
            }
            // A client that got its answer instead of 100 sends no body (RFC 9110 section 10.1.1):
            // no JSON begins like a method.
            State::Body(Body::Length(len))
                if self.fields.expects == Some(*len) && byte.is_ascii_uppercase() =>
            {
                self.state = State::Start;
                self.line.push(byte);
            }
            State::Body(body) => {
                let body = *body;
                self.body(byte, body, tools);
            }
            State::Unread(why) => {
                tools.cleared(*why, 1);
                if why.is_cut() {
                    self.output.cut(byte, &mut tools.words);
                } else {
                    self.output.clear(byte, &mut tools.words);
                }
            }
            State::Tls(records) => match records.push(byte, &mut self.output, &mut tools.words) {
                Some(cleared) => tools.cleared(Cleared::Tls, cleared),
                None => self.state = State::Unread(Cleared::Tls),
            },
            State::Lines => self.line_byte(byte, tools),
            State::WebSocket(frames) => match frames.push(byte, &mut self.output, &mut tools.words) {
                Some(cleared) => tools.cleared(Cleared::Binary, cleared),
                None => self.state = State::Unread(Cleared::Unknown),
            },
        }
    }

    /// Replaces a byte of a message on a line.
    fn line_byte(&mut self, byte: u8, tools: &mut Tools) {
        let Content::Text(text) = &mut self.content else { return };
        if byte == b'\n' {
            text.reset();
            self.output.keep(byte, &mut tools.words);
        } else {
            text.push(byte, &mut self.output, &mut tools.words);
        }
    }

    fn switch(&mut self, switch: Switch) {
        self.has_switched = true;
        self.state = match switch {
            Switch::WebSocket => State::WebSocket(Box::default()),
            Switch::Tunnel => State::Begin,
            Switch::Other => State::Unread(Cleared::Http2),
        };
    }

    /// Reads lines until one begins a message.
    fn search(&mut self) {
        self.state = State::Search;
        if !matches!(self.content, Content::Events(_)) {
            let mut events = EventStream::default();
            events.lost();
            self.content = Content::Events(events);
        }
    }

    /// Finds out what the first bytes begin; `is_all` if no more of them come.
    fn decide(&mut self, is_all: bool, shared: &mut Shared, tools: &mut Tools) {
        if let Some(why) = shared.unread {
            return self.leave_unread(why, shared, tools);
        }
        match self.line.as_slice() {
            [] => {}
            [20..=23, 3, 0..=4, ..] if self.line.first() == Some(&22) || !self.is_whole => {
                self.state = State::Tls(Box::default());
                self.again(shared, tools);
            }
            [20..=23] | [20..=23, 3] if !is_all => {}
            [b'\r', ..] if !is_all && proxy_header::may_be(&self.line) => {
                if let Some(replaced) = proxy_header::binary(&self.line, tools) {
                    for (byte, replaced) in self.line.drain(..).zip(replaced) {
                        self.output.push(byte, replaced);
                    }
                }
            }
            [first, ..] if self.is_whole && (shared.is_lines || matches!(first, b'{' | b'[')) => {
                shared.is_lines = true;
                self.state = State::Lines;
                self.again(shared, tools);
            }
            [0, 0, _] | [0, 0, _, 4, ..] => self.leave_unread(Cleared::Http2, shared, tools),
            [0] | [0, 0] if !is_all => {}
            [0..=8 | 11 | 12 | 14..=31 | 127.., ..] => self.leave_unread(Cleared::Unknown, shared, tools),
            [.., b'\n'] => self.first_line(shared, tools),
            // The line is cut, or the capture begins in its middle.
            line if (is_all || line.len() >= MAX_LINE) && (!self.is_whole || head::may_begin(line)) => {
                self.content = Content::Events(EventStream::default());
                self.state = State::Search;
            }
            line if is_all || line.len() >= MAX_LINE => self.leave_unread(Cleared::Unknown, shared, tools),
            _ => {}
        }
    }

    fn first_line(&mut self, shared: &mut Shared, tools: &mut Tools) {
        let line = self.line.trim_ascii_end();
        if line == b"PRI * HTTP/2.0" {
            self.leave_unread(Cleared::Http2, shared, tools);
        } else if line.starts_with(b"PROXY ") && self.is_whole {
            proxy_header::text(&self.line, &mut self.output, &mut tools.words);
            self.line.clear();
        } else if line.is_empty() || head::start_line(line).is_some() {
            self.state = State::Start;
            self.end_line(shared, tools);
        } else if self.is_whole {
            self.leave_unread(Cleared::Unknown, shared, tools);
        } else {
            self.content = Content::Events(EventStream::default());
            self.state = State::Search;
            self.end_line(shared, tools);
        }
    }

    /// Clears the bytes so far, and those that follow.
    fn leave_unread(&mut self, why: Cleared, shared: &mut Shared, tools: &mut Tools) {
        self.state = State::Unread(why);
        if why == Cleared::Http2 {
            shared.unread = Some(why);
        }
        self.again(shared, tools);
    }

    /// Reads the bytes so far in the state that they led to.
    fn again(&mut self, shared: &mut Shared, tools: &mut Tools) {
        let line = std::mem::take(&mut self.line);
        self.push(&line, shared, tools);
    }

    /// Reads a line that is complete.
    fn end_line(&mut self, shared: &mut Shared, tools: &mut Tools) {
        let mut line = std::mem::take(&mut self.line);
        let text = line.trim_ascii_end().len();
        let (text, end) = line.split_at(text);
        match self.state {
            State::Start => match head::start_line(text) {
                Some(start) => self.begin_head(text, start, tools),
                None if text.is_empty() => {}
                None => {
                    self.search();
                    self.searched(text, end, tools);
                    line.clear();
                    self.line = line;
                    return;
                }
            },
            State::Fields if text.is_empty() => self.end_head(shared),
            State::Fields => self.fields.push(text, &mut self.output, &mut tools.words),
            State::Body(Body::ChunkSize) => self.chunk_size(text, tools),
            State::Body(Body::Trailer) if text.is_empty() => {
                self.state = State::Start;
                self.output.end_word(&mut tools.words);
            }
            State::Body(Body::Trailer) => {
                Fields::default().push(text, &mut self.output, &mut tools.words);
            }
            _ => {
                self.searched(text, end, tools);
                line.clear();
                self.line = line;
                return;
            }
        }
        end.iter().for_each(|byte| self.output.frame(*byte));
        line.clear();
        self.line = line;
    }

    fn begin_head(&mut self, line: &[u8], start: StartLine, tools: &mut Tools) {
        self.output.end_word(&mut tools.words);
        head::push_start_line(line, start, &mut self.output, &mut tools.words);
        self.start = start;
        self.fields = Fields::default();
        self.state = State::Fields;
    }

    /// Begins the body that the head announced (RFC 9112 section 6.3).
    fn end_head(&mut self, shared: &mut Shared) {
        let framing = match self.start {
            StartLine::Request { is_head, is_connect } => {
                if shared.requests.len() < limits::MAX_PIPELINED {
                    shared.requests.push_back((is_head, is_connect));
                }
                (self.fields.framing, false)
            }
            StartLine::Response { status: 101 } => {
                shared.switched =
                    Some(if self.fields.is_websocket { Switch::WebSocket } else { Switch::Other });
                (Framing::Length(0), false)
            }
            StartLine::Response { status: 100..=199 } => (Framing::Length(0), false),
            StartLine::Response { status } => {
                let (is_head, is_connect) = shared.requests.pop_front().unwrap_or_default();
                if is_connect && matches!(status, 200..=299) {
                    shared.switched = Some(Switch::Tunnel);
                    (Framing::Length(0), false)
                } else if is_head || matches!(status, 204 | 304) {
                    (Framing::Length(0), false)
                } else {
                    (self.fields.framing, true)
                }
            }
        };
        if let (true, Framing::Length(len)) = (self.fields.has_expectation, framing.0) {
            self.fields.expects = Some(len);
        }
        self.content = match &self.fields {
            fields if fields.is_coded => Content::Cleared(Cleared::Coded),
            fields if fields.is_event_stream => Content::Events(EventStream::default()),
            fields if fields.is_binary => Content::Cleared(Cleared::Binary),
            _ => Content::Text(Text::default()),
        };
        self.state = match framing {
            (Framing::Length(0), _) | (Framing::Unsaid, false) => State::Start,
            (Framing::Length(len), _) => State::Body(Body::Length(len)),
            (Framing::Chunked, _) => State::Body(Body::ChunkSize),
            (Framing::Unsaid, true) => State::Body(Body::UntilClose),
        };
    }

    /// Reads the size of a chunk (RFC 9112 section 7.1).
    fn chunk_size(&mut self, line: &[u8], tools: &mut Tools) {
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (size, extension) = line.split_at(digits);
        let len = std::str::from_utf8(size).ok().and_then(|size| u64::from_str_radix(size, 16).ok());
        match len {
            Some(len) => {
                if matches!(self.state, State::Search) {
                    self.content = Content::Events(EventStream::default());
                }
                size.iter().for_each(|byte| self.output.frame(*byte));
                // An extension does not interrupt a word of the content either.
                extension.iter().for_each(|byte| {
                    let replaced = if byte.is_ascii_alphanumeric() { b'x' } else { *byte };
                    self.output.push(*byte, replaced);
                });
                self.state = State::Body(if len == 0 { Body::Trailer } else { Body::Chunk(len) });
            }
            None => {
                self.output.end_word(&mut tools.words);
                line.iter().for_each(|byte| self.content(*byte, tools));
                self.output.end_word(&mut tools.words);
                self.search();
            }
        }
    }

    /// Reads a line that may begin a message, or not.
    fn searched(&mut self, text: &[u8], end: &[u8], tools: &mut Tools) {
        if let Some(at) = head::find_start_line(text)
            && let Some(start) = text.get(at..).and_then(head::start_line)
        {
            let (before, line) = text.split_at(at);
            before.iter().for_each(|byte| self.content(*byte, tools));
            self.begin_head(line, start, tools);
            end.iter().for_each(|byte| self.output.frame(*byte));
            return;
        }
        let is_size = (1..=MAX_CHUNK_DIGITS).contains(&text.len())
            && text.iter().all(u8::is_ascii_hexdigit)
            && end == b"\r\n";
        if is_size {
            self.chunk_size(text, tools);
            end.iter().for_each(|byte| self.output.frame(*byte));
            return;
        }
        let is_control = |byte: &u8| *byte < 32 && !matches!(byte, b'\t' | b'\r' | b'\n');
        if text.iter().any(is_control) {
            tools.cleared(Cleared::Unknown, text.len() as u64);
            text.iter().chain(end).for_each(|byte| self.output.cut(*byte, &mut tools.words));
            return;
        }
        text.iter().chain(end).for_each(|byte| self.content(*byte, tools));
    }

    /// Adds a line that is not complete as text.
    fn give_up_line(&mut self, tools: &mut Tools) {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return;
        }
        let is_control = |byte: &u8| *byte < 32 && !matches!(byte, b'\t' | b'\r' | b'\n');
        if line.iter().any(is_control) {
            tools.cleared(Cleared::Unknown, line.len() as u64);
            line.iter().for_each(|byte| self.output.cut(*byte, &mut tools.words));
        } else {
            let mut text = Text::default();
            text.lost();
            line.iter().for_each(|byte| text.push(*byte, &mut self.output, &mut tools.words));
        }
        self.output.end_word(&mut tools.words);
    }

    fn body(&mut self, byte: u8, body: Body, tools: &mut Tools) {
        let next = match body {
            Body::Length(left) => {
                self.content(byte, tools);
                if left == 1 {
                    self.output.end_word(&mut tools.words);
                    State::Start
                } else {
                    State::Body(Body::Length(left - 1))
                }
            }
            Body::UntilClose => return self.content(byte, tools),
            Body::Chunk(left) => {
                self.content(byte, tools);
                State::Body(if left == 1 { Body::ChunkEnd } else { Body::Chunk(left - 1) })
            }
            Body::ChunkEnd => match byte {
                b'\r' => {
                    self.output.frame(byte);
                    State::Body(Body::ChunkEnd)
                }
                b'\n' => {
                    self.output.frame(byte);
                    State::Body(Body::ChunkSize)
                }
                _ => {
                    self.output.end_word(&mut tools.words);
                    self.line.push(byte);
                    return self.search();
                }
            },
            // They are read as lines.
            Body::ChunkSize | Body::Trailer => return,
        };
        self.state = next;
    }

    /// Adds a byte of content.
    fn content(&mut self, byte: u8, tools: &mut Tools) {
        match &mut self.content {
            Content::Text(text) => text.push(byte, &mut self.output, &mut tools.words),
            Content::Events(events) => events.push(byte, &mut self.output, &mut tools.words),
            Content::Cleared(why) => {
                tools.cleared(*why, 1);
                self.output.cut(byte, &mut tools.words);
            }
        }
    }
}

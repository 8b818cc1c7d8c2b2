//! One connection, from its first byte: finds out what is spoken and who is the client, then reads HTTP.

use std::borrow::Cow;

use bytes::Bytes;

use crate::base::fact::Speaks;
use crate::base::{Degraded, Ending, Feed, Findings, Origin, Side, Span, Stage, StreamBuf, limits};

use super::assemble::Assembler;
use super::sniff::{self, Entry, Guess};
use super::{Part, Update, h1};

/// What is known of a connection, and the stage that reads it.
///
/// Its two ends are numbered 0 and 1 until it is known which is the client.
#[derive(Debug)]
pub struct Conversation {
    /// Which end is the client; `None` before that is known.
    client: Option<usize>,
    /// Which end the sides of a reset were counted from before that was known: see [`Conversation::new`].
    assumed: usize,
    state: State,
    parts: Vec<Part>,
}

#[derive(Debug)]
enum State {
    /// Nothing tells yet. What came is held; once a beginning is missing, only what begins a segment is looked at.
    Sniffing(Box<Sniffing>),
    Http1(Box<Http1>),
    /// Not HTTP/1, or over: costs nothing any more.
    Ignored(Speaks),
}

/// What came before it is known what is spoken.
#[derive(Debug, Default)]
struct Sniffing {
    /// Feeds in their order, while nothing is missing.
    held: Vec<(usize, Feed)>,
    bytes: usize,
    /// Why the beginning is missing, where it is: then the first place is looked for that can be read.
    missing: Degraded,
    /// What each end sent since, as far as it may yet be such a place.
    windows: [StreamBuf; 2],
    /// Ends that are over.
    ended: Vec<(usize, Feed)>,
}

#[derive(Debug, Default)]
struct Http1 {
    connection: h1::Connection,
    assembler: Assembler,
}

/// What the first look at some bytes leads to.
enum Verdict {
    /// HTTP/1; what is held is read from its beginning.
    Http1 {
        client: usize,
    },
    /// HTTP/1, entered in the middle of what `from` sent.
    Entered {
        from: usize,
        entry: Entry,
    },
    Ignore(Speaks),
    Wait,
}

impl Conversation {
    /// A connection whose client is end `client`, where a SYN told; where none did, the sides of [`Ending::Reset`] are
    /// understood as if end 0 were the client.
    #[must_use]
    pub fn new(client: Option<usize>) -> Self {
        let state = State::Sniffing(Box::default());
        Self { client, assumed: client.unwrap_or(0), state, parts: Vec::new() }
    }

    /// Which end is the client; `None` before that is known.
    #[must_use]
    pub fn client(&self) -> Option<usize> {
        self.client
    }

    /// What the connection speaks, as far as is known.
    #[must_use]
    pub fn speaks(&self) -> Speaks {
        match &self.state {
            State::Sniffing(sniffing) if sniffing.bytes == 0 => Speaks::Nothing,
            State::Sniffing(_) => Speaks::Other,
            State::Http1(_) => Speaks::Http1,
            State::Ignored(speaks) => *speaks,
        }
    }

    /// Bytes held for what is not complete.
    #[must_use]
    pub fn held(&self) -> usize {
        match &self.state {
            State::Sniffing(sniffing) => sniffing.held(),
            State::Http1(http) => http.connection.held() + http.assembler.held(),
            State::Ignored(_) => 0,
        }
    }

    /// Gives up the bodies that are held.
    pub fn shed(&mut self, at: Origin, findings: &mut Findings) {
        match &mut self.state {
            State::Http1(http) => {
                http.connection.shed(at, findings);
                http.assembler.shed(at, findings);
            }
            State::Sniffing(_) => self.state = State::Ignored(Speaks::Other),
            State::Ignored(_) => {}
        }
    }

    /// Takes the next feed of what end `from` sent.
    pub fn push(&mut self, from: usize, feed: Feed, out: &mut Vec<Update>, findings: &mut Findings) {
        match &mut self.state {
            State::Http1(_) => self.read(from, feed, out, findings),
            State::Ignored(_) => {}
            State::Sniffing(_) => self.sniff(from, feed, out, findings),
        }
    }

    fn sniff(&mut self, from: usize, feed: Feed, out: &mut Vec<Update>, findings: &mut Findings) {
        let State::Sniffing(sniffing) = &mut self.state else {
            return;
        };
        match sniffing.look(from, feed, self.client) {
            Verdict::Wait => {}
            Verdict::Ignore(speaks) => self.state = State::Ignored(speaks),
            Verdict::Http1 { client } => {
                let held = std::mem::take(&mut sniffing.held);
                self.client = Some(client);
                self.state = State::Http1(Box::default());
                for (from, feed) in held {
                    self.read(from, feed, out, findings);
                }
            }
            Verdict::Entered { from, entry } => self.enter(from, entry, out, findings),
        }
    }

    /// Reads on from the first place that can be read, in the middle of a connection.
    fn enter(&mut self, from: usize, entry: Entry, out: &mut Vec<Update>, findings: &mut Findings) {
        let State::Sniffing(sniffing) = &mut self.state else {
            return;
        };
        let Sniffing { missing, mut windows, ended, .. } = std::mem::take(&mut **sniffing);
        let mut http = Box::new(Http1::default());
        self.client = Some(if matches!(entry, Entry::Request(_)) { from } else { 1 - from });
        if let (Entry::Event { at, chunked }, Some(window)) = (entry, windows.get_mut(from)) {
            window.skip(at);
            if let Some(span) = window.first_span() {
                http.connection.begin_in_stream(chunked, span, missing, &mut self.parts);
            }
        }
        self.state = State::Http1(http);
        // The other end first: it cannot have answered what was not read yet, and what it sent may be answered here.
        for end in [1 - from, from] {
            let entered_stream = end == from && matches!(entry, Entry::Event { .. });
            let Some(window) = windows.get_mut(end) else {
                continue;
            };
            if !entered_stream {
                let at = window.first_span().map_or_else(Origin::default, |span| span.start);
                self.read(end, Feed::Gap { len: 0, why: missing, at }, out, findings);
            }
            while let Some((bytes, span)) = window.take_piece(usize::MAX) {
                self.read(end, Feed::Data(bytes, span), out, findings);
            }
        }
        for (end, feed) in ended {
            self.read(end, feed, out, findings);
        }
    }

    fn read(&mut self, from: usize, mut feed: Feed, out: &mut Vec<Update>, findings: &mut Findings) {
        let (State::Http1(http), Some(client)) = (&mut self.state, self.client) else {
            return;
        };
        let side = if from == client { Side::Client } else { Side::Server };
        if let Feed::End { how: Ending::Reset(by), .. } = &mut feed
            && client != self.assumed
        {
            *by = by.other();
        }
        http.connection.push(side, feed, &mut self.parts, findings);
        for part in self.parts.drain(..) {
            http.assembler.push(part, out, findings);
        }
        if http.connection.is_over() {
            // The connection is kept for late packets: what reads it need not be.
            self.state = State::Ignored(Speaks::Http1);
            return;
        }
        http.connection.settle();
        http.assembler.settle();
    }
}

impl Sniffing {
    fn held(&self) -> usize {
        let windows: usize = self.windows.iter().map(StreamBuf::len).sum();
        windows + if self.held.is_empty() { 0 } else { self.bytes.min(limits::MAX_SNIFF) }
    }

    fn look(&mut self, from: usize, feed: Feed, client: Option<usize>) -> Verdict {
        match feed {
            Feed::Gap { why, .. } => {
                self.missing.add(why);
                for (end, feed) in std::mem::take(&mut self.held) {
                    match feed {
                        Feed::Data(bytes, span) => self.keep(end, bytes, span),
                        feed => self.ended.push((end, feed)),
                    }
                }
                Verdict::Wait
            }
            Feed::End { .. } => {
                let list = if self.missing.is_none() { &mut self.held } else { &mut self.ended };
                list.push((from, feed));
                Verdict::Wait
            }
            Feed::Data(bytes, span) => {
                self.bytes = self.bytes.saturating_add(bytes.len());
                if self.missing.any() {
                    self.keep(from, bytes, span);
                    return self.look_inside(from, client);
                }
                let verdict = self.look_at_front(from, &bytes);
                if self.held.is_empty() {
                    // Most often the first bytes tell.
                    self.held.reserve_exact(1);
                }
                // What waits must not pin the block of the capture that it lies in.
                let waits = matches!(verdict, Verdict::Wait);
                let bytes = if waits { Bytes::copy_from_slice(&bytes) } else { bytes };
                self.held.push((from, Feed::Data(bytes, span)));
                verdict
            }
        }
    }

    fn look_at_front(&self, from: usize, bytes: &[u8]) -> Verdict {
        match sniff::front(&self.front(from, bytes)) {
            Guess::Request => Verdict::Http1 { client: from },
            Guess::Response => Verdict::Http1 { client: 1 - from },
            Guess::Http2 => Verdict::Ignore(Speaks::Http2),
            Guess::TlsClient | Guess::TlsServer => Verdict::Ignore(Speaks::Tls),
            Guess::More if self.bytes <= limits::MAX_SNIFF => Verdict::Wait,
            Guess::More | Guess::Other => Verdict::Ignore(Speaks::Other),
        }
    }

    /// Looks for a place to enter in what end `from` sent; keeps what may yet become one.
    fn look_inside(&mut self, from: usize, client: Option<usize>) -> Verdict {
        let Some(window) = self.windows.get_mut(from) else {
            return Verdict::Wait;
        };
        let fits = |entry: &Entry| match entry {
            Entry::Request(_) => client.is_none_or(|client| client == from),
            Entry::Response(_) | Entry::Event { .. } => client.is_none_or(|client| client != from),
        };
        if let Some(entry) = sniff::entry(window.bytes()).filter(fits) {
            return Verdict::Entered { from, entry };
        }
        if sniff::is_tls_record(window.bytes()) {
            return Verdict::Ignore(Speaks::Tls);
        }
        if window.len() > limits::MAX_WINDOW {
            window.skip(window.len() - limits::MAX_WINDOW / 2);
        }
        window.settle();
        Verdict::Wait
    }

    fn keep(&mut self, end: usize, bytes: Bytes, span: Span) {
        if let Some(window) = self.windows.get_mut(end) {
            window.push(bytes, span);
        }
    }

    /// What end `from` sent so far, where it is held, and `bytes`.
    fn front<'a>(&self, from: usize, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let bytes = bytes.get(..64).unwrap_or(bytes);
        let held = self.held.iter().filter(|(end, _)| *end == from);
        let mut front: Vec<u8> = held.filter_map(|(_, feed)| data(feed)).flatten().copied().collect();
        if front.is_empty() {
            return Cow::Borrowed(bytes);
        }
        front.extend_from_slice(bytes);
        Cow::Owned(front)
    }
}

fn data(feed: &Feed) -> Option<&[u8]> {
    match feed {
        Feed::Data(bytes, _) => Some(bytes),
        Feed::Gap { .. } | Feed::End { .. } => None,
    }
}

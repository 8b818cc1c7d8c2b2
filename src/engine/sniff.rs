//! Finds out what a connection speaks and which end is the client, from its first bytes. Ports are
//! not looked at.

use std::borrow::Cow;
use std::net::SocketAddr;

use bytes::{Buf, Bytes};

use crate::base::fact::Speaks;
use crate::base::{Degraded, End, Feed, Origin, Side, Span, StreamBuf, limits};
use crate::http::h1::scan::{EntryPoint, EntrySearch};
use crate::http::{Connection, FirstBytes, FirstLines, FrontScan, LineSearch, ProxyHeader, WebSocketSearch};
use crate::tls;

/// Input held until the protocol of the connection is known.
#[derive(Debug, Default)]
pub(super) struct Sniffer {
    /// All feeds in order, while the beginning is complete.
    held: Vec<(End, Feed<End>)>,
    /// Bytes seen so far.
    bytes: usize,
    /// Why the beginning is missing. If anything is set, a place is searched where reading can
    /// start.
    missing: Degraded,
    /// The latest bytes that each end sent, if the beginning is missing.
    windows: [Window; 2],
    /// Ends of directions, if the beginning is missing.
    eofs: Vec<(End, Feed<End>)>,
    /// The PROXY protocol header with which the connection began.
    proxy_header: Option<Announced>,
    /// The first lines that each end sent, if the beginning is complete.
    fronts: [FrontScan; 2],
    /// Whether an end began with lines of text that are no messages: those of a program that also
    /// prints on standard output, or of another protocol.
    has_text: [bool; 2],
}

/// The latest bytes of a direction whose beginning is missing, searched for a place where reading
/// can start.
#[derive(Debug, Default)]
struct Window {
    bytes: StreamBuf,
    /// How far HTTP/1 was searched.
    http1: EntrySearch,
    /// Where the search for HTTP/2 goes on.
    http2: usize,
    websocket: WebSocketSearch,
    /// Where the search for TLS goes on.
    tls: usize,
    lines: LineSearch,
    /// Where bytes are missing between those that were searched: the offset of the next one, why,
    /// and the packet at which they were given up.
    gaps: Vec<(u64, Degraded, Origin)>,
}

impl Window {
    /// Searches what was added. `sender` is the side that sent it; `None` if it is not known.
    fn search(&mut self, sender: Option<Side>) -> Found {
        let bytes = self.bytes.bytes();
        if let Some(entry) = self.http1.find(bytes, sender) {
            return Found::Http1(entry);
        }
        if let Some(side) = Connection::http2_sender(bytes, &mut self.http2)
            && sender.is_none_or(|sender| sender == side)
        {
            return Found::Http2(side);
        }
        if let Some(side) = self.websocket.sender(bytes, self.bytes.offset()) {
            return Found::WebSocket(side);
        }
        if tls::has_records(bytes, &mut self.tls) {
            return Found::Tls;
        }
        self.lines.search(bytes, self.bytes.offset(), self.gaps.iter().map(|(at, ..)| *at));
        Found::Nothing
    }

    /// Bytes are missing behind what was searched.
    fn gap(&mut self, why: Degraded, at: Origin) {
        let end = self.bytes.offset() + self.bytes.len() as u64;
        let is_new = self.gaps.last().is_none_or(|(last, ..)| *last < end);
        if self.bytes.is_empty() {
            self.lines.gap(end);
        } else if is_new && self.gaps.len() < MAX_GAPS {
            self.gaps.push((end, why, at));
        }
    }

    /// Drops what is too old to become part of something.
    fn shorten(&mut self) {
        if self.bytes.len() > limits::MAX_WINDOW {
            let len = self.bytes.skip(self.bytes.len() - limits::MAX_WINDOW / 2);
            self.http1.skip(len);
            self.http2 = self.http2.saturating_sub(len);
            self.tls = self.tls.saturating_sub(len);
        }
        let offset = self.bytes.offset();
        self.gaps.retain(|(at, ..)| *at > offset);
        self.bytes.settle();
    }
}

/// Gaps that are kept of a window: a window of [`limits::MAX_WINDOW`] rarely has one.
const MAX_GAPS: usize = 64;

/// What was found in a window.
enum Found {
    Http1(EntryPoint),
    /// Frames that this side sent.
    Http2(Side),
    /// WebSocket frames that this side sent.
    WebSocket(Side),
    Tls,
    Nothing,
}

/// A PROXY protocol header.
#[derive(Debug)]
pub(super) struct Announced {
    version: u8,
    /// The client behind the balancer; `None` if the header names none.
    pub(super) client: Option<SocketAddr>,
    /// The packet that completed it.
    pub(super) at: Origin,
}

impl Announced {
    #[cfg(test)]
    pub(super) fn of(version: u8, client: Option<SocketAddr>) -> Self {
        Self { version, client, at: Origin::default() }
    }

    /// Describes the header: `version 1, client 192.0.2.7:5000`.
    pub(super) fn describe(&self) -> String {
        let client = self.client.map_or_else(|| "no client is named".to_owned(), |it| format!("client {it}"));
        format!("version {}, {client}", self.version)
    }
}

/// The result of a look at some bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verdict {
    /// HTTP/1 from the beginning of the connection.
    Http1 {
        /// The client.
        client: End,
    },
    /// HTTP/2 from the beginning of the connection.
    Http2 {
        /// The client.
        client: End,
    },
    /// HTTP/2, from its middle.
    Http2Midstream {
        /// The client.
        client: End,
    },
    /// WebSocket, from its middle.
    WebSocketMidstream {
        /// The client.
        client: End,
    },
    /// A message on each line, from the beginning of the connection.
    Lines {
        /// The client.
        client: End,
    },
    /// A message on each line, from somewhere in the middle.
    LinesMidstream {
        /// The client.
        client: End,
    },
    /// HTTP/1, readable from a place in the middle of what `from` sent.
    Midstream {
        /// The sender.
        from: End,
        /// The place in its window.
        entry: EntryPoint,
    },
    /// TLS from the beginning of the connection.
    Tls,
    /// TLS, from somewhere in the middle.
    TlsMidstream,
    /// Something that is not decoded.
    Ignore(Speaks),
    /// More bytes are needed.
    Undecided,
}

/// What was held when the connection turned out to be readable from its middle.
#[derive(Debug)]
pub(super) struct Midstream {
    /// Why the beginning is missing.
    pub(super) missing: Degraded,
    /// The latest bytes of A and of B.
    pub(super) windows: [StreamBuf; 2],
    /// Ends of directions.
    pub(super) eofs: Vec<(End, Feed<End>)>,
    /// Where bytes of A and of B are missing: see [`Window::gaps`].
    gaps: [Vec<(u64, Degraded, Origin)>; 2],
}

impl Midstream {
    /// Returns everything as [`Midstream::into_feeds`] does, with the gaps between.
    pub(super) fn into_feeds_and_gaps(mut self, ends: [End; 2]) -> Vec<(End, Feed<End>)> {
        let mut feeds = Vec::new();
        for end in ends {
            let (window, _) = end.split_mut(&mut self.windows);
            let (gaps, _) = end.split_mut(&mut self.gaps);
            let at = window.first_span().map_or_else(Origin::default, |span| span.start);
            feeds.push((end, Feed::Gap { len: 0, why: self.missing, at }));
            for (offset, why, at) in std::mem::take(gaps) {
                let mut len = usize::try_from(offset.saturating_sub(window.offset())).unwrap_or(usize::MAX);
                while let Some((bytes, span)) = window.take_piece(len) {
                    len -= bytes.len();
                    feeds.push((end, Feed::Data(bytes, span)));
                }
                feeds.push((end, Feed::Gap { len: 0, why, at }));
            }
            while let Some((bytes, span)) = window.take_piece(usize::MAX) {
                feeds.push((end, Feed::Data(bytes, span)));
            }
        }
        feeds.extend(self.eofs);
        feeds
    }

    /// Returns everything as feeds, first what the first of `ends` sent. Each end begins with a
    /// gap.
    pub(super) fn into_feeds(mut self, ends: [End; 2]) -> Vec<(End, Feed<End>)> {
        let mut feeds = Vec::new();
        for end in ends {
            let (window, _) = end.split_mut(&mut self.windows);
            let at = window.first_span().map_or_else(Origin::default, |span| span.start);
            feeds.push((end, Feed::Gap { len: 0, why: self.missing, at }));
            while let Some((bytes, span)) = window.take_piece(usize::MAX) {
                feeds.push((end, Feed::Data(bytes, span)));
            }
        }
        feeds.extend(self.eofs);
        feeds
    }
}

impl Sniffer {
    /// Returns the number of bytes held.
    pub(super) fn held(&self) -> usize {
        let gaps = |window: &Window| window.gaps.capacity() * size_of::<(u64, Degraded, Origin)>();
        let windows: usize = self.windows.iter().map(|window| window.bytes.allocated() + gaps(window)).sum();
        let feeds = (self.held.capacity() + self.eofs.capacity()) * size_of::<(End, Feed<End>)>();
        windows + feeds + if self.held.is_empty() { 0 } else { self.bytes.min(limits::MAX_SNIFF) }
    }

    /// Returns whether no payload was seen.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Takes all feeds that were held, in order.
    pub(super) fn take_held(&mut self) -> Vec<(End, Feed<End>)> {
        std::mem::take(&mut self.held)
    }

    /// Takes the PROXY protocol header with which the connection began. `None` if it has none.
    pub(super) fn take_proxy_header(&mut self) -> Option<Announced> {
        self.proxy_header.take()
    }

    /// Takes what was held since the gap.
    pub(super) fn take_midstream(&mut self) -> Midstream {
        let Self { missing, windows: [a, b], eofs, .. } = std::mem::take(self);
        Midstream { missing, windows: [a.bytes, b.bytes], eofs, gaps: [a.gaps, b.gaps] }
    }

    /// Takes the next feed of what `from` sent. `opener` is the end that sent the SYN, if it was
    /// captured.
    pub(super) fn push(&mut self, from: End, feed: Feed<End>, opener: Option<End>) -> Verdict {
        match feed {
            Feed::Gap { why, at, .. } => {
                self.missing.add(why);
                for (end, feed) in std::mem::take(&mut self.held) {
                    match feed {
                        Feed::Data(bytes, span) => self.keep(end, bytes, span),
                        feed => self.eofs.push((end, feed)),
                    }
                }
                from.split_mut(&mut self.windows).0.gap(why, at);
                Verdict::Undecided
            }
            Feed::Eof { .. } => {
                let list = if self.missing.is_none() { &mut self.held } else { &mut self.eofs };
                list.push((from, feed));
                Verdict::Undecided
            }
            Feed::Data(bytes, span) => {
                self.bytes = self.bytes.saturating_add(bytes.len());
                if self.missing.any() {
                    self.keep(from, bytes, span);
                    return self.find_entry(from, opener);
                }
                let verdict = match self.read_proxy_header(from, &bytes, span) {
                    ProxyHeader::Absent => self.judge_front(from, &bytes, opener),
                    ProxyHeader::Incomplete if self.bytes <= limits::MAX_SNIFF => Verdict::Undecided,
                    ProxyHeader::Incomplete => Verdict::Ignore(Speaks::Other),
                    ProxyHeader::Complete { len, .. } => {
                        return self.skip_proxy_header(from, (len, bytes, span));
                    }
                };
                if self.held.is_empty() {
                    // Most often the first bytes decide.
                    self.held.reserve_exact(1);
                }
                // Bytes that wait must not keep a block of the capture in memory.
                let is_waiting = matches!(verdict, Verdict::Undecided);
                let bytes = if is_waiting { Bytes::copy_from_slice(&bytes) } else { bytes };
                self.held.push((from, Feed::Data(bytes, span)));
                verdict
            }
        }
    }

    /// Reads the PROXY protocol header with which `from` may begin. `bytes` are the next bytes.
    fn read_proxy_header(&mut self, from: End, bytes: &[u8], span: Span) -> ProxyHeader {
        if self.proxy_header.is_some() {
            return ProxyHeader::Absent;
        }
        let header = ProxyHeader::read(&self.front_of(from, bytes, limits::MAX_SNIFF));
        if let ProxyHeader::Complete { version, client, .. } = &header {
            self.proxy_header = Some(Announced { version: *version, client: *client, at: span.end });
        }
        header
    }

    /// Removes the PROXY protocol header from what `from` sent, and looks at what follows it. `len`
    /// is the length of the header, which `bytes` complete.
    fn skip_proxy_header(&mut self, from: End, (len, mut bytes, span): (usize, Bytes, Span)) -> Verdict {
        let is_before = |(end, feed): &(End, Feed<End>)| *end == from && matches!(feed, Feed::Data(..));
        let held: usize =
            self.held.iter().filter(|held| is_before(held)).map(|(_, feed)| feed.data_len()).sum();
        self.held.retain(|held| !is_before(held));
        bytes.advance(len.saturating_sub(held).min(bytes.len()));
        // Counted again when they are looked at below.
        self.bytes = self.bytes.saturating_sub(held + bytes.len());
        if bytes.is_empty() { Verdict::Undecided } else { self.push(from, Feed::Data(bytes, span), None) }
    }

    fn judge_front(&mut self, from: End, bytes: &[u8], opener: Option<End>) -> Verdict {
        // Behind text nothing but messages on lines is expected.
        let first = match self.has_text {
            [false, false] => FirstBytes::of(&self.front_of(from, bytes, 64)),
            _ => FirstBytes::Other,
        };
        match first {
            FirstBytes::Request => return Verdict::Http1 { client: from },
            FirstBytes::Response => return Verdict::Http1 { client: from.other() },
            FirstBytes::Http2 => return Verdict::Http2 { client: from },
            FirstBytes::Http2Server => return Verdict::Http2 { client: from.other() },
            FirstBytes::Tls => return Verdict::Tls,
            FirstBytes::Undecided | FirstBytes::Other => {}
        }
        let lines = from.split_mut(&mut self.fronts).0.push(bytes);
        match lines {
            FirstLines::Message(side) => {
                Verdict::Lines { client: side.map_or(opener.unwrap_or(from), |side| from.client(side)) }
            }
            _ if self.bytes > limits::MAX_SNIFF => Verdict::Ignore(Speaks::Other),
            _ if first == FirstBytes::Undecided => Verdict::Undecided,
            FirstLines::Undecided => Verdict::Undecided,
            FirstLines::Other => Verdict::Ignore(Speaks::Other),
            FirstLines::Text => {
                *from.split_mut(&mut self.has_text).0 = true;
                if self.has_text == [true; 2] { Verdict::Ignore(Speaks::Other) } else { Verdict::Undecided }
            }
        }
    }

    /// Searches a place where reading can start in what `from` sent; keeps what may yet become one.
    fn find_entry(&mut self, from: End, opener: Option<End>) -> Verdict {
        let (window, _) = from.split_mut(&mut self.windows);
        // In the middle of a body anything may look like a head: the SYN, if captured, rules out
        // one of two readings.
        let sender = opener.map(|client| from.side(client));
        match window.search(sender) {
            Found::Http1(entry) => Verdict::Midstream { from, entry },
            Found::Http2(side) => Verdict::Http2Midstream { client: from.client(side) },
            Found::WebSocket(side) => Verdict::WebSocketMidstream { client: from.client(side) },
            Found::Tls => Verdict::TlsMidstream,
            Found::Nothing => {
                window.shorten();
                let [a, b] = &self.windows;
                match LineSearch::client([&a.lines, &b.lines], opener) {
                    Some(client) => Verdict::LinesMidstream { client },
                    None => Verdict::Undecided,
                }
            }
        }
    }

    fn keep(&mut self, end: End, bytes: Bytes, span: Span) {
        end.split_mut(&mut self.windows).0.bytes.push(bytes, span);
    }

    /// Returns the first bytes that `from` sent: those held, followed by at most `most` of `bytes`.
    fn front_of<'a>(&self, from: End, bytes: &'a [u8], most: usize) -> Cow<'a, [u8]> {
        let bytes = bytes.get(..most).unwrap_or(bytes);
        let mut front = Vec::new();
        for (end, feed) in &self.held {
            if let Feed::Data(held, _) = feed
                && *end == from
            {
                front.extend_from_slice(held);
            }
        }
        if front.is_empty() {
            return Cow::Borrowed(bytes);
        }
        front.extend_from_slice(bytes);
        Cow::Owned(front)
    }
}

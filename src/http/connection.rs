//! A connection in the version of HTTP that it speaks or with messages on lines, and the change
//! from one to the other or to WebSocket.

use std::collections::VecDeque;

use crate::base::fact::Speaks;
use crate::base::{
    Code, Degraded, Ending, Feed, Findings, Layer, Origin, RoundTrips, Side, Sink, Span, StreamBuf, Switched,
};

use super::h1::{Protocol, Upgraded};
use super::{Part, TransactionNo, h1, h2, lines, ws};

/// What reads a connection that is not, or no longer, HTTP/1.
type Successor = Box<dyn Layer<In = (Side, Feed), Out = Part> + Send>;

/// What is in a tunnel of a proxy.
#[derive(Debug)]
pub struct Tunnel {
    /// The bytes of client and server so far, and why some before them may be missing.
    pub held: [(StreamBuf, Degraded); 2],
    /// The next transaction of the connection.
    pub next: TransactionNo,
}

/// One HTTP connection.
///
/// ```text
///   HTTP/1 ── 101, Upgrade: h2c ──▶ HTTP/2 from the server, the rest of the request in HTTP/1
///     │                             └── the request is over ──▶ HTTP/2
///     └────── 101, Upgrade: websocket ──▶ WebSocket, in the same way
/// ```
#[derive(Default)]
pub struct Connection {
    /// `None` once nothing of HTTP/1 is left.
    http1: Option<Box<h1::Connection>>,
    /// `None` while the server speaks HTTP/1.
    successor: Option<Successor>,
    /// What HTTP/1 left to it and it has not read yet. A client may have sent much before the
    /// answer that changes the protocol, and what comes of it is emitted in steps.
    left: VecDeque<Left>,
    /// What it changed to after it began in HTTP/1.
    changed_to: Option<Speaks>,
    /// How and where client and server ended while all was HTTP/1: the successor is told, too.
    ended: [Option<(Ending, Origin)>; 2],
}

/// Bytes that HTTP/1 left.
#[derive(Debug)]
struct Left {
    side: Side,
    /// Why bytes before them are missing.
    missing: Degraded,
    bytes: StreamBuf,
    /// What came behind them.
    then: Option<Feed>,
}

impl Left {
    /// Takes the next piece; `None` if nothing is left.
    fn next(&mut self) -> Option<Feed> {
        let why = std::mem::take(&mut self.missing);
        if why.any() {
            let at = self.bytes.first_span().map_or_else(Origin::default, |span| span.start);
            return Some(Feed::Gap { len: 0, why, at });
        }
        let piece = self.bytes.take_piece(usize::MAX).map(|(bytes, span)| Feed::Data(bytes, span));
        piece.or_else(|| self.then.take())
    }

    fn is_empty(&self) -> bool {
        self.missing.is_none() && self.bytes.is_empty() && self.then.is_none()
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("http1", &self.http1)
            .field("changed_to", &self.changed_to)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Creates an HTTP/1 connection of which nothing was read. Its first transaction is `first`.
    #[must_use]
    pub fn http1(first: TransactionNo) -> Self {
        let http1 = Box::new(h1::Connection::numbered_from(first.0));
        Self { http1: Some(http1), ..Self::default() }
    }

    /// Creates an HTTP/2 connection of which nothing was read. Its first transaction is `first`.
    #[must_use]
    pub fn http2(first: TransactionNo) -> Self {
        Self::of(Box::new(h2::Connection::numbered_from(first)))
    }

    /// Creates a WebSocket connection whose beginning was not captured. Its only transaction is
    /// `first`.
    #[must_use]
    pub fn websocket_midstream(first: TransactionNo) -> Self {
        Self::of(Box::new(ws::Connection::midstream(first)))
    }

    /// Creates a connection with a message on each line, of which nothing was read. Its only
    /// transaction is `first`.
    #[must_use]
    pub fn lines(first: TransactionNo) -> Self {
        Self::of(Box::new(lines::Connection::new(first)))
    }

    /// Creates a connection with a message on each line whose beginning was not captured.
    #[must_use]
    pub fn lines_midstream(first: TransactionNo) -> Self {
        Self::of(Box::new(lines::Connection::midstream(first)))
    }

    /// Takes what is in the tunnel of a proxy (`CONNECT`) if that is not HTTP/1; `None` if there is
    /// no such tunnel.
    pub fn take_tunnel(&mut self) -> Option<Tunnel> {
        let http1 = self.http1.as_mut()?;
        let held = http1.take_tunnel()?;
        Some(Tunnel { held, next: TransactionNo(http1.next()) })
    }

    fn of(successor: Successor) -> Self {
        Self { successor: Some(successor), ..Self::default() }
    }

    /// Returns the side that sent these bytes from the middle of an HTTP/2 connection; `None` if
    /// they are something else, or do not show it. The search begins at `from`, which is moved to
    /// where it goes on when there are more bytes.
    #[must_use]
    pub fn http2_sender(bytes: &[u8], from: &mut usize) -> Option<Side> {
        h2::Connection::sender(bytes, from)
    }

    /// Starts inside an event stream of HTTP/1 whose head was not captured: see
    /// [`h1::Connection::start_in_stream`]. `None` for HTTP/2, which starts at a frame.
    #[must_use]
    pub fn start_in_stream(&mut self, chunked: bool, span: Span, why: Degraded) -> Option<Part> {
        self.http1.as_mut().map(|http1| http1.start_in_stream(chunked, span, why))
    }

    /// Continues in the other protocol where HTTP/1 is over.
    fn change(&mut self, sink: &mut Sink<'_, Part>) {
        let Some(http1) = &mut self.http1 else { return };
        let Some(upgraded) = http1.upgraded() else { return };
        if self.successor.is_none()
            && let Some(bytes) = http1.take_rest(Side::Server)
        {
            let Upgraded { to, request, is_head, missing, .. } = upgraded;
            let (successor, changed_to): (Successor, _) = match to {
                Protocol::Http2 => {
                    (Box::new(h2::Connection::upgraded(request, is_head, http1.next())), Speaks::Http2)
                }
                Protocol::WebSocket { is_compressing } => {
                    let websocket = ws::Connection::upgraded(request, is_compressing, missing);
                    (Box::new(websocket), Speaks::WebSocket)
                }
            };
            self.changed_to = Some(changed_to);
            self.successor = Some(successor);
            let then = end(self.ended[1].take());
            self.left.push_back(Left { side: Side::Server, missing, bytes, then });
        }
        if self.successor.is_some()
            && let Some(bytes) = http1.take_rest(Side::Client)
        {
            self.http1 = None;
            let missing = upgraded.requests_missing;
            let then = end(self.ended[0].take());
            self.left.push_back(Left { side: Side::Client, missing, bytes, then });
        }
        self.feed(sink);
    }

    /// Changes to WebSocket if the client did: the answer that changes the protocol was not
    /// captured, or will not come. Returns false if HTTP/1 goes on.
    fn follow_ahead(&mut self, sink: &mut Sink<'_, Part>) -> bool {
        match &mut self.http1 {
            Some(http1) if self.successor.is_none() && http1.is_ahead() => http1.enter_websocket(),
            _ => return false,
        }
        self.change(sink);
        self.successor.is_some()
    }

    /// Pushes the next piece that HTTP/1 left.
    fn feed(&mut self, sink: &mut Sink<'_, Part>) {
        let Some(successor) = &mut self.successor else { return };
        self.left.retain(|left| !left.is_empty());
        if let Some(left) = self.left.front_mut()
            && let Some(feed) = left.next()
        {
            successor.push((left.side, feed), sink);
        }
        self.left.retain(|left| !left.is_empty());
    }
}

/// The end of a direction, as its last piece.
fn end(ended: Option<(Ending, Origin)>) -> Option<Feed> {
    ended.map(|(how, at)| Feed::Eof { how, at })
}

impl Layer for Connection {
    type In = (Side, Feed);
    type Out = Part;

    #[inline(always)]
    fn push(&mut self, (side, feed): Self::In, sink: &mut Sink<'_, Part>) {
        if !matches!(feed, Feed::Data(..)) && self.follow_ahead(sink) {
            let (missing, bytes) = (Degraded::NONE, StreamBuf::new());
            self.left.push_back(Left { side, missing, bytes, then: Some(feed) });
            return;
        }
        match (&mut self.http1, &mut self.successor) {
            // Nearly always.
            (Some(http1), None) if matches!(feed, Feed::Data(..)) => http1.push((side, feed), sink),
            // The request is not over.
            (Some(http1), Some(successor)) if side == Side::Client => {
                http1.push((side, feed.clone()), sink);
                if let Feed::Eof { .. } | Feed::Gap { .. } = feed {
                    successor.push((side, feed), sink);
                }
            }
            (_, Some(successor)) => successor.push((side, feed), sink),
            (Some(http1), None) => {
                if let Feed::Eof { how, at } = feed {
                    let [client, server] = &mut self.ended;
                    *(if side == Side::Client { client } else { server }) = Some((how, at));
                }
                http1.push((side, feed), sink);
            }
            (None, None) => {}
        }
        self.change(sink);
    }

    #[inline]
    fn is_pending(&self) -> bool {
        self.successor.as_ref().is_some_and(|successor| !self.left.is_empty() || successor.is_pending())
    }

    fn resume(&mut self, sink: &mut Sink<'_, Part>) {
        match &mut self.successor {
            Some(successor) if successor.is_pending() => successor.resume(sink),
            _ => self.feed(sink),
        }
    }

    #[inline]
    fn held(&self) -> usize {
        let left: usize = self.left.iter().map(|left| left.bytes.allocated()).sum();
        let http1 = self.http1.as_ref().map_or(0, |http1| size_of_val(&**http1) + http1.held());
        left + http1 + self.successor.as_ref().map_or(0, |it| size_of_val(&**it) + it.held())
    }

    fn shed(&mut self, at: Origin, findings: &mut Findings) {
        if let Some(http1) = &mut self.http1 {
            http1.shed(at, findings);
        }
        for left in &mut self.left {
            let len = left.bytes.skip(left.bytes.len());
            if len > 0 {
                left.missing.add(Degraded::NOT_READ);
                findings.add(Code::HttpBodyTooLong, at, format!("{len} bytes wait for another protocol"));
            }
        }
        if let Some(successor) = &mut self.successor {
            successor.shed(at, findings);
        }
    }

    #[inline]
    fn settle(&mut self) {
        if let Some(http1) = &mut self.http1 {
            http1.settle();
        }
        if let Some(successor) = &mut self.successor {
            successor.settle();
        }
    }

    #[inline]
    fn is_over(&self) -> bool {
        match (&self.http1, &self.successor) {
            (_, Some(successor)) => successor.is_over(),
            (Some(http1), None) => http1.is_over(),
            (None, None) => true,
        }
    }

    fn switched(&self) -> Switched {
        match &self.http1 {
            Some(http1) => http1.switched(),
            None => Switched { is_tunnel: false, to: self.changed_to },
        }
    }

    fn round_trips(&self) -> RoundTrips {
        self.successor.as_ref().map_or_else(RoundTrips::default, |successor| successor.round_trips())
    }
}

//! A connection in the version of HTTP that it speaks, and the change from one to the other or to
//! WebSocket.

use crate::base::fact::Speaks;
use crate::base::{
    Degraded, Feed, Findings, Layer, Origin, RoundTrips, Side, Sink, Span, StreamBuf, Switched,
};

use super::h1::{Protocol, Upgraded};
use super::{Part, h1, h2, ws};

/// What reads a connection that is not, or no longer, HTTP/1.
type Successor = Box<dyn Layer<In = (Side, Feed), Out = Part> + Send>;

/// One HTTP connection.
///
/// ```text
///   HTTP/1 ── 101, Upgrade: h2c ──▶ HTTP/2 from the server, the rest of the request in HTTP/1
///     │                             └── the request is over ──▶ HTTP/2
///     └────── 101, Upgrade: websocket ──▶ WebSocket, in the same way
/// ```
pub struct Connection {
    /// `None` once nothing of HTTP/1 is left.
    http1: Option<Box<h1::Connection>>,
    /// `None` while the server speaks HTTP/1.
    successor: Option<Successor>,
    /// What it changed to after it began in HTTP/1.
    changed_to: Option<Speaks>,
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
    /// Creates an HTTP/1 connection of which nothing was read.
    #[must_use]
    pub fn http1() -> Self {
        Self { http1: Some(Box::default()), successor: None, changed_to: None }
    }

    /// Creates an HTTP/2 connection of which nothing was read.
    #[must_use]
    pub fn http2() -> Self {
        Self::of(Box::new(h2::Connection::default()))
    }

    /// Creates a WebSocket connection whose beginning was not captured.
    #[must_use]
    pub fn websocket_midstream() -> Self {
        Self::of(Box::new(ws::Connection::midstream()))
    }

    fn of(successor: Successor) -> Self {
        Self { http1: None, successor: Some(successor), changed_to: None }
    }

    /// Returns the side that sent these bytes from the middle of an HTTP/2 connection; `None` if
    /// they are something else, or do not show it. The search begins at `from`, which is moved to
    /// where it goes on when there are more bytes.
    #[must_use]
    pub fn http2_sender(bytes: &[u8], from: &mut usize) -> Option<Side> {
        h2::Connection::sender(bytes, from)
    }

    /// Returns the side that sent these bytes from the middle of a WebSocket connection; `None` if
    /// they are something else, or hold no whole JSON-RPC message. The searches for a client and
    /// for a server begin at `from`, which is moved to where they go on when there are more bytes.
    #[must_use]
    pub fn websocket_sender(bytes: &[u8], from: &mut [usize; 2]) -> Option<Side> {
        ws::sender(bytes, from)
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
            && let Some(rest) = http1.take_rest(Side::Server)
        {
            let Upgraded { to, request, is_head, missing: why, .. } = upgraded;
            let (successor, changed_to): (Successor, _) = match to {
                Protocol::Http2 => {
                    (Box::new(h2::Connection::upgraded(request, is_head, http1.next())), Speaks::Http2)
                }
                Protocol::WebSocket { is_compressing } => {
                    let websocket = ws::Connection::upgraded(request, is_compressing, why);
                    (Box::new(websocket), Speaks::WebSocket)
                }
            };
            self.changed_to = Some(changed_to);
            let successor = self.successor.insert(successor);
            if why.any() {
                let at = rest.first_span().map_or_else(Origin::default, |span| span.start);
                successor.push((Side::Server, Feed::Gap { len: 0, why, at }), sink);
            }
            feed(successor, Side::Server, rest, sink);
        }
        if let (Some(successor), Some(rest)) = (&mut self.successor, http1.take_rest(Side::Client)) {
            self.http1 = None;
            let why = upgraded.requests_missing;
            if why.any() {
                let at = rest.first_span().map_or_else(Origin::default, |span| span.start);
                successor.push((Side::Client, Feed::Gap { len: 0, why, at }), sink);
            }
            feed(successor, Side::Client, rest, sink);
        }
    }
}

/// Pushes the bytes that HTTP/1 left.
fn feed(successor: &mut Successor, side: Side, mut rest: StreamBuf, sink: &mut Sink<'_, Part>) {
    while let Some((bytes, span)) = rest.take_piece(usize::MAX) {
        successor.push((side, Feed::Data(bytes, span)), sink);
    }
}

impl Layer for Connection {
    type In = (Side, Feed);
    type Out = Part;

    fn push(&mut self, (side, feed): Self::In, sink: &mut Sink<'_, Part>) {
        match (&mut self.http1, &mut self.successor) {
            // The request is not over.
            (Some(http1), Some(successor)) if side == Side::Client => {
                http1.push((side, feed.clone()), sink);
                if let Feed::Eof { .. } | Feed::Gap { .. } = feed {
                    successor.push((side, feed), sink);
                }
            }
            (_, Some(successor)) => successor.push((side, feed), sink),
            (Some(http1), None) if http1.is_ahead() && !matches!(feed, Feed::Data(..)) => {
                // The answer that changed the protocol was not captured, or will not come.
                http1.enter_websocket();
                self.change(sink);
                if let Some(successor) = &mut self.successor {
                    successor.push((side, feed), sink);
                }
                return;
            }
            (Some(http1), None) => http1.push((side, feed), sink),
            (None, None) => {}
        }
        self.change(sink);
    }

    fn held(&self) -> usize {
        let http1 = self.http1.as_ref().map_or(0, |http1| size_of_val(&**http1) + http1.held());
        http1 + self.successor.as_ref().map_or(0, |it| size_of_val(&**it) + it.held())
    }

    fn shed(&mut self, at: Origin, findings: &mut Findings) {
        if let Some(http1) = &mut self.http1 {
            http1.shed(at, findings);
        }
        if let Some(successor) = &mut self.successor {
            successor.shed(at, findings);
        }
    }

    fn settle(&mut self) {
        if let Some(http1) = &mut self.http1 {
            http1.settle();
        }
        if let Some(successor) = &mut self.successor {
            successor.settle();
        }
    }

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

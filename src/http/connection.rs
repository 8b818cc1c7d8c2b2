//! A connection in the version of HTTP that it speaks, and the change from one to the other.

use crate::base::fact::Speaks;
use crate::base::{
    Degraded, Feed, Findings, Layer, Origin, RoundTrips, Side, Sink, Span, StreamBuf, Switched,
};

use super::h1::Upgraded;
use super::{Part, h1, h2};

/// One HTTP connection.
///
/// ```text
///   HTTP/1 ── 101, Upgrade: h2c ──▶ HTTP/2 from the server, the rest of the request in HTTP/1
///                                   └── the request is over ──▶ HTTP/2
/// ```
#[derive(Debug)]
pub struct Connection {
    /// `None` once nothing of HTTP/1 is left.
    http1: Option<Box<h1::Connection>>,
    http2: Option<Box<h2::Connection>>,
    /// Whether it began in HTTP/1 and changed.
    is_upgraded: bool,
}

impl Connection {
    /// Creates an HTTP/1 connection of which nothing was read.
    #[must_use]
    pub fn http1() -> Self {
        Self { http1: Some(Box::default()), http2: None, is_upgraded: false }
    }

    /// Creates an HTTP/2 connection of which nothing was read.
    #[must_use]
    pub fn http2() -> Self {
        Self { http1: None, http2: Some(Box::default()), is_upgraded: false }
    }

    /// Returns the side that sent these bytes from the middle of an HTTP/2 connection; `None` if
    /// they are something else, or do not show it.
    #[must_use]
    pub fn http2_sender(bytes: &[u8]) -> Option<Side> {
        h2::Connection::sender(bytes)
    }

    /// Starts inside an event stream of HTTP/1 whose head was not captured: see
    /// [`h1::Connection::start_in_stream`]. `None` for HTTP/2, which starts at a frame.
    #[must_use]
    pub fn start_in_stream(&mut self, chunked: bool, span: Span, why: Degraded) -> Option<Part> {
        self.http1.as_mut().map(|http1| http1.start_in_stream(chunked, span, why))
    }

    /// Continues in HTTP/2 where HTTP/1 is over.
    fn change(&mut self, sink: &mut Sink<'_, Part>) {
        let Some(http1) = &mut self.http1 else { return };
        let Some(upgraded) = http1.upgraded() else { return };
        if self.http2.is_none()
            && let Some(rest) = http1.take_rest(Side::Server)
        {
            self.is_upgraded = true;
            let Upgraded { request, is_head, missing: why } = upgraded;
            let http2 = self.http2.insert(Box::new(h2::Connection::upgraded(request, is_head, http1.next())));
            if why.any() {
                let at = rest.first_span().map_or_else(Origin::default, |span| span.start);
                http2.push((Side::Server, Feed::Gap { len: 0, why, at }), sink);
            }
            feed(http2, Side::Server, rest, sink);
        }
        if let (Some(http2), Some(rest)) = (&mut self.http2, http1.take_rest(Side::Client)) {
            self.http1 = None;
            feed(http2, Side::Client, rest, sink);
        }
    }
}

/// Pushes the bytes that HTTP/1 left.
fn feed(http2: &mut h2::Connection, side: Side, mut rest: StreamBuf, sink: &mut Sink<'_, Part>) {
    while let Some((bytes, span)) = rest.take_piece(usize::MAX) {
        http2.push((side, Feed::Data(bytes, span)), sink);
    }
}

impl Layer for Connection {
    type In = (Side, Feed);
    type Out = Part;

    fn push(&mut self, (side, feed): Self::In, sink: &mut Sink<'_, Part>) {
        match (&mut self.http1, &mut self.http2) {
            // The request is not over.
            (Some(http1), Some(http2)) if side == Side::Client => {
                http1.push((side, feed.clone()), sink);
                if let Feed::Eof { .. } | Feed::Gap { .. } = feed {
                    http2.push((side, feed), sink);
                }
            }
            (_, Some(http2)) => http2.push((side, feed), sink),
            (Some(http1), None) => http1.push((side, feed), sink),
            (None, None) => {}
        }
        self.change(sink);
    }

    fn held(&self) -> usize {
        let http1 = self.http1.as_ref().map_or(0, |http1| size_of_val(&**http1) + http1.held());
        http1 + self.http2.as_ref().map_or(0, |http2| size_of_val(&**http2) + http2.held())
    }

    fn shed(&mut self, at: Origin, findings: &mut Findings) {
        if let Some(http1) = &mut self.http1 {
            http1.shed(at, findings);
        }
        if let Some(http2) = &mut self.http2 {
            http2.shed(at, findings);
        }
    }

    fn settle(&mut self) {
        if let Some(http1) = &mut self.http1 {
            http1.settle();
        }
        if let Some(http2) = &mut self.http2 {
            http2.settle();
        }
    }

    fn is_over(&self) -> bool {
        match (&self.http1, &self.http2) {
            (_, Some(http2)) => http2.is_over(),
            (Some(http1), None) => http1.is_over(),
            (None, None) => true,
        }
    }

    fn switched(&self) -> Switched {
        match &self.http1 {
            Some(http1) => http1.switched(),
            None => Switched { is_tunnel: false, to: self.is_upgraded.then_some(Speaks::Http2) },
        }
    }

    fn round_trips(&self) -> RoundTrips {
        self.http2.as_ref().map_or_else(RoundTrips::default, |http2| http2.round_trips())
    }
}

//! What passes between the layers of one connection, and the trait that they implement.

use std::collections::VecDeque;

use bytes::Bytes;

use super::speaks::Speaks;
use super::{Degraded, End, Findings, Origin, RoundTrips, Side, Span};

/// How one direction of a connection ended. `W` names an end: [`End`] below the pipeline, [`Side`]
/// above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending<W = Side> {
    /// The sender closed its direction (FIN), and everything before the FIN was seen or given up as
    /// a gap.
    Closed,
    /// This end reset the connection (RST).
    Reset(W),
    /// The capture ended, or the connection was dropped after a long silence, before the direction
    /// ended.
    Open,
}

impl Ending<End> {
    /// Replaces the end by its role.
    #[must_use]
    #[inline]
    pub fn by_side(self, client: End) -> Ending {
        match self {
            Self::Closed => Ending::Closed,
            Self::Reset(by) => Ending::Reset(by.side(client)),
            Self::Open => Ending::Open,
        }
    }
}

/// The next piece of one direction of a connection, in order. `W` is as in [`Ending`].
#[derive(Clone, Debug)]
pub enum Feed<W = Side> {
    /// The next bytes and the packets that carried them. Never empty.
    Data(Bytes, Span),
    /// `len` bytes are not in the capture; 0 if their number is not known (the capture starts in
    /// the middle, or lacks the end).
    Gap {
        /// Number of missing bytes.
        len: u64,
        /// Why they are missing.
        why: Degraded,
        /// The packet at which they were given up.
        at: Origin,
    },
    /// The direction ended. Sent once, after everything else.
    Eof {
        /// How it ended.
        how: Ending<W>,
        /// The packet that ended it; the last packet of the capture for [`Ending::Open`].
        at: Origin,
    },
}

impl<W> Feed<W> {
    /// Returns the number of bytes that the piece carries.
    #[must_use]
    pub fn data_len(&self) -> usize {
        if let Self::Data(bytes, _) = self { bytes.len() } else { 0 }
    }

    /// Returns the packet that completed the piece.
    #[must_use]
    pub fn at(&self) -> Origin {
        match self {
            Self::Data(_, span) => span.end,
            Self::Gap { at, .. } | Self::Eof { at, .. } => *at,
        }
    }
}

impl Feed<End> {
    /// Replaces ends by their roles.
    #[must_use]
    #[inline]
    pub fn by_side(self, client: End) -> Feed {
        match self {
            Self::Data(bytes, span) => Feed::Data(bytes, span),
            Self::Gap { len, why, at } => Feed::Gap { len, why, at },
            Self::Eof { how, at } => Feed::Eof { how: how.by_side(client), at },
        }
    }
}

/// Where a component puts its results: what it produces, and what it noticed.
#[derive(Debug)]
pub struct Sink<'a, T> {
    /// Results, in order.
    pub out: &'a mut Vec<T>,
    /// Findings, in order.
    pub findings: &'a mut Findings,
}

impl<'a, T> Sink<'a, T> {
    /// Creates a sink that appends to `out` and to `findings`.
    pub fn new(out: &'a mut Vec<T>, findings: &'a mut Findings) -> Self {
        Self { out, findings }
    }
}

/// A layer of one connection, between `tcp` and `rpc`.
///
/// `push` appends results to the sink. It returns nothing and cannot fail: bad traffic is a
/// finding. It reads no clock: time comes with the input. Cutting a [`Feed::Data`] into pieces with
/// the same span does not change the output.
///
/// A layer that reads bytes takes `(Side, Feed)`; one that only transforms them (TLS) also produces
/// `(Side, Feed)`, so it fits between `tcp` and `http`: see [`Stack`].
pub trait Layer {
    /// What the layer consumes.
    type In;
    /// What the layer produces.
    type Out;

    /// Takes the next input. Must not be called while the layer [is pending](Self::is_pending).
    fn push(&mut self, input: Self::In, sink: &mut Sink<'_, Self::Out>);

    /// Returns whether the last input has more output than was appended so far. A layer whose
    /// output may be much larger than its input produces it in steps, so that it need not be held
    /// at once.
    fn is_pending(&self) -> bool {
        false
    }

    /// Appends the next part of the output of the last input.
    fn resume(&mut self, _sink: &mut Sink<'_, Self::Out>) {}

    /// Returns what is allocated for messages that are not complete, in bytes.
    fn held(&self) -> usize;

    /// Drops what is held, because a cap was reached at packet `at`; each loss is a finding.
    fn shed(&mut self, at: Origin, findings: &mut Findings);

    /// Copies held slices that would keep a whole block of the capture in memory. Called after each
    /// input from `tcp`.
    fn settle(&mut self);

    /// Returns whether the layer will produce nothing more, whatever comes.
    fn is_over(&self) -> bool;

    /// Returns what the connection went on to speak after it began with the layer's protocol.
    fn switched(&self) -> Switched {
        Switched::default()
    }

    /// Returns the round trips that the layer measured.
    fn round_trips(&self) -> RoundTrips {
        RoundTrips::default()
    }
}

/// What a connection went on to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switched {
    /// Whether a proxy opened a tunnel (`CONNECT`).
    pub is_tunnel: bool,
    /// The protocol that it went on to speak; `None` if it still is the one with which it began.
    pub to: Option<Speaks>,
}

/// Two layers, one on top of the other, as one layer.
#[derive(Debug)]
pub struct Stack<L: Layer, U> {
    /// The layer nearer to the wire.
    pub lower: L,
    /// The layer that consumes the output of `lower`.
    pub upper: U,
    between: Vec<L::Out>,
    /// Output of `lower` that waits until `upper` is no longer pending.
    waiting: VecDeque<L::Out>,
}

impl<L: Layer, U: Layer<In = L::Out>> Stack<L, U> {
    /// Passes the output of `lower` on, as far as `upper` takes it.
    fn pass_on(&mut self, sink: &mut Sink<'_, U::Out>) {
        let mut items = self.between.drain(..);
        while !self.upper.is_pending()
            && let Some(item) = items.next()
        {
            self.upper.push(item, sink);
        }
        if items.len() > 0 {
            self.waiting.extend(items);
        }
    }

    /// Puts `upper` on top of `lower`.
    pub fn new(lower: L, upper: U) -> Self {
        Self { lower, upper, between: Vec::new(), waiting: VecDeque::new() }
    }
}

impl<L: Layer, U: Layer<In = L::Out>> Layer for Stack<L, U> {
    type In = L::In;
    type Out = U::Out;

    #[inline(always)]
    fn push(&mut self, input: Self::In, sink: &mut Sink<'_, Self::Out>) {
        self.lower.push(input, &mut Sink::new(&mut self.between, sink.findings));
        self.pass_on(sink);
    }

    fn is_pending(&self) -> bool {
        self.upper.is_pending() || !self.waiting.is_empty() || self.lower.is_pending()
    }

    fn resume(&mut self, sink: &mut Sink<'_, Self::Out>) {
        if self.upper.is_pending() {
            self.upper.resume(sink);
        } else if let Some(item) = self.waiting.pop_front() {
            self.upper.push(item, sink);
        } else if self.lower.is_pending() {
            self.lower.resume(&mut Sink::new(&mut self.between, sink.findings));
            self.pass_on(sink);
        }
    }

    fn held(&self) -> usize {
        self.lower.held() + self.upper.held()
    }

    fn shed(&mut self, at: Origin, findings: &mut Findings) {
        self.lower.shed(at, findings);
        self.upper.shed(at, findings);
    }

    fn settle(&mut self) {
        self.lower.settle();
        self.upper.settle();
    }

    fn is_over(&self) -> bool {
        self.lower.is_over() || self.upper.is_over()
    }

    fn switched(&self) -> Switched {
        self.lower.switched()
    }

    fn round_trips(&self) -> RoundTrips {
        self.lower.round_trips()
    }
}

/// How a response ended: the `ended` of a stream, the cause of an unanswered exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResponseEnd {
    /// The end of the body was seen, or the close that delimits it (RFC 9112 section 6.3).
    Complete,
    /// This side closed the connection (FIN) or the HTTP/2 stream before the response was complete.
    ClosedBy(Side),
    /// This side reset the connection (RST) or the HTTP/2 stream.
    ResetBy(Side),
    /// The capture ended first.
    Open,
}

impl ResponseEnd {
    /// Returns the side that closed or reset; `None` if neither did.
    #[must_use]
    pub fn by(self) -> Option<Side> {
        match self {
            Self::ClosedBy(side) | Self::ResetBy(side) => Some(side),
            Self::Complete | Self::Open => None,
        }
    }

    /// Returns the name used in exports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::ClosedBy(Side::Client) => "client_closed",
            Self::ClosedBy(Side::Server) => "server_closed",
            Self::ResetBy(Side::Client) => "client_reset",
            Self::ResetBy(Side::Server) => "server_reset",
            Self::Open => "open",
        }
    }
}

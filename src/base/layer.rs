//! What a stage of the analysis is fed, and the one trait that the stream stages share.

use std::net::SocketAddr;

use bytes::Bytes;

use super::{Degraded, Findings, Origin, Span};

/// One end of a connection: the client opened it (or speaks as one), the server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The end that sends requests of the transport (HTTP requests).
    Client,
    /// The end that answers them.
    Server,
}

impl Side {
    /// Both sides, client first.
    pub const BOTH: [Self; 2] = [Self::Client, Self::Server];

    /// The other end.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// `"client"` or `"server"`, the word of the exports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// How one direction of a connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The sender closed its direction (FIN) and everything before it was seen or given up as a gap.
    Closed,
    /// The connection was reset by `Side` (RST).
    Reset(Side),
    /// The capture ended, or the connection was given up after silence, while the direction was open.
    Open,
}

/// What a stage is handed of one direction of a connection, in order.
#[derive(Clone, Debug)]
pub enum Feed {
    /// The next bytes of the direction and the packets that they came in. Never empty.
    Data(Bytes, Span),
    /// `len` bytes of the direction are not in the capture; 0 where it is not known how many (a start in the middle).
    Gap {
        /// How many bytes are missing.
        len: u64,
        /// Why they are missing: one reason, or several.
        why: Degraded,
        /// The packet at which they were given up.
        at: Origin,
    },
    /// Nothing more comes of this direction. Sent once.
    End {
        /// How it ended.
        how: Ending,
        /// The packet that ended it; the last packet of the capture for [`Ending::Open`].
        at: Origin,
    },
}

/// A stage that turns the two directions of one connection into something nearer to meaning.
///
/// `push` appends what it made to `out` and what it noticed to `findings`; it returns nothing, calls nobody back and
/// owns no clock: time comes with the feed. Cutting a [`Feed::Data`] into pieces with the same span never changes what
/// comes out (design: law 1).
pub trait Stage {
    /// What the stage makes.
    type Out;

    /// Takes the next feed of one side.
    fn push(&mut self, side: Side, feed: Feed, out: &mut Vec<Self::Out>, findings: &mut Findings);
}

/// Who talks on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peers {
    /// Wireshark's number of the connection (`tcp.stream`), from 0; a port used again counts anew.
    pub tcp_stream: u32,
    /// The client's address and port.
    pub client: SocketAddr,
    /// The server's address and port.
    pub server: SocketAddr,
}

/// How a response, and so a stream, came to its end: the `ended` of a stream, the cause of an unanswered exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResponseEnd {
    /// The body's own end was seen; also the close, where the close is the end (RFC 9112 section 6.3).
    Complete,
    /// This side closed the connection first (FIN), or the stream (HTTP/2).
    ClosedBy(Side),
    /// This side reset the connection (RST), or the stream.
    ResetBy(Side),
    /// Nothing ended it before the capture did.
    Open,
}

impl ResponseEnd {
    /// The word of the exports.
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

//! Reassembles TCP: segments become bytes, gaps and an end, in order, for each direction of each
//! connection.
//!
//! Follows sequence numbers as a receiver does, but does not guess what the receiver accepted: the
//! first captured copy of a byte is taken, and missing bytes become a gap once the receiver
//! acknowledged them. Payload is not looked at.
//!
//! ```text
//!             front                                  lane
//!   Segment ─▶ Directory ─ConnectionId, End─▶ Reassembler ─▶ Connection ─┬─▶ Half A ─▶ Feed
//!              (number, cap, expiry)          (caps, holes)  (RST, SYN)  └─▶ Half B ─▶ Feed
//! ```
//!
//! [`Directory`] looks at headers only, [`Reassembler`] at one connection at a time, so they can
//! run on different threads.

mod acks;
mod connection;
mod directory;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod half;
mod key;
mod reassembler;
mod reassembly;
mod recent;
mod reported;
mod seq;
mod sink;
mod slab;
#[cfg(test)]
mod tests;
mod vantage;

use std::net::SocketAddr;

use crate::base::fact::{ConnectionFact, DirectionFact, Speaks, Wrapper};
use crate::base::{End, Ending, Feed, Origin, RoundTrips};

pub use directory::Directory;
pub use reassembler::Reassembler;

/// A connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionId {
    /// Index for tables of connections: small, reused after the connection is closed.
    pub slot: u32,
    /// Wireshark's number (`tcp.stream`): from 0, in the order of first packets.
    pub tcp_stream: u32,
    /// Shard, by a hash of addresses and ports that both directions share: see `limits::SHARDS`.
    pub shard: u8,
}

/// A connection that a segment opened. Any segment opens one, also in the middle of a conversation.
#[derive(Clone, Copy, Debug)]
pub struct Opened {
    /// The connection.
    pub id: ConnectionId,
    /// Addresses and ports of A and B.
    pub ends: [SocketAddr; 2],
    /// The end that sent the SYN; `None` if the first packet is neither SYN nor SYN-ACK.
    pub opener: Option<End>,
    /// First packet.
    pub at: Origin,
}

/// The next piece of what an end sent. Of every direction exactly one [`Feed::Eof`] is delivered,
/// also if it sent nothing.
pub type Delivery = (End, Feed<End>);

/// Summary of a connection, by end.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Wireshark's number of the connection.
    pub tcp_stream: u32,
    /// Addresses and ports of A and B.
    pub ends: [SocketAddr; 2],
    /// First packet.
    pub first: Origin,
    /// Last packet.
    pub last: Origin,
    /// Time from the SYN to the ACK of the SYN-ACK, in nanoseconds; `None` unless all three were
    /// captured.
    pub handshake_ns: Option<i64>,
    /// How it ended.
    pub ended: Ending<End>,
    /// Whether a RST answered the SYN: nobody listens there.
    pub is_refused: bool,
    /// Counts of what A and B sent.
    pub directions: [DirectionFact; 2],
}

impl Summary {
    /// Returns the fact about the connection, given its client and what it carries. `tls` and `mcp`
    /// are not filled in.
    #[must_use]
    pub fn into_fact(self, client: End, speaks: Speaks, wrapper: Option<Wrapper>) -> ConnectionFact {
        let [client_address, server_address] = client.client_first(self.ends);
        ConnectionFact {
            tcp_stream: self.tcp_stream,
            client: client_address,
            named_client: None,
            server: server_address,
            client_end: client,
            speaks,
            wrapper,
            tls: None,
            mcp: false,
            first: self.first,
            last: self.last,
            handshake_ns: self.handshake_ns,
            pings: RoundTrips::default(),
            ended: self.ended.by_side(client),
            is_refused: self.is_refused,
            directions: client.client_first(self.directions),
        }
    }
}

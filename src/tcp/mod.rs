//! TCP segments in; of every connection one ordered story per direction out: bytes, gaps, the end.
//!
//! Follows sequence numbers as a receiver does, but never guesses what a receiver saw: the first captured copy of a byte
//! is taken, what is missing becomes a gap once the receiver says that it has it. Looks into no payload.
//!
//! ```text
//!   Segment ─▶ Table ─▶ Connection ─┬─▶ Half A ─▶ Feed        Table: which connection, its number, caps, expiry
//!              (key)    (RST, SYN)  └─▶ Half B ─▶ Feed        Half: one direction; Store: what waits behind a hole
//! ```

mod acks;
mod connection;
mod half;
mod key;
mod reassembly;
mod recent;
mod seq;
mod sink;
mod slab;
mod table;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use crate::base::fact::ConnectionFact;
use crate::base::{Feed, Origin, Side};

pub use table::Table;

/// Where a connection's state lives: small numbers, used again after the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

/// One end of a connection, by who spoke first in the capture: that need not be the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// The sender of the first packet that was seen; index 0 of pairs.
    A,
    /// The other one; index 1 of pairs.
    B,
}

impl End {
    /// Both ends, in the order of pairs.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The other end.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Which side this end is where `client` is the client; [`End::A`] is taken for it where it is not known.
    #[must_use]
    pub fn side(self, client: Option<Self>) -> Side {
        if self == client.unwrap_or(Self::A) { Side::Client } else { Side::Server }
    }

    /// The end's part of a pair.
    #[must_use]
    pub fn of<T>(self, pair: &[T; 2]) -> &T {
        let [a, b] = pair;
        match self {
            Self::A => a,
            Self::B => b,
        }
    }
}

/// What the table tells.
///
/// Wherever a [`Side`] or the words client and server stand in it (`Ending::Reset`, the [`ConnectionFact`] with its
/// `directions`), they follow `client` of `Opened`, and [`End::A`] is taken for the client where that is `None`:
/// [`End::side`]. Who learns later that it was the other way round turns all of them.
#[derive(Clone, Debug)]
pub enum Output {
    /// The first packet of a connection: any TCP packet at all.
    Opened {
        /// Where its state can live.
        slot: Slot,
        /// Its number, as Wireshark counts: from 0 in the order of first packets.
        tcp_stream: u32,
        /// Addresses and ports of A and B.
        ends: [SocketAddr; 2],
        /// The client, where the first packet is a SYN or SYN-ACK; else `None`.
        client: Option<End>,
        /// The first packet.
        at: Origin,
    },
    /// What comes next of what `from` sent, in order. [`Feed::End`] is sent once per direction, also of one that sent
    /// nothing.
    Feed {
        /// The connection.
        slot: Slot,
        /// The sender.
        from: End,
        /// What comes next.
        feed: Feed,
    },
    /// The connection is over. The slot may be used again by a later `Opened`.
    Closed {
        /// The connection.
        slot: Slot,
        /// Its story; `speaks` and `mcp` are not filled in.
        fact: Box<ConnectionFact>,
    },
}

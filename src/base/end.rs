//! The two ends of a connection, before and after it is known which of them is the client.

use std::net::SocketAddr;

/// One end of a connection, by the order of its packets: known from the first packet on, whoever
/// the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// The sender of the first captured packet.
    A,
    /// The other end.
    B,
}

impl End {
    /// Both ends, in the order of pairs that are indexed by end.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// Returns the opposite end.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Returns the index of the end in a pair: 0 for A, 1 for B.
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }

    /// Returns the end's part of a pair.
    #[must_use]
    pub fn of<T>(self, [a, b]: &[T; 2]) -> &T {
        match self {
            Self::A => a,
            Self::B => b,
        }
    }

    /// Returns the end's part of a pair, and the other end's.
    #[must_use]
    pub fn split_mut<T>(self, [a, b]: &mut [T; 2]) -> (&mut T, &mut T) {
        match self {
            Self::A => (a, b),
            Self::B => (b, a),
        }
    }

    /// Returns the role of this end if `client` is the client.
    #[must_use]
    pub fn side(self, client: Self) -> Side {
        if self == client { Side::Client } else { Side::Server }
    }

    /// Returns the client if this end has the role `side`.
    #[must_use]
    pub fn client(self, side: Side) -> Self {
        match side {
            Side::Client => self,
            Side::Server => self.other(),
        }
    }

    /// Reorders a pair that is indexed by end: the client's part first. `self` is the client.
    #[must_use]
    pub fn client_first<T>(self, [a, b]: [T; 2]) -> [T; 2] {
        match self {
            Self::A => [a, b],
            Self::B => [b, a],
        }
    }
}

/// The role of an end: known once the connection shows what it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The end that sends the HTTP requests.
    Client,
    /// The end that answers them.
    Server,
}

impl Side {
    /// Both sides, client first.
    pub const BOTH: [Self; 2] = [Self::Client, Self::Server];

    /// Returns the opposite side.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// Returns the name used in exports: `client` or `server`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// A connection and the addresses of its two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peers {
    /// Wireshark's number of the connection (`tcp.stream`), from 0; a reused port counts anew.
    pub tcp_stream: u32,
    /// The client's address and port. Behind a PROXY protocol header it is the one that the header
    /// names.
    pub client: SocketAddr,
    /// The server's address and port.
    pub server: SocketAddr,
    /// The address and port of the balancer or proxy that named the client with a PROXY protocol
    /// header; `None` if the client opened the connection.
    pub via: Option<SocketAddr>,
}

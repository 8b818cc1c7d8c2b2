//! Facts: what is not MCP and yet shown.

use std::net::SocketAddr;

use super::{Ending, Origin};

/// Something that was seen, that is no message, and that readers want to know.
#[derive(Clone, Debug)]
pub enum Fact {
    /// A connection came to its end, or the capture did.
    Connection(Box<ConnectionFact>),
    /// The counts of the capture so far. The last one holds for the whole.
    Capture(CaptureFact),
}

/// What the capture is, and how good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaptureFact {
    /// Packets read (after a BPF filter, where one was given).
    pub packets: u64,
    /// Bytes of the packets on the wire (original length).
    pub bytes: u64,
    /// Bytes of the packets in the capture.
    pub captured_bytes: u64,
    /// The first packet; `None` where there is none.
    pub first: Option<Origin>,
    /// The packet with the highest number so far.
    pub last: Option<Origin>,
    /// Packets cut by the snapshot length.
    pub cut_packets: u64,
    /// Packets that carry TCP.
    pub tcp_packets: u64,
    /// Packets whose link or IP headers could not be read.
    pub unreadable_packets: u64,
    /// Packets that the capturing program, the kernel or the interface says it lost.
    pub lost_packets: u64,
    /// Bytes of TCP payload on connections that carry MCP.
    pub mcp_bytes: u64,
    /// Bytes of TCP payload in all.
    pub tcp_bytes: u64,
}

/// What a connection carries, as far as it was recognised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Speaks {
    /// No payload was seen.
    #[default]
    Nothing,
    /// HTTP/1.
    Http1,
    /// HTTP/2 in plaintext (prior knowledge).
    Http2,
    /// TLS.
    Tls,
    /// Something else.
    Other,
}

impl Speaks {
    /// The word of the reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Http1 => "http/1",
            Self::Http2 => "http/2",
            Self::Tls => "tls",
            Self::Other => "other",
        }
    }
}

/// The story of one connection.
#[derive(Clone, Debug)]
pub struct ConnectionFact {
    /// Wireshark's number of the connection.
    pub tcp_stream: u32,
    /// The client's address and port (of the end that sent the first packet, where nothing tells).
    pub client: SocketAddr,
    /// The server's address and port.
    pub server: SocketAddr,
    /// What it carries.
    pub speaks: Speaks,
    /// Whether it carried MCP.
    pub mcp: bool,
    /// Its first packet.
    pub first: Origin,
    /// Its last packet.
    pub last: Origin,
    /// From SYN to the ACK of the SYN-ACK, in nanoseconds; `None` where the three were not all captured.
    pub handshake_ns: Option<i64>,
    /// How it ended.
    pub ended: Ending,
    /// The two directions: what the client sent, what the server sent.
    pub directions: [DirectionFact; 2],
}

/// The counts of one direction of a connection, and its books.
///
/// The books balance (design: law 2): `bytes` = `delivered` + `given_up` + what is still held, and what the sender
/// sent = `delivered` + `gaps` + `given_up`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectionFact {
    /// Packets of the direction.
    pub packets: u64,
    /// Payload bytes captured, retransmissions included.
    pub bytes: u64,
    /// Bytes handed on in order.
    pub delivered: u64,
    /// Bytes that are in no packet of the capture.
    pub gaps: u64,
    /// Captured bytes that were not handed on: retransmitted copies, data before the start or after the end.
    pub given_up: u64,
    /// Segments that carry nothing but bytes that came before.
    pub retransmissions: u64,
    /// Packets that are copies of one packet (captured twice).
    pub duplicates: u64,
    /// Holes in the sequence that were seen, filled later or not.
    pub holes: u64,
    /// Segments with a window of 0.
    pub zero_windows: u64,
}

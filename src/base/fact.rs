//! Facts: what is not MCP and yet shown.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::{Degraded, Ending, Origin, Peers, Side, Span};

/// Something that was seen, that is no message, and that readers want to know.
#[derive(Clone, Debug)]
pub enum Fact {
    /// A connection came to its end, or the capture did.
    Connection(Box<ConnectionFact>),
    /// The counts of the capture so far. The last one holds for the whole.
    Capture(CaptureFact),
    /// What a transaction carried. Told only to those who watch: see `Engine::emit_payloads`.
    Payload(Box<PayloadFact>),
}

/// A head, a body or an event as it was, for those who look into messages.
#[derive(Clone, Debug)]
pub struct PayloadFact {
    /// Who talks, and Wireshark's number of their connection.
    pub peers: Peers,
    /// The number of the transaction on its connection, from 0.
    pub transaction: u32,
    /// Who sent it.
    pub side: Side,
    /// What it is.
    pub kind: PayloadKind,
    /// Its packets.
    pub span: Span,
    /// The head as it was sent; a body without its codings; the data of an event. It may be a slice of something
    /// much larger: who keeps it copies it.
    pub bytes: Bytes,
    /// Why it may not be whole.
    pub degraded: Degraded,
}

/// The kinds of [`PayloadFact`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayloadKind {
    /// A head: start line and header fields.
    Head,
    /// A whole body.
    Body,
    /// An event of a stream.
    Event {
        /// Its type; `None` is the default, `message`.
        name: Option<Box<str>>,
        /// Its `id` field; `None` where it has none.
        id: Option<Arc<str>>,
    },
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
    /// Packets that are said to be lost.
    pub lost: Losses,
    /// Bytes of TCP payload on connections that carry MCP.
    pub mcp_bytes: u64,
    /// Bytes of TCP payload in all.
    pub tcp_bytes: u64,
}

/// Who loses packets of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Loser {
    /// The kernel: its buffer was full (`ps_drop` of libpcap, `isb_osdrop` of pcapng).
    Kernel,
    /// The interface or its driver (`ps_ifdrop` of libpcap, `isb_ifdrop` of pcapng).
    Interface,
    /// mcpdump: its analysis was too far behind.
    Mcpdump,
    /// One of these: the file does not say which (`epb_dropcount` of pcapng).
    Unknown,
}

impl Loser {
    /// All of them, in the order of the reports.
    pub const ALL: [Self; 4] = [Self::Kernel, Self::Interface, Self::Mcpdump, Self::Unknown];

    /// The words of the reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kernel => "the kernel",
            Self::Interface => "the interface",
            Self::Mcpdump => "mcpdump",
            Self::Unknown => "the capturing program",
        }
    }
}

/// Packets that were lost, by who lost them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Packets that [`Loser::Kernel`] lost.
    pub kernel: u64,
    /// Packets that [`Loser::Interface`] lost.
    pub interface: u64,
    /// Packets that [`Loser::Mcpdump`] lost.
    pub mcpdump: u64,
    /// Packets that were lost without a word by whom.
    pub unknown: u64,
}

impl Losses {
    /// All of them together.
    #[must_use]
    pub fn total(self) -> u64 {
        Loser::ALL.iter().fold(0, |sum: u64, by| sum.saturating_add(self.by(*by)))
    }

    /// Those of one.
    #[must_use]
    pub fn by(mut self, by: Loser) -> u64 {
        *self.place(by)
    }

    /// Counts `packets` more.
    pub fn add(&mut self, by: Loser, packets: u64) {
        let count = self.place(by);
        *count = count.saturating_add(packets);
    }

    /// Takes those of one away.
    pub fn take(&mut self, by: Loser) -> u64 {
        std::mem::take(self.place(by))
    }

    fn place(&mut self, by: Loser) -> &mut u64 {
        match by {
            Loser::Kernel => &mut self.kernel,
            Loser::Interface => &mut self.interface,
            Loser::Mcpdump => &mut self.mcpdump,
            Loser::Unknown => &mut self.unknown,
        }
    }
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

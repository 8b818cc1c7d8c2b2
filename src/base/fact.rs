//! Facts: observations other than MCP records and findings that readers want to see.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

pub use super::speaks::Speaks;
use super::tls::TlsFact;
use super::{Degraded, End, Ending, Feed, Origin, PacketNo, Peers, RoundTrips, Side, Span};

/// An observation that is neither an MCP record nor a finding.
#[derive(Clone, Debug)]
pub enum Fact {
    /// A connection that ended, or that was open when the capture ended.
    Connection(Box<ConnectionFact>),
    /// A TLS connection whose ClientHello was not captured: its secrets were found out by trial.
    Identified(IdentifiedFact),
    /// Totals of the capture, emitted at its end.
    Capture(Box<CaptureFact>),
    /// A head, body or event. Emitted only after `Engine::emit_payloads`.
    Payload(Box<PayloadFact>),
    /// A TCP segment. Emitted only by `Engine::of_segments` and `Engine::of_connections`.
    Segment(Box<SegmentFact>),
    /// The next piece of what an end of a connection sent, in order. Emitted only by
    /// `Engine::of_connections`.
    Delivery(Box<DeliveryFact>),
}

/// The secrets that open a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentifiedFact {
    /// Wireshark's number of the connection.
    pub tcp_stream: u32,
    /// Its name in the key log: the `random` of its ClientHello (RFC 8446 section 4.1.2).
    pub client_random: [u8; 32],
}

/// A captured TCP segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFact {
    /// Wireshark's number of the connection.
    pub tcp_stream: u32,
    /// Its packet; for a reassembled IP packet the one that completed it.
    pub origin: Origin,
    /// The other packets of a reassembled IP packet, in capture order. Only known to
    /// `Engine::of_segments`.
    pub fragments: Box<[PacketNo]>,
    /// The end that sent it.
    pub from: End,
    /// Sequence number of the first byte, or of the SYN.
    pub seq: u32,
    /// Acknowledgement number; `None` without the ACK flag.
    pub ack: Option<u32>,
    /// SYN.
    pub syn: bool,
    /// FIN.
    pub fin: bool,
    /// RST.
    pub rst: bool,
    /// Length of the payload on the wire, in bytes.
    pub len: u64,
    /// Window field, unscaled.
    pub window: u16,
    /// Time to live of IPv4, hop limit of IPv6: what is left of it at the place of the capture. The
    /// packets of one sender have the same on one path.
    pub hop_limit: u8,
    /// The `random` of a TLS ClientHello that the payload begins with (RFC 8446 section 4.1.2):
    /// the name of the connection in key logs. `None` for other payload.
    pub client_random: Option<[u8; 32]>,
    /// Its place in the direction. Only known to `Engine::of_connections`; else
    /// [`SegmentNote::Ordinary`].
    pub note: SegmentNote,
}

/// The place of a segment in its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentNote {
    /// It is the next one, or carries nothing.
    Ordinary,
    /// Everything that it carries was seen before.
    Retransmission,
    /// It fills a hole late: the first copy was lost before the point of capture.
    LostBefore,
    /// It fills a hole within the time in which packets overtake each other.
    OutOfOrder,
    /// Bytes before it were not seen yet.
    AfterHole,
    /// The same packet was captured before.
    Duplicate,
}

impl SegmentNote {
    /// Returns the words for it; empty for [`SegmentNote::Ordinary`].
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ordinary => "",
            Self::Retransmission => "retransmitted",
            Self::LostBefore => "retransmitted, first copy lost",
            Self::OutOfOrder => "out of order",
            Self::AfterHole => "bytes before it missing",
            Self::Duplicate => "captured twice",
        }
    }

    /// Whether the sender sent the segment again.
    #[must_use]
    pub fn is_retransmission(self) -> bool {
        matches!(self, Self::Retransmission | Self::LostBefore)
    }
}

/// A piece of what an end of a connection sent.
#[derive(Clone, Debug)]
pub struct DeliveryFact {
    /// Wireshark's number of the connection.
    pub tcp_stream: u32,
    /// The end that sent it.
    pub from: End,
    /// The piece: bytes, a gap or the end.
    pub feed: Feed<End>,
    /// Whether it was decrypted: what the end said, with the packets of the TLS records that
    /// carried it. Else it is what TCP carried.
    pub is_decrypted: bool,
}

/// The bytes of an HTTP head, of a body, or of the data of an event.
#[derive(Clone, Debug)]
pub struct PayloadFact {
    /// The connection and its ends.
    pub peers: Peers,
    /// The number of the transaction on its connection, from 0.
    pub transaction: u32,
    /// The sender.
    pub side: Side,
    /// Head, body or event.
    pub kind: PayloadKind,
    /// The packets that carried it.
    pub span: Span,
    /// The head as text, the body after content decoding, or the data of the event. May be a slice
    /// of a much larger block of the capture: copy it to keep it.
    pub bytes: Bytes,
    /// Reasons why it may be incomplete.
    pub degraded: Degraded,
}

/// The kinds of [`PayloadFact`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayloadKind {
    /// A head: start line and header fields.
    Head,
    /// A complete body.
    Body,
    /// An event of a stream.
    Event {
        /// Event type; `None` for the default, `message`.
        name: Option<Box<str>>,
        /// The `id` field; `None` if the event has none.
        id: Option<Arc<str>>,
    },
}

/// Size and quality of the capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaptureFact {
    /// Packets read, after the BPF filter if there is one.
    pub packets: u64,
    /// Sum of the packets' original lengths, in bytes.
    pub bytes: u64,
    /// Sum of the packets' captured lengths, in bytes.
    pub captured_bytes: u64,
    /// First packet; `None` if the capture is empty.
    pub first: Option<Origin>,
    /// Packet with the highest number so far; `None` if the capture is empty.
    pub last: Option<Origin>,
    /// From the earliest to the latest packet time, in nanoseconds. If packet times go back, the
    /// sum of the times before and after.
    pub length_ns: i64,
    /// How often packet times go back (`capture.time_back`).
    pub time_steps: u64,
    /// Files that end inside a packet or block.
    pub truncated_files: u64,
    /// Packets truncated by the snapshot length.
    pub cut_packets: u64,
    /// Packets that carry TCP.
    pub tcp_packets: u64,
    /// Packets whose link or IP headers could not be read.
    pub unreadable_packets: u64,
    /// QUIC connections (HTTP/3), which are not decoded.
    pub quic_connections: u64,
    /// Packets reported as lost.
    pub lost: Losses,
    /// Bytes of TCP payload on connections that carry MCP.
    pub mcp_bytes: u64,
    /// Bytes of TCP payload on all connections.
    pub tcp_bytes: u64,
}

/// The component that lost packets of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Loser {
    /// The kernel: its buffer was full (`ps_drop` of libpcap, `isb_osdrop` of pcapng).
    Kernel,
    /// The interface or its driver (`ps_ifdrop` of libpcap, `isb_ifdrop` of pcapng).
    Interface,
    /// mcpdump: the analysis fell too far behind.
    Mcpdump,
    /// One of the above; the file does not say which (`epb_dropcount` of pcapng).
    Unknown,
}

impl Loser {
    /// Every variant, in the order of the reports.
    pub const ALL: [Self; 4] = [Self::Kernel, Self::Interface, Self::Mcpdump, Self::Unknown];

    /// Returns the name used in reports.
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

/// Numbers of lost packets, by the component that lost them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Packets lost by [`Loser::Kernel`].
    pub kernel: u64,
    /// Packets lost by [`Loser::Interface`].
    pub interface: u64,
    /// Packets lost by [`Loser::Mcpdump`].
    pub mcpdump: u64,
    /// Packets lost by [`Loser::Unknown`].
    pub unknown: u64,
}

impl Losses {
    /// Returns the sum over all components.
    #[must_use]
    pub fn total(self) -> u64 {
        Loser::ALL.iter().fold(0, |sum: u64, by| sum.saturating_add(self.by(*by)))
    }

    /// Returns the packets that `by` lost.
    #[must_use]
    pub fn by(mut self, by: Loser) -> u64 {
        *self.count_mut(by)
    }

    /// Adds `packets` to the count of `by`.
    pub fn add(&mut self, by: Loser, packets: u64) {
        let count = self.count_mut(by);
        *count = count.saturating_add(packets);
    }

    /// Returns the count of `by` and resets it to 0.
    pub fn take(&mut self, by: Loser) -> u64 {
        std::mem::take(self.count_mut(by))
    }

    fn count_mut(&mut self, by: Loser) -> &mut u64 {
        match by {
            Loser::Kernel => &mut self.kernel,
            Loser::Interface => &mut self.interface,
            Loser::Mcpdump => &mut self.mcpdump,
            Loser::Unknown => &mut self.unknown,
        }
    }
}

/// What stands before or around the protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wrapper {
    /// A tunnel that an HTTP proxy opened (`CONNECT`, RFC 9110 section 9.3.6).
    ConnectTunnel,
    /// A PROXY protocol header, with which a proxy names the client behind it.
    ProxyHeader,
}

impl Wrapper {
    /// Returns the name used in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ConnectTunnel => "connect",
            Self::ProxyHeader => "proxy_protocol",
        }
    }
}

/// Summary of one connection.
#[derive(Clone, Debug)]
pub struct ConnectionFact {
    /// Wireshark's number of the connection.
    pub tcp_stream: u32,
    /// The client's address and port; the sender of the first packet if the roles are not known.
    pub client: SocketAddr,
    /// The client that a PROXY protocol header names: `client` is a balancer then. `None` without
    /// one.
    pub named_client: Option<SocketAddr>,
    /// The server's address and port.
    pub server: SocketAddr,
    /// The end that is the client.
    pub client_end: End,
    /// The protocol that it carries.
    pub speaks: Speaks,
    /// What stands before or around that protocol; `None` if it begins with the connection.
    pub wrapper: Option<Wrapper>,
    /// What is known of its TLS; `None` if it has none.
    pub tls: Option<Box<TlsFact>>,
    /// Whether it carried MCP.
    pub mcp: bool,
    /// First packet.
    pub first: Origin,
    /// Last packet.
    pub last: Origin,
    /// Time from the SYN to the ACK of the SYN-ACK, in nanoseconds; `None` unless all three were
    /// captured.
    pub handshake_ns: Option<i64>,
    /// Round trips that PING frames of HTTP/2 show, from the place of the capture to the end that
    /// answers and back.
    pub pings: RoundTrips,
    /// How it ended.
    pub ended: Ending,
    /// Whether a RST answered the SYN: nobody listens there, or a firewall refuses.
    pub is_refused: bool,
    /// Counts of what the client sent and of what the server sent.
    pub directions: [DirectionFact; 2],
}

/// Counts of one direction of a connection.
///
/// The books balance: `bytes` = `delivered` + `given_up` + bytes still held for reassembly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectionFact {
    /// Packets.
    pub packets: u64,
    /// Captured payload in bytes, retransmissions included.
    pub bytes: u64,
    /// Bytes passed on in order.
    pub delivered: u64,
    /// Bytes that no captured packet carries.
    pub gaps: u64,
    /// Captured bytes that were not passed on: retransmitted copies, data before the start or after
    /// the end.
    pub given_up: u64,
    /// Segments that were sent again: those that carry only bytes seen before, and those that fill
    /// a hole late.
    pub retransmissions: u64,
    /// Segments that fill a hole late: the first copy was lost before the point of capture.
    pub lost_before: u64,
    /// Segments that fill a hole within the time in which packets overtake each other.
    pub out_of_order: u64,
    /// Packets captured more than once.
    pub duplicates: u64,
    /// Holes in the sequence space, filled later or not.
    pub holes: u64,
    /// Segments with a receive window of 0.
    pub zero_windows: u64,
}

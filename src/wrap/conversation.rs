//! The packets of a TCP connection over which two ends could have sent the bytes that passed.

use bytes::Bytes;
use etherparse::{PacketBuilder, TcpOptionElement};

use super::addresses::Addresses;
use crate::base::{Origin, Side, Timestamp, limits};
use crate::capture::{LinkType, Packet};

/// Bytes in one segment at most: with headers of 40 bytes a packet of IPv4 is full (RFC 791 section
/// 3.1).
pub(super) const MAX_SEGMENT: usize = 65_535 - 40;

/// Window that is announced, with the shift of [`WINDOW_SHIFT`]: no packet exceeds it.
const WINDOW: u16 = 32_768;

/// RFC 7323 section 2.
const WINDOW_SHIFT: u8 = 10;

/// Time to live of the packets.
const HOP_LIMIT: u8 = 64;

/// IPv4 or IPv6 without a header below.
pub(super) const LINK_TYPE: LinkType = LinkType(101);

/// Sequence numbers that a hole in the file takes at most: what follows is still near enough for
/// readers to be of the same connection. A hole of more bytes looks shorter than it is.
const MAX_HOLE: u32 = limits::MAX_AHEAD / 2;

/// What one end has sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    /// The sequence number of its next byte (RFC 9293 section 3.4).
    next: u32,
    /// The first byte that its peer has not acknowledged.
    acknowledged: u32,
    /// Bytes that it sent, those of holes included.
    total: u64,
    /// The sequence number behind its last packet in the file.
    in_file: u32,
    /// The sequence number behind its last packet that is on the way to the file; `None` if there
    /// is none.
    pending: Option<u32>,
    /// Whether it closed its direction.
    is_closed: bool,
}

impl Sent {
    fn new(next: u32) -> Self {
        Self { next, acknowledged: next, total: 0, in_file: next, pending: None, is_closed: false }
    }

    /// Returns the number of sequence numbers that its peer has not acknowledged.
    fn unacknowledged(&self) -> u32 {
        self.next.wrapping_sub(self.acknowledged)
    }

    /// Makes the hole before the next byte no longer than [`MAX_HOLE`].
    fn shorten_hole(&mut self) {
        let unacknowledged = self.unacknowledged();
        let start = self.pending.unwrap_or(self.in_file);
        let hole = self.next.wrapping_sub(start);
        if hole <= MAX_HOLE {
            return;
        }
        self.next = start.wrapping_add(MAX_HOLE);
        if unacknowledged < hole {
            self.acknowledged = self.next.wrapping_sub(unacknowledged.min(MAX_HOLE));
        }
    }
}

/// The flags of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flags {
    is_syn: bool,
    is_fin: bool,
    is_rst: bool,
    is_push: bool,
    is_ack: bool,
}

/// A connection under construction. Each step returns the packets that it takes.
#[derive(Debug)]
pub(super) struct Conversation {
    addresses: Addresses,
    client: Sent,
    server: Sent,
    /// The latest time: clocks go back, packets do not.
    now: Timestamp,
    is_reset: bool,
    /// Whether the client closed the pipe that it reads.
    has_no_reader: bool,
}

impl Conversation {
    pub(super) fn new(addresses: Addresses) -> Self {
        let [client, server] = addresses.sequence.map(Sent::new);
        Self { addresses, client, server, now: Timestamp(0), is_reset: false, has_no_reader: false }
    }

    fn sent(&mut self, side: Side) -> &mut Sent {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// The handshake (RFC 9293 section 3.5).
    pub(super) fn open(&mut self, time: Timestamp) -> Vec<Packet> {
        let syn = Flags { is_syn: true, ..Flags::default() };
        let first = self.segment(Side::Client, syn, &[], time);
        self.client.acknowledged = self.client.next;
        let second = self.segment(Side::Server, Flags { is_ack: true, ..syn }, &[], time);
        self.server.acknowledged = self.server.next;
        let third = self.acknowledgement(Side::Client, time);
        vec![first, second, third]
    }

    /// `side` sent at most [`MAX_SEGMENT`] bytes.
    pub(super) fn data(&mut self, side: Side, bytes: &[u8], time: Timestamp) -> Option<Packet> {
        if self.is_over(side) || bytes.is_empty() {
            return None;
        }
        let flags = Flags { is_push: true, is_ack: true, ..Flags::default() };
        Some(self.segment(side, flags, bytes, time))
    }

    /// `side` sent bytes that are not recorded: they are a gap in the sequence numbers.
    pub(super) fn skip(&mut self, side: Side, len: u64) {
        if !self.is_over(side) {
            let sent = self.sent(side);
            sent.total += len;
            let len = u32::try_from(len).unwrap_or(MAX_HOLE).min(MAX_HOLE);
            sent.next = sent.next.wrapping_add(len);
            sent.shorten_hole();
        }
    }

    /// The packets so far are in the file.
    pub(super) fn written(&mut self) {
        for sent in [&mut self.client, &mut self.server] {
            sent.in_file = sent.pending.take().unwrap_or(sent.in_file);
        }
    }

    /// The packets since the last [`Conversation::written`] are not in the file.
    pub(super) fn discarded(&mut self) {
        for sent in [&mut self.client, &mut self.server] {
            sent.pending = None;
            sent.shorten_hole();
        }
    }

    /// What `side` sent up to the byte number `total` was taken by the other side.
    pub(super) fn taken(&mut self, side: Side, total: u64, time: Timestamp) -> Option<Packet> {
        let is_over = self.is_over(side);
        let sent = self.sent(side);
        let outstanding = u32::try_from(sent.total.saturating_sub(total)).unwrap_or(u32::MAX);
        let until = sent.next.wrapping_sub(outstanding.min(sent.unacknowledged()));
        if is_over || sent.acknowledged == until {
            return None;
        }
        sent.acknowledged = until;
        Some(self.acknowledgement(side.other(), time))
    }

    /// The client closed the pipe that it reads: a TCP connection would be reset once the client
    /// sends nothing more, too.
    pub(super) fn no_reader(&mut self) {
        self.has_no_reader = true;
    }

    /// `side` sends nothing more (RFC 9293 section 3.6).
    pub(super) fn close(&mut self, side: Side, time: Timestamp) -> Vec<Packet> {
        if self.is_over(side) {
            return Vec::new();
        }
        if self.has_no_reader {
            return self.reset(side, time).into_iter().collect();
        }
        let flags = Flags { is_fin: true, is_ack: true, ..Flags::default() };
        let fin = self.segment(side, flags, &[], time);
        let sent = self.sent(side);
        sent.is_closed = true;
        sent.acknowledged = sent.next;
        vec![fin, self.acknowledgement(side.other(), time)]
    }

    /// `side` broke the connection off (RFC 9293 section 3.5.2), or the client did before, which
    /// closed the pipe that it reads. `None` if it is over.
    pub(super) fn reset(&mut self, side: Side, time: Timestamp) -> Option<Packet> {
        if self.is_reset || (self.client.is_closed && self.server.is_closed) {
            return None;
        }
        self.is_reset = true;
        let side = if self.has_no_reader { Side::Client } else { side };
        Some(self.segment(side, Flags { is_rst: true, is_ack: true, ..Flags::default() }, &[], time))
    }

    /// A datagram without content from the server's address, to carry a comment: an
    /// acknowledgement that acknowledges nothing would look like a sign of loss.
    pub(super) fn note(&mut self, time: Timestamp) -> Packet {
        let Addresses { client, server, .. } = self.addresses;
        let builder = PacketBuilder::ipv4(server.ip().octets(), client.ip().octets(), HOP_LIMIT)
            .udp(server.port(), client.port());
        let mut bytes = Vec::with_capacity(builder.size(0));
        // Writing to memory does not fail.
        drop(builder.write(&mut bytes, &[]));
        self.packet(bytes, time)
    }

    /// Whether `side` can send nothing more.
    fn is_over(&mut self, side: Side) -> bool {
        self.is_reset || self.sent(side).is_closed
    }

    fn acknowledgement(&mut self, side: Side, time: Timestamp) -> Packet {
        self.segment(side, Flags { is_ack: true, ..Flags::default() }, &[], time)
    }

    /// Builds a segment, and counts what it sends.
    fn segment(&mut self, side: Side, flags: Flags, payload: &[u8], time: Timestamp) -> Packet {
        let Addresses { client, server, .. } = self.addresses;
        let (from, to) = if side == Side::Client { (client, server) } else { (server, client) };
        let peer = self.sent(side.other()).acknowledged;
        let sent = self.sent(side);
        let sequence = sent.next;
        let counted = u32::try_from(payload.len()).unwrap_or_default();
        sent.total += u64::from(counted);
        sent.next =
            sequence.wrapping_add(counted).wrapping_add(u32::from(flags.is_syn) + u32::from(flags.is_fin));
        if sent.next != sequence {
            sent.pending = Some(sent.next);
        }
        let mut builder = PacketBuilder::ipv4(from.ip().octets(), to.ip().octets(), HOP_LIMIT).tcp(
            from.port(),
            to.port(),
            sequence,
            WINDOW,
        );
        if flags.is_syn {
            let size = u16::try_from(MAX_SEGMENT).unwrap_or(u16::MAX);
            let options =
                [TcpOptionElement::MaximumSegmentSize(size), TcpOptionElement::WindowScale(WINDOW_SHIFT)];
            builder = builder.syn().options(&options).unwrap_or_else(|_| {
                PacketBuilder::ipv4(from.ip().octets(), to.ip().octets(), HOP_LIMIT)
                    .tcp(from.port(), to.port(), sequence, WINDOW)
                    .syn()
            });
        }
        if flags.is_ack {
            builder = builder.ack(peer);
        }
        if flags.is_push {
            builder = builder.psh();
        }
        if flags.is_fin {
            builder = builder.fin();
        }
        if flags.is_rst {
            builder = builder.rst();
        }
        let mut bytes = Vec::with_capacity(builder.size(payload.len()));
        // Writing to memory does not fail, and no payload is too long.
        drop(builder.write(&mut bytes, payload));
        self.packet(bytes, time)
    }

    fn packet(&mut self, bytes: Vec<u8>, time: Timestamp) -> Packet {
        self.now = self.now.max(time);
        let original_len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        Packet {
            origin: Origin::new(0, self.now.0),
            link_type: LINK_TYPE,
            interface: 0,
            data: Bytes::from(bytes),
            original_len,
        }
    }
}

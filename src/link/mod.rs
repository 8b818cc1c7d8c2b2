//! Decodes packets to TCP segments: link headers, tunnels, IP and its fragments.
//!
//! Its only state is fragments. Checksums are not verified: those of loopback captures are wrong.
//!
//! ```text
//!  Packet ─▶ headers ─IpPacket─▶ ip ─Datagram─▶ segment ─▶ Segment
//!            (by link type)      ▲  │ ▲  └─▶ reassembly ─┐ (whole datagram)
//!                                │  │ └──────────────────┘
//!                                └──┴─ tunnel (GRE, VXLAN, IP in IP)
//! ```

mod datagram;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod headers;
mod ip;
mod plain;
mod reassembly;
mod segment;
mod slice;
#[cfg(test)]
mod tests;
mod tunnel;
mod udp;

use bytes::Bytes;

use crate::base::{Code, Findings, Origin, PacketNo, limits};
use crate::capture::{LinkType, Packet};

pub use segment::{Addresses, Flags, Segment};
pub use udp::UdpDatagram;

use datagram::Datagram;
use reassembly::Defragmenter;
use slice::{NoSegment, PacketSlice};

/// Why a packet has no segment.
#[derive(Clone, Debug)]
pub enum Undecoded {
    /// A UDP datagram that is no tunnel.
    Udp(UdpDatagram),
    /// Decoded, but neither: ARP, ICMP (even if it quotes a TCP header), ESP and so on.
    NotTcp,
    /// A fragment of an incomplete or abandoned IP packet. The packet that completes it yields the
    /// [`Segment`].
    Fragment,
    /// Headers that cannot be decoded; a finding says why (once per unsupported link type).
    Unreadable,
}

/// Decodes packets to segments. Packets are pushed in capture order.
#[derive(Debug, Default)]
pub struct Link {
    reassembler: Defragmenter,
    /// The packets of the fragments that the last segment was reassembled from.
    fragments: Vec<PacketNo>,
    /// Unsupported link types with a finding; at most [`limits::MAX_UNSUPPORTED`].
    unsupported: Vec<LinkType>,
}

impl Link {
    /// Decodes a packet down to its TCP segment.
    ///
    /// The payload of the segment is a slice of `packet.data`, or of a new buffer after reassembly.
    ///
    /// # Errors
    /// The packet has no segment; if its headers cannot be decoded, that is a finding.
    pub fn decode(
        &mut self,
        packet: &Packet,
        findings: &mut Findings,
    ) -> Result<(Addresses, Segment), Undecoded> {
        self.begin(packet, findings);
        let vantage = headers::vantage(packet);
        self.open_packet(packet, vantage, findings).map_err(|why| self.undecoded(why, packet, findings))
    }

    /// Decodes a packet of the plain form that nearly all have, as [`Self::decode`] does, and takes
    /// the data out of it; `None` if it has another form.
    #[inline(always)]
    pub fn decode_plain(
        &mut self,
        packet: &mut Packet,
        findings: &mut Findings,
    ) -> Option<(Addresses, Segment)> {
        self.begin(packet, findings);
        let vantage = headers::vantage(packet);
        plain::open(packet, vantage)
    }

    #[inline(always)]
    fn begin(&mut self, packet: &Packet, findings: &mut Findings) {
        self.reassembler.expire(packet.origin.time, findings);
        self.fragments.clear();
    }

    /// Returns why a packet has no segment, and reports what is wrong with it.
    fn undecoded(&mut self, why: NoSegment, packet: &Packet, findings: &mut Findings) -> Undecoded {
        match why {
            NoSegment::NotTcp => Undecoded::NotTcp,
            NoSegment::Udp(datagram) => Undecoded::Udp(datagram),
            NoSegment::Fragment => Undecoded::Fragment,
            NoSegment::Unsupported => {
                self.report_unsupported(packet, findings);
                Undecoded::Unreadable
            }
            NoSegment::Unreadable(reason) => {
                findings.add(reason.code, packet.origin, reason.detail);
                Undecoded::Unreadable
            }
        }
    }

    /// Returns the packets that carried the fragments of the last decoded segment, the packet that
    /// completed it included; empty if it was not fragmented.
    #[must_use]
    pub fn fragments(&self) -> &[PacketNo] {
        &self.fragments
    }

    /// Ends the capture: abandons incomplete IP packets, each with a finding.
    pub fn end(&mut self, findings: &mut Findings) {
        self.reassembler.end(findings);
    }

    /// Decodes a packet of any form. `vantage` is where it was seen.
    fn open_packet(&mut self, packet: &Packet, vantage: u32, findings: &mut Findings) -> SegmentResult {
        let slice = PacketSlice::of_packet(packet);
        let datagram = ip::open(headers::open(packet.link_type, slice)?)?;
        let mut context = DecodeContext { origin: packet.origin, vantage, tunnels: 0, findings };
        self.open_datagram(&packet.data, datagram, &mut context)
    }

    /// Decodes tunnels down to TCP. `datagram` is a slice of `base`.
    ///
    /// Recurses for a reassembled packet. That is not a fragment itself, so recursion is bounded by
    /// the number of tunnels.
    fn open_datagram(
        &mut self,
        base: &Bytes,
        mut datagram: Datagram<'_>,
        context: &mut DecodeContext<'_>,
    ) -> SegmentResult {
        loop {
            if let Some(fragment) = datagram.fragment {
                let whole = self.reassembler.push(&datagram, fragment, context.origin, context.findings)?;
                self.fragments.extend_from_slice(&whole.packets);
                let joined = datagram.joined(&whole)?;
                return self.open_datagram(&whole.bytes, joined, context);
            }
            if datagram.protocol == ip::TCP {
                return segment::decode(base, &datagram, context.origin, context.vantage);
            }
            let inner = match tunnel::open(&datagram) {
                Err(NoSegment::NotTcp) if datagram.protocol == ip::UDP => {
                    return Err(datagram.udp(base, context.origin));
                }
                inner => inner?,
            };
            context.tunnels += 1;
            if context.tunnels > limits::MAX_TUNNELS {
                let max = limits::MAX_TUNNELS;
                return Err(NoSegment::malformed(format!("more than {max} tunnels, one in another")));
            }
            datagram = ip::open(inner)?;
        }
    }

    #[cold]
    fn report_unsupported(&mut self, packet: &Packet, findings: &mut Findings) {
        let link_type = packet.link_type;
        if self.unsupported.contains(&link_type) || self.unsupported.len() >= limits::MAX_UNSUPPORTED {
            return;
        }
        self.unsupported.push(link_type);
        let last = match self.unsupported.len() {
            limits::MAX_UNSUPPORTED => "; further link types are not reported",
            _ => "",
        };
        let detail = format!("link type {} is not supported{last}", link_type.0);
        findings.add(Code::LinkUnsupported, packet.origin, detail);
    }
}

/// The segment of a packet, or why there is none.
type SegmentResult = Result<(Addresses, Segment), NoSegment>;

/// State of decoding one packet.
struct DecodeContext<'a> {
    origin: Origin,
    /// Where the packet was seen; see [`headers::vantage`].
    vantage: u32,
    /// Tunnels entered so far.
    tunnels: usize,
    findings: &'a mut Findings,
}

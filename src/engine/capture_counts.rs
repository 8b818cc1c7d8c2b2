//! Counts packets and payload of a capture.

use crate::base::fact::{CaptureFact, ConnectionFact};
use crate::capture::Packet;

/// Adds a packet.
#[inline]
pub(super) fn add_packet(capture: &mut CaptureFact, packet: &Packet) {
    capture.packets += 1;
    capture.bytes += u64::from(packet.original_len);
    capture.captured_bytes += packet.data.len() as u64;
    capture.cut_packets += u64::from(packet.data.len() < packet.original_len as usize);
    capture.first.get_or_insert(packet.origin);
    capture.last = Some(packet.origin);
}

/// Adds the payload of a connection.
pub(super) fn add_payload(capture: &mut CaptureFact, fact: &ConnectionFact) {
    let bytes: u64 = fact.directions.iter().map(|direction| direction.bytes).sum();
    capture.tcp_bytes += bytes;
    capture.mcp_bytes += if fact.mcp { bytes } else { 0 };
}

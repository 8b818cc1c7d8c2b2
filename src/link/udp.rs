//! What the UDP header (RFC 768) says.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::base::Origin;

/// A UDP datagram.
#[derive(Clone, Debug)]
pub struct UdpDatagram {
    /// Sender.
    pub source: SocketAddr,
    /// Receiver.
    pub destination: SocketAddr,
    /// Packet number and time.
    pub origin: Origin,
    /// Captured payload.
    pub payload: Bytes,
    /// Length of the payload on the wire, in bytes.
    pub wire_len: usize,
}

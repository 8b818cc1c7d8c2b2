//! Types that a capture yields.

use std::fmt;

use bytes::Bytes;

use crate::base::fact::Loser;
use crate::base::{Findings, Origin, PacketNo, Timestamp};

/// One captured frame.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Number and capture time.
    pub origin: Origin,
    /// Type of the first header.
    pub link_type: LinkType,
    /// Number of its interface in the file (pcapng); 0 if the format has no interfaces.
    pub interface: u32,
    /// Captured bytes: a shared slice of the block that was read.
    pub data: Bytes,
    /// Length on the wire in bytes; at least `data.len()`.
    pub original_len: u32,
}

impl Packet {
    /// Creates a packet without its number, which `merge` assigns. Raises the original length to
    /// the captured one: some writers record a smaller one.
    pub(super) fn unnumbered(time: Timestamp, link_type: LinkType, data: Bytes, original_len: u32) -> Self {
        Self::new(Origin { packet: PacketNo(0), time }, link_type, data, original_len)
    }

    /// Creates a packet, as [`Self::unnumbered`] does.
    #[inline]
    pub(super) fn new(origin: Origin, link_type: LinkType, data: Bytes, original_len: u32) -> Self {
        let captured = u32::try_from(data.len()).unwrap_or(u32::MAX);
        Self { origin, link_type, interface: 0, data, original_len: original_len.max(captured) }
    }
}

/// A LINKTYPE_ value (<https://www.tcpdump.org/linktypes.html>), known or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u32);

/// What a capture yields. [`fmt::Debug`] prints the length of secrets only.
#[derive(Clone)]
pub enum Item {
    /// A packet.
    Packet(Packet),
    /// Data of a decryption secrets block (pcapng).
    Secrets {
        /// Secrets type: 0x544c534b is an NSS key log for TLS.
        kind: u32,
        /// Secrets data, without padding.
        data: Bytes,
    },
    /// Packets are missing here.
    Lost {
        /// Component that lost them.
        by: Loser,
        /// Number of packets lost since the previous [`Item::Lost`] of this loser.
        packets: u64,
    },
    /// Every packet captured before this time was yielded.
    Time(Timestamp),
    /// No packet is available now; more may come. Packet time is unaffected: the next packet may
    /// have any time.
    Pending,
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packet(packet) => packet.fmt(f),
            Self::Secrets { kind, data } => write!(f, "Secrets({kind:#x}, {} bytes)", data.len()),
            Self::Lost { by, packets } => f.debug_tuple("Lost").field(by).field(packets).finish(),
            Self::Time(time) => f.debug_tuple("Time").field(time).finish(),
            Self::Pending => f.write_str("Pending"),
        }
    }
}

/// A source of captured packets.
pub trait Source {
    /// Returns the next item; `None` at the end of the capture.
    ///
    /// # Errors
    /// The file or device cannot be read. Damage inside a capture is a finding, not an error.
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, Error>;
}

/// Why a capture cannot be read. The message names the file, the offset and the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_has_no_secret() {
        let data = Bytes::from_static(b"CLIENT_RANDOM 01 02");
        assert_eq!(
            format!("{:?}", Item::Secrets { kind: 0x544c_534b, data }),
            "Secrets(0x544c534b, 19 bytes)"
        );
    }
}

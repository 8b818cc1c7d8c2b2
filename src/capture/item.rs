//! What a capture yields: packets, and what is known beside them.

use bytes::Bytes;

use crate::base::fact::Loser;
use crate::base::{Findings, Origin, PacketNo, Timestamp};

/// One captured frame.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Its number and capture time.
    pub origin: Origin,
    /// What its first header is: the LINKTYPE_ value of the tcpdump registry.
    pub link_type: LinkType,
    /// The bytes that were captured: a shared slice of the block that was read.
    pub data: Bytes,
    /// The length that it had on the wire, in bytes; at least `data.len()`.
    pub original_len: u32,
}

impl Packet {
    /// A packet whose number is not known yet. Some writers give an original length below the captured one.
    pub(super) fn unnumbered(time: Timestamp, link_type: LinkType, data: Bytes, original_len: u32) -> Self {
        let captured = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let origin = Origin { packet: PacketNo(0), time };
        Self { origin, link_type, data, original_len: original_len.max(captured) }
    }
}

/// A LINKTYPE_ value (<https://www.tcpdump.org/linktypes.html>). Unknown values are kept as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u32);

/// What a capture yields.
#[derive(Clone, Debug)]
pub enum Item {
    /// A packet.
    Packet(Packet),
    /// Secrets of a decryption secrets block (pcapng): the block's type number and its data.
    Secrets {
        /// The secrets type: 0x544c534b is an NSS key log for TLS.
        kind: u32,
        /// The secrets data, without padding.
        data: Bytes,
    },
    /// Packets are missing here; told as the increase since it was last said.
    Lost {
        /// Who lost them.
        by: Loser,
        /// How many more packets were lost.
        packets: u64,
    },
    /// Time went on to here without a packet: every packet from before this time was handed out.
    Time(Timestamp),
    /// There is nothing more now, and there may be later. No time passed for that: what comes next may be from before.
    Pending,
}

/// Something that yields a capture.
pub trait Source {
    /// The next item; `None` at the end of the capture.
    ///
    /// # Errors
    /// What concerns the operator: an unreadable file. What is wrong with the capture itself is a finding.
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, Error>;
}

/// Why a capture cannot be read. The message names the file, where in it, and the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);

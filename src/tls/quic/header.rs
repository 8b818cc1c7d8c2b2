//! Long headers (RFC 9000 section 17.2, RFC 9369 section 3.2): finds the Initials of a datagram.

use crate::base::Reader;

/// A version of QUIC whose Initials can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// RFC 9000.
    V1,
    /// RFC 9369.
    V2,
}

impl Version {
    fn of(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::V1),
            0x6b33_43cf => Some(Self::V2),
            _ => None,
        }
    }

    /// Returns the type of a packet, from its first byte.
    fn packet_type(self, first: u8) -> PacketType {
        // Version 2 numbers them from the next one on.
        let number = match self {
            Self::V1 => first >> 4 & 3,
            Self::V2 => (first >> 4).wrapping_sub(1) & 3,
        };
        match number {
            0 => PacketType::Initial,
            3 => PacketType::Retry,
            _ => PacketType::Other,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PacketType {
    Initial,
    /// Has no length: it is the last packet of its datagram.
    Retry,
    /// 0-RTT or Handshake.
    Other,
}

/// An Initial packet, as protected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Initial<'a> {
    pub(super) version: Version,
    /// The id by which the sender addresses the receiver: of a client's first Initial, the keys
    /// follow from it.
    pub(super) destination_id: &'a [u8],
    /// Header and payload. Ends early if the datagram was cut.
    pub(super) packet: &'a [u8],
    /// Where the packet number begins.
    pub(super) number_at: usize,
}

/// Longest connection id of versions 1 and 2, in bytes (RFC 9000 section 17.2).
const MAX_ID: usize = 20;

/// Packets of a datagram that are looked at: clients put Initial, 0-RTT and Handshake into one.
const MAX_PACKETS: usize = 4;

/// Whether a datagram begins with the header of an Initial.
pub(super) fn is_initial(datagram: &[u8]) -> bool {
    let [first, v0, v1, v2, v3, ..] = *datagram else { return false };
    // Long header, and the fixed bit.
    first & 0xc0 == 0xc0
        && Version::of(u32::from_be_bytes([v0, v1, v2, v3]))
            .is_some_and(|version| version.packet_type(first) == PacketType::Initial)
}

/// Returns the Initials of a datagram.
pub(super) fn initials(datagram: &[u8]) -> impl Iterator<Item = Initial<'_>> {
    let mut rest = datagram;
    let packets = std::iter::from_fn(move || {
        let (initial, behind) = read(rest)?;
        rest = behind;
        Some(initial)
    });
    packets.take(MAX_PACKETS).flatten()
}

/// Reads a packet with a long header. Returns it if it is an Initial, and what follows it; `None`
/// if it is none that can be delimited.
fn read(datagram: &[u8]) -> Option<(Option<Initial<'_>>, &[u8])> {
    let mut reader = Reader::new(datagram);
    let first = reader.u8("first byte").ok()?;
    if first & 0xc0 != 0xc0 {
        return None;
    }
    let version = Version::of(reader.u32("version").ok()?)?;
    let destination_id = id(&mut reader)?;
    id(&mut reader)?;
    let packet_type = version.packet_type(first);
    if packet_type == PacketType::Retry {
        return None;
    }
    if packet_type == PacketType::Initial {
        let len = usize::try_from(varint(&mut reader)?).ok()?;
        reader.take("token", len).ok()?;
    }
    let len = usize::try_from(varint(&mut reader)?).ok()?;
    let number_at = reader.offset();
    let end = number_at.checked_add(len)?.min(datagram.len());
    let (packet, behind) = datagram.split_at_checked(end)?;
    let initial = Initial { version, destination_id, packet, number_at };
    Some(((packet_type == PacketType::Initial).then_some(initial), behind))
}

fn id<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let len = usize::from(reader.u8("length of a connection id").ok()?);
    if len > MAX_ID { None } else { reader.take("connection id", len).ok() }
}

/// Reads an integer of variable length (RFC 9000 section 16).
pub(super) fn varint(reader: &mut Reader<'_>) -> Option<u64> {
    let first = reader.u8("integer").ok()?;
    let rest = reader.take("integer", (1 << (first >> 6)) - 1).ok()?;
    Some(rest.iter().fold(u64::from(first & 0x3f), |value, byte| value << 8 | u64::from(*byte)))
}

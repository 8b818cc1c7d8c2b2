//! Internet checksums (RFC 1071).

/// A checksum of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sum {
    /// The header of IPv4 at `at`, of `len` bytes.
    Ipv4 { at: usize, len: usize },
    /// TCP at `at`: header and payload have `len` bytes on the wire. `ip` is where its IP header
    /// begins, of this version.
    Tcp { at: usize, len: usize, ip: usize, version: u8 },
    /// UDP, in the same way.
    Udp { at: usize, len: usize, ip: usize, version: u8 },
    /// GRE at `at`: header and payload have `len` bytes.
    Gre { at: usize, len: usize },
}

impl Sum {
    /// Computes the checksum and writes it into the packet. What was not captured counts as zeros.
    pub(super) fn write(self, bytes: &mut [u8]) {
        let (at, len, field, pseudo) = match self {
            Self::Ipv4 { at, len } => (at, len, 10, 0),
            Self::Gre { at, len } => (at, len, 4, 0),
            Self::Tcp { at, len, ip, version } => (at, len, 16, pseudo_header(bytes, (ip, version), 6, len)),
            Self::Udp { at, len, ip, version } => (at, len, 6, pseudo_header(bytes, (ip, version), 17, len)),
        };
        let field = at + field;
        let end = at.saturating_add(len).min(bytes.len());
        let Some(place) = bytes.get_mut(field..field + 2) else { return };
        place.fill(0);
        let sum = fold(pseudo + bytes.get(at..end).map_or(0, add));
        let sum = if sum == 0 && matches!(self, Self::Udp { .. }) { 0xffff } else { sum };
        if let Some(place) = bytes.get_mut(field..field + 2) {
            place.copy_from_slice(&sum.to_be_bytes());
        }
    }
}

/// The sum of the pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1).
fn pseudo_header(bytes: &[u8], (ip, version): (usize, u8), protocol: u64, len: usize) -> u64 {
    let addresses = if version == 4 { ip + 12..ip + 20 } else { ip + 8..ip + 40 };
    let len = len as u64;
    bytes.get(addresses).map_or(0, add) + protocol + (len >> 16) + (len & 0xffff)
}

fn add(bytes: &[u8]) -> u64 {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let sum: u64 = pairs.iter().map(|pair| u64::from(u16::from_be_bytes(*pair))).sum();
    sum + rest.first().map_or(0, |byte| u64::from(*byte) << 8)
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        // RFC 1071 section 3.
        assert_eq!(fold(add(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])), !0xddf2);
        assert_eq!(add(&[0x01, 0x02, 0x03]), 0x0102 + 0x0300);
    }
}

//! The key of a connection: both addresses and ports, in an order that does not depend on the
//! sender.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr, SocketAddrV4};

use crate::base::limits;

/// The addresses and ports of a connection. Both directions have the same key.
///
/// Made of words rather than addresses: the table of connections is searched for every packet, and
/// small keys keep it in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// IPv4: the lower end's address, the other end's address, both ports.
    Four([u32; 3]),
    /// IPv6: the same.
    Six([[u32; 4]; 2], u32),
}

impl Key {
    /// Returns the key of the connection between two ends, and whether `source` is the second end
    /// in it.
    #[inline]
    pub(super) fn new(source: &SocketAddr, destination: &SocketAddr) -> (Self, bool) {
        if let (SocketAddr::V4(a), SocketAddr::V4(b)) = (source, destination) {
            // The address, then the port, as one number.
            let number = |end: &SocketAddrV4| u64::from(end.ip().to_bits()) << 16 | u64::from(end.port());
            let (low, high, turned) = in_order(number(a), number(b));
            let address = |number: u64| (number >> 16) as u32;
            (Self::Four([address(low), address(high), ports(low as u16, high as u16)]), turned)
        } else {
            let ends = (source.port(), destination.port());
            let (low, high, turned) = in_order((six(source.ip()), ends.0), (six(destination.ip()), ends.1));
            (Self::Six([words(low.0), words(high.0)], ports(low.1, high.1)), turned)
        }
    }

    /// Returns the shard of the connection: see [`limits::SHARDS`]. The same in every run.
    pub(super) fn shard(&self) -> u8 {
        let mix = |hash: u64, word: &u32| (hash ^ u64::from(*word)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let hash = match self {
            Self::Four(words) => words.iter().fold(0, mix),
            Self::Six(ends, ports) => ends.as_flattened().iter().chain([ports]).fold(0, mix),
        };
        ((hash >> 32) % limits::SHARDS as u64) as u8
    }
}

/// By words: as a slice, a key would be hashed with its length, byte by byte.
impl Hash for Key {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let pair = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        match self {
            Self::Four([a, b, ports]) => {
                state.write_u64(pair(*a, *b));
                state.write_u32(*ports);
            }
            Self::Six([a, b], ports) => {
                for [first, second, third, fourth] in [a, b] {
                    state.write_u64(pair(*first, *second));
                    state.write_u64(pair(*third, *fourth));
                }
                state.write_u32(*ports);
            }
        }
    }
}

/// Returns the lower, the higher, and whether the second was the lower.
#[inline]
fn in_order<T: Ord>(first: T, second: T) -> (T, T, bool) {
    if first > second { (second, first, true) } else { (first, second, false) }
}

fn ports(low: u16, high: u16) -> u32 {
    u32::from(low) | u32::from(high) << 16
}

fn six(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// Splits an address into words, which need no padding in [`Key`].
fn words(bits: u128) -> [u32; 4] {
    [96, 64, 32, 0].map(|shift| (bits >> shift) as u32)
}

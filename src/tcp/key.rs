//! What a connection is found by: both addresses and ports, in an order that does not depend on who sends.

use std::net::{IpAddr, SocketAddr};

/// The addresses and ports of a connection. Both directions have the same key.
///
/// Of words, not of addresses: the table of connections is looked into for every packet, and small keys keep it in
/// the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// IPv4: the lower end's address, the other's, both ports.
    Four([u32; 3]),
    /// IPv6, alike.
    Six([[u32; 4]; 2], u32),
}

impl Key {
    /// The key of the connection between two ends, and whether `source` is the one that stands second in it.
    pub(super) fn of(source: &SocketAddr, destination: &SocketAddr) -> (Self, bool) {
        let ends = (source.port(), destination.port());
        match (source.ip(), destination.ip()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let (low, high, turned) = in_order((a.to_bits(), ends.0), (b.to_bits(), ends.1));
                (Self::Four([low.0, high.0, ports(low.1, high.1)]), turned)
            }
            (a, b) => {
                let (low, high, turned) = in_order((six(a), ends.0), (six(b), ends.1));
                (Self::Six([words(low.0), words(high.0)], ports(low.1, high.1)), turned)
            }
        }
    }
}

/// The lower, the higher, and whether the second is the lower.
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

/// Words have a smaller alignment than the number that they are of, and leave no padding.
fn words(bits: u128) -> [u32; 4] {
    [96, 64, 32, 0].map(|shift| (bits >> shift) as u32)
}

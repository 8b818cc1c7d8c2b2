//! Replaces addresses.
//!
//! IP addresses keep common prefixes (Crypto-PAn: Xu, Fan, Ammar, Moon, Prefix-Preserving IP
//! Address Anonymization, 2002): each bit is inverted or not, as a keyed function of the bits
//! before it decides. Two addresses that share n bits share n bits afterwards, so networks and
//! hosts stay what they are to each other.
//!
//! No bit is inverted at a place where a range with a meaning of its own begins to differ from
//! others. Therefore an address of such a range stays in it, and no other one comes into it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use foldhash::fast::RandomState;

use super::key::Key;

/// Ranges of IPv4 that keep their meaning, with the length of their prefix, and whether their
/// addresses stay as they are: they name no host, or the own one.
const RANGES_V4: [(Ipv4Addr, u32, bool); 9] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, true),
    (Ipv4Addr::new(10, 0, 0, 0), 8, false),
    (Ipv4Addr::new(100, 64, 0, 0), 10, false),
    (Ipv4Addr::new(127, 0, 0, 0), 8, true),
    (Ipv4Addr::new(169, 254, 0, 0), 16, false),
    (Ipv4Addr::new(172, 16, 0, 0), 12, false),
    (Ipv4Addr::new(192, 168, 0, 0), 16, false),
    (Ipv4Addr::new(224, 0, 0, 0), 4, true),
    (Ipv4Addr::new(240, 0, 0, 0), 4, true),
];

/// Those of IPv6. IPv4 inside IPv6 (`::ffff:0:0/96`, `64:ff9b::/96`) is replaced as IPv4.
const RANGES_V6: [(Ipv6Addr, u32, bool); 4] = [
    (Ipv6Addr::UNSPECIFIED, 64, true),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, false),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, false),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, true),
];

/// Addresses whose replacements are remembered.
const MAX_REMEMBERED: usize = 16_384;

/// Replaces addresses, each by the same one every time.
#[derive(Debug)]
pub(super) struct Addresses {
    key: Key,
    known: HashMap<IpAddr, IpAddr, RandomState>,
}

impl Addresses {
    pub(super) fn new(key: Key) -> Self {
        Self { key, known: HashMap::default() }
    }

    /// Replaces an IPv4 address, given as its bytes.
    pub(super) fn replace_v4(&mut self, bytes: &mut [u8; 4]) {
        if let IpAddr::V4(address) = self.ip(IpAddr::V4((*bytes).into())) {
            *bytes = address.octets();
        }
    }

    /// Replaces an IPv6 address, given as its bytes.
    pub(super) fn replace_v6(&mut self, bytes: &mut [u8; 16]) {
        if let IpAddr::V6(address) = self.ip(IpAddr::V6((*bytes).into())) {
            *bytes = address.octets();
        }
    }

    /// Replaces a MAC address. Group addresses and 00:00:00:00:00:00 stay: they name no device. The
    /// bit for locally administered addresses stays, too.
    pub(super) fn replace_mac(&self, bytes: &mut [u8; 6]) {
        let [first, ..] = *bytes;
        if first & 1 != 0 || *bytes == [0; 6] {
            return;
        }
        // Two bits stay, 46 are permuted: a Feistel network of two halves of 23 bits.
        const HALF: u64 = (1 << 23) - 1;
        let all = bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
        let permuted = all >> 42 << 40 | all & ((1 << 40) - 1);
        let (mut left, mut right) = (permuted >> 23, permuted & HALF);
        for round in 0..4_u128 {
            let block = 0x4d41_4300 << 64 | round << 32 | u128::from(right);
            let random = self.key.of_address(block) as u64 & HALF;
            (left, right) = (right, left ^ random);
        }
        let permuted = left << 23 | right;
        let all = permuted >> 40 << 42 | u64::from(first & 3) << 40 | permuted & ((1 << 40) - 1);
        let [_, _, replaced @ ..] = all.to_be_bytes();
        *bytes = replaced;
    }

    /// Returns the replacement of an address.
    pub(super) fn ip(&mut self, address: IpAddr) -> IpAddr {
        if let Some(replaced) = self.known.get(&address) {
            return *replaced;
        }
        let replaced = match address {
            IpAddr::V4(address) => IpAddr::V4(self.v4(address)),
            IpAddr::V6(address) => IpAddr::V6(self.v6(address)),
        };
        if self.known.len() >= MAX_REMEMBERED {
            self.known.clear();
        }
        self.known.insert(address, replaced);
        replaced
    }

    fn v4(&self, address: Ipv4Addr) -> Ipv4Addr {
        let ranges = RANGES_V4.map(|(range, len, stays)| (u128::from(range.to_bits()) << 96, len, stays));
        let bits = self.bits((u128::from(address.to_bits()) << 96, 32), &ranges);
        Ipv4Addr::from_bits((bits >> 96) as u32)
    }

    fn v6(&self, address: Ipv6Addr) -> Ipv6Addr {
        let bits = address.to_bits();
        let is_mapped = bits >> 32 == 0xffff || bits >> 32 == 0x64_ff9b << 64;
        if is_mapped {
            let inner = self.v4(Ipv4Addr::from_bits(bits as u32));
            return Ipv6Addr::from_bits(bits >> 32 << 32 | u128::from(inner.to_bits()));
        }
        let ranges = RANGES_V6.map(|(range, len, stays)| (range.to_bits(), len, stays));
        Ipv6Addr::from_bits(self.bits((bits, 128), &ranges))
    }

    /// Inverts bits of an address, which stands in the first `len` bits.
    fn bits(&self, (address, len): (u128, u32), ranges: &[(u128, u32, bool)]) -> u128 {
        let mut replaced = address;
        for place in 0..len {
            let before = address & prefix_mask(place);
            let is_fixed = ranges.iter().any(|(range, range_len, stays)| {
                let compared = prefix_mask(place.min(*range_len));
                range & compared == before & compared && (place < *range_len || *stays)
            });
            if is_fixed {
                continue;
            }
            // What is encrypted is the prefix with its end marked, so that no two are the same.
            let block = before | 1 << (127 - place);
            let domain = if len == 32 { 0 } else { self.key.of_address(u128::MAX) };
            if self.key.of_address(block ^ domain) & 1 != 0 {
                replaced ^= 1 << (127 - place);
            }
        }
        replaced
    }
}

/// The first `len` bits.
fn prefix_mask(len: u32) -> u128 {
    u128::MAX.checked_shr(len).map_or(u128::MAX, |rest| !rest)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn addresses() -> Addresses {
        Addresses::new(Key::of(b"test"))
    }

    fn kind(address: IpAddr) -> String {
        match address {
            IpAddr::V4(ip) => format!(
                "{} {} {} {} {} {}",
                ip.is_loopback(),
                ip.is_private(),
                ip.is_link_local(),
                ip.is_multicast(),
                ip.octets()[0] >= 240,
                ip.octets()[0] == 0 || ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64,
            ),
            IpAddr::V6(ip) => format!(
                "{} {} {} {} {:?}",
                ip.is_loopback(),
                ip.is_unique_local(),
                ip.is_unicast_link_local(),
                ip.is_multicast(),
                ip.to_ipv4_mapped().map(|ip| kind(IpAddr::V4(ip))),
            ),
        }
    }

    #[test]
    fn addresses_that_name_no_foreign_host_stay() {
        for text in ["127.0.0.1", "0.0.0.0", "224.0.0.251", "255.255.255.255", "::1", "::", "ff02::fb"] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(addresses().ip(address), address);
        }
        let mut mac = [0xff; 6];
        addresses().replace_mac(&mut mac);
        assert_eq!(mac, [0xff; 6]);
    }

    #[test]
    fn macs_are_permuted() {
        let addresses = addresses();
        let mut seen = HashSet::new();
        for i in 0..5000_u32 {
            let [_, a, b, c] = i.to_be_bytes();
            let mut mac = [0x02, 0x42, 0xac, a, b, c];
            let before = mac;
            addresses.replace_mac(&mut mac);
            assert_eq!(mac[0] & 3, 2);
            assert_ne!(mac, before);
            assert!(seen.insert(mac));
        }
    }

    fn shared(a: u128, b: u128, len: u32) -> u32 {
        (a ^ b).leading_zeros().min(len)
    }

    proptest! {
        #[test]
        fn prefixes_and_kinds_are_kept_v4(a: u32, b: u32, cut in 0..=32_u32) {
            // Two that share a prefix.
            let b = if cut == 0 { b } else { a & (u32::MAX << (32 - cut)) | b & !(u32::MAX << (32 - cut)) };
            let mut addresses = addresses();
            let [x, y] = [a, b].map(|ip| addresses.v4(Ipv4Addr::from_bits(ip)));
            prop_assert_eq!((a ^ b).leading_zeros(), (x.to_bits() ^ y.to_bits()).leading_zeros());
            let before = IpAddr::V4(Ipv4Addr::from_bits(a));
            prop_assert_eq!(kind(before), kind(IpAddr::V4(x)));
            prop_assert_eq!(addresses.ip(before), IpAddr::V4(x));
        }

        #[test]
        fn prefixes_and_kinds_are_kept_v6(a: u128, b: u128, cut in 1..=127_u32, mapped: bool) {
            let base = if mapped { 0xffff_u128 << 32 | a >> 96 } else { a };
            let b = base & prefix_mask(cut) | b & !prefix_mask(cut);
            let addresses = addresses();
            let [x, y] = [base, b].map(|ip| addresses.v6(Ipv6Addr::from_bits(ip)).to_bits());
            if !mapped {
                prop_assert_eq!(shared(base, b, 128), shared(x, y, 128));
            }
            prop_assert_eq!(
                kind(IpAddr::V6(Ipv6Addr::from_bits(base))),
                kind(IpAddr::V6(Ipv6Addr::from_bits(x)))
            );
        }
    }
}

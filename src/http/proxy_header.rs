//! The PROXY protocol, versions 1 and 2 (haproxy's `proxy-protocol.txt`): a header that a proxy or
//! a load balancer sends before the first byte of the client, to name the client behind it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::base::limits;

/// The first bytes of version 2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Longest header of version 1 with its line end (section 2.1).
const MAX_LINE: usize = 107;

/// Longest header of version 2 that is accepted. Real ones have some hundred bytes.
const MAX_BINARY: usize = limits::MAX_SNIFF;

/// Whether a connection begins with a PROXY protocol header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyHeader {
    /// It does.
    Complete {
        /// Length of the header, in bytes.
        len: usize,
        /// The version: 1 or 2.
        version: u8,
        /// The client behind the proxy; `None` if the header does not name it.
        client: Option<SocketAddr>,
    },
    /// It may: more bytes are needed.
    Incomplete,
    /// It does not.
    Absent,
}

impl ProxyHeader {
    /// Reads the header at the front of what a client sent.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        match bytes {
            [b'P', ..] => text(bytes),
            [b'\r', ..] => binary(bytes),
            _ => Self::Absent,
        }
    }
}

/// Reads a header of version 1: `PROXY TCP4 10.0.0.1 10.0.0.2 5000 3000`, ended by CR LF.
fn text(bytes: &[u8]) -> ProxyHeader {
    const WORD: &[u8] = b"PROXY ";
    let known = bytes.len().min(WORD.len());
    if bytes.get(..known) != WORD.get(..known) {
        return ProxyHeader::Absent;
    }
    let line = bytes.get(..bytes.len().min(MAX_LINE)).unwrap_or(bytes);
    let Some(end) = memchr::memchr(b'\n', line) else {
        return if bytes.len() < MAX_LINE { ProxyHeader::Incomplete } else { ProxyHeader::Absent };
    };
    let Some(Ok(line)) = line.get(..end).and_then(|line| line.strip_suffix(b"\r")).map(std::str::from_utf8)
    else {
        return ProxyHeader::Absent;
    };
    let mut words = line.split(' ').skip(1);
    let client = match words.next() {
        Some("TCP4" | "TCP6") => {
            let client: Option<IpAddr> = words.next().and_then(|word| word.parse().ok());
            let port = words.nth(1).and_then(|word| word.parse().ok());
            client.zip(port).map(SocketAddr::from)
        }
        Some("UNKNOWN") => None,
        _ => return ProxyHeader::Absent,
    };
    ProxyHeader::Complete { len: end + 1, version: 1, client }
}

/// Reads a header of version 2: signature, version and command, family, length, addresses.
fn binary(bytes: &[u8]) -> ProxyHeader {
    let known = bytes.len().min(SIGNATURE.len());
    if bytes.get(..known) != SIGNATURE.get(..known) {
        return ProxyHeader::Absent;
    }
    let Some([version_and_command, family, high, low]) = bytes.get(12..16) else {
        return ProxyHeader::Incomplete;
    };
    let len = 16 + usize::from(u16::from_be_bytes([*high, *low]));
    if version_and_command >> 4 != 2 || len > MAX_BINARY {
        return ProxyHeader::Absent;
    }
    let Some(addresses) = bytes.get(16..len) else { return ProxyHeader::Incomplete };
    // Command LOCAL (0): the proxy speaks for itself, as in health checks.
    let is_proxied = version_and_command & 0xf == 1;
    let client = match (is_proxied, family >> 4) {
        (true, 1) => ip4(addresses),
        (true, 2) => ip6(addresses),
        _ => None,
    };
    ProxyHeader::Complete { len, version: 2, client }
}

/// Source address, destination address, source port, destination port.
fn ip4(bytes: &[u8]) -> Option<SocketAddr> {
    let address: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    let port: [u8; 2] = bytes.get(8..10)?.try_into().ok()?;
    Some((Ipv4Addr::from(address), u16::from_be_bytes(port)).into())
}

fn ip6(bytes: &[u8]) -> Option<SocketAddr> {
    let address: [u8; 16] = bytes.get(..16)?.try_into().ok()?;
    let port: [u8; 2] = bytes.get(32..34)?.try_into().ok()?;
    Some((Ipv6Addr::from(address), u16::from_be_bytes(port)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> Option<SocketAddr> {
        Some(text.parse().unwrap())
    }

    fn binary_header(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let mut header = SIGNATURE.to_vec();
        header.extend([0x20 | command, family]);
        header.extend(u16::try_from(addresses.len()).unwrap().to_be_bytes());
        header.extend(addresses);
        header
    }

    /// Every beginning of a header needs more bytes; what follows a header does not matter.
    #[test]
    fn headers_are_read_however_they_are_cut() {
        let ip4 = [192, 0, 2, 1, 10, 0, 0, 2, 0x13, 0x88, 0x0b, 0xb8, 0xea, 0, 1, 0];
        let mut ip6 = vec![0; 36];
        (ip6[15], ip6[31], ip6[33]) = (1, 2, 80);
        for (header, version, client) in [
            (b"PROXY TCP4 192.0.2.1 10.0.0.2 5000 3000\r\n".to_vec(), 1, client("192.0.2.1:5000")),
            (b"PROXY TCP6 2001:db8::1 ::1 5000 3000\r\n".to_vec(), 1, client("[2001:db8::1]:5000")),
            (b"PROXY UNKNOWN\r\n".to_vec(), 1, None),
            (binary_header(1, 0x11, &ip4), 2, client("192.0.2.1:5000")),
            (binary_header(1, 0x21, &ip6), 2, client("[::1]:80")),
            (binary_header(0, 0, &[]), 2, None),
        ] {
            for cut in 1..header.len() {
                assert_eq!(ProxyHeader::read(&header[..cut]), ProxyHeader::Incomplete, "{header:?} {cut}");
            }
            let len = header.len();
            let whole = [&header[..], b"POST /mcp HTTP/1.1\r\n"].concat();
            assert_eq!(ProxyHeader::read(&whole), ProxyHeader::Complete { len, version, client });
        }
    }

    #[test]
    fn other_beginnings_are_none() {
        let long = format!("PROXY TCP4 {}\r\n", "1".repeat(200));
        for bytes in
            [&b""[..], b"POST /", b"PROPFIND /", b"PROXY SCTP a b\r\n", b"\r\nGET /", long.as_bytes()]
        {
            assert_eq!(ProxyHeader::read(bytes), ProxyHeader::Absent, "{bytes:?}");
        }
    }
}

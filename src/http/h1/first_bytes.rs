//! What the first bytes of a direction say about its protocol: at the start of a connection, and at
//! the start of a tunnel.

use super::scan::{self, PREFACE, StartKind};

/// The protocol of a direction, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstBytes {
    /// An HTTP/1 request: its sender is the client.
    Request,
    /// An HTTP/1 response: its sender is the server.
    Response,
    /// The connection preface of HTTP/2 (RFC 9113 section 3.4): its sender is the client.
    Http2,
    /// The connection preface of HTTP/2: a SETTINGS frame. Its sender is the server.
    Http2Server,
    /// A TLS handshake record.
    Tls,
    /// More bytes are needed.
    Undecided,
    /// None of these.
    Other,
}

impl FirstBytes {
    /// Classifies the first bytes that a direction sent.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.trim_ascii_start().starts_with(PREFACE) {
            return Self::Http2;
        }
        match scan::start_kind(bytes) {
            StartKind::Request => Self::Request,
            StartKind::Response => Self::Response,
            StartKind::Undecided => Self::Undecided,
            StartKind::Other => Self::binary(bytes),
        }
    }

    /// Classifies bytes that are no text.
    fn binary(bytes: &[u8]) -> Self {
        // RFC 9113 section 3.4: the server begins with SETTINGS, on stream 0 and without flags. Six
        // bytes a setting, and fewer than 42 of them.
        match bytes {
            [0, 0, len, 4, 0, 0, 0, 0, 0, ..] if len % 6 == 0 => Self::Http2Server,
            [0] | [0, 0] => Self::Undecided,
            [0, 0, len, rest @ ..] if len % 6 == 0 && scan::is_prefix(rest, &[4, 0, 0, 0, 0, 0]) => {
                Self::Undecided
            }
            _ => Self::tls(bytes),
        }
    }

    /// Classifies what may be a TLS handshake record (RFC 8446 section 5.1): type 22, version 3.x,
    /// length, handshake type.
    fn tls(bytes: &[u8]) -> Self {
        match bytes {
            [22, 3, 0..=4, _, _, _, ..] => Self::Tls,
            [22] | [22, 3] | [22, 3, 0..=4] | [22, 3, 0..=4, _] | [22, 3, 0..=4, _, _] => Self::Undecided,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_recognised() {
        for (bytes, protocol) in [
            (&b"GET / HTTP/1.1\r\n"[..], FirstBytes::Request),
            (b"HTTP/1.1 200", FirstBytes::Response),
            (b"HTTP/", FirstBytes::Undecided),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", FirstBytes::Http2),
            (b"PRI * HT", FirstBytes::Undecided),
            (b"\x16\x03\x01\x02\x00\x01\x00", FirstBytes::Tls),
            (b"\x16\x03\x03\x00\x7a\x02", FirstBytes::Tls),
            (b"\x16\x03\x03", FirstBytes::Undecided),
            (b"SSH-2.0-OpenSSH", FirstBytes::Other),
            (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", FirstBytes::Http2Server),
            (b"\x00\x00\x12\x04", FirstBytes::Undecided),
            (b"\x00\x00\x13\x04", FirstBytes::Other),
            (b"\x00\x00\x12\x04\x01\x00\x00\x00\x00", FirstBytes::Other),
            (b"\x00\x01", FirstBytes::Other),
        ] {
            assert_eq!(FirstBytes::of(bytes), protocol, "{}", String::from_utf8_lossy(bytes));
        }
    }
}

//! What is known of the TLS of a connection, decrypted or not.

use super::{Side, Timestamp};

/// Secrets type of a secrets block that holds a key log of TLS (pcapng section 4.7).
pub const TLS_KEY_LOG: u32 = 0x544c_534b;

/// Returns the random of the ClientHello that begins a handshake record (RFC 8446 sections 5.1 and
/// 4.1.2), 11 bytes after the beginning of the record: the name of the connection in a key log.
/// `None` for other payload.
#[must_use]
pub fn client_random(payload: &[u8]) -> Option<[u8; 32]> {
    let [0x16, 0x03, _, _, _, 0x01, _, _, _, 0x03, ..] = payload else { return None };
    payload.get(11..)?.first_chunk().copied()
}

/// The TLS of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFact {
    /// The version that the server chose, as on the wire: 0x0304 is TLS 1.3. `None` if the
    /// ServerHello was not captured.
    pub version: Option<TlsVersion>,
    /// The cipher suite that the server chose: IANA's name, or its number as `0x1301`.
    pub suite: Option<Box<str>>,
    /// The host that the client asked for (RFC 6066 section 3); `None` if it named none.
    pub sni: Option<Box<str>>,
    /// The protocol that the server chose with ALPN (RFC 7301). In TLS 1.3 it is encrypted: `None`
    /// if it could not be decrypted.
    pub alpn: Option<Box<str>>,
    /// The protocols that the client offered with ALPN, in its order.
    pub alpn_offered: Vec<Box<str>>,
    /// The certificate of the server. In TLS 1.3 it is encrypted; in a resumption none is sent.
    pub certificate: Option<CertificateFact>,
    /// Whether an earlier session was resumed.
    pub is_resumed: bool,
    /// Time from the first packet of the ClientHello to the last packet of the handshake, in
    /// nanoseconds; `None` if one of them was not captured.
    pub handshake_ns: Option<i64>,
    /// The random of the ClientHello, the key of the connection in a key log; `None` if it is not
    /// known.
    pub client_random: Option<[u8; 32]>,
    /// Whether `client_random` was found out by trial, because no ClientHello was captured.
    pub is_identified: bool,
    /// Whether the client and the server said that they send no more (`close_notify`, RFC 8446
    /// section 6.1), as far as alerts could be decrypted.
    pub closed: [bool; 2],
    /// Whether any of its secrets is known.
    pub has_secrets: bool,
    /// How much was decrypted.
    pub decrypted: Decrypted,
    /// What the client sent and what the server sent, in encrypted records.
    pub records: [RecordCounts; 2],
}

impl TlsFact {
    /// Returns about the memory of its texts, in bytes.
    #[must_use]
    pub fn text_len(&self) -> usize {
        let texts = [&self.suite, &self.sni, &self.alpn].into_iter().flatten();
        let offered = self.alpn_offered.iter().map(|name| name.len() + size_of::<Box<str>>());
        let subject = self.certificate.as_ref().map_or(0, |certificate| certificate.subject.len());
        texts.map(|text| text.len()).sum::<usize>() + offered.sum::<usize>() + subject
    }

    /// Returns whether a side said that it sends no more.
    #[must_use]
    pub fn has_closed(&self, side: Side) -> bool {
        let [client, server] = self.closed;
        if side == Side::Client { client } else { server }
    }
}

/// A version of TLS, as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TlsVersion(pub u16);

impl TlsVersion {
    /// TLS 1.2.
    pub const V12: Self = Self(0x0303);
    /// TLS 1.3.
    pub const V13: Self = Self(0x0304);

    /// The names of the versions that have one, oldest first.
    pub const NAMES: [&'static str; 5] = ["SSL 3.0", "1.0", "1.1", "1.2", "1.3"];

    /// Returns the number of the version, as in `1.3`; its number on the wire if it is unknown.
    #[must_use]
    pub fn name(self) -> String {
        match self.known_name() {
            "" => format!("0x{:04x}", self.0),
            name => name.to_owned(),
        }
    }

    /// Returns the number of the version, as in `1.3`; empty if it is unknown.
    #[must_use]
    pub fn known_name(self) -> &'static str {
        let index = self.0.checked_sub(0x0300).map(usize::from);
        index.and_then(|index| Self::NAMES.get(index)).copied().unwrap_or_default()
    }
}

/// How much of the application data of a connection was decrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decrypted {
    /// Nothing.
    #[default]
    Nothing,
    /// Some of it.
    Partly,
    /// Everything that was captured.
    Everything,
}

impl Decrypted {
    /// Returns the name used in exports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "no",
            Self::Partly => "partly",
            Self::Everything => "yes",
        }
    }
}

/// The certificate of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFact {
    /// The common name of its subject; else its first alternative name.
    pub subject: Box<str>,
    /// When it expires.
    pub not_after: Timestamp,
}

/// The encrypted records of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordCounts {
    /// Records that were captured whole.
    pub records: u64,
    /// Their length, headers included, in bytes.
    pub bytes: u64,
    /// Records that could not be decrypted, because a secret or bytes are missing.
    pub undecrypted: u64,
    /// Captured bytes that are in no such record: parts of records of which the rest is missing.
    pub skipped: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_hello_names_its_connection() {
        let random: [u8; 32] = std::array::from_fn(|at| at as u8);
        let front = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
        let hello = [&front[..], &random, &[0; 9]].concat();
        assert_eq!(client_random(&hello), Some(random));
        assert_eq!(client_random(&hello[..42]), None);
        assert_eq!(client_random(b"POST /mcp HTTP/1.1\r\nHost: a.example\r\n\r\n"), None);
    }
}

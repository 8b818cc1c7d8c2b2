//! What is known of the TLS of a connection, decrypted or not.

use super::Timestamp;

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
    /// The random of the ClientHello, the key of the connection in a key log, in hexadecimal
    /// digits; `None` if it was not captured.
    pub client_random: Option<Box<str>>,
    /// How much was decrypted.
    pub decrypted: Decrypted,
    /// What the client sent and what the server sent, in encrypted records.
    pub records: [RecordCounts; 2],
}

/// A version of TLS, as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TlsVersion(pub u16);

impl TlsVersion {
    /// TLS 1.2.
    pub const V12: Self = Self(0x0303);
    /// TLS 1.3.
    pub const V13: Self = Self(0x0304);

    /// Returns the number of the version, as in `1.3`; its number on the wire if it is unknown.
    #[must_use]
    pub fn name(self) -> String {
        match self.0 {
            0x0300 => "SSL 3.0".to_owned(),
            0x0301 => "1.0".to_owned(),
            0x0302 => "1.1".to_owned(),
            0x0303 => "1.2".to_owned(),
            0x0304 => "1.3".to_owned(),
            other => format!("0x{other:04x}"),
        }
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

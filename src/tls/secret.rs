//! Secrets: cleared when they are dropped, never printed.

use std::fmt::{self, Write as _};

use zeroize::Zeroizing;

/// A secret of a connection: a master secret of TLS 1.2 or a traffic secret of TLS 1.3.
///
/// Its bytes are overwritten when it is dropped. [`fmt::Debug`] prints its length only.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Box<[u8]>>);

impl Secret {
    /// Takes the bytes of a secret.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes.into_boxed_slice()))
    }

    /// Returns the bytes.
    #[must_use]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the line of a key log that has the secret, without line end.
    #[must_use]
    pub(super) fn line(&self, label: Label, random: &ClientRandom) -> Zeroizing<String> {
        // Grows no further: each move would leave a copy behind.
        let mut line = String::with_capacity(40 + 64 + 2 * self.len());
        // Writing to a `String` cannot fail.
        let _ = write!(line, "{} {random} ", label.name());
        for byte in self.bytes() {
            let _ = write!(line, "{byte:02x}");
        }
        Zeroizing::new(line)
    }

    /// Returns the number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.len())
    }
}

/// The random of a ClientHello (RFC 8446 section 4.1.2): the key of a connection in a key log. It
/// is sent in clear, so it is no secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientRandom(pub [u8; 32]);

/// Formats as in a key log: 64 hexadecimal digits.
impl fmt::Display for ClientRandom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ClientRandom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a secret is for: the labels of a key log that decryption needs (RFC 9850 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// The master secret of TLS 1.2.
    Master,
    /// The client's early data of TLS 1.3 (0-RTT).
    ClientEarly,
    /// The client's handshake messages of TLS 1.3.
    ClientHandshake,
    /// The server's handshake messages of TLS 1.3.
    ServerHandshake,
    /// The client's application data of TLS 1.3.
    ClientApplication,
    /// The server's application data of TLS 1.3.
    ServerApplication,
}

/// Every label with its name in a key log, in the order of the variants.
const NAMES: [(Label, &str); 6] = [
    (Label::Master, "CLIENT_RANDOM"),
    (Label::ClientEarly, "CLIENT_EARLY_TRAFFIC_SECRET"),
    (Label::ClientHandshake, "CLIENT_HANDSHAKE_TRAFFIC_SECRET"),
    (Label::ServerHandshake, "SERVER_HANDSHAKE_TRAFFIC_SECRET"),
    (Label::ClientApplication, "CLIENT_TRAFFIC_SECRET_0"),
    (Label::ServerApplication, "SERVER_TRAFFIC_SECRET_0"),
];

impl Label {
    /// Returns the label with this name in a key log; `None` if decryption does not need it.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        NAMES.iter().find(|(_, known)| known.as_bytes() == name).map(|(label, _)| *label)
    }

    /// Returns the label with this number, counted from 0 in the order of the variants; `None` if
    /// there is none.
    #[must_use]
    pub(super) fn numbered(number: u8) -> Option<Self> {
        NAMES.get(usize::from(number)).map(|(label, _)| *label)
    }

    /// Returns the name used in a key log.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(label, _)| *label == self).map_or("", |(_, name)| name)
    }

    /// Returns whether a secret of this label may have `len` bytes: 48 for a master secret (RFC
    /// 5246 section 8.1), else the length of SHA-256 or SHA-384.
    #[must_use]
    pub fn fits(self, len: usize) -> bool {
        if self == Self::Master { len == 48 } else { len == 32 || len == 48 }
    }
}

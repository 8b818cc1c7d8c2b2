//! The protocols below MCP that carried a message.

use std::sync::Arc;

use super::tls::TlsVersion;

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HttpVersion {
    /// HTTP/1.0 (RFC 1945).
    V10,
    /// HTTP/1.1 (RFC 9112).
    V11,
    /// HTTP/2 (RFC 9113).
    V2,
}

impl HttpVersion {
    /// Every variant.
    pub const ALL: [Self; 3] = [Self::V10, Self::V11, Self::V2];

    /// Returns the number: `1.0`, `1.1` or `2`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V10 => "1.0",
            Self::V11 => "1.1",
            Self::V2 => "2",
        }
    }
}

/// The protocols that carried a transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protocols {
    /// The version of HTTP; `None` if no head was captured.
    pub http: Option<HttpVersion>,
    /// The HTTP/2 stream (RFC 9113 section 5.1.1), `http2.streamid` in Wireshark; `None` in HTTP/1.
    pub http2_stream: Option<u32>,
    /// What its TLS connection agreed on; `None` without TLS.
    pub tls: Option<Arc<TlsNames>>,
}

/// What a TLS connection agreed on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsNames {
    /// The version.
    pub version: Option<TlsVersion>,
    /// The cipher suite: IANA's name, or its number as `0x1301`.
    pub suite: Option<Box<str>>,
    /// The host that the client asked for (RFC 6066 section 3); `None` if it named none, or if the
    /// ClientHello was not captured.
    pub sni: Option<Box<str>>,
    /// The protocol that the server chose with ALPN (RFC 7301); `None` if there was none, or if it
    /// was not captured.
    pub alpn: Option<Box<str>>,
}

impl TlsNames {
    /// Returns the version as in `1.3`; `None` if it is not known.
    #[must_use]
    pub fn version_name(&self) -> Option<&'static str> {
        self.version.map(TlsVersion::known_name)
    }
}

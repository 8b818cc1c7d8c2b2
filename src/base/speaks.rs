//! The protocol of a connection.

/// The protocol above TCP, as recognised from the first bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Speaks {
    /// No payload was captured.
    #[default]
    Nothing,
    /// HTTP/1.
    Http1,
    /// HTTP/2 in plaintext (prior knowledge).
    Http2,
    /// TLS.
    Tls,
    /// WebSocket (RFC 6455).
    WebSocket,
    /// Anything else, or not recognised yet.
    Other,
}

impl Speaks {
    /// Returns the name used in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Http1 => "http/1",
            Self::Http2 => "http/2",
            Self::Tls => "tls",
            Self::WebSocket => "websocket",
            Self::Other => "other",
        }
    }
}

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
    /// JSON-RPC messages, each on a line of its own: the stdio transport of MCP.
    JsonLines,
    /// Anything else, or not recognised yet.
    Other,
}

impl Speaks {
    /// Returns whether what the connection carries is read.
    #[must_use]
    pub fn is_read(self) -> bool {
        !matches!(self, Self::Tls | Self::Other)
    }

    /// Returns the name used in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Http1 => "http/1",
            Self::Http2 => "http/2",
            Self::Tls => "tls",
            Self::WebSocket => "websocket",
            Self::JsonLines => "json-lines",
            Self::Other => "other",
        }
    }
}

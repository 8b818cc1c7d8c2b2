//! The transports of MCP.

/// Transport of MCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// HTTP+SSE, the transport of 2024-11-05.
    HttpSse,
    /// Streamable HTTP, the transport since 2025-03-26.
    StreamableHttp,
    /// JSON-RPC in the messages of a WebSocket (RFC 6455), which MCP does not define and some
    /// servers offer.
    WebSocket,
    /// JSON-RPC on lines: the standard input and output of a server, as `mcpdump wrap` records
    /// them, or a connection that carries the same.
    Stdio,
}

impl Transport {
    /// All transports, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::HttpSse, Self::StreamableHttp, Self::WebSocket, Self::Stdio];

    /// Name in exports and filters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HttpSse => "http+sse",
            Self::StreamableHttp => "streamable-http",
            Self::WebSocket => "websocket",
            Self::Stdio => "stdio",
        }
    }
}

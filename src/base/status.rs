//! Status of a JSON-RPC request.

/// What a JSON-RPC request led to.
///
/// The same for a request read from a capture and for a call of a traffic client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// A result.
    Ok,
    /// A result with `isError`.
    ToolError,
    /// A JSON-RPC error.
    Error,
    /// Cancelled by its sender before the response was complete.
    Cancelled,
    /// The HTTP request failed (a 4xx or 5xx status, or no connection) without a JSON-RPC response.
    HttpError,
    /// No response and no error: the response cannot be in what the capture lacks.
    Unanswered,
    /// The response may be in what the capture lacks (a gap, a start in mid-stream, truncated
    /// packets), or may be one of several in it. Nobody is to blame.
    Undetermined,
}

impl Status {
    /// Every status, in the order in which reports list them.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::ToolError,
        Self::Error,
        Self::Cancelled,
        Self::HttpError,
        Self::Unanswered,
        Self::Undetermined,
    ];

    /// Name in exports and filters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ToolError => "tool_error",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::HttpError => "http_error",
            Self::Unanswered => "unanswered",
            Self::Undetermined => "undetermined",
        }
    }

    /// Whether a JSON-RPC response was received, be it a result or an error.
    #[must_use]
    pub fn is_answered(self) -> bool {
        matches!(self, Self::Ok | Self::ToolError | Self::Error)
    }

    /// Whether the request failed: with an error, or without a response. A request that was
    /// cancelled did not fail, and of one whose outcome is undetermined nothing is known.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::ToolError | Self::Error | Self::HttpError | Self::Unanswered)
    }
}

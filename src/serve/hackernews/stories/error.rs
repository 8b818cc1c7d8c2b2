//! Why stories are unavailable.

use rmcp::ErrorData;

/// Why stories are unavailable. URLs are given as paths: a base URL may contain a password.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoriesError {
    /// The embedded snapshot is invalid, which is a fault of the build.
    #[error("the embedded snapshot of Hacker News cannot be read: {0}")]
    Snapshot(String),
    /// Invalid base URL.
    #[error("the address of the Hacker News API cannot be used: {0}")]
    BaseUrl(String),
    /// The HTTP client cannot be created (for instance without root certificates).
    #[error("no HTTP client for the Hacker News API: {0}")]
    Client(String),
    /// No response, or an incomplete one.
    #[error("the Hacker News API failed: GET {path}: {reason}")]
    Failed {
        /// Path of the request, relative to the base URL.
        path: String,
        /// The error and its causes.
        reason: String,
    },
    /// The response exceeds the size limit.
    #[error("the Hacker News API failed: GET {path}: the response has more than {limit} bytes")]
    TooLarge {
        /// Path of the request, relative to the base URL.
        path: String,
        /// Size limit in bytes.
        limit: usize,
    },
}

/// The error of methods whose results cannot report one: -32603.
impl From<StoriesError> for ErrorData {
    fn from(error: StoriesError) -> Self {
        Self::internal_error(error.to_string(), None)
    }
}

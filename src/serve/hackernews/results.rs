//! Results of calls that failed or were cancelled.

use rmcp::model::{CallToolResult, ContentBlock};

/// Returns a result with `isError`.
pub(super) fn error(text: impl Into<String>) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}

/// Returns the result of a cancelled call. It is not sent if the revision forbids it.
pub(super) fn cancelled() -> CallToolResult {
    error("The call was cancelled.")
}

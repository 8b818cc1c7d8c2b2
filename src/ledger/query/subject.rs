//! Record that a filter is applied to.

use crate::llm::LlmCall;
use crate::mcp::{Exchange, Notification, Stream, Transaction};

/// Record that a filter is applied to.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// Request and its outcome.
    Exchange(&'a Exchange),
    /// Notification.
    Notification(&'a Notification),
    /// Event stream.
    Stream(&'a Stream),
    /// Call of a language model.
    LlmCall(&'a LlmCall),
    /// HTTP transaction without a message.
    Transaction(&'a Transaction),
}

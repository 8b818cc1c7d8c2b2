//! What the analysis emits.

use crate::base::{Fact, Finding};
use crate::llm::LlmCall;
use crate::mcp::Record;

/// A result of the analysis. Entries are emitted in the order of the packets that complete them.
#[derive(Clone, Debug)]
pub enum Entry {
    /// An MCP record: an exchange, a notification, a session, …
    Record(Record),
    /// A call of a language model that is over.
    LlmCall(Box<LlmCall>),
    /// Something odd, wrong or slow.
    Finding(Finding),
    /// Something that is not MCP and is shown all the same.
    Fact(Fact),
}

//! The end of a transaction.

use crate::base::{Degraded, Origin, ResponseEnd, Span};

/// How a transaction ended.
#[derive(Clone, Copy, Debug)]
pub(in crate::mcp) struct TransactionEnd {
    pub(in crate::mcp) how: ResponseEnd,
    /// The packet that ended it, or at which it was given up; `None` at the end of the capture.
    pub(in crate::mcp) at: Option<Origin>,
    /// Length of the response's body after content decoding.
    pub(in crate::mcp) bytes: u64,
    pub(in crate::mcp) span: Option<Span>,
    pub(in crate::mcp) degraded: Degraded,
}

impl TransactionEnd {
    /// A transaction that lasts beyond the end of the capture.
    pub(in crate::mcp) const OPEN: Self =
        Self { how: ResponseEnd::Open, at: None, bytes: 0, span: None, degraded: Degraded::NONE };
}

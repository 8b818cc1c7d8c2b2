//! What is known of a change to HTTP/2 or WebSocket.

use crate::base::Degraded;
use crate::http::TransactionNo;

/// A change to another protocol that is read.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Upgraded {
    pub(in crate::http) to: Protocol,
    /// The request that asked for the change. HTTP/2 answers it.
    pub(in crate::http) request: TransactionNo,
    /// Whether that is a `HEAD`.
    pub(in crate::http) is_head: bool,
    /// Why the beginning of what the server sends then may be missing; none if its 101 was
    /// captured.
    pub(in crate::http) missing: Degraded,
    /// Why the beginning of what the client sends then may be missing.
    pub(in crate::http) requests_missing: Degraded,
}

/// A protocol that a connection can change to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Protocol {
    Http2,
    WebSocket {
        /// Whether messages may be compressed (permessage-deflate, RFC 7692); `None` if that is not
        /// known.
        is_compressing: Option<bool>,
    },
}

//! What is known of a change to HTTP/2.

use crate::base::Degraded;
use crate::http::TransactionNo;

/// A change to HTTP/2.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Upgraded {
    /// The request that the server answers in HTTP/2.
    pub(in crate::http) request: TransactionNo,
    /// Whether that is a `HEAD`.
    pub(in crate::http) is_head: bool,
    /// Why the beginning of what the server sends in HTTP/2 may be missing; none if its 101 was
    /// captured.
    pub(in crate::http) missing: Degraded,
}

//! What is known of a session's streams of the server.

use crate::base::ResponseEnd;

/// The streams on which the server sends what belongs to no POST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServerStream {
    /// None was seen.
    Unseen,
    /// Number of open streams.
    Open(u32),
    /// The last one ended like this.
    Ended(ResponseEnd),
}

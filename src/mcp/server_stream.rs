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

impl ServerStream {
    /// A stream began.
    pub(super) fn with_another(self) -> Self {
        match self {
            Self::Open(n) => Self::Open(n.saturating_add(1)),
            Self::Unseen | Self::Ended(_) => Self::Open(1),
        }
    }

    /// A stream ended.
    pub(super) fn without_one(self, how: ResponseEnd) -> Self {
        match self {
            Self::Open(n) if n > 1 => Self::Open(n - 1),
            _ => Self::Ended(how),
        }
    }
}

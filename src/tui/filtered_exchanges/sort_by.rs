//! What exchanges can be sorted by.

/// What exchanges are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortBy {
    /// First byte of the request.
    #[default]
    Time,
    /// The session's number.
    Session,
    /// Method, then tool.
    Method,
    /// What became of it.
    Status,
    /// First byte of the request to last byte of the response.
    Total,
    /// Progress notifications.
    Progress,
    /// Length of request and response.
    Bytes,
    /// The client's address and port.
    Client,
}

impl SortBy {
    /// Every order, as `s` walks them.
    pub const ALL: [Self; 8] = [
        Self::Time,
        Self::Session,
        Self::Method,
        Self::Status,
        Self::Total,
        Self::Progress,
        Self::Bytes,
        Self::Client,
    ];

    /// Whether the largest are looked for first.
    #[must_use]
    pub fn is_descending_first(self) -> bool {
        matches!(self, Self::Total | Self::Progress | Self::Bytes | Self::Status)
    }
}

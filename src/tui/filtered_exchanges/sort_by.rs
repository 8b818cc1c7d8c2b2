//! The orders of exchanges.

/// What exchanges are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::tui) enum SortBy {
    /// The first byte of the request.
    #[default]
    Time,
    /// The session's number.
    Session,
    /// The method, then the name of the tool, prompt or resource.
    Method,
    /// The status.
    Status,
    /// The time from the first byte of the request to the last byte of the response, or to what
    /// ended the wait for one.
    Total,
    /// The number of progress notifications.
    Progress,
    /// The size of request and response.
    Bytes,
    /// The client's address and port.
    Client,
}

impl SortBy {
    /// Every order, in the order in which the sort key walks through them.
    pub(in crate::tui) const ALL: [Self; 8] = [
        Self::Time,
        Self::Session,
        Self::Method,
        Self::Status,
        Self::Total,
        Self::Progress,
        Self::Bytes,
        Self::Client,
    ];

    /// The name for the footer.
    #[must_use]
    pub(in crate::tui) fn title(self) -> &'static str {
        match self {
            Self::Time => "Time",
            Self::Session => "Session",
            Self::Method => "Method",
            Self::Status => "Status",
            Self::Total => "Total",
            Self::Progress => "Events",
            Self::Bytes => "Bytes",
            Self::Client => "Client",
        }
    }

    /// Whether the largest come first unless the user reverses the order.
    #[must_use]
    pub(in crate::tui) fn is_descending_first(self) -> bool {
        matches!(self, Self::Total | Self::Progress | Self::Bytes | Self::Status)
    }
}

//! The names of the columns of the exchanges.

/// A column of the list of exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum ColumnName {
    Time,
    Session,
    Method,
    Id,
    Status,
    Total,
    Bar,
    Events,
    Bytes,
    Ends,
    Detail,
    Server,
}

impl ColumnName {
    /// Every column, in the default order.
    pub(super) const ALL: [Self; 12] = [
        Self::Time,
        Self::Session,
        Self::Server,
        Self::Method,
        Self::Id,
        Self::Status,
        Self::Total,
        Self::Bar,
        Self::Events,
        Self::Bytes,
        Self::Ends,
        Self::Detail,
    ];

    /// Returns the name of the column in the configuration.
    #[must_use]
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Session => "session",
            Self::Server => "server",
            Self::Method => "method",
            Self::Id => "id",
            Self::Status => "status",
            Self::Total => "total",
            Self::Bar => "bar",
            Self::Events => "events",
            Self::Bytes => "bytes",
            Self::Ends => "ends",
            Self::Detail => "detail",
        }
    }
}

//! The names of the views.

/// The views, in the order of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the table of actions says what each shows")]
pub enum ViewName {
    Overview,
    Sessions,
    Exchanges,
    Latency,
    Streams,
    Connections,
    Findings,
    Servers,
}

impl ViewName {
    /// Returns the title.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Sessions => "Sessions",
            Self::Exchanges => "Exchanges",
            Self::Latency => "Latency",
            Self::Streams => "Streams",
            Self::Connections => "Connections",
            Self::Findings => "Findings",
            Self::Servers => "Servers",
        }
    }

    /// Returns the title for a narrow screen. That of the exchanges is never shortened: they are
    /// shown most.
    pub(super) fn short(self) -> &'static str {
        match self {
            Self::Overview => "Over",
            Self::Sessions => "Sess",
            Self::Exchanges => "Exchanges",
            Self::Latency => "Lat",
            Self::Streams => "Strm",
            Self::Connections => "Conn",
            Self::Findings => "Find",
            Self::Servers => "Serv",
        }
    }
}

//! The names of the views.

/// The views that there are, in the order of their keys.
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
    /// Its title.
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

    /// Its title where there is little room; that of the exchanges is always whole: they are where one is most.
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

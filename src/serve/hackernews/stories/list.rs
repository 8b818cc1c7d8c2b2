//! The lists of stories.

/// A list of the API, `/v0/<name>.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::serve::hackernews) enum List {
    Top,
    New,
    Best,
}

impl List {
    pub(in crate::serve::hackernews) const ALL: [Self; 3] = [Self::Top, Self::New, Self::Best];

    /// Returns its name in the API and in the tools' `type` argument.
    pub(in crate::serve::hackernews) const fn name(self) -> &'static str {
        match self {
            Self::Top => "topstories",
            Self::New => "newstories",
            Self::Best => "beststories",
        }
    }

    /// Returns its title.
    pub(in crate::serve::hackernews) const fn title(self) -> &'static str {
        match self {
            Self::Top => "Top stories",
            Self::New => "Newest stories",
            Self::Best => "Best stories",
        }
    }

    /// Returns the list with this name, if any.
    pub(in crate::serve::hackernews) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.name() == name)
    }
}

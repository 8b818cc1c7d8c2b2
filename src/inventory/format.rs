//! The formats of an inventory.

/// Format of an inventory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Lines for a terminal.
    #[default]
    Text,
    /// One JSON document for programs.
    Json,
    /// Tables: servers, and what each client does.
    Markdown,
}

impl Format {
    /// Every format, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Text, Self::Json, Self::Markdown];

    /// Returns the name that the command line uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Markdown => "markdown",
        }
    }
}

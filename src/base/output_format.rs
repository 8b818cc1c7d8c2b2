//! The formats of commands that print one result.

/// Format of an output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OutputFormat {
    /// Lines for a terminal.
    #[default]
    Text,
    /// One JSON document for programs.
    Json,
    /// Tables for a summary or a ticket.
    Markdown,
}

impl OutputFormat {
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

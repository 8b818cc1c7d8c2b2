//! The formats of a verdict.

use std::str::FromStr;

use crate::base::{UnknownName, find_by_name};

/// Format of a verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Lines for a terminal.
    #[default]
    Text,
    /// One JSON document for programs.
    Json,
    /// JUnit XML: a test case for each rule and each objective.
    Junit,
    /// SARIF 2.1.0, as code scanning takes it.
    Sarif,
    /// Workflow commands of GitHub Actions.
    Github,
    /// Tables for a summary or a ticket.
    Markdown,
    /// The findings as a baseline: what is found today does not fail later checks.
    Baseline,
}

impl Format {
    /// Every format, in the order of the documentation.
    pub const ALL: [Self; 7] =
        [Self::Text, Self::Json, Self::Junit, Self::Sarif, Self::Github, Self::Markdown, Self::Baseline];

    /// Returns the name that the command line uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Junit => "junit",
            Self::Sarif => "sarif",
            Self::Github => "github",
            Self::Markdown => "markdown",
            Self::Baseline => "baseline",
        }
    }
}

impl FromStr for Format {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        find_by_name("format", &Self::ALL, Self::name, name)
    }
}

//! The kinds of definitions that servers list.

/// A kind of definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DefinitionKind {
    /// A tool (`tools/list`).
    Tool,
    /// A prompt (`prompts/list`).
    Prompt,
    /// A resource (`resources/list`).
    Resource,
    /// A resource template (`resources/templates/list`).
    Template,
}

impl DefinitionKind {
    /// Every kind, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Tool, Self::Prompt, Self::Resource, Self::Template];

    /// Returns the member of a listing that has the definitions, which names the kind in the
    /// ledger.
    #[must_use]
    pub fn list_name(self) -> &'static str {
        match self {
            Self::Tool => "tools",
            Self::Prompt => "prompts",
            Self::Resource => "resources",
            Self::Template => "resourceTemplates",
        }
    }

    /// Returns the noun for a definition of the kind.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
            Self::Template => "template",
        }
    }

    /// Returns the method that uses a definition; `None` if its use is not known: a template is
    /// read as a URI derived from it.
    #[must_use]
    pub fn method(self) -> Option<&'static str> {
        match self {
            Self::Tool => Some("tools/call"),
            Self::Prompt => Some("prompts/get"),
            Self::Resource => Some("resources/read"),
            Self::Template => None,
        }
    }
}

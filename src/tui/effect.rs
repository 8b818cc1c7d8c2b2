//! What comes of an action, as values: the loop and the terminal do it, `update` does not.

use super::view_name::ViewName;

/// Something that is to be done outside of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The program ends.
    Quit,
    /// The text goes to the clipboard, here and beyond SSH.
    Copy(String),
    /// The terminal is to ring: what was asked for cannot be done.
    Bell,
    /// The mouse is taken (true), or given to the terminal.
    Mouse(bool),
    /// Another view is shown.
    Show(ViewName),
    /// The exchange with this `n` is opened.
    Open(u64),
    /// These exchanges are shown: the text of a filter. The view of exchanges opens.
    Filter(String),
    /// Something is said in the footer, until the next key.
    Say(String),
    /// The filter was applied: it is kept for later runs.
    Remember(String),
    /// The program is stopped until somebody lets it go on; the terminal is somebody else's meanwhile.
    Suspend,
    /// The program was stopped and goes on: the terminal is taken anew.
    Retake,
}

/// What can be copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copies(pub Vec<CopyChoice>);

/// One form of what can be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyChoice {
    /// The key that takes it.
    pub key: char,
    /// What it is.
    pub name: &'static str,
    /// The text.
    pub text: String,
}

impl Copies {
    /// Adds a form.
    #[must_use]
    pub fn with(mut self, key: char, name: &'static str, text: impl Into<String>) -> Self {
        self.0.push(CopyChoice { key, name, text: text.into() });
        self
    }
}

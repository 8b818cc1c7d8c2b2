//! Effects: what an action asks the event loop and the terminal to do.

use super::view_name::ViewName;

/// Something to do outside of the view that asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// End the program.
    Quit,
    /// Copy a text to the clipboards.
    Copy(String),
    /// Ring the terminal's bell: the action is not possible.
    Bell,
    /// Capture the mouse (true), or leave it to the terminal.
    Mouse(bool),
    /// Show another view.
    Show(ViewName),
    /// Open the exchange with this `n`.
    Open(u64),
    /// Show the exchanges that match a filter, given as text.
    Filter(String),
    /// Show a message in the footer until the next key.
    Say(String),
    /// Save a filter for later runs.
    Remember(String),
    /// Give the terminal back and stop the process (ctrl-z).
    Suspend,
    /// Take the terminal again: the process was stopped and has resumed.
    Retake,
}

/// The forms in which the selected item can be copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copies(pub Vec<CopyChoice>);

/// One form in which the selected item can be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyChoice {
    /// The key that selects it.
    pub key: char,
    /// The name of the form.
    pub name: &'static str,
    /// The text that is copied.
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

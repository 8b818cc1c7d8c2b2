//! Effects: results of an action that the app, the event loop or the terminal carries out.

use super::explanation::Unexplained;
use super::view_name::ViewName;
use crate::base::PacketNo;

/// A result of an action that its view cannot carry out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// End the program.
    Quit,
    /// Copy a text to the clipboards.
    Copy(String),
    /// Ring the terminal's bell: the action is not possible.
    Bell,
    /// Capture the mouse (true), or leave it to the terminal.
    CaptureMouse(bool),
    /// Show another view.
    ShowView(ViewName),
    /// Open the exchange with this `n`.
    OpenExchange(u64),
    /// Open the HTTP transaction that carried something in this packet of a connection (Wireshark's
    /// number), at that packet.
    OpenPacket(u32, PacketNo),
    /// Show a connection (Wireshark's number) among the connections.
    ShowConnection(u32),
    /// Read the packets of a connection (Wireshark's number) again; [`Event::Inspected`] follows.
    ///
    /// [`Event::Inspected`]: super::Event::Inspected
    Inspect(u32),
    /// Read the packets that a story needs again; [`Event::Explained`] follows.
    ///
    /// [`Event::Explained`]: super::Event::Explained
    Explain(Box<Unexplained>),
    /// Save what matches a filter, given as text, to a file.
    Save(SaveAs, String),
    /// Show the exchanges that match a filter, given as text.
    Filter(String),
    /// Show a message in the footer until the next key.
    ShowMessage(String),
    /// Save a filter for later runs.
    SaveFilter(String),
    /// Restore the terminal and stop the process (ctrl-z).
    Suspend,
    /// Take the terminal again: the process was stopped and has resumed.
    RetakeTerminal,
}

/// The forms in which what is shown can be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveAs {
    /// A report, in Markdown.
    Report,
    /// A table: a row an exchange.
    Csv,
    /// JSON lines.
    JsonLines,
    /// The packets of the exchanges, with what TCP needs around them.
    Packets,
}

impl SaveAs {
    /// The forms with their keys and names, in the order of the menu.
    pub(super) const ALL: [(Self, char, &'static str, &'static str); 4] = [
        (Self::Report, 'r', "report", "Markdown, for tickets and wikis"),
        (Self::Csv, 'c', "CSV", "a row an exchange, for spreadsheets"),
        (Self::JsonLines, 'j', "JSON lines", "everything that matches, for programs"),
        (Self::Packets, 'p', "packets", "pcapng, opens in Wireshark"),
    ];
}

/// The forms in which the selected item can be copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CopyMenu {
    /// The forms, in the order of the menu.
    pub(super) choices: Vec<CopyChoice>,
}

/// One form in which the selected item can be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CopyChoice {
    /// The key that selects it.
    pub(super) key: char,
    /// The name of the form.
    pub(super) name: String,
    /// The text that is copied.
    pub(super) text: String,
}

impl CopyMenu {
    /// Adds a form.
    #[must_use]
    pub(super) fn with(mut self, key: char, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.choices.push(CopyChoice { key, name: name.into(), text: text.into() });
        self
    }
}

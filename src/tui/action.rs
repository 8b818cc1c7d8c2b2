//! The actions: one table, from which key dispatch, footer, help and configuration are made.

use super::view_name::{ViewName, view_table};

/// Something that a key or a click can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "ACTIONS says it, and help prints that")]
pub enum Action {
    Quit,
    Help,
    Show(ViewName),
    NextView,
    PreviousView,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Open,
    Back,
    Left,
    Right,
    NextPane,
    Filter,
    Follow,
    Freeze,
    Privacy,
    Sort,
    SortReverse,
    Copy,
    Mouse,
    Partner,
    Search,
    NextFound,
    PreviousFound,
    Fold,
    FoldAll,
    UnfoldAll,
    Suspend,
    Bytes,
}

/// Where a key is bound. One key can have two actions only if they are never available together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyContext {
    /// Everywhere, except where text is typed.
    Anywhere,
    /// In lists.
    List,
    /// In an opened item.
    Detail,
}

/// One row of [`ACTIONS`].
#[derive(Clone, Copy, Debug)]
pub struct ActionInfo {
    /// The action.
    pub action: Action,
    /// The name in the configuration.
    pub name: &'static str,
    /// The default keys, separated by blanks, as the configuration writes them.
    pub keys: &'static str,
    /// Where the keys are bound.
    pub context: KeyContext,
    /// The label in the footer; empty if it is not shown there.
    pub short: &'static str,
    /// The text in the help.
    pub help: &'static str,
}

const fn row(
    action: Action,
    name: &'static str,
    keys: &'static str,
    short: &'static str,
    help: &'static str,
) -> ActionInfo {
    ActionInfo { action, name, keys, context: KeyContext::Anywhere, short, help }
}

const fn at(context: KeyContext, info: ActionInfo) -> ActionInfo {
    ActionInfo { context, ..info }
}

/// Generates [`ACTIONS`]: the rows of the views, then the others.
macro_rules! actions {
    ($($view:ident, $title:literal, $short:literal, $config:literal, $key:literal,
        $help:literal, $type:path;)+) => {
/// Every action, in the order of the help.
#[rustfmt::skip] // A table is read by its columns.
pub const ACTIONS: &[ActionInfo] = &[
    $(row(Action::Show(ViewName::$view), $config, $key, "", $help),)+
    row(Action::NextView, "next-view", "}", "", "the next view"),
    row(Action::PreviousView, "previous-view", "{", "", "the view before"),
    row(Action::Up, "up", "up k", "", "one up"),
    row(Action::Down, "down", "down j", "", "one down"),
    row(Action::PageUp, "page-up", "pageup ctrl-b", "", "a page up"),
    row(Action::PageDown, "page-down", "pagedown ctrl-d space", "", "a page down"),
    row(Action::Home, "home", "home g", "", "to the first"),
    row(Action::End, "end", "end G", "", "to the last; in a live capture follows what comes"),
    row(Action::Open, "open", "enter", "open", "opens what is selected"),
    row(Action::Back, "back", "esc", "back", "clears the search, else closes what is open, else clears the filter; never quits"),
    row(Action::Left, "left", "left h", "", "the tab before, the pane before"),
    row(Action::Right, "right", "right l", "", "the next tab; in a list opens what is selected"),
    row(Action::NextPane, "next-pane", "tab", "pane", "from the list to what stands beside it, and back"),
    row(Action::Filter, "filter", "/", "filter", "the filter line"),
    at(KeyContext::List, row(Action::Follow, "follow", "f", "follow", "shows what comes as it comes; moving up pauses it")),
    at(KeyContext::List, row(Action::Sort, "sort", "s", "sort", "sorts by the next column")),
    at(KeyContext::List, row(Action::SortReverse, "sort-reverse", "S", "", "turns the order")),
    row(Action::Copy, "copy", "y", "copy", "copies: JSON, curl, Wireshark filter, packet numbers"),
    row(Action::Partner, "partner", "x", "", "from the request to its response, and back"),
    at(KeyContext::Detail, row(Action::Search, "search", "ctrl-f", "search", "searches in what is opened")),
    at(KeyContext::Detail, row(Action::NextFound, "next-found", "n", "", "the next place found")),
    at(KeyContext::Detail, row(Action::PreviousFound, "previous-found", "N", "", "the place found before")),
    at(KeyContext::Detail, row(Action::Fold, "fold", "o", "fold", "folds and opens an object or array")),
    at(KeyContext::Detail, row(Action::FoldAll, "fold-all", "-", "", "folds everything below the first level")),
    at(KeyContext::Detail, row(Action::UnfoldAll, "unfold-all", "+", "", "opens everything")),
    at(KeyContext::Detail, row(Action::Bytes, "bytes", "b", "bytes", "the bytes of a message, those of what is selected lit")),
    row(Action::Freeze, "freeze", "p", "freeze", "freezes the screen; the capture goes on"),
    row(Action::Privacy, "privacy", "P", "", "masks ids, tokens and payloads"),
    row(Action::Mouse, "mouse", "m", "", "gives the mouse to the terminal, and takes it back"),
    row(Action::Help, "help", "? f1", "help", "explains the view"),
    row(Action::Suspend, "suspend", "ctrl-z", "", "stops the program; fg in the shell goes on"),
    row(Action::Quit, "quit", "q ctrl-c", "quit", "leaves"),
];
    };
}

view_table!(actions);

impl Action {
    /// Returns the row of the action in [`ACTIONS`].
    #[must_use]
    pub fn info(self) -> Option<&'static ActionInfo> {
        ACTIONS.iter().find(|info| info.action == self)
    }
}

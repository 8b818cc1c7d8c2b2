//! The actions: one table, from which key dispatch, footer, help and configuration are made.

use super::view_name::{ViewName, view_table};

/// An action of the user, by a key or a click.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "ACTIONS describes each action")]
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
    Time,
    Sort,
    SortReverse,
    Copy,
    Save,
    Mouse,
    Partner,
    PreviousExchange,
    NextExchange,
    Search,
    NextFound,
    PreviousFound,
    Fold,
    FoldAll,
    UnfoldAll,
    Suspend,
    Bytes,
}

/// The context in which a key is bound. A key may have two actions if their contexts never overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyContext {
    /// Everywhere except while text is typed.
    Anywhere,
    /// In a list.
    List,
    /// In an opened item.
    Detail,
}

/// One row of [`ACTIONS`].
#[derive(Clone, Copy, Debug)]
pub(super) struct ActionInfo {
    /// The action.
    pub(super) action: Action,
    /// The name in the configuration.
    pub(super) name: &'static str,
    /// The default keys, separated by blanks, as the configuration writes them.
    pub(super) keys: &'static str,
    /// Where the keys are bound.
    pub(super) context: KeyContext,
    /// The label in the footer; empty if it is not shown there.
    pub(super) short: &'static str,
    /// The text in the help.
    pub(super) help: &'static str,
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
pub(super) const ACTIONS: &[ActionInfo] = &[
    $(row(Action::Show(ViewName::$view), $config, $key, "", concat!("show ", $help)),)+
    row(Action::NextView, "next-view", "}", "", "show the next view"),
    row(Action::PreviousView, "previous-view", "{", "", "show the previous view"),
    row(Action::Up, "up", "up k", "", "move up one row"),
    row(Action::Down, "down", "down j", "", "move down one row"),
    row(Action::PageUp, "page-up", "pageup ctrl-b", "", "move up one page"),
    row(Action::PageDown, "page-down", "pagedown ctrl-d space", "", "move down one page"),
    row(Action::Home, "home", "home g", "", "go to the first row"),
    row(Action::End, "end", "end G", "", "go to the last row; in a live capture, follow new rows"),
    row(Action::Open, "open", "enter", "open", "open the selected row"),
    row(Action::Back, "back", "esc", "back", "clear the search, close the opened item, go back, or clear the filter; never quits"),
    row(Action::Left, "left", "left h", "", "go to the previous tab or pane"),
    row(Action::Right, "right", "right l", "", "go to the next tab; in a list, open the selected row"),
    row(Action::NextPane, "next-pane", "tab", "pane", "switch between the list and the other pane"),
    row(Action::Filter, "filter", "/", "filter", "edit the filter"),
    at(KeyContext::List, row(Action::Follow, "follow", "f", "follow", "follow new rows; moving up pauses")),
    at(KeyContext::List, row(Action::Sort, "sort", "s", "sort", "sort by the next column")),
    at(KeyContext::List, row(Action::SortReverse, "sort-reverse", "S", "", "reverse the order")),
    row(Action::Copy, "copy", "y", "copy", "copy: JSON, curl, a Wireshark filter, packet numbers"),
    row(Action::Save, "save", "w", "", "save what matches the filter: report, CSV, JSON lines, packets"),
    row(Action::Partner, "partner", "x", "", "jump from a request to its response, and back"),
    at(KeyContext::Detail, row(Action::PreviousExchange, "previous-exchange", "[", "", "open the exchange before this one, at the same tab")),
    at(KeyContext::Detail, row(Action::NextExchange, "next-exchange", "]", "", "open the exchange after this one, at the same tab")),
    at(KeyContext::Detail, row(Action::Search, "search", "ctrl-f", "search", "search in the opened item")),
    at(KeyContext::Detail, row(Action::NextFound, "next-found", "n", "", "go to the next match")),
    at(KeyContext::Detail, row(Action::PreviousFound, "previous-found", "N", "", "go to the previous match")),
    at(KeyContext::Detail, row(Action::Fold, "fold", "o", "fold", "fold or unfold an object or array")),
    at(KeyContext::Detail, row(Action::FoldAll, "fold-all", "-", "", "fold everything below the top level")),
    at(KeyContext::Detail, row(Action::UnfoldAll, "unfold-all", "+", "", "unfold everything")),
    at(KeyContext::Detail, row(Action::Bytes, "bytes", "b", "bytes", "show the bytes of a message, with the selected value highlighted")),
    row(Action::Freeze, "freeze", "p", "freeze", "freeze the screen; the capture goes on"),
    row(Action::Privacy, "privacy", "P", "", "mask ids, tokens and payloads"),
    row(Action::Time, "time", "t", "", "show times in UTC, in local time, or relative to the first packet"),
    row(Action::Mouse, "mouse", "m", "", "give the mouse to the terminal, or take it back"),
    row(Action::Help, "help", "? f1", "help", "explain the view and its keys"),
    row(Action::Suspend, "suspend", "ctrl-z", "", "suspend; fg resumes"),
    row(Action::Quit, "quit", "q ctrl-c", "quit", "quit"),
];
    };
}

view_table!(actions);

//! The actions: one table, from which key dispatch, footer, help and configuration are made.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

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

/// A key with its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyPress {
    code: KeyCode,
    modifiers: KeyModifiers,
}

impl From<KeyEvent> for KeyPress {
    /// Drops shift from characters: `G`, not `shift-g`.
    fn from(event: KeyEvent) -> Self {
        match event.code {
            KeyCode::Char(_) => Self { code: event.code, modifiers: event.modifiers - KeyModifiers::SHIFT },
            KeyCode::BackTab => Self { code: KeyCode::Tab, modifiers: event.modifiers | KeyModifiers::SHIFT },
            code => Self { code, modifiers: event.modifiers },
        }
    }
}

impl KeyPress {
    /// Returns the character that the key types; `None` if it types none.
    #[must_use]
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if self.modifiers.is_empty() && !c.is_control() => Some(c),
            _ => None,
        }
    }
}

/// The names of keys that are no printable character.
const NAMED: [(&str, KeyCode); 15] = [
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("space", KeyCode::Char(' ')),
];

const HELD: [(&str, KeyModifiers); 3] =
    [("ctrl-", KeyModifiers::CONTROL), ("alt-", KeyModifiers::ALT), ("shift-", KeyModifiers::SHIFT)];

impl FromStr for KeyPress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut rest, mut modifiers) = (text, KeyModifiers::NONE);
        while let Some((held, after)) = HELD
            .iter()
            .find_map(|(name, held)| Some((held, rest.strip_prefix(name).filter(|r| !r.is_empty())?)))
        {
            modifiers |= *held;
            rest = after;
        }
        let mut chars = rest.chars();
        let code = match (chars.next(), chars.next()) {
            (Some(c), None) => KeyCode::Char(c),
            _ => named(rest).ok_or_else(|| {
                format!("no such key: {text}; as in x, G, f5, ctrl-f, alt-enter, pageup, space")
            })?,
        };
        Ok(Self { code, modifiers })
    }
}

fn named(text: &str) -> Option<KeyCode> {
    let function =
        || text.strip_prefix('f')?.parse().ok().filter(|number| (1..=24).contains(number)).map(KeyCode::F);
    NAMED.iter().find(|(name, _)| *name == text).map(|(_, code)| *code).or_else(function)
}

impl fmt::Display for KeyPress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, held) in HELD {
            if self.modifiers.contains(held) {
                f.write_str(name)?;
            }
        }
        match (NAMED.iter().find(|(_, code)| *code == self.code), self.code) {
            (Some((name, _)), _) => f.write_str(name),
            (None, KeyCode::Char(c)) => write!(f, "{c}"),
            (None, KeyCode::F(number)) => write!(f, "f{number}"),
            (None, other) => write!(f, "{other:?}"),
        }
    }
}

/// The keys of every action.
#[derive(Clone, Debug)]
pub struct KeyBindings {
    by_action: BTreeMap<Action, Vec<KeyPress>>,
}

impl Default for KeyBindings {
    fn default() -> Self {
        let keys =
            |info: &ActionInfo| info.keys.split_whitespace().filter_map(|key| key.parse().ok()).collect();
        Self { by_action: ACTIONS.iter().map(|info| (info.action, keys(info))).collect() }
    }
}

impl KeyBindings {
    /// Returns the action of a key in a context.
    #[must_use]
    pub fn action(&self, key: KeyPress, context: KeyContext) -> Option<Action> {
        let holds = |info: &&ActionInfo| info.context == KeyContext::Anywhere || info.context == context;
        let has = |info: &&ActionInfo| self.keys(info.action).contains(&key);
        ACTIONS.iter().filter(holds).find(has).map(|info| info.action)
    }

    /// Returns the keys of an action, the one to show first in front.
    #[must_use]
    pub fn keys(&self, action: Action) -> &[KeyPress] {
        self.by_action.get(&action).map(Vec::as_slice).unwrap_or_default()
    }

    /// Replaces the keys of an action.
    pub(super) fn bind(&mut self, action: Action, keys: Vec<KeyPress>) {
        self.by_action.insert(action, keys);
    }

    /// Returns a key that has two actions in one context, with the two actions; `None` if there is
    /// none.
    pub(super) fn clash(&self) -> Option<(KeyPress, &'static ActionInfo, &'static ActionInfo)> {
        ACTIONS.iter().enumerate().find_map(|(index, one)| {
            let meets = |other: &&&ActionInfo| {
                one.context == other.context || [one.context, other.context].contains(&KeyContext::Anywhere)
            };
            ACTIONS.iter().skip(index + 1).collect::<Vec<_>>().iter().filter(meets).find_map(|other| {
                let keys = self.keys(other.action);
                let key = self.keys(one.action).iter().find(|key| keys.contains(key))?;
                Some((*key, one, *other))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        for info in ACTIONS {
            for key in info.keys.split_whitespace() {
                assert_eq!(key.parse::<KeyPress>().unwrap().to_string(), key);
            }
            assert_eq!(KeyBindings::default().keys(info.action).len(), info.keys.split_whitespace().count());
        }
        assert_eq!("ctrl-alt-enter".parse::<KeyPress>().unwrap().to_string(), "ctrl-alt-enter");
        assert_eq!("ctrl--".parse::<KeyPress>().unwrap().to_string(), "ctrl--");
        assert!("hyper-x".parse::<KeyPress>().is_err());
        assert!("f99".parse::<KeyPress>().is_err());
    }

    #[test]
    fn no_key_asks_for_two_things() {
        let keys = KeyBindings::default();
        assert!(keys.clash().is_none(), "{:?}", keys.clash());
        let mut keys = keys;
        keys.bind(Action::Fold, vec!["f".parse().unwrap()]);
        assert!(keys.clash().is_none(), "lists follow, details fold");
        keys.bind(Action::Fold, vec!["q".parse().unwrap()]);
        assert!(keys.clash().is_some());
    }

    #[test]
    fn shift_is_part_of_a_character() {
        let event = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT);
        assert_eq!(KeyBindings::default().action(event.into(), KeyContext::List), Some(Action::End));
        let tab = KeyEvent::new(KeyCode::Tab, KeyModifiers::NONE);
        assert_eq!(KeyBindings::default().action(tab.into(), KeyContext::Detail), Some(Action::NextPane));
    }
}

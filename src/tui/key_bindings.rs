//! Keys and their actions.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::{ACTIONS, Action, ActionInfo, KeyContext};

/// A key with its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct KeyPress {
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
    pub(super) fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if self.modifiers.is_empty() && !c.is_control() => Some(c),
            _ => None,
        }
    }
}

/// The names of keys that are not printable characters.
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

const MODIFIERS: [(&str, KeyModifiers); 3] =
    [("ctrl-", KeyModifiers::CONTROL), ("alt-", KeyModifiers::ALT), ("shift-", KeyModifiers::SHIFT)];

impl FromStr for KeyPress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut rest, mut modifiers) = (text, KeyModifiers::NONE);
        while let Some((held, after)) = MODIFIERS
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
                format!("no such key: {text}; for example x, G, f5, ctrl-f, alt-enter, pageup, space")
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
        for (name, held) in MODIFIERS {
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
pub(super) struct KeyBindings {
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
    pub(super) fn action(&self, key: KeyPress, context: KeyContext) -> Option<Action> {
        let is_available =
            |info: &&ActionInfo| info.context == KeyContext::Anywhere || info.context == context;
        let has_key = |info: &&ActionInfo| self.keys(info.action).contains(&key);
        ACTIONS.iter().filter(is_available).find(has_key).map(|info| info.action)
    }

    /// Returns the keys of an action. Footer and tabs show the first.
    #[must_use]
    pub(super) fn keys(&self, action: Action) -> &[KeyPress] {
        self.by_action.get(&action).map(Vec::as_slice).unwrap_or_default()
    }

    /// Replaces the keys of an action.
    pub(super) fn bind(&mut self, action: Action, keys: Vec<KeyPress>) {
        self.by_action.insert(action, keys);
    }

    /// Returns a key that has two actions in one context, with the two actions; `None` if there is
    /// none.
    pub(super) fn conflict(&self) -> Option<(KeyPress, &'static ActionInfo, &'static ActionInfo)> {
        ACTIONS.iter().enumerate().find_map(|(index, one)| {
            let overlaps = |other: &&ActionInfo| {
                one.context == other.context || [one.context, other.context].contains(&KeyContext::Anywhere)
            };
            ACTIONS.iter().skip(index + 1).filter(overlaps).find_map(|other| {
                let keys = self.keys(other.action);
                let key = self.keys(one.action).iter().find(|key| keys.contains(key))?;
                Some((*key, one, other))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_parse_to_what_they_print() {
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
    fn no_key_has_two_actions() {
        let keys = KeyBindings::default();
        assert!(keys.conflict().is_none(), "{:?}", keys.conflict());
        let mut keys = keys;
        keys.bind(Action::Fold, vec!["f".parse().unwrap()]);
        assert!(keys.conflict().is_none(), "lists follow, details fold");
        keys.bind(Action::Fold, vec!["q".parse().unwrap()]);
        assert!(keys.conflict().is_some());
    }

    #[test]
    fn shift_is_part_of_a_character() {
        let event = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT);
        assert_eq!(KeyBindings::default().action(event.into(), KeyContext::List), Some(Action::End));
        let tab = KeyEvent::new(KeyCode::Tab, KeyModifiers::NONE);
        assert_eq!(KeyBindings::default().action(tab.into(), KeyContext::Detail), Some(Action::NextPane));
    }
}

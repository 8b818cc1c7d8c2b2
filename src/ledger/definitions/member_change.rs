//! A difference between two versions of a definition, in words, and what finds them.

use serde_json::{Map, Value};

/// Differences that are told of one definition. More are counted.
pub(super) const MAX_CHANGES: usize = 64;

/// Length of a value that is shown, in characters.
const MAX_SHOWN: usize = 40;

/// A difference between two versions of a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberChange {
    /// What changed: `argument limit: type string → integer`. May hold text from traffic.
    pub text: String,
    /// Whether a call or a reader that fitted the old version may not fit the new one.
    pub is_breaking: bool,
}

/// The differences found so far.
#[derive(Debug, Default)]
pub(super) struct Changes {
    list: Vec<MemberChange>,
    more: usize,
}

impl Changes {
    /// Adds a difference.
    pub(super) fn add(&mut self, is_breaking: bool, text: String) {
        if self.list.len() < MAX_CHANGES {
            self.list.push(MemberChange { text, is_breaking });
        } else {
            self.more += 1;
            if let Some(last) = self.list.last_mut() {
                last.is_breaking |= is_breaking;
            }
        }
    }

    /// Adds a difference between two values, if there is one. `None` is a member that is absent.
    pub(super) fn value(&mut self, is_breaking: bool, name: &str, old: Option<&Value>, new: Option<&Value>) {
        match (old, new) {
            (old, new) if old == new => {}
            (None, None) => {}
            (None, Some(new)) => self.add(is_breaking, format!("{name} added: {}", shown(new))),
            (Some(old), None) => self.add(is_breaking, format!("{name} removed: {}", shown(old))),
            (Some(old), Some(new)) => {
                self.add(is_breaking, format!("{name}: {} → {}", shown(old), shown(new)));
            }
        }
    }

    /// Returns the differences, with one line for those beyond the cap.
    pub(super) fn finish(self) -> Vec<MemberChange> {
        let Self { mut list, more } = self;
        if more > 0 {
            list.push(MemberChange { text: format!("and {more} more"), is_breaking: false });
        }
        list
    }
}

/// Returns the members of a value; none if it is no object.
pub(super) fn object(value: Option<&Value>) -> &Map<String, Value> {
    static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.and_then(Value::as_object).unwrap_or(&EMPTY)
}

/// Returns the names of the members of both: those of the old one in their order, then new ones.
pub(super) fn union<'a>(
    old: &'a Map<String, Value>,
    new: &'a Map<String, Value>,
) -> impl Iterator<Item = &'a String> {
    old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)))
}

/// Returns a value as short JSON text.
pub(super) fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

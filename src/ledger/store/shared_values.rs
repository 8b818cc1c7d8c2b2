//! Values that many exchanges have in common, stored once: texts by number, sessions by theirs.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::base::protocols::TlsNames;
use crate::base::text;
use crate::mcp::SessionRef;

/// Bytes of texts longer than [`SHORT`] that a table may hold. Methods, names, ids and error
/// messages are rarely that long, but traffic can make a million of 4 KiB each, which is 4 GB.
pub(super) const MAX_LONG_TEXTS: usize = 32 << 20;

/// Length up to which a text is always stored whole, in bytes.
pub(super) const SHORT: usize = 64;

/// Memory of a session beside its texts, in bytes.
const SESSION: usize = size_of::<SessionRef>() + 16;

/// Memory of a text beside its bytes: in two tables, with its counts.
const TEXT: usize = 64;

/// The values that the packed exchanges of a table refer to.
#[derive(Debug, Default)]
pub(super) struct SharedValues {
    pub(super) texts: TextTable,
    pub(super) budget: TextBudget,
    /// By session number.
    sessions: HashMap<u32, SessionRef, foldhash::fast::RandomState>,
    /// Length of their texts, in bytes.
    session_texts: usize,
    /// What TLS connections agreed on, and the number of each.
    tls: Vec<Arc<TlsNames>>,
    tls_numbers: HashMap<Arc<TlsNames>, u64, foldhash::fast::RandomState>,
}

impl SharedValues {
    /// Stores the latest state of a session: its id is known only after its first response.
    pub(super) fn set_session(&mut self, session: &SessionRef) {
        let known = self.sessions.get(&session.number);
        if known != Some(session) {
            self.session_texts += session.text_len();
            self.session_texts -= known.map_or(0, SessionRef::text_len);
            self.sessions.insert(session.number, session.clone());
        }
    }

    /// Returns the memory of all values, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.sessions.len() * SESSION + self.session_texts + self.texts.memory
    }

    pub(super) fn session(&self, number: u32) -> Option<&SessionRef> {
        self.sessions.get(&number)
    }

    /// Stores what a TLS connection agreed on and returns its number.
    pub(super) fn tls_number(&mut self, tls: &Arc<TlsNames>) -> u64 {
        if let Some(number) = self.tls_numbers.get(tls) {
            return *number;
        }
        let number = self.tls.len() as u64;
        self.tls.push(Arc::clone(tls));
        self.tls_numbers.insert(Arc::clone(tls), number);
        number
    }

    /// Returns what has a number.
    pub(super) fn tls(&self, number: u64) -> Option<&Arc<TlsNames>> {
        self.tls.get(usize::try_from(number).ok()?)
    }

    /// Stores a text and returns its number; 0 for `None`.
    pub(super) fn text_number(&mut self, text: Option<&Arc<str>>) -> u64 {
        text.map_or(0, |text| self.texts.insert(text, &mut self.budget).into())
    }
}

/// Bytes left for long texts.
#[derive(Debug)]
pub(super) struct TextBudget {
    pub(super) left: usize,
}

impl Default for TextBudget {
    fn default() -> Self {
        Self { left: MAX_LONG_TEXTS }
    }
}

impl TextBudget {
    /// Returns the text and charges its length, or its first [`SHORT`] bytes and an ellipsis if
    /// the budget is used up.
    pub(super) fn fit<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        if text.len() <= SHORT {
            return Cow::Borrowed(text);
        }
        if let Some(left) = self.left.checked_sub(text.len()) {
            self.left = left;
            return Cow::Borrowed(text);
        }
        let start = text::beginning(text, SHORT);
        Cow::Owned(format!("{start}\u{2026}"))
    }
}

/// Texts numbered from 1.
#[derive(Debug, Default)]
pub(super) struct TextTable {
    pub(super) values: Vec<Arc<str>>,
    /// Memory of the texts, in bytes.
    memory: usize,
    numbers: HashMap<Arc<str>, u32, foldhash::fast::RandomState>,
}

impl TextTable {
    fn insert(&mut self, text: &Arc<str>, budget: &mut TextBudget) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let text = match budget.fit(text) {
            Cow::Borrowed(_) => Arc::clone(text),
            Cow::Owned(cut) => Arc::from(cut),
        };
        if let Some(number) = self.numbers.get(&text) {
            return *number;
        }
        self.values.push(Arc::clone(&text));
        self.memory += text.len() + TEXT;
        let number = u32::try_from(self.values.len()).unwrap_or(0);
        self.numbers.insert(text, number);
        number
    }

    /// Returns the text with a number; `None` for 0.
    pub(super) fn get(&self, number: u32) -> Option<&Arc<str>> {
        self.values.get((number as usize).checked_sub(1)?)
    }
}

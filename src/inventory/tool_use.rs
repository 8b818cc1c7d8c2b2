//! How often methods and tools were called, and in how many sessions they failed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::{Side, limits};
use crate::ledger::Exchange;

/// Sessions of one row that are told apart.
const MAX_SESSIONS: usize = 4096;

/// Sessions of all rows that are told apart, 8 bytes each.
const MAX_ALL_SESSIONS: usize = 1 << 20;

/// A method and, if the method has names, a tool, prompt or resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallName {
    /// The side that sends the request.
    pub origin: Side,
    /// The method.
    pub method: Arc<str>,
    /// The tool, the prompt or the resource URI; `None` for methods without one.
    pub name: Option<Arc<str>>,
}

/// How often something was called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolUse {
    /// Number of calls.
    pub calls: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Calls whose outcome the captures do not tell.
    pub unknown: u64,
    sessions: BTreeSet<u32>,
    failed_sessions: BTreeSet<u32>,
}

impl ToolUse {
    /// The number of sessions in which it was called.
    #[must_use]
    pub fn sessions(&self) -> u64 {
        self.sessions.len() as u64
    }

    /// The number of sessions in which it failed at least once.
    #[must_use]
    pub fn failed_sessions(&self) -> u64 {
        self.failed_sessions.len() as u64
    }
}

/// The uses of all methods and tools.
#[derive(Clone, Debug, Default)]
pub(super) struct ToolUses {
    rows: BTreeMap<CallName, ToolUse>,
    text_len: usize,
    sessions: usize,
}

impl ToolUses {
    /// Counts an exchange.
    pub(super) fn push(&mut self, exchange: &Exchange) {
        let name = CallName {
            origin: exchange.origin,
            method: Arc::clone(&exchange.method),
            name: exchange.name.clone(),
        };
        if !self.rows.contains_key(&name) {
            let len = name.method.len() + name.name.as_ref().map_or(0, |name| name.len());
            if self.rows.len() >= limits::MAX_TABLE_ROWS || self.text_len + len > limits::MAX_TABLE_TEXT {
                return;
            }
            self.text_len += len;
        }
        let row = self.rows.entry(name).or_default();
        row.calls += 1;
        let is_unknown = exchange.status == crate::base::Status::Undetermined;
        row.unknown += u64::from(is_unknown);
        let has_failed = exchange.is_failure() && !is_unknown;
        row.failed += u64::from(has_failed);
        let session = exchange.session.number;
        let has_room = |set: &BTreeSet<u32>, all: usize| set.len() < MAX_SESSIONS && all < MAX_ALL_SESSIONS;
        if has_room(&row.sessions, self.sessions) {
            self.sessions += usize::from(row.sessions.insert(session));
        }
        if has_failed && row.sessions.contains(&session) {
            row.failed_sessions.insert(session);
        }
    }

    /// Returns the rows: those that failed in the most sessions first.
    pub(super) fn finish(self) -> Vec<(CallName, ToolUse)> {
        let mut rows: Vec<_> = self.rows.into_iter().collect();
        rows.sort_by(|(name, one), (other_name, other)| {
            let key = |it: &ToolUse| (it.failed_sessions(), it.failed, it.calls);
            key(other).cmp(&key(one)).then_with(|| name.cmp(other_name))
        });
        rows
    }
}

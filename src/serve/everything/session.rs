//! State of one session: its log level and subscriptions. Up to 2025-11-25 only; a request of
//! 2026-07-28 carries both itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rmcp::ErrorData;
use rmcp::model::LoggingLevel;

use crate::serve::budget::{Budget, Taken};

/// Most subscriptions of a session.
const MAX_SUBSCRIPTIONS: usize = 256;

/// Memory for the subscriptions of all sessions, in bytes.
const ALL_SUBSCRIPTIONS: usize = 16 * 1024 * 1024;

/// Cost of a subscription beside its URI, in bytes.
const SUBSCRIPTION: usize = 128;

/// Longest URI to remember, in bytes: what browsers and servers support.
const MAX_URI: usize = 2048;

/// State of one session.
#[derive(Debug)]
pub(super) struct Session {
    memory: Mutex<Memory>,
    /// Memory for the subscriptions of all sessions.
    budget: Budget,
}

#[derive(Debug)]
struct Memory {
    level: LoggingLevel,
    uris: BTreeMap<String, Taken>,
}

impl Session {
    /// Creates a session that receives all log messages and has no subscriptions.
    pub(super) fn new() -> Self {
        Self::with_budget(Budget::new(ALL_SUBSCRIPTIONS))
    }

    /// Creates another session that shares the memory for subscriptions with this one.
    pub(super) fn another(&self) -> Self {
        Self::with_budget(self.budget.clone())
    }

    fn with_budget(budget: Budget) -> Self {
        let memory = Memory { level: LoggingLevel::Debug, uris: BTreeMap::new() };
        Self { memory: Mutex::new(memory), budget }
    }

    /// Returns the lowest level of log messages that the client wants.
    pub(super) fn level(&self) -> LoggingLevel {
        self.memory().level
    }

    /// Handles `logging/setLevel`.
    pub(super) fn set_level(&self, level: LoggingLevel) {
        self.memory().level = level;
    }

    /// Handles `resources/subscribe`.
    ///
    /// # Errors
    ///
    /// Invalid params if the URI is too long or the session has too many subscriptions; an internal
    /// error if all sessions together have too many.
    pub(super) fn subscribe(&self, uri: &str) -> Result<(), ErrorData> {
        let mut memory = self.memory();
        if uri.len() > MAX_URI || memory.uris.len() >= MAX_SUBSCRIPTIONS {
            let limits = format!("at most {MAX_SUBSCRIPTIONS} subscriptions, of {MAX_URI} bytes each");
            return Err(ErrorData::invalid_params(limits, None));
        }
        if !memory.uris.contains_key(uri) {
            let taken = self.budget.take(uri.len() + SUBSCRIPTION).ok_or_else(|| {
                ErrorData::internal_error("all sessions together have too many subscriptions", None)
            })?;
            memory.uris.insert(uri.to_owned(), taken);
        }
        Ok(())
    }

    /// Handles `resources/unsubscribe`; an unknown URI is not an error.
    pub(super) fn unsubscribe(&self, uri: &str) {
        self.memory().uris.remove(uri);
    }

    /// Whether the session is subscribed to the resource.
    pub(super) fn watches(&self, uri: &str) -> bool {
        self.memory().uris.contains_key(uri)
    }

    /// Locks the state. Each update is one assignment or insertion, so the data of a poisoned lock
    /// is valid.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_remembers_its_subscriptions_up_to_the_cap() {
        let session = Session::new();
        for n in 0..MAX_SUBSCRIPTIONS {
            session.subscribe(&format!("test://{n}")).unwrap();
        }
        assert!(session.watches("test://0"));
        assert!(session.subscribe("test://one-more").is_err());
        session.unsubscribe("test://0");
        assert!(!session.watches("test://0"));
        session.subscribe("test://one-more").unwrap();
    }

    #[test]
    fn an_oversized_uri_is_refused() {
        assert!(Session::new().subscribe(&"x".repeat(MAX_URI + 1)).is_err());
    }

    #[test]
    fn the_log_level_is_the_one_set() {
        let session = Session::new();
        assert_eq!(session.level(), LoggingLevel::Debug);
        session.set_level(LoggingLevel::Error);
        assert_eq!(session.level(), LoggingLevel::Error);
    }
    #[test]
    fn sessions_share_the_memory_for_subscriptions() {
        let first = Session::with_budget(Budget::new(4096));
        let second = first.another();
        let uri = |n: usize| format!("{n}{}", "x".repeat(1800));
        first.subscribe(&uri(0)).unwrap();
        second.subscribe(&uri(0)).unwrap();
        second.subscribe(&uri(0)).unwrap();
        assert!(second.subscribe(&uri(1)).is_err());
        drop(first);
        second.subscribe(&uri(1)).unwrap();
    }
}

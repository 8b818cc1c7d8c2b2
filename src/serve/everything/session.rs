//! State of one session: its log level and subscriptions. Up to 2025-11-25 only; a request of
//! 2026-07-28 carries both itself.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rmcp::ErrorData;
use rmcp::model::LoggingLevel;

/// Most subscriptions of a session: at 2 kB each, 512 kB.
const MAX_SUBSCRIPTIONS: usize = 256;

/// Longest URI to remember, in bytes: what browsers and servers support.
const MAX_URI: usize = 2048;

/// State of one session.
#[derive(Debug)]
pub(super) struct Session {
    memory: Mutex<Memory>,
}

#[derive(Debug)]
struct Memory {
    level: LoggingLevel,
    uris: BTreeSet<String>,
}

impl Session {
    /// Creates a session that receives all log messages and has no subscriptions.
    pub(super) fn new() -> Self {
        Self { memory: Mutex::new(Memory { level: LoggingLevel::Debug, uris: BTreeSet::new() }) }
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
    /// Invalid params if the URI is too long or the session has too many subscriptions.
    pub(super) fn subscribe(&self, uri: &str) -> Result<(), ErrorData> {
        let mut memory = self.memory();
        if uri.len() > MAX_URI || memory.uris.len() >= MAX_SUBSCRIPTIONS {
            let limits = format!("at most {MAX_SUBSCRIPTIONS} subscriptions, of {MAX_URI} bytes each");
            return Err(ErrorData::invalid_params(limits, None));
        }
        memory.uris.insert(uri.to_owned());
        Ok(())
    }

    /// Handles `resources/unsubscribe`; an unknown URI is not an error.
    pub(super) fn unsubscribe(&self, uri: &str) {
        self.memory().uris.remove(uri);
    }

    /// Whether the session is subscribed to the resource.
    pub(super) fn watches(&self, uri: &str) -> bool {
        self.memory().uris.contains(uri)
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
}

//! What one session has said: its log level and what it subscribed to. Up to 2025-11-25 only; a request of 2026-07-28
//! says both itself.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rmcp::ErrorData;
use rmcp::model::LoggingLevel;

/// Resources that one session may subscribe to. Chosen: more than anyone looks at, and at 2 kB each, 512 kB.
const MAX_SUBSCRIPTIONS: usize = 256;

/// Bytes of a URI that is remembered: what browsers and servers agree to carry.
const MAX_URI: usize = 2048;

/// The memory of one session.
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
    /// A session that has said nothing yet: all log messages, no subscriptions.
    pub(super) fn new() -> Self {
        Self { memory: Mutex::new(Memory { level: LoggingLevel::Debug, uris: BTreeSet::new() }) }
    }

    /// The lowest level of the log messages that the client wants.
    pub(super) fn level(&self) -> LoggingLevel {
        self.memory().level
    }

    /// What `logging/setLevel` says.
    pub(super) fn set_level(&self, level: LoggingLevel) {
        self.memory().level = level;
    }

    /// What `resources/subscribe` says.
    ///
    /// # Errors
    ///
    /// Invalid params where the URI is too long or the session has too many.
    pub(super) fn subscribe(&self, uri: &str) -> Result<(), ErrorData> {
        let mut memory = self.memory();
        if uri.len() > MAX_URI || memory.uris.len() >= MAX_SUBSCRIPTIONS {
            let limits = format!("at most {MAX_SUBSCRIPTIONS} subscriptions, of {MAX_URI} bytes each");
            return Err(ErrorData::invalid_params(limits, None));
        }
        memory.uris.insert(uri.to_owned());
        Ok(())
    }

    /// What `resources/unsubscribe` says; a URI that is not subscribed to is no error.
    pub(super) fn unsubscribe(&self, uri: &str) {
        self.memory().uris.remove(uri);
    }

    /// Whether the session wants to know when the resource changes.
    pub(super) fn watches(&self, uri: &str) -> bool {
        self.memory().uris.contains(uri)
    }

    /// A panic while the lock was held cannot leave half a change behind: each is one assignment or insertion.
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
    fn a_uri_that_is_too_long_is_refused() {
        assert!(Session::new().subscribe(&"x".repeat(MAX_URI + 1)).is_err());
    }

    #[test]
    fn the_level_is_the_one_that_was_set() {
        let session = Session::new();
        assert_eq!(session.level(), LoggingLevel::Debug);
        session.set_level(LoggingLevel::Error);
        assert_eq!(session.level(), LoggingLevel::Error);
    }
}

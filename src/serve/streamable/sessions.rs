//! The sessions of Streamable HTTP, and their limits. They have no connection of their own and last
//! until they are deleted, unused for too long, or have to make room for others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use rmcp::transport::streamable_http_server::session::SessionManager as _;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;

use crate::serve::roster::{Place, Roster};

/// Most memory for what clients said of themselves, over all sessions, in bytes.
const MEMORY: usize = 32 * 1024 * 1024;

/// Header that names the session of a request.
const SESSION_ID: &str = "mcp-session-id";

type Places = HashMap<String, Arc<Place>>;

/// Open sessions.
pub(super) struct Sessions {
    manager: Arc<LocalSessionManager>,
    roster: Roster,
    places: Mutex<Places>,
}

impl Sessions {
    /// Limits the sessions of `manager` to this number.
    pub(super) fn new(manager: Arc<LocalSessionManager>, most: usize) -> Self {
        Self { manager, roster: Roster::new(most, MEMORY), places: Mutex::default() }
    }

    /// Gives a place to a session that keeps `bytes` bytes for its client. The session that was
    /// unused for the longest time ends if there is no other place. `None` if no session can end.
    pub(super) async fn admit(&self, client: IpAddr, bytes: usize) -> Option<Place> {
        {
            let open = self.manager.sessions.read().await;
            self.places().retain(|id, _| open.contains_key(id.as_str()));
        }
        self.roster.admit(client, bytes)
    }

    /// Keeps the place of the session that was opened by the response with these headers.
    pub(super) fn keep(&self, place: Place, response: &HeaderMap) {
        let Some(id) = id_of(response) else {
            return;
        };
        let (gone, manager, ended) = (place.gone(), Arc::clone(&self.manager), id.to_owned());
        self.places().insert(id.to_owned(), Arc::new(place));
        tokio::spawn(async move {
            gone.cancelled().await;
            // Fails if the session has ended already.
            drop(manager.close_session(&ended.into()).await);
        });
    }

    /// Records the use of the session that a request names.
    pub(super) fn record_use(&self, request: &HeaderMap) {
        if let Some(place) = id_of(request).and_then(|id| self.places().get(id).cloned()) {
            place.record_use();
        }
    }

    /// Whether a request names a session that is not open.
    pub(super) async fn is_unknown(&self, request: &HeaderMap) -> bool {
        match request.get(SESSION_ID) {
            None => false,
            Some(id) => {
                let open = self.manager.sessions.read().await;
                !id.to_str().is_ok_and(|id| open.contains_key(id))
            }
        }
    }

    /// Locks the places. Each update is one call, so the data of a poisoned lock is valid.
    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn id_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(SESSION_ID)?.to_str().ok()
}

//! What a transaction shows of its session if its request is missing, or fields of its head are.
//!
//! Over HTTP/2 a lost packet makes later heads unreadable: fields that repeat lost ones. The
//! session is then concluded from what is left, and what the transaction carries is degraded.

use std::sync::Arc;

use super::carried::Carried;
use super::handle::SessionIndex;
use super::record::SessionEnd;
use super::session::SessionState;
use super::session_table::Sessions;
use super::transaction::Transaction;

impl Sessions {
    /// The session of a transaction of which fields of the request are not known; `None` if several
    /// may be meant, or none is known. `opens`: it may open a session of its own.
    pub(super) fn of_unknown_request(&self, transaction: &Transaction, opens: bool) -> Option<SessionIndex> {
        let path = transaction.request().map(|request| Arc::clone(&request.path)).unwrap_or_default();
        // POSTs of HTTP+SSE go to another path than that of the server.
        let may_be =
            |session: &SessionState| path.is_empty() || session.has_path(&path) || session.is_http_sse();
        let only = || if opens { None } else { self.only(transaction, may_be) };
        self.named(transaction).or_else(only)
    }

    /// The session of an event stream whose request is missing; `None` if several may be meant, or
    /// none is known. HTTP+SSE has one stream for each session.
    pub(super) fn of_unknown_stream(&self, transaction: &Transaction) -> Option<SessionIndex> {
        self.named(transaction).or_else(|| self.only(transaction, SessionState::is_streamable_http))
    }

    /// The session that the response names.
    fn named(&self, transaction: &Transaction) -> Option<SessionIndex> {
        let id = transaction.response()?.session_id.as_ref()?;
        let server = transaction.peers().server;
        let is_it = |session: &&SessionState| session.record().addresses.contains(&server);
        self.with_id(id).find(is_it).map(SessionState::index)
    }

    /// The only session that `may_be` the one: of the connection, else of the client and the
    /// server.
    fn only(
        &self,
        transaction: &Transaction,
        may_be: impl Fn(&SessionState) -> bool,
    ) -> Option<SessionIndex> {
        let may_be =
            |session: &SessionState| session.record().ended != SessionEnd::Deleted && may_be(session);
        match self.carried().of(transaction.key().0) {
            Some(Carried::Several) => return None,
            // One that was silent for long is none of those that are compared.
            Some(Carried::One(index)) if self.get(index).is_none_or(&may_be) => return Some(index),
            Some(Carried::One(_)) | None => {}
        }
        let open = self.open_of_peers(transaction.peers(), may_be);
        if let [only] = *open { Some(only) } else { None }
    }
}

//! Finds the session that a transaction belongs to.

use std::sync::Arc;

use super::content::Content;
use super::handle::SessionIndex;
use super::heads::Verb;
use super::session::SessionState;
use super::session_key::{self, SessionKey};
use super::session_table::Sessions;
use super::sighting::Sighting;
use super::transaction::Transaction;
use super::transaction_table::OtherTransactions;
use super::{endpoint, method, revision};
use crate::base::{Degraded, Origin};
use crate::rpc::{Channel, Envelope, Kind};

/// What is known when the session of a transaction is looked for.
pub(super) struct Search<'a> {
    pub(super) sessions: &'a mut Sessions,
    pub(super) transaction: &'a Transaction,
    pub(super) others: OtherTransactions<'a>,
    /// The packet that is handled.
    pub(super) at: Origin,
    /// Whether nothing more of the transaction will be seen.
    pub(super) is_last: bool,
}

impl Search<'_> {
    /// The session of the transaction; `None` while what was seen of it does not tell.
    pub(super) fn session(&mut self) -> Option<SessionIndex> {
        let transaction = self.transaction;
        if let Some(channel) = transaction.channel() {
            return is_json_rpc(transaction).then(|| self.by_channel(channel));
        }
        let request = transaction.request()?;
        let peers = transaction.peers();
        if let Some(id) = &request.session_id {
            let key = SessionKey::of_id(peers.server, &request.path, id);
            return self.by_id(key, id, transaction.sighting(self.first()));
        }
        if let Some(session) =
            self.sessions.find(&SessionKey::Target(peers.server, Arc::clone(&request.target)))
        {
            return Some(session);
        }
        if transaction.may_show_answer() && !self.is_last {
            return None;
        }
        if transaction.lacks_request_fields() {
            return self.by_inference();
        }
        let has_all_messages = transaction.has_request_body() || self.is_last;
        if !transaction.is_post() || !has_all_messages || !is_json_rpc(transaction) {
            return None;
        }
        let response = transaction.response();
        let (shown, is_named) = endpoint::shown_id(&request.target);
        if session_key::is_unique(&shown) && self.sessions.with_id(&shown).any(SessionState::is_http_sse) {
            return self.by_target();
        }
        if is_named {
            // The target names a session id. Clients of Streamable HTTP accept JSON and events;
            // then the response decides.
            match response {
                _ if !request.accepts_both => return self.by_target(),
                Some(_) if transaction.is_only_accepted() => return self.by_target(),
                None if !self.is_last => return None,
                _ => {}
            }
        }
        if messages(transaction).any(is_initialize) {
            let id = response.and_then(|response| response.session_id.as_ref());
            return match (response, id) {
                (None, _) if !self.is_last => None,
                (_, Some(id)) => Some(self.by_new_id(id)),
                // A client that accepts both speaks Streamable HTTP, unless it is told 202.
                (Some(_), None)
                    if transaction.is_only_accepted()
                        && (!request.accepts_both || transaction.status() == Some(202)) =>
                {
                    self.by_target()
                }
                _ => Some(self.by_client()),
            };
        }
        let own_version = messages(transaction).find_map(|message| message.look.meta_version.as_deref());
        let version = own_version.or(request.protocol_version.as_deref());
        let is_stateless = version.is_some_and(revision::is_stateless);
        if !is_stateless
            && !messages(transaction).any(|message| message.method.as_deref() == Some(method::DISCOVER))
            && let Some(session) = self.sessions.only_with_id(peers, &request.path)
        {
            // The client does not send the id back.
            return Some(session);
        }
        if is_stateless || request.accepts_both {
            return Some(self.by_client());
        }
        if response.is_none() && !self.is_last {
            return None;
        }
        if !transaction.is_only_accepted() {
            return Some(self.by_client());
        }
        if messages(transaction).any(|message| message.kind == Kind::Request) {
            return self.by_target();
        }
        // Both transports accept a notification or a response like this.
        self.sessions.latest_without_id(peers, &request.path).or_else(|| self.by_target())
    }

    /// Fields of the request are not in the capture, perhaps its session id among them: what else
    /// is known tells the session. `None` while the response may still name it.
    fn by_inference(&mut self) -> Option<SessionIndex> {
        let transaction = self.transaction;
        let has_all_messages = transaction.has_request_body() || self.is_last;
        let is_mcp = match transaction.verb() {
            Some(Verb::Post) => has_all_messages && is_json_rpc(transaction),
            Some(Verb::Get) => transaction.stream().is_some(),
            _ => transaction.verb() == Some(Verb::Delete),
        };
        if !is_mcp || (transaction.response().is_none() && !self.is_last) {
            return None;
        }
        let (_, is_named) = endpoint::shown_id(&transaction.request()?.target);
        if transaction.is_post() && is_named {
            return self.by_target();
        }
        let opens = messages(transaction).any(is_initialize);
        if let Some(index) = self.sessions.of_unknown_request(transaction, opens) {
            return Some(index);
        }
        if let Some(id) = transaction.response().and_then(|response| response.session_id.as_ref()) {
            return Some(self.by_new_id(id));
        }
        if !transaction.is_post() {
            return None;
        }
        let index = self.by_client();
        self.sessions.degrade(index, transaction.degraded());
        Some(index)
    }

    /// The first packet of the transaction.
    fn first(&self) -> Origin {
        self.transaction.request_span().map_or(self.at, |span| span.start)
    }

    /// The session that a response to `initialize` gives an id. An id of uuid strength that another
    /// address gave out before is that of another leg of a proxy.
    fn by_new_id(&mut self, id: &Arc<str>) -> SessionIndex {
        let path = self.transaction.request().map(|request| Arc::clone(&request.path));
        let key = SessionKey::of_id(self.transaction.peers().server, &path.unwrap_or_default(), id);
        self.sessions.find_or_create(key, Some(Arc::clone(id)), self.transaction.sighting(self.first()))
    }

    /// The session with an id that the request names. An id of uuid strength at an address that is
    /// new to it is that of a replica or of another address of the same host, unless a session with
    /// this id carries the same request at the same time: then a proxy passes the request on, and
    /// the address is behind or in front of it. `None` while that is undecided.
    fn by_id(&mut self, key: SessionKey, id: &Arc<str>, seen: Sighting<'_>) -> Option<SessionIndex> {
        if let Some(session) = self.sessions.find(&key) {
            return Some(session);
        }
        let transaction = self.transaction;
        let is_known = session_key::is_unique(id) && self.sessions.with_id(id).next().is_some();
        if !is_known {
            return Some(self.sessions.find_or_create(key, Some(Arc::clone(id)), seen));
        }
        let has_all_messages = !transaction.is_post() || transaction.has_request_body();
        if !has_all_messages && !self.is_last {
            return None;
        }
        let is_busy = |view: &SessionIndex| {
            self.others.of_session(Some(*view)).any(|other| transaction.has_same_request(other))
        };
        let views = self.sessions.with_id(id);
        let (legs, free): (Vec<_>, Vec<_>) = views.map(SessionState::index).partition(is_busy);
        // Of two interfaces the packets of the other leg may come later.
        if legs.is_empty() && transaction.response().is_none() && !self.is_last {
            return None;
        }
        match free.last() {
            Some(session) => {
                self.sessions.add_address(key, *session, seen.peers);
                Some(*session)
            }
            None => Some(self.sessions.find_or_create(key, Some(Arc::clone(id)), seen)),
        }
    }

    /// HTTP+SSE whose `endpoint` event was not captured, or names another address: POSTs with the
    /// same target are one session.
    fn by_target(&mut self) -> Option<SessionIndex> {
        let transaction = self.transaction;
        let target = transaction.target()?;
        let peers = transaction.peers();
        let (id, is_named) = endpoint::shown_id(target);
        let key = SessionKey::Target(peers.server, Arc::clone(target));
        if is_named && let Some(session) = self.sessions.by_shown_id(peers.server, &id) {
            self.sessions.add_key(key, session);
            return Some(session);
        }
        let is_new = self.sessions.with_id(&id).next().is_none();
        // The path of the server is that of the stream.
        let seen = Sighting { path: None, ..transaction.sighting(self.first()) };
        let session = self.by_id(key, &id.into(), seen)?;
        if is_new {
            self.sessions.degrade(session, Degraded::MIDSTREAM);
        }
        Some(session)
    }

    /// One channel is one session, under the id that its heads name if they do.
    fn by_channel(&mut self, channel: Channel) -> SessionIndex {
        let transaction = self.transaction;
        let asked = transaction.request().and_then(|request| request.session_id.clone());
        let given = || transaction.response().and_then(|response| response.session_id.clone());
        let id = asked.or_else(given);
        let key = SessionKey::Channel(channel, transaction.key());
        self.sessions.find_or_create(key, id, transaction.sighting(self.first()))
    }

    /// Without a session id: the server's path, the client's address and `clientInfo`.
    fn by_client(&mut self) -> SessionIndex {
        let transaction = self.transaction;
        let peers = transaction.peers();
        let path = transaction.request().map(|request| Arc::clone(&request.path)).unwrap_or_default();
        let info = messages(transaction)
            .filter(|message| message.look.meta_version.is_some())
            .find_map(|message| message.look.client_info.clone());
        let opens =
            messages(transaction).any(|message| message.method.as_deref() == Some(method::INITIALIZE));
        if info.is_none()
            && let Some(index) = self.sessions.latest_without_id(peers, &path)
        {
            let is_left = opens && self.sessions.get(index).is_some_and(SessionState::is_left);
            if !is_left {
                return index;
            }
            self.sessions.release(&SessionKey::Client(
                peers.server,
                Arc::clone(&path),
                peers.client.ip(),
                None,
            ));
        }
        let key = SessionKey::Client(peers.server, path, peers.client.ip(), info);
        self.sessions.find_or_create(key, None, transaction.sighting(self.first()))
    }
}

/// Whether a message of the transaction has a `jsonrpc` member.
fn is_json_rpc(transaction: &Transaction) -> bool {
    messages(transaction).any(|message| message.has_version)
}

fn is_initialize(message: &Envelope) -> bool {
    message.method.as_deref() == Some(method::INITIALIZE)
}

/// The messages that wait for their session.
fn messages(transaction: &Transaction) -> impl Iterator<Item = &Envelope> {
    transaction.waiting().iter().flat_map(|content| match content {
        Content::Request(parsed, _) | Content::Response(parsed) => &*parsed.envelopes,
        Content::Event(event) => &*event.parsed.envelopes,
    })
}

//! Finds the session that a transaction belongs to.

use std::sync::Arc;

use super::handle::SessionIndex;
use super::session::SessionKey;
use super::session_table::Sessions;
use super::transaction::{Content, Transaction};
use super::{endpoint, method, revision};
use crate::base::{Degraded, Origin};
use crate::rpc::{Envelope, Kind};

/// The session of `transaction`; `None` while what was seen of it does not tell. `is_last`: nothing
/// more of it will be seen.
pub(super) fn find_session(
    sessions: &mut Sessions,
    transaction: &Transaction,
    at: Origin,
    is_last: bool,
) -> Option<SessionIndex> {
    let request = transaction.request()?;
    let peers = transaction.peers();
    let first = transaction.request_span().map_or(at, |span| span.start);
    if let Some(id) = &request.session_id {
        let key = SessionKey::Id(peers.server, Arc::clone(id));
        return Some(sessions.find_or_create(key, Some(Arc::clone(id)), peers, first));
    }
    if let Some(session) = sessions.find(&SessionKey::Target(peers.server, Arc::clone(&request.target))) {
        return Some(session);
    }
    let has_all_messages = transaction.has_request_body() || is_last;
    if !transaction.is_post() || !has_all_messages || !is_json_rpc(transaction) {
        return None;
    }
    let response = transaction.response();
    if endpoint::shown_id(&request.target).1 {
        // The target names a session id. Clients of Streamable HTTP accept JSON and events; then
        // the response decides.
        match response {
            _ if !request.accepts_both => return by_target(sessions, transaction, first),
            Some(_) if transaction.is_only_accepted() => return by_target(sessions, transaction, first),
            None if !is_last => return None,
            _ => {}
        }
    }
    if messages(transaction).any(|message| message.method.as_deref() == Some(method::INITIALIZE)) {
        let id = response.and_then(|response| response.session_id.clone());
        return match (response, id) {
            (None, _) if !is_last => None,
            (_, Some(id)) => {
                let key = SessionKey::Id(peers.server, Arc::clone(&id));
                Some(sessions.find_or_create(key, Some(id), peers, first))
            }
            (Some(_), None) if transaction.is_only_accepted() => by_target(sessions, transaction, first),
            _ => Some(by_client(sessions, transaction, first)),
        };
    }
    let own_version = messages(transaction).find_map(|message| message.look.meta_version.as_deref());
    let version = own_version.or(request.protocol_version.as_deref());
    if version.is_some_and(revision::is_stateless) || request.accepts_both {
        return Some(by_client(sessions, transaction, first));
    }
    if response.is_none() && !is_last {
        return None;
    }
    if !transaction.is_only_accepted() {
        return Some(by_client(sessions, transaction, first));
    }
    if messages(transaction).any(|message| message.kind == Kind::Request) {
        return by_target(sessions, transaction, first);
    }
    // Both transports accept a notification or a response like this.
    sessions.latest_without_id(peers).or_else(|| by_target(sessions, transaction, first))
}

/// Whether a message of the transaction has a `jsonrpc` member.
fn is_json_rpc(transaction: &Transaction) -> bool {
    messages(transaction).any(|message| message.has_version)
}

/// The messages that wait for their session.
fn messages(transaction: &Transaction) -> impl Iterator<Item = &Envelope> {
    transaction.waiting().iter().flat_map(|content| match content {
        Content::Request(parsed, _) | Content::Response(parsed) => &*parsed.envelopes,
        Content::Event(event) => &*event.parsed.envelopes,
    })
}

/// HTTP+SSE whose `endpoint` event was not captured: POSTs with the same target are one session.
fn by_target(sessions: &mut Sessions, transaction: &Transaction, at: Origin) -> Option<SessionIndex> {
    let target = transaction.target()?;
    let peers = transaction.peers();
    let (id, is_named) = endpoint::shown_id(target);
    let key = SessionKey::Target(peers.server, Arc::clone(target));
    if is_named && let Some(session) = sessions.by_shown_id(peers.server, &id) {
        sessions.add_key(key, session);
        return Some(session);
    }
    let session = sessions.find_or_create(key, Some(id.into()), peers, at);
    sessions.degrade(session, Degraded::MIDSTREAM);
    Some(session)
}

/// Without a session id: the client's address and `clientInfo`.
fn by_client(sessions: &mut Sessions, transaction: &Transaction, at: Origin) -> SessionIndex {
    let peers = transaction.peers();
    let info = messages(transaction)
        .filter(|message| message.look.meta_version.is_some())
        .find_map(|message| message.look.client_info.clone());
    if info.is_none()
        && let Some(session) = sessions.latest_without_id(peers)
    {
        return session;
    }
    sessions.find_or_create(SessionKey::Client(peers.server, peers.client.ip(), info), None, peers, at)
}

//! Which session a transaction speaks for (design: «which session»).

use std::sync::Arc;

use super::endpoint;
use super::session::{SessionIndex, SessionKey, Sessions};
use super::transaction::{Transaction, Verb, Waiting};
use crate::base::{Degraded, Origin};
use crate::rpc::{Envelope, Kind};

/// The revision since which there are no sessions on the wire.
pub(super) const STATELESS: &str = "2026-07-28";

/// Whether a revision is one without sessions on the wire. Revisions are dates: they compare as text.
pub(super) fn is_stateless(version: &str) -> bool {
    version >= STATELESS
        && version.len() == STATELESS.len()
        && version.as_bytes().first().is_some_and(u8::is_ascii_digit)
}

/// The session of `transaction`, as soon as what was seen of it tells. `last`: nothing more of it will be seen.
pub(super) fn route(
    sessions: &mut Sessions,
    transaction: &Transaction,
    at: Origin,
    last: bool,
) -> Option<SessionIndex> {
    let peers = transaction.peers;
    let first = transaction.request_span.map_or(at, |span| span.start);
    if let Some(id) = &transaction.session_id {
        let key = SessionKey::Id(peers.server, Arc::clone(id));
        return Some(sessions.enter(key, Some(Arc::clone(id)), peers, first));
    }
    if let Some(target) = &transaction.target
        && let Some(place) = sessions.find(&SessionKey::Target(peers.server, Arc::clone(target)))
    {
        return Some(place);
    }
    if transaction.verb != Verb::Post || !(transaction.body_seen || last) || !speaks(transaction) {
        return None;
    }
    let named = transaction.target.as_deref().is_some_and(|target| endpoint::shown_id(target).1);
    if named {
        // A client of Streamable HTTP accepts both, and yet its target may say `sessionId`: the answer tells.
        match &transaction.response {
            _ if !transaction.accepts_both => return by_target(sessions, transaction, first),
            Some(_) if transaction.only_accepted() => return by_target(sessions, transaction, first),
            None if !last => return None,
            _ => {}
        }
    }
    let asks = |method: &str| carried(transaction).any(|envelope| envelope.method.as_deref() == Some(method));
    let own_version = carried(transaction).find_map(|envelope| envelope.look.meta_version.as_deref());
    let stateless = own_version.or(transaction.version.as_deref()).is_some_and(is_stateless);
    let response = transaction.response.as_ref();
    if asks("initialize") {
        let id = response.and_then(|response| response.session_id.clone());
        return match (response, id) {
            (None, _) if !last => None,
            (_, Some(id)) => {
                Some(sessions.enter(SessionKey::Id(peers.server, Arc::clone(&id)), Some(id), peers, first))
            }
            (Some(_), None) if transaction.only_accepted() => by_target(sessions, transaction, first),
            _ => Some(by_client(sessions, transaction, first)),
        };
    }
    if stateless || transaction.accepts_both {
        return Some(by_client(sessions, transaction, first));
    }
    if response.is_none() && !last {
        return None;
    }
    let asked = carried(transaction).any(|envelope| envelope.kind == Kind::Request);
    match transaction.only_accepted() {
        true if asked => by_target(sessions, transaction, first),
        // A notification or an answer: accepted alike by both transports.
        true => sessions.latest_without_id(peers).or_else(|| by_target(sessions, transaction, first)),
        false => Some(by_client(sessions, transaction, first)),
    }
}

/// Whether something that it carried says that it is JSON-RPC.
fn speaks(transaction: &Transaction) -> bool {
    carried(transaction).any(|envelope| envelope.has_version)
}

fn carried(transaction: &Transaction) -> impl Iterator<Item = &Envelope> {
    transaction.waiting.iter().flat_map(|waiting| match waiting {
        Waiting::FromClient(parsed, _) | Waiting::Body(parsed) => &*parsed.envelopes,
        Waiting::Event(event) => &*event.parsed.envelopes,
    })
}

/// HTTP+SSE whose `endpoint` event was not captured: POSTs with the same target are one session.
fn by_target(sessions: &mut Sessions, transaction: &Transaction, at: Origin) -> Option<SessionIndex> {
    let target = transaction.target.as_ref()?;
    let (id, named) = endpoint::shown_id(target);
    let key = SessionKey::Target(transaction.peers.server, Arc::clone(target));
    if named && let Some(place) = sessions.by_shown_id(transaction.peers.server, &id) {
        sessions.also(key, place);
        return Some(place);
    }
    let place = sessions.enter(key, Some(id.into()), transaction.peers, at);
    if let Some(state) = sessions.get_mut(place) {
        state.told.degraded.add(Degraded::MIDSTREAM);
    }
    Some(place)
}

/// No id on the wire: the client's address, and who it says it is.
fn by_client(sessions: &mut Sessions, transaction: &Transaction, at: Origin) -> SessionIndex {
    let peers = transaction.peers;
    let own_version = |envelope: &&Envelope| envelope.look.meta_version.is_some();
    let info =
        carried(transaction).filter(own_version).find_map(|envelope| envelope.look.client_info.clone());
    if info.is_none()
        && let Some(place) = sessions.latest_without_id(peers)
    {
        return place;
    }
    sessions.enter(SessionKey::Client(peers.server, peers.client.ip(), info), None, peers, at)
}

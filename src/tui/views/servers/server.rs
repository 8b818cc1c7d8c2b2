//! The known servers, from their sessions and listings.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::base::{Origin, sanitize};
use crate::ledger::{Implementation, ServerRef, Session};
use crate::tui::model::Model;

use super::definition::unlisted;
use crate::ledger::definitions::DefinitionKind;

/// A server.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) reference: ServerRef,
    /// Name and version of its latest introduction; `None` if none was captured.
    pub(super) info: Option<Implementation>,
    /// Protocol revisions of its sessions, the latest first.
    pub(super) revisions: Vec<String>,
    pub(super) capabilities: Vec<String>,
    /// Number of its sessions with exchanges that match the filter.
    pub(super) sessions: u64,
    /// Number of completed exchanges, and of the failed ones among them.
    pub(super) exchanges: u64,
    pub(super) failed: u64,
    /// Number of definitions per kind, in the order of [`DefinitionKind::ALL`].
    pub(super) offers: [usize; 4],
    /// Number of tools that were called but are in no captured listing.
    pub(super) unlisted: usize,
    /// Length of all definitions in bytes.
    pub(super) bytes: u64,
    /// Its last packet; `None` if no session is known.
    pub(super) last: Option<Origin>,
}

/// Returns the servers with exchanges that match the filter, by address, port and path.
pub(super) fn servers(model: &Model) -> Vec<Server> {
    let mut servers: BTreeMap<ServerRef, Server> = BTreeMap::new();
    let matching = model.matching();
    let passes = |address: &SocketAddr| matching.is_none_or(|matching| matching.has_server(address));
    for session in model.store().sessions().iter().chain(model.store().open_sessions()) {
        if !passes(&session.session.server) {
            continue;
        }
        let reference = session.session.identity();
        let server = servers.entry(reference.clone()).or_insert_with(|| Server::new(reference));
        server.add_session(session);
        let number = session.session.number;
        server.sessions += u64::from(matching.is_none_or(|matching| matching.has_session(number)));
        if let Some(stats) = model.totals().session(number) {
            server.exchanges += stats.exchanges();
            server.failed += stats.failed();
        }
    }
    for offer in model.all().summary().offers.iter().filter(|offer| passes(&offer.server.address)) {
        let server = servers.entry(offer.server.clone()).or_insert_with(|| Server::new(offer.server.clone()));
        let place = DefinitionKind::ALL.iter().position(|kind| kind.list_name() == offer.kind);
        if let Some(count) = place.and_then(|at| server.offers.get_mut(at)) {
            *count += offer.definitions.len();
        }
        server.bytes += offer.bytes();
    }
    for server in servers.values_mut() {
        server.unlisted = unlisted(&server.reference, DefinitionKind::Tool, model).count();
    }
    servers.into_values().collect()
}

impl Server {
    fn new(reference: ServerRef) -> Self {
        Self {
            reference,
            info: None,
            revisions: Vec::new(),
            capabilities: Vec::new(),
            sessions: 0,
            exchanges: 0,
            failed: 0,
            offers: [0; 4],
            unlisted: 0,
            bytes: 0,
            last: None,
        }
    }

    /// Address, port and path. The path is text from traffic.
    pub(super) fn label(&self) -> String {
        sanitize::clean(&self.reference.to_string())
    }

    fn add_session(&mut self, session: &Session) {
        let is_latest = self.last.is_none_or(|last| last <= session.last);
        if is_latest {
            self.last = Some(session.last);
        }
        if session.server_info.is_some() && (is_latest || self.info.is_none()) {
            self.info.clone_from(&session.server_info);
        }
        if let Some(revision) = &session.protocol_version
            && let Err(at) = self.revisions.binary_search_by(|known| revision.as_ref().cmp(known.as_str()))
        {
            self.revisions.insert(at, revision.to_string());
        }
        for capability in &session.server_capabilities {
            if !self.capabilities.iter().any(|known| **known == **capability) {
                self.capabilities.push(capability.to_string());
            }
        }
    }
}

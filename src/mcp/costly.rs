//! Clients that open a session for each call.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::record::{ServerRef, Session, SessionRef};
use crate::base::Origin;

/// Number of sessions of one client at one server that are a pattern.
const MANY_SESSIONS: u64 = 10;

/// The sessions that one client address opened at one server, if they are no fewer than its calls.
#[derive(Clone, Debug)]
pub(super) struct CostlySessions {
    /// The first of them.
    pub(super) first: SessionRef,
    pub(super) at: Origin,
    pub(super) sessions: u64,
    pub(super) calls: u64,
}

/// Finds them, in the order of their first session.
pub(super) fn find<'a>(records: impl Iterator<Item = &'a Session>) -> Vec<CostlySessions> {
    let mut all: BTreeMap<(ServerRef, IpAddr), CostlySessions> = BTreeMap::new();
    for record in records {
        let session = &record.session;
        let costly = all.entry((session.identity(), session.client.ip())).or_insert_with(|| CostlySessions {
            first: session.clone(),
            at: record.first,
            sessions: 0,
            calls: 0,
        });
        costly.sessions += u64::from(record.protocol_version.is_some());
        costly.calls += record.calls;
    }
    let mut costly: Vec<_> = all.into_values().collect();
    costly.retain(|all| all.sessions >= MANY_SESSIONS && all.calls > 0 && all.sessions >= all.calls);
    costly.sort_by_key(|all| all.first.number);
    costly
}

//! Clients that open a session for each call.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::record::{ServerRef, Session, SessionRef};
use crate::base::Origin;

/// Number of sessions of one client at one server that are a pattern.
const MANY_SESSIONS: u64 = 10;

/// Pairs of server and client address of which removed sessions are counted, about 500 bytes each;
/// real captures have tens. Of other pairs only the sessions still kept count.
const MAX_PEERS: usize = 1024;

/// The sessions that one client address opened at one server, if they are no fewer than its calls.
#[derive(Clone, Debug)]
pub(super) struct CostlySessions {
    /// The first of them.
    pub(super) first: SessionRef,
    pub(super) at: Origin,
    pub(super) sessions: u64,
    pub(super) calls: u64,
}

/// Sessions by server and client address.
#[derive(Clone, Debug, Default)]
pub(super) struct SessionCounts(BTreeMap<(ServerRef, IpAddr), CostlySessions>);

impl SessionCounts {
    /// Adds a session.
    pub(super) fn add(&mut self, record: &Session) {
        let session = &record.session;
        let new = || CostlySessions { first: session.clone(), at: record.first, sessions: 0, calls: 0 };
        let costly = self.0.entry((session.identity(), session.client.ip())).or_insert_with(new);
        if session.number < costly.first.number {
            (costly.first, costly.at) = (session.clone(), record.first);
        }
        costly.sessions += u64::from(record.protocol_version.is_some());
        costly.calls += record.calls;
    }

    /// Adds a removed session, unless its pair of peers is new and [`MAX_PEERS`] are kept.
    pub(super) fn add_bounded(&mut self, record: &Session) {
        if self.0.len() < MAX_PEERS
            || self.0.contains_key(&(record.session.identity(), record.session.client.ip()))
        {
            self.add(record);
        }
    }

    /// Returns those that are costly, in the order of their first session.
    pub(super) fn costly(self) -> Vec<CostlySessions> {
        let mut costly: Vec<_> = self.0.into_values().collect();
        costly.retain(|all| all.sessions >= MANY_SESSIONS && all.calls > 0 && all.sessions >= all.calls);
        costly.sort_by_key(|all| all.first.number);
        costly
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::record::SessionEnd;
    use super::super::session_key::SessionKey;
    use super::super::session_table::Sessions;
    use super::super::sighting::Sighting;
    use super::*;
    use crate::base::{Peers, Timestamp};

    /// Twenty sessions of a client, all but the first over.
    fn sessions() -> Sessions {
        let mut sessions = Sessions::default();
        let (client, server) = ("10.0.0.1:5000".parse().unwrap(), "10.0.0.2:80".parse().unwrap());
        let peers = Peers { tcp_stream: 0, client, server, via: None };
        for n in 1..=20 {
            let (id, path) = (Arc::from(format!("session-with-the-number-{n:032}")), Arc::from("/mcp"));
            let seen = Sighting { peers, path: Some(&path), at: Origin::new(n, 0), messages: n };
            let index = sessions.find_or_create(SessionKey::of_id(server, &path, &id), Some(id), seen);
            let session = sessions.get_mut(index).unwrap();
            session.set_protocol_version(Some("2025-11-25".into()));
            if n > 1 {
                session.end(SessionEnd::Deleted);
            }
        }
        sessions
    }

    #[test]
    fn sessions_that_are_over_are_not_all_kept_but_count() {
        let mut sessions = sessions();
        assert!(sessions.take_over(0).is_none(), "none was silent for a while");
        sessions.tick(Timestamp(10_000_000_000));
        let taken: Vec<u32> =
            std::iter::from_fn(|| sessions.take_over(5)).map(|record| record.session.number).collect();
        assert_eq!(taken, (2..=15).collect::<Vec<_>>());
        let left: Vec<u32> = sessions.records().iter().map(|record| record.session.number).collect();
        assert_eq!(left, [1, 16, 17, 18, 19, 20]);
    }

    #[test]
    fn a_session_for_each_call_is_found_whether_it_is_kept_or_not() {
        let mut records = sessions().records();
        records.iter_mut().for_each(|record| record.calls = 1);
        let (mut all, mut order) = (SessionCounts::default(), records.clone());
        order.reverse();
        order.iter().for_each(|record| all.add_bounded(record));
        let costly = all.costly();
        assert_eq!(costly.len(), 1);
        assert_eq!((costly[0].first.number, costly[0].sessions, costly[0].calls), (1, 20, 20));
    }
}

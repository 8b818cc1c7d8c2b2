//! The sessions of each client address at each server.

use std::collections::hash_map::{Entry, HashMap};
use std::collections::{BTreeSet, btree_set};
use std::iter::{Copied, Flatten, Rev};
use std::net::{IpAddr, SocketAddr};
use std::ops::Bound;

use super::handle::SessionIndex;
use crate::base::Peers;

/// The sessions by the address of the server and of the client, without its port.
#[derive(Debug, Default)]
pub(super) struct PeerSessions {
    by_peers: HashMap<(SocketAddr, IpAddr), OfPeers, foldhash::fast::RandomState>,
}

/// The sessions of one client address at one server, oldest first.
#[derive(Debug, Default)]
struct OfPeers {
    all: BTreeSet<SessionIndex>,
    /// Those that may hold nothing but attempts to open a session.
    attempts: BTreeSet<SessionIndex>,
}

/// What a session is for a client that opens another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// An attempt that the new session goes on with.
    Joined,
    /// Perhaps an attempt, now or later.
    Possible,
    /// More than attempts.
    RuledOut,
}

/// Sessions of two peers, latest first.
type Latest<'a> = Flatten<std::option::IntoIter<Copied<Rev<btree_set::Iter<'a, SessionIndex>>>>>;

impl PeerSessions {
    pub(super) fn insert(&mut self, server: SocketAddr, client: IpAddr, index: SessionIndex) {
        let of_peers = self.by_peers.entry((server, client)).or_default();
        of_peers.all.insert(index);
        of_peers.attempts.insert(index);
    }

    /// A session that is known is judged again: what was ruled out may have become an attempt.
    pub(super) fn reconsider(&mut self, server: SocketAddr, client: IpAddr, index: SessionIndex) {
        let of_peers = self.by_peers.get_mut(&(server, client));
        if let Some(of_peers) = of_peers.filter(|of_peers| of_peers.all.contains(&index)) {
            of_peers.attempts.insert(index);
        }
    }

    pub(super) fn remove(&mut self, server: SocketAddr, client: IpAddr, index: SessionIndex) {
        let Entry::Occupied(mut of_peers) = self.by_peers.entry((server, client)) else { return };
        of_peers.get_mut().all.remove(&index);
        of_peers.get_mut().attempts.remove(&index);
        if of_peers.get().all.is_empty() {
            of_peers.remove();
        }
    }

    /// Returns the sessions of the peers, latest first.
    pub(super) fn latest(&self, peers: Peers) -> Latest<'_> {
        let of_peers = self.by_peers.get(&(peers.server, peers.client.ip()));
        of_peers.map(|of_peers| of_peers.all.iter().rev().copied()).into_iter().flatten()
    }

    /// Returns the sessions of a client at a server that began after the session `index`, oldest
    /// first.
    pub(super) fn after(
        &self,
        server: SocketAddr,
        client: IpAddr,
        index: SessionIndex,
    ) -> impl Iterator<Item = SessionIndex> {
        let of_peers = self.by_peers.get(&(server, client)).into_iter();
        of_peers
            .flat_map(move |of_peers| of_peers.all.range((Bound::Excluded(index), Bound::Unbounded)).copied())
    }

    /// Returns the latest session of the peers that `judge` calls [`Attempt::Joined`], behind at
    /// most `most` possible ones. One that is ruled out is not judged again.
    pub(super) fn find_attempt(
        &mut self,
        peers: Peers,
        most: usize,
        judge: impl Fn(SessionIndex) -> Attempt,
    ) -> Option<SessionIndex> {
        let attempts = &mut self.by_peers.get_mut(&(peers.server, peers.client.ip()))?.attempts;
        let (mut ruled_out, mut possible, mut found) = (Vec::new(), 0, None);
        for index in attempts.iter().rev() {
            match judge(*index) {
                Attempt::Joined => {
                    found = Some(*index);
                    break;
                }
                Attempt::RuledOut => ruled_out.push(*index),
                Attempt::Possible if possible < most => possible += 1,
                Attempt::Possible => break,
            }
        }
        for index in ruled_out {
            attempts.remove(&index);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVERS: [&str; 2] = ["10.0.0.2:3000", "10.0.0.3:3000"];

    fn peers(server: usize) -> Peers {
        let client = "10.0.0.1:40000".parse().unwrap();
        Peers { tcp_stream: 0, client, server: SERVERS[server].parse().unwrap(), via: None }
    }

    proptest::proptest! {
        /// As a list of all sessions that is searched from its end.
        #[test]
        fn attempts_are_found_as_in_a_list(
            steps in proptest::collection::vec((0..4_usize, 0..2_usize, 0..12_u32, 0..3_u8), 1..60),
        ) {
            let mut sessions = PeerSessions::default();
            // What each session is, which does not change.
            let mut list: Vec<(usize, SessionIndex, u8)> = Vec::new();
            for (step, server, number, kind) in steps {
                let (index, to) = (SessionIndex(number), peers(server));
                match step {
                    0 | 1 => {
                        if list.iter().any(|(_, known, _)| *known == index) {
                            continue;
                        }
                        sessions.insert(to.server, to.client.ip(), index);
                        list.push((server, index, kind));
                        list.sort_by_key(|(_, index, _)| *index);
                    }
                    2 => {
                        sessions.remove(to.server, to.client.ip(), index);
                        list.retain(|(at, known, _)| (*at, *known) != (server, index));
                    }
                    _ => {
                        let of_peers = || list.iter().rev().filter(|(at, ..)| *at == server);
                        let judge = |index| {
                            let (.., kind) = list.iter().find(|(_, known, _)| *known == index).unwrap();
                            [Attempt::Joined, Attempt::Possible, Attempt::RuledOut][usize::from(*kind)]
                        };
                        let found = sessions.find_attempt(to, usize::MAX, judge);
                        let expected = of_peers().find(|(.., kind)| *kind == 0).map(|(_, index, _)| *index);
                        assert_eq!(found, expected);
                        let latest: Vec<_> = of_peers().map(|(_, index, _)| *index).collect();
                        assert_eq!(sessions.latest(to).collect::<Vec<_>>(), latest);
                        let mut after: Vec<_> = latest.into_iter().filter(|known| *known > index).collect();
                        after.reverse();
                        assert!(sessions.after(to.server, to.client.ip(), index).eq(after));
                    }
                }
            }
        }
    }

    #[test]
    fn possible_attempts_are_searched_up_to_a_number() {
        let mut sessions = PeerSessions::default();
        let to = peers(0);
        for number in 0..10 {
            sessions.insert(to.server, to.client.ip(), SessionIndex(number));
        }
        let judge = |index: SessionIndex| match index.0 {
            0 => Attempt::Joined,
            1..5 => Attempt::Possible,
            _ => Attempt::RuledOut,
        };
        assert_eq!(sessions.find_attempt(to, 3, judge), None);
        assert_eq!(sessions.find_attempt(to, 4, judge), Some(SessionIndex(0)));
        let again = std::cell::Cell::new(0);
        let count = |index| {
            again.set(again.get() + 1);
            judge(index)
        };
        assert_eq!(sessions.find_attempt(to, 4, count), Some(SessionIndex(0)));
        assert_eq!(again.get(), 5, "those that are ruled out are not judged again");
        for (number, judged) in [(9, 6), (20, 5)] {
            again.set(0);
            sessions.reconsider(to.server, to.client.ip(), SessionIndex(number));
            assert_eq!(sessions.find_attempt(to, 4, count), Some(SessionIndex(0)));
            assert_eq!(again.get(), judged);
        }
        assert_eq!(sessions.latest(to).count(), 10, "one that is not known is not added");
    }
}

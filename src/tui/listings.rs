//! Which exchanges listed what a server offers: where its definitions can be read.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use crate::ledger::{Exchange, Status};

/// Servers of which that is kept; 10,000 with all their listings are 10 MB.
const MOST_SERVERS: usize = 10_000;

/// Listings of a server that are kept, the latest: a page is one, and there are four kinds.
const MOST: usize = 128;

/// The methods that list something.
const METHODS: [&str; 4] = ["tools/list", "prompts/list", "resources/list", "resources/templates/list"];

/// The exchanges in which servers listed what they offer, by their `n`.
#[derive(Debug, Default)]
pub struct Listings {
    of: HashMap<SocketAddr, (u64, VecDeque<u64>), foldhash::fast::RandomState>,
}

impl Listings {
    /// Those of a server, the latest last.
    pub fn of(&self, server: SocketAddr) -> impl DoubleEndedIterator<Item = u64> {
        self.of.get(&server).into_iter().flat_map(|(_, all)| all.iter().copied())
    }

    /// How many of a server there were, also those that are not kept.
    #[must_use]
    pub fn count(&self, server: SocketAddr) -> u64 {
        self.of.get(&server).map_or(0, |(count, _)| *count)
    }

    pub(super) fn note(&mut self, exchange: &Exchange) {
        let server = exchange.session.server;
        if exchange.status != Status::Ok || !METHODS.contains(&exchange.method.as_ref()) {
            return;
        }
        if self.of.len() >= MOST_SERVERS && !self.of.contains_key(&server) {
            return;
        }
        let (count, all) = self.of.entry(server).or_default();
        *count += 1;
        all.push_back(exchange.n);
        if all.len() > MOST {
            all.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sample;

    #[test]
    fn the_latest_are_kept() {
        let mut listings = Listings::default();
        for n in 1..=MOST as u64 + 5 {
            listings.note(&sample::exchange(n, "tools/list", None, 1));
            listings.note(&sample::exchange(n, "tools/call", Some("x"), 1));
        }
        let server = sample::exchange(1, "ping", None, 1).session.server;
        assert_eq!(listings.count(server), MOST as u64 + 5);
        let kept: Vec<u64> = listings.of(server).collect();
        assert_eq!((kept.len(), kept.first(), kept.last()), (MOST, Some(&6), Some(&(MOST as u64 + 5))));
    }
}

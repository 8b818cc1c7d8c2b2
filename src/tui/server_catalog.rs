//! Which exchanges listed what a server offers, where its definitions can be read; and how what was used of it fared.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use super::exchange_stats::ExchangeStats;
use crate::base::limits;
use crate::ledger::{Exchange, Status};

/// Servers of which that is kept; 10,000 with all their listings are 10 MB.
const MOST_SERVERS: usize = 10_000;

/// ServerCatalog of a server that are kept, the latest: a page is one, and there are four kinds.
const MOST: usize = 128;

/// The methods that list something.
const METHODS: [&str; 4] = ["tools/list", "prompts/list", "resources/list", "resources/templates/list"];

/// The methods that use something by its name: a tool, a prompt, a resource.
const USES: [&str; 3] = ["tools/call", "prompts/get", "resources/read"];

/// Names that are counted, of all servers together, as many as in the ledger's table: less than a kilobyte each.
const MOST_NAMES: usize = limits::MAX_TABLE_ROWS;

/// The exchanges in which servers listed what they offer, by their `n`; and how those fared that use it.
#[derive(Debug, Default)]
pub struct ServerCatalog {
    of: HashMap<SocketAddr, (u64, VecDeque<u64>), foldhash::fast::RandomState>,
    /// By server and method, then by name.
    used: HashMap<(SocketAddr, &'static str), BTreeMap<Arc<str>, ExchangeStats>, foldhash::fast::RandomState>,
    names: usize,
}

impl ServerCatalog {
    /// Those of a server, the latest last.
    pub fn of(&self, server: SocketAddr) -> impl DoubleEndedIterator<Item = u64> {
        self.of.get(&server).into_iter().flat_map(|(_, all)| all.iter().copied())
    }

    /// How many of a server there were, also those that are not kept.
    #[must_use]
    pub fn count(&self, server: SocketAddr) -> u64 {
        self.of.get(&server).map_or(0, |(count, _)| *count)
    }

    /// What was used of a server by a method, with how it fared, by name: whether it was listed or not.
    pub fn used(
        &self,
        server: SocketAddr,
        method: &'static str,
    ) -> impl Iterator<Item = (&str, &ExchangeStats)> {
        let names = self.used.get(&(server, method)).into_iter().flatten();
        names.map(|(name, stats)| (name.as_ref(), stats))
    }

    pub(super) fn note(&mut self, exchange: &Exchange) {
        let server = exchange.session.server;
        let method = USES.into_iter().find(|method| *method == exchange.method.as_ref());
        if let (Some(method), Some(name)) = (method, &exchange.name) {
            self.use_of((server, method), name, exchange);
            return;
        }
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

    fn use_of(&mut self, on: (SocketAddr, &'static str), name: &Arc<str>, exchange: &Exchange) {
        if let Some(stats) = self.used.get_mut(&on).and_then(|names| names.get_mut(name)) {
            stats.count(exchange);
        } else if self.names < MOST_NAMES {
            self.names += 1;
            self.used.entry(on).or_default().entry(Arc::clone(name)).or_default().count(exchange);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sample;

    #[test]
    fn the_latest_are_kept() {
        let mut listings = ServerCatalog::default();
        for n in 1..=MOST as u64 + 5 {
            listings.note(&sample::exchange(n, "tools/list", None, 1));
            listings.note(&sample::exchange(n, "tools/call", Some("x"), 1));
        }
        let server = sample::exchange(1, "ping", None, 1).session.server;
        assert_eq!(listings.count(server), MOST as u64 + 5);
        let used: Vec<(&str, u64)> =
            listings.used(server, "tools/call").map(|(name, stats)| (name, stats.exchanges)).collect();
        assert_eq!(used, [("x", MOST as u64 + 5)]);
        assert_eq!(listings.used(server, "prompts/get").count(), 0);
        let kept: Vec<u64> = listings.of(server).collect();
        assert_eq!((kept.len(), kept.first(), kept.last()), (MOST, Some(&6), Some(&(MOST as u64 + 5))));
    }
}

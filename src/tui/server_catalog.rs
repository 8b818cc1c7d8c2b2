//! The definitions that servers listed, and how they were used.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::exchange_stats::{ExchangeStats, StepRoom};
use crate::base::limits;
use crate::ledger::{Exchange, ServerRef, Status};

/// The largest number of servers. With all their listings 10,000 servers take 10 MB.
const MAX_SERVERS: usize = 10_000;

/// The number of listings that are kept of a server, the latest. Each page is a listing, and there
/// are four kinds.
const MAX_LISTINGS: usize = 128;

/// The methods that list the definitions of a server.
const LIST_METHODS: [&str; 4] = ["tools/list", "prompts/list", "resources/list", "resources/templates/list"];

/// The methods that use a tool, a prompt or a resource by its name.
const USE_METHODS: [&str; 3] = ["tools/call", "prompts/get", "resources/read"];

/// The largest number of names that statistics are kept of, for all servers together. Each takes
/// less than a kilobyte.
const MAX_NAMES: usize = limits::MAX_TABLE_ROWS;

/// The exchanges in which servers listed what they offer, and the statistics of the exchanges that
/// used it.
#[derive(Debug, Default)]
pub(super) struct ServerCatalog {
    listings: HashMap<ServerRef, Listings, RandomState>,
    /// By server and method, then by name.
    usage: HashMap<(ServerRef, &'static str), BTreeMap<Arc<str>, ExchangeStats>, RandomState>,
    /// The number of names in `usage`.
    names: usize,
    steps: StepRoom,
}

/// The listings of one server.
#[derive(Debug, Default)]
struct Listings {
    count: u64,
    /// The `n` of the latest [`MAX_LISTINGS`] exchanges, the latest last.
    latest: VecDeque<u64>,
}

impl ServerCatalog {
    /// Returns the `n` of the latest exchanges in which a server listed what it offers, the latest
    /// last.
    pub(super) fn listings<'a>(
        &'a self,
        server: &ServerRef,
    ) -> impl DoubleEndedIterator<Item = u64> + use<'a> {
        self.listings.get(server).into_iter().flat_map(|listings| listings.latest.iter().copied())
    }

    /// Returns the number of listings of a server, those that are not kept included.
    #[must_use]
    pub(super) fn listing_count(&self, server: &ServerRef) -> u64 {
        self.listings.get(server).map_or(0, |listings| listings.count)
    }

    /// Returns the names that were used with a method of a server, listed or not, with their
    /// statistics.
    pub(super) fn usage<'a>(
        &'a self,
        server: &ServerRef,
        method: &'static str,
    ) -> impl Iterator<Item = (&'a str, &'a ExchangeStats)> + use<'a> {
        let names = self.usage.get(&(server.clone(), method)).into_iter().flatten();
        names.map(|(name, stats)| (name.as_ref(), stats))
    }

    /// Records an exchange that is over.
    pub(super) fn record(&mut self, exchange: &Exchange) {
        let server = exchange.session.identity();
        let method = USE_METHODS.into_iter().find(|method| *method == exchange.method.as_ref());
        if let (Some(method), Some(name)) = (method, &exchange.name) {
            self.record_use(server, method, name, exchange);
        } else if exchange.status == Status::Ok && LIST_METHODS.contains(&exchange.method.as_ref()) {
            self.record_listing(server, exchange.n);
        }
    }

    fn record_listing(&mut self, server: ServerRef, n: u64) {
        if self.listings.len() >= MAX_SERVERS && !self.listings.contains_key(&server) {
            return;
        }
        let Listings { count, latest } = self.listings.entry(server).or_default();
        *count += 1;
        latest.push_back(n);
        if latest.len() > MAX_LISTINGS {
            latest.pop_front();
        }
    }

    fn record_use(&mut self, server: ServerRef, method: &'static str, name: &Arc<str>, exchange: &Exchange) {
        let key = (server, method);
        if let Some(stats) = self.usage.get_mut(&key).and_then(|names| names.get_mut(name)) {
            stats.record(exchange, &mut self.steps);
        } else if self.names < MAX_NAMES {
            self.names += 1;
            let stats = self.usage.entry(key).or_default().entry(Arc::clone(name)).or_default();
            stats.record(exchange, &mut self.steps);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sample;

    #[test]
    fn latest_listings_are_kept() {
        let mut catalog = ServerCatalog::default();
        let all = MAX_LISTINGS as u64 + 5;
        for n in 1..=all {
            catalog.record(&sample::exchange(n, "tools/list", None, 1));
            catalog.record(&sample::exchange(n, "tools/call", Some("x"), 1));
        }
        let server = sample::exchange(1, "ping", None, 1).session.identity();
        assert_eq!(catalog.listing_count(&server), all);
        let used: Vec<(&str, u64)> =
            catalog.usage(&server, "tools/call").map(|(name, stats)| (name, stats.exchanges())).collect();
        assert_eq!(used, [("x", all)]);
        assert_eq!(catalog.usage(&server, "prompts/get").count(), 0);
        let kept: Vec<u64> = catalog.listings(&server).collect();
        assert_eq!((kept.len(), kept.first(), kept.last()), (MAX_LISTINGS, Some(&6), Some(&all)));
    }
}

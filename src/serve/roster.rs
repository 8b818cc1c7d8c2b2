//! A limited number of places for clients: connections, or sessions. A newcomer gets the place of
//! somebody who needs it less, so that nobody can lock others out by holding places.
//!
//! Of whom, in this order: of clients that are not being answered; of the address with the most
//! places; of those that wait to be used before those that were used; of those the one that was
//! used longest ago. A client that is being answered keeps its place unless its address holds more
//! places than the newcomer's.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// The places, and who holds them. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Roster {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    places: usize,
    bytes: usize,
    /// Bytes of all entries.
    held: usize,
    entries: HashMap<u64, Entry>,
    /// Number of places of an address.
    counts: HashMap<IpAddr, usize>,
    /// Number of the next event: keys of entries, and their order of use.
    next: u64,
}

#[derive(Debug)]
struct Entry {
    address: IpAddr,
    bytes: usize,
    /// Number of requests that are being answered.
    requests: usize,
    /// Whether it waits for its (first or next) use.
    waits: bool,
    /// When it was last used, as the number of an event.
    used: u64,
    gone: CancellationToken,
}

/// A place; free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    roster: Roster,
    key: u64,
    gone: CancellationToken,
}

/// A request that is being answered, until this is dropped.
#[derive(Debug)]
pub(super) struct Request {
    place: Arc<Place>,
}

impl Roster {
    /// Creates a roster of this many places, whose holders keep at most `bytes` bytes together.
    pub(super) fn new(places: usize, bytes: usize) -> Self {
        let inner =
            Inner { places, bytes, held: 0, entries: HashMap::new(), counts: HashMap::new(), next: 0 };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// Gives a place to a client that keeps `bytes` bytes. `None` if no place can be freed for it.
    pub(super) fn admit(&self, client: IpAddr, bytes: usize) -> Option<Place> {
        let address = network(client);
        let mut inner = self.lock();
        if bytes > inner.bytes {
            return None;
        }
        while inner.entries.len() >= inner.places || inner.held.saturating_add(bytes) > inner.bytes {
            let victim = inner.victim(Some(address))?;
            inner.remove(victim);
        }
        let key = inner.event();
        let gone = CancellationToken::new();
        inner.held += bytes;
        *inner.counts.entry(address).or_default() += 1;
        let entry = Entry { address, bytes, requests: 0, waits: true, used: key, gone: gone.clone() };
        inner.entries.insert(key, entry);
        Some(Place { roster: self.clone(), key, gone })
    }

    /// Frees the place of a client that is not being answered. Returns whether there was one.
    pub(super) fn relieve(&self) -> bool {
        let mut inner = self.lock();
        let victim = inner.victim(None);
        if let Some(victim) = victim {
            inner.remove(victim);
        }
        victim.is_some()
    }

    /// Locks the entries. Each update leaves them consistent, so the data of a poisoned lock is
    /// valid.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn event(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn count(&self, address: IpAddr) -> usize {
        self.counts.get(&address).copied().unwrap_or(0)
    }

    /// Returns whose place is to be freed for a newcomer of this address. Without one, only clients
    /// that are not being answered come into question.
    fn victim(&self, newcomer: Option<IpAddr>) -> Option<u64> {
        let least = newcomer.map(|address| self.count(address) + 1);
        let may_go = |entry: &Entry| {
            entry.requests == 0 || least.is_some_and(|least| self.count(entry.address) > least)
        };
        let candidates = self.entries.iter().filter(|(_, entry)| may_go(entry));
        let first = candidates.min_by_key(|(_, entry)| {
            (entry.requests > 0, Reverse(self.count(entry.address)), !entry.waits, entry.used)
        });
        first.map(|(key, _)| *key)
    }

    fn remove(&mut self, key: u64) {
        let Some(entry) = self.entries.remove(&key) else {
            return;
        };
        self.held -= entry.bytes;
        if let Some(count) = self.counts.get_mut(&entry.address) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&entry.address);
            }
        }
        entry.gone.cancel();
    }
}

impl Place {
    /// Records that the place is used.
    pub(super) fn record_use(&self) {
        self.update(|entry| entry.waits = false);
    }

    /// Records that the place waits for its next use.
    pub(super) fn record_wait(&self) {
        self.update(|entry| entry.waits = true);
    }

    /// Records that a request is being answered.
    pub(super) fn begin_request(self: &Arc<Self>) -> Request {
        self.update(|entry| {
            entry.requests += 1;
            entry.waits = false;
        });
        Request { place: Arc::clone(self) }
    }

    /// Waits until the place is given to another client.
    pub(super) async fn is_gone(&self) {
        self.gone.cancelled().await;
    }

    /// Returns a token that is cancelled when the place is given to another client, or is dropped.
    pub(super) fn gone(&self) -> CancellationToken {
        self.gone.clone()
    }

    fn update(&self, change: impl FnOnce(&mut Entry)) {
        let mut inner = self.roster.lock();
        let now = inner.event();
        if let Some(entry) = inner.entries.get_mut(&self.key) {
            change(entry);
            entry.used = now;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.roster.lock().remove(self.key);
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.place.update(|entry| entry.requests = entry.requests.saturating_sub(1));
    }
}

/// Returns what a client can choose its address from: itself for IPv4, the /64 for IPv6 (RFC 4291
/// section 2.5.1).
pub(super) fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: &str = "192.0.2.1";
    const B: &str = "192.0.2.2";

    fn admit(roster: &Roster, client: &str) -> Option<Arc<Place>> {
        roster.admit(client.parse().unwrap(), 1).map(Arc::new)
    }

    fn gone(places: &[Arc<Place>]) -> Vec<usize> {
        let gone = places.iter().enumerate().filter(|(_, place)| place.gone.is_cancelled());
        gone.map(|(index, _)| index).collect()
    }

    #[test]
    fn the_place_that_waits_longest_is_given_away() {
        let roster = Roster::new(3, 100);
        let places: Vec<_> = (0..3).map(|_| admit(&roster, A).unwrap()).collect();
        places[0].record_use();
        places[1].record_wait();
        let _fourth = admit(&roster, A).unwrap();
        assert_eq!(gone(&places), [2]);
        let _fifth = admit(&roster, A).unwrap();
        assert_eq!(gone(&places), [1, 2]);
    }

    #[test]
    fn a_client_being_answered_keeps_its_place() {
        let roster = Roster::new(2, 100);
        let places: Vec<_> = (0..2).map(|_| admit(&roster, A).unwrap()).collect();
        let _requests: Vec<_> = places.iter().map(Place::begin_request).collect();
        assert!(admit(&roster, A).is_none());
        assert!(!roster.relieve());
        // Another address has a share.
        let other = admit(&roster, B).unwrap();
        assert_eq!(gone(&places), [0]);
        let _request = other.begin_request();
        assert!(admit(&roster, B).is_none(), "its share is as large as the other's");
    }

    #[test]
    fn the_address_with_the_most_places_gives_one() {
        let roster = Roster::new(4, 100);
        let other = admit(&roster, B).unwrap();
        let places: Vec<_> = (0..3).map(|_| admit(&roster, A).unwrap()).collect();
        let _newcomer = admit(&roster, "2001:db8::1").unwrap();
        assert_eq!((gone(&places), other.gone.is_cancelled()), (vec![0], false));
    }

    #[test]
    fn addresses_of_a_network_are_one_client() {
        let same = |a: &str, b: &str| network(a.parse().unwrap()) == network(b.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::ffff:0:0:1"));
        assert!(same("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(!same("2001:db8:0:1::1", "2001:db8::1") && !same(A, B));
    }

    proptest! {
        /// Whatever clients do, places and bytes stay within their limits and the books balance.
        #[test]
        fn limits_hold(steps in proptest::collection::vec((0u8..6, 0u8..5, 0usize..40, 0usize..20), 0..200)) {
            let roster = Roster::new(8, 100);
            let (mut places, mut requests) = (Vec::<Arc<Place>>::new(), Vec::new());
            for (step, client, bytes, at) in steps {
                let place = places.get(at % places.len().max(1)).cloned();
                match (step, place) {
                    (0 | 1, _) => {
                        let place = roster.admit(IpAddr::from([192, 0, 2, client]), bytes);
                        places.extend(place.map(Arc::new));
                    }
                    (2, Some(place)) => place.record_use(),
                    (3, Some(place)) => requests.push(place.begin_request()),
                    (4, Some(_)) => drop(places.remove(at % places.len())),
                    (5, _) => drop(requests.pop()),
                    _ => {}
                }
                let inner = roster.lock();
                prop_assert!(inner.entries.len() <= 8 && inner.held <= 100);
                prop_assert_eq!(inner.held, inner.entries.values().map(|entry| entry.bytes).sum::<usize>());
                prop_assert_eq!(inner.counts.values().sum::<usize>(), inner.entries.len());
            }
            drop((places, requests));
            prop_assert!(roster.lock().entries.is_empty());
        }
    }
}

//! Cache bounded in age and bytes; the oldest entry is evicted first.
//!
//! All entries have the same lifetime, so the order of arrival is the order of expiry and a queue
//! is enough.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    time::{Duration, Instant},
};

/// Approximate cost of an entry beside its bytes (keys, map and queue), so that empty answers are
/// bounded too.
const OVERHEAD: usize = 128;

/// A bounded map from `K` to `V`. The caller passes the current time.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    age: Duration,
    bytes: usize,
    held: usize,
    /// Cost, arrival and value.
    entries: HashMap<K, Entry<V>>,
    /// Keys in order of arrival, each once.
    order: VecDeque<K>,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    since: Instant,
    cost: usize,
}

impl<K: Clone + Eq + Hash, V: Clone> Cache<K, V> {
    /// Creates a cache that keeps entries for `age`, and at most `bytes` of them.
    pub(super) fn new(age: Duration, bytes: usize) -> Self {
        Self { age, bytes, held: 0, entries: HashMap::new(), order: VecDeque::new() }
    }

    /// Returns the value if it is present and not expired.
    pub(super) fn get(&self, key: &K, now: Instant) -> Option<V> {
        let entry = self.entries.get(key)?;
        (now.saturating_duration_since(entry.since) < self.age).then(|| entry.value.clone())
    }

    /// Stores `value`, which takes `bytes`. A value larger than the cache is not stored.
    pub(super) fn put(&mut self, key: K, value: V, bytes: usize, now: Instant) {
        self.remove(&key);
        let cost = bytes.saturating_add(OVERHEAD);
        if cost > self.bytes {
            return;
        }
        while self.held + cost > self.bytes || self.oldest_is_stale(now) {
            let Some(oldest) = self.order.front().cloned() else { break };
            self.remove(&oldest);
        }
        self.held += cost;
        self.order.push_back(key.clone());
        self.entries.insert(key, Entry { value, since: now, cost });
    }

    fn oldest_is_stale(&self, now: Instant) -> bool {
        let oldest = self.order.front().and_then(|key| self.entries.get(key));
        oldest.is_some_and(|entry| now.saturating_duration_since(entry.since) >= self.age)
    }

    fn remove(&mut self, key: &K) {
        let Some(entry) = self.entries.remove(key) else { return };
        self.held -= entry.cost;
        // The removed entry is nearly always the oldest, so this usually compares one.
        if let Some(place) = self.order.iter().position(|other| other == key) {
            self.order.remove(place);
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an Instant can be made in no other way")]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_secs(60);

    #[test]
    fn an_entry_is_kept_until_it_expires() {
        let (mut cache, start) = (Cache::new(AGE, 10_000), Instant::now());
        cache.put(1, "a", 1, start);
        assert_eq!(cache.get(&1, start + AGE - Duration::from_nanos(1)), Some("a"));
        assert_eq!(cache.get(&1, start + AGE), None);
        assert_eq!(cache.get(&2, start), None);
    }

    #[test]
    fn the_oldest_entries_are_evicted() {
        let (mut cache, start) = (Cache::new(AGE, 3 * (OVERHEAD + 10)), Instant::now());
        for key in 0..100 {
            cache.put(key, key, 10, start);
            assert!(cache.held <= cache.bytes);
            assert_eq!(cache.order.len(), cache.entries.len());
        }
        assert_eq!((cache.get(&96, start), cache.get(&97, start)), (None, Some(97)));
    }

    #[test]
    fn expired_entries_are_removed() {
        let (mut cache, start) = (Cache::new(AGE, 1 << 20), Instant::now());
        cache.put(1, 1, 10, start);
        cache.put(2, 2, 10, start + AGE);
        assert_eq!(cache.entries.len(), 1);
    }

    #[test]
    fn a_newer_answer_replaces_the_older() {
        let (mut cache, start) = (Cache::new(AGE, 1 << 20), Instant::now());
        cache.put(1, "old", 10, start);
        cache.put(1, "new", 10, start);
        assert_eq!((cache.get(&1, start), cache.order.len(), cache.held), (Some("new"), 1, OVERHEAD + 10));
    }

    #[test]
    fn oversized_values_are_not_stored() {
        let (mut cache, start) = (Cache::new(AGE, 1000), Instant::now());
        cache.put(1, 1, 10, start);
        cache.put(2, 2, usize::MAX, start);
        assert_eq!((cache.get(&1, start), cache.get(&2, start)), (Some(1), None));
    }
}

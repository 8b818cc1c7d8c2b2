//! The secrets that were read so far, by connection.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;

use zeroize::Zeroizing;

use super::keylog::Line;
use super::secret::{ClientRandom, Label, Secret};
use crate::base::limits;

/// Secrets by client random.
///
/// INVARIANT: `newer` and `older` have at most half of [`limits::MAX_SECRETS`] each. When `newer`
/// is full it becomes `older`, so the latest secrets are always there.
#[derive(Default)]
pub struct KeyStore {
    newer: Generation,
    older: Generation,
    /// The randoms that were added last, oldest first: at most [`limits::MAX_CANDIDATES`].
    latest: VecDeque<ClientRandom>,
    has_evicted: bool,
}

#[derive(Default)]
struct Generation {
    secrets: usize,
    by_random: HashMap<ClientRandom, Vec<(Label, Secret)>, foldhash::fast::RandomState>,
}

impl KeyStore {
    /// Adds secrets. Returns whether secrets were evicted for the first time.
    pub fn add(&mut self, lines: &[Line]) -> bool {
        let had_evicted = self.has_evicted;
        for line in lines {
            self.add_line(line);
        }
        self.has_evicted && !had_evicted
    }

    fn add_line(&mut self, line: &Line) {
        if self.get(&line.random, line.label).is_some_and(|known| *known == line.secret) {
            return;
        }
        if self.newer.secrets >= limits::MAX_SECRETS / 2 {
            self.has_evicted |= self.older.secrets > 0;
            self.older = std::mem::take(&mut self.newer);
        }
        let is_new = !self.knows(&line.random);
        let secrets = self.newer.by_random.entry(line.random).or_insert_with(|| Vec::with_capacity(1));
        // A program that logs a random twice means the later secret.
        secrets.retain(|(label, _)| *label != line.label);
        secrets.push((line.label, line.secret.clone()));
        self.newer.secrets += 1;
        if is_new {
            if self.latest.len() >= limits::MAX_CANDIDATES {
                self.latest.pop_front();
            }
            self.latest.push_back(line.random);
        }
    }

    /// Returns a secret of a connection; `None` if it was not read.
    #[must_use]
    pub fn get(&self, random: &ClientRandom, label: Label) -> Option<&Secret> {
        [&self.newer, &self.older].into_iter().find_map(|generation| {
            let secrets = generation.by_random.get(random)?;
            secrets.iter().find(|(known, _)| *known == label).map(|(_, secret)| secret)
        })
    }

    /// Returns whether any secret of a connection was read.
    #[must_use]
    pub fn knows(&self, random: &ClientRandom) -> bool {
        self.newer.by_random.contains_key(random) || self.older.by_random.contains_key(random)
    }

    /// Returns whether no secret was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.latest.is_empty()
    }

    /// Returns whether the secrets of a connection open both directions to their end.
    #[must_use]
    pub fn is_complete(&self, random: &ClientRandom) -> bool {
        let has = |label: Label| self.get(random, label).is_some();
        let v13 = [Label::ClientHandshake, Label::ServerHandshake, Label::ClientApplication];
        has(Label::Master) || v13.into_iter().all(has) && has(Label::ServerApplication)
    }

    /// Returns the secrets of a connection as lines of a key log, without line ends, in the order
    /// in which they were read.
    #[must_use]
    pub fn lines_of(&self, random: &ClientRandom) -> Vec<Zeroizing<String>> {
        let generations = [&self.older, &self.newer].into_iter();
        let secrets = generations.filter_map(|generation| generation.by_random.get(random)).flatten();
        secrets.map(|(label, secret)| secret.line(*label, random)).collect()
    }

    /// Returns every connection whose secrets are known; those that were read last are last, in
    /// order.
    #[must_use]
    pub fn connections(&self) -> Vec<ClientRandom> {
        let latest: HashSet<&ClientRandom> = self.latest.iter().collect();
        let all = self.older.by_random.keys().chain(self.newer.by_random.keys());
        let mut earlier: Vec<ClientRandom> = all.filter(|random| !latest.contains(random)).copied().collect();
        earlier.sort_unstable();
        earlier.dedup();
        earlier.extend(self.latest.iter().filter(|random| self.knows(random)));
        earlier
    }

    /// Returns the connections whose secrets were read last, the latest first.
    pub fn candidates(&self) -> impl Iterator<Item = &ClientRandom> {
        self.latest.iter().rev()
    }
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyStore").field("secrets", &(self.newer.secrets + self.older.secrets)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u32, label: Label) -> Line {
        let mut random = [0; 32];
        random[..4].copy_from_slice(&number.to_be_bytes());
        Line { label, random: ClientRandom(random), secret: Secret::new(vec![number as u8; 48]) }
    }

    #[test]
    fn secrets_are_found_by_random_and_label() {
        let mut store = KeyStore::default();
        assert!(store.is_empty());
        let log =
            [line(1, Label::ClientApplication), line(1, Label::ServerApplication), line(2, Label::Master)];
        for _ in 0..2 {
            assert!(!store.add(&log), "nothing is evicted, and a repeated line is no new secret");
        }
        let first = line(1, Label::Master).random;
        assert!(store.get(&first, Label::ClientApplication).is_some());
        assert!(store.get(&first, Label::Master).is_none());
        assert!(store.knows(&first) && !store.knows(&line(3, Label::Master).random));
        assert_eq!(store.candidates().count(), 2);
        assert_eq!(store.newer.secrets, 3);
    }

    /// What is read again gives the same store.
    #[test]
    fn lines_are_read_back_in_order() {
        let mut store = KeyStore::default();
        let labels = [
            Label::ServerHandshake,
            Label::ClientHandshake,
            Label::ClientApplication,
            Label::ServerApplication,
        ];
        let numbers = (0..limits::MAX_CANDIDATES as u32 + 9).rev();
        for label in labels {
            store.add(&numbers.clone().map(|number| line(number, label)).collect::<Vec<_>>());
        }
        store.add(&[line(70_000, Label::Master), line(70_001, Label::ClientApplication)]);
        let connections = store.connections();
        assert_eq!(connections.len(), limits::MAX_CANDIDATES + 11);
        let mut again = KeyStore::default();
        for random in &connections {
            let text = store.lines_of(random).iter().map(|line| line.as_str()).collect::<Vec<_>>().join("\n");
            let read = crate::tls::KeyLog::read(text.as_bytes());
            assert_eq!(read.malformed, 0);
            again.add(&read.lines);
            assert_eq!(again.lines_of(random), store.lines_of(random));
        }
        assert!(again.candidates().eq(store.candidates()));
        let incomplete = line(70_001, Label::Master).random;
        assert!(connections.iter().all(|random| store.is_complete(random) != (*random == incomplete)));
    }

    #[test]
    fn the_latest_secrets_are_kept() {
        let mut store = KeyStore::default();
        let all = limits::MAX_SECRETS as u32 * 2;
        let mut reports = 0;
        for number in 0..all {
            reports += u32::from(store.add(&[line(number, Label::Master)]));
        }
        assert_eq!(reports, 1, "eviction is reported once");
        let has = |number: u32| store.knows(&line(number, Label::Master).random);
        assert!(has(all - 1) && has(all - limits::MAX_SECRETS as u32 / 2) && !has(0));
        assert!(store.newer.secrets + store.older.secrets <= limits::MAX_SECRETS);
        assert_eq!(store.candidates().count(), limits::MAX_CANDIDATES);
    }
}

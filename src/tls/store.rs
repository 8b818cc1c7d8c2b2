//! The secrets that were read so far, by connection.

use std::collections::{HashSet, VecDeque};
use std::fmt;

use zeroize::Zeroizing;

use super::keylog::Line;
use super::secret::{ClientRandom, Label, Secret};
use super::secret_arena::SecretArena;
use crate::base::limits;

/// Secrets by client random.
///
/// INVARIANT: `newer` and `older` take at most half of `most` bytes each. When `newer` is full it
/// becomes `older`, so the latest secrets are always there.
pub struct KeyStore {
    /// [`limits::MAX_SECRETS`], or less.
    most: usize,
    newer: SecretArena,
    older: SecretArena,
    /// The randoms that were added last, oldest first: at most [`limits::MAX_CANDIDATES`].
    latest: VecDeque<ClientRandom>,
    has_evicted: bool,
}

impl Default for KeyStore {
    fn default() -> Self {
        Self {
            most: limits::MAX_SECRETS,
            newer: SecretArena::default(),
            older: SecretArena::default(),
            latest: VecDeque::new(),
            has_evicted: false,
        }
    }
}

impl KeyStore {
    /// Keeps half as many secrets.
    pub fn halve_memory(&mut self) {
        self.most /= 2;
    }

    /// Adds secrets. Returns whether secrets were evicted for the first time.
    pub fn add(&mut self, lines: &[Line]) -> bool {
        let had_evicted = self.has_evicted;
        for line in lines {
            self.add_line(line);
        }
        self.has_evicted && !had_evicted
    }

    fn add_line(&mut self, line: &Line) {
        if self.bytes_of(&line.random, line.label).is_some_and(|known| known == line.secret.bytes()) {
            return;
        }
        if self.newer.memory() >= self.most / 2 {
            self.has_evicted |= self.older.len() > 0;
            self.older = std::mem::take(&mut self.newer);
        }
        let is_new = !self.knows(&line.random);
        // A program that logs a random twice means the later secret.
        self.newer.add(&line.random, line.label, &line.secret);
        if is_new {
            if self.latest.len() >= limits::MAX_CANDIDATES {
                self.latest.pop_front();
            }
            self.latest.push_back(line.random);
        }
    }

    /// Returns the memory of all secrets, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.newer.memory() + self.older.memory()
    }

    /// Returns a secret of a connection; `None` if it was not read.
    #[must_use]
    pub fn get(&self, random: &ClientRandom, label: Label) -> Option<Secret> {
        self.bytes_of(random, label).map(|bytes| Secret::new(bytes.to_vec()))
    }

    /// Returns whether a secret of a connection was read.
    #[must_use]
    pub fn has(&self, random: &ClientRandom, label: Label) -> bool {
        self.bytes_of(random, label).is_some()
    }

    fn bytes_of(&self, random: &ClientRandom, label: Label) -> Option<&[u8]> {
        let mut secrets = self.newer.secrets_of(random).chain(self.older.secrets_of(random));
        secrets.find(|(known, _)| *known == label).map(|(_, bytes)| bytes)
    }

    /// Returns whether any secret of a connection was read.
    #[must_use]
    pub fn knows(&self, random: &ClientRandom) -> bool {
        self.newer.knows(random) || self.older.knows(random)
    }

    /// Returns whether no secret was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.latest.is_empty()
    }

    /// Returns whether the secrets of a connection open both directions to their end.
    #[must_use]
    pub fn is_complete(&self, random: &ClientRandom) -> bool {
        let has = |label: Label| self.has(random, label);
        let v13 = [Label::ClientHandshake, Label::ServerHandshake, Label::ClientApplication];
        has(Label::Master) || v13.into_iter().all(has) && has(Label::ServerApplication)
    }

    /// Returns the secrets of a connection as lines of a key log, without line ends, in the order
    /// in which they were read.
    #[must_use]
    pub fn lines_of(&self, random: &ClientRandom) -> Vec<Zeroizing<String>> {
        let secrets = self.newer.secrets_of(random).chain(self.older.secrets_of(random));
        let line = |(label, bytes): (Label, &[u8])| Secret::new(bytes.to_vec()).line(label, random);
        let mut lines: Vec<_> = secrets.map(line).collect();
        lines.reverse();
        lines
    }

    /// Returns every connection whose secrets are known; those that were read last are last, in
    /// order.
    #[must_use]
    pub fn connections(&self) -> Vec<ClientRandom> {
        let latest: HashSet<&ClientRandom> = self.latest.iter().collect();
        let all = self.older.randoms().chain(self.newer.randoms());
        let mut earlier: Vec<ClientRandom> = all.filter(|random| !latest.contains(random)).collect();
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
        f.debug_struct("KeyStore").field("secrets", &(self.newer.len() + self.older.len())).finish()
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
        assert_eq!(store.newer.len(), 3);
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
        // A hundred bytes each.
        let all = limits::MAX_SECRETS as u32 / 50;
        let mut reports = 0;
        for number in 0..all {
            reports += u32::from(store.add(&[line(number, Label::Master)]));
        }
        assert_eq!(reports, 1, "eviction is reported once");
        let has = |number: u32| store.knows(&line(number, Label::Master).random);
        assert!(has(all - 1) && has(all - limits::MAX_SECRETS as u32 / 220) && !has(0));
        assert!(store.memory() <= limits::MAX_SECRETS + (1 << 20), "{}", store.memory());
        assert_eq!(store.candidates().count(), limits::MAX_CANDIDATES);
    }
}

//! The secrets that were read so far, by connection.

use std::collections::{HashMap, VecDeque};
use std::fmt;

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

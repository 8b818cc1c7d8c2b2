//! The records that can be asked for, in bounded memory.

use std::io;

use crate::base::fact::CaptureFact;
use crate::base::{Fact, Finding, units};
use crate::ledger::query::{Contents, Filter, Subject};
use crate::ledger::store::{HttpItem, InProgress, Payload, Store};
use crate::ledger::{Entry, Exchange, Record, Session};

/// Exchanges with their payloads, sessions, streams and findings: of a file the first that have
/// room, of a capture that goes on the latest.
///
/// The latest are in two stores. When the newer one is full, the older one makes room for a new
/// one, so at least half of the memory always holds the latest.
#[derive(Debug)]
pub(super) struct Kept {
    newer: Store,
    older: Option<Store>,
    /// Memory of a store, in bytes.
    memory: usize,
    /// Whether old records make room for new ones.
    is_rolling: bool,
    /// Number of the newer store, from 0.
    number: u64,
    /// Exchanges of stores that were dropped.
    dropped: u64,
    /// Rows that are larger than a store has room for, while old records make room for new ones.
    left_out: u64,
}

/// The place of an exchange: the number of its store, and its index there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    store: u64,
    index: usize,
}

impl Kept {
    /// Keeps records in `memory` bytes, the latest if `is_rolling`.
    pub(super) fn new(memory: usize, is_rolling: bool) -> Self {
        let memory = if is_rolling { memory / 2 } else { memory };
        Self {
            newer: Store::new(memory),
            older: None,
            memory,
            is_rolling,
            number: 0,
            dropped: 0,
            left_out: 0,
        }
    }

    /// Returns the store, to give it files for what does not fit into memory.
    pub(super) fn store_mut(&mut self) -> &mut Store {
        &mut self.newer
    }

    /// Adds an entry.
    pub(super) fn push(&mut self, entry: Entry) {
        if let Entry::Record(
            Record::Request(exchange) | Record::Interrupted(exchange) | Record::Exchange(exchange),
        ) = &entry
            && self.newer.find(exchange.n).is_none()
            && !self.newer.has_room()
        {
            if !self.is_rolling {
                return self.newer.leave_out();
            }
            self.roll();
        }
        if !self.is_rolling || !is_row(&entry) {
            return self.newer.push(entry);
        }
        let left_out = self.newer.left_out();
        self.newer.push(entry.clone());
        if self.newer.left_out() > left_out {
            self.roll();
            self.newer.push(entry);
            self.left_out += self.newer.left_out();
        }
    }

    fn roll(&mut self) {
        let full = std::mem::replace(&mut self.newer, Store::new(self.memory));
        self.newer.push(Entry::Fact(Fact::Capture(Box::new(*full.capture()))));
        self.number += 1;
        if let Some(oldest) = self.older.replace(full) {
            self.dropped += oldest.len() as u64;
        }
    }

    /// Replaces what is in progress.
    pub(super) fn set_in_progress(&mut self, in_progress: InProgress) {
        self.newer.set_in_progress(in_progress);
    }

    /// What is not kept, in words; `None` if everything is.
    pub(super) fn missing(&self) -> Option<String> {
        let left_out = if self.is_rolling { self.left_out } else { self.newer.left_out() };
        let dropped =
            (self.dropped > 0).then(|| format!("the oldest {} exchanges are no longer kept", self.dropped));
        let left_out = (left_out > 0).then(|| format!("{} did not fit", units::several(left_out, "record")));
        let missing: Vec<String> = [dropped, left_out].into_iter().flatten().collect();
        (!missing.is_empty())
            .then(|| format!("{}, totals count them: --memory keeps more", missing.join(", ")))
    }

    /// The counts of the capture so far.
    pub(super) fn capture(&self) -> &CaptureFact {
        self.newer.capture()
    }

    fn stores(&self) -> impl Iterator<Item = &Store> {
        self.older.iter().chain([&self.newer])
    }

    fn store_at(&mut self, place: Place) -> Option<&mut Store> {
        match self.number.checked_sub(place.store)? {
            0 => Some(&mut self.newer),
            1 => self.older.as_mut(),
            _ => None,
        }
    }

    /// The first place.
    pub(super) fn first(&self) -> Place {
        Place { store: self.number - u64::from(self.older.is_some()), index: 0 }
    }

    /// The place of exchange `n`; `None` if it is not kept.
    pub(super) fn find(&self, n: u64) -> Option<Place> {
        let older = || Some((self.number.checked_sub(1)?, self.older.as_ref()?.find(n)?));
        let (store, index) = self.newer.find(n).map(|index| (self.number, index)).or_else(older)?;
        Some(Place { store, index })
    }

    /// Exchange `n`, and whether it is open; `None` if it is not kept.
    pub(super) fn exchange(&mut self, n: u64) -> Option<(Exchange, bool)> {
        let place = self.find(n)?;
        let store = self.store_at(place)?;
        Some((store.exchange(place.index)?, store.is_open(place.index)))
    }

    /// The store that has exchange `n`; `None` if it is not kept.
    pub(super) fn store_of(&self, n: u64) -> Option<&Store> {
        self.stores().filter(|store| store.find(n).is_some()).last()
    }

    /// Passes up to `most` exchanges from a place on to `visit`, with whether each is open, those
    /// alone that match. Returns the place of the next one; `None` after the last.
    pub(super) fn visit(
        &mut self,
        from: Place,
        most: usize,
        filter: &Filter,
        mut visit: impl FnMut(Exchange, bool),
    ) -> Option<Place> {
        let mut place = Place { store: from.store.max(self.first().store), ..from };
        if place.store != from.store {
            place.index = 0;
        }
        for _ in 0..most {
            let Some(exchange) = self.store_at(place).and_then(|store| store.exchange(place.index)) else {
                if place.store == self.number {
                    return None;
                }
                place = Place { store: place.store + 1, index: 0 };
                continue;
            };
            // The newer store has what became of it.
            let is_continued = place.store != self.number && self.newer.find(exchange.n).is_some();
            if !is_continued && self.matches(place, &exchange, filter) {
                let is_open = self.store_at(place).is_some_and(|store| store.is_open(place.index));
                visit(exchange, is_open);
            }
            place.index += 1;
        }
        Some(place)
    }

    fn matches(&mut self, place: Place, exchange: &Exchange, filter: &Filter) -> bool {
        let subject = Subject::Exchange(exchange);
        let contents: &Contents = filter.contents();
        if contents.is_empty() {
            return filter.matches(subject);
        }
        let found = self.store_at(place).map(|store| store.search(place.index, contents));
        filter.matches_with(subject, found.unwrap_or_default())
    }

    /// The body or event that carried the request of exchange `n`, or its response; `None` if there
    /// is none, or if it is not kept.
    ///
    /// # Errors
    /// It cannot be read back.
    pub(super) fn message(&mut self, n: u64, is_response: bool) -> io::Result<Option<Payload>> {
        let Some(place) = self.find(n) else { return Ok(None) };
        self.store_at(place).map_or(Ok(None), |store| store.message(place.index, is_response))
    }

    /// The sessions: those that ended, then those that go on.
    pub(super) fn sessions(&self) -> impl Iterator<Item = &Session> {
        let ended = self.stores().flat_map(|store| store.sessions().iter());
        ended.chain(self.newer.open_sessions())
    }

    /// The event streams and HTTP without messages, then the streams that are open.
    pub(super) fn http(&self) -> impl Iterator<Item = &HttpItem> {
        self.stores().flat_map(|store| store.http().iter()).chain(self.newer.open_streams())
    }

    /// The connections, ended and open.
    pub(super) fn connections(&self) -> impl Iterator<Item = &crate::base::fact::ConnectionFact> {
        let ended = self.stores().flat_map(|store| store.connections().iter());
        ended.chain(self.newer.open_connections())
    }

    /// The findings, in the order in which they were made.
    pub(super) fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.stores().flat_map(Store::findings)
    }
}

/// Whether an entry is kept as a row that may have no room: its store counts it as left out.
fn is_row(entry: &Entry) -> bool {
    match entry {
        Entry::Record(record) => !matches!(
            record,
            Record::Request(_) | Record::Interrupted(_) | Record::Exchange(_) | Record::Offer(_)
        ),
        Entry::LlmCall(_) | Entry::Finding(_) | Entry::Fact(Fact::Connection(_)) => true,
        Entry::Fact(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Code;

    fn finding(count: u64, detail: usize) -> Entry {
        Entry::Finding(Finding {
            code: Code::TcpGap,
            at: None,
            tcp_stream: None,
            session: None,
            exchange: None,
            count,
            detail: "x".repeat(detail),
        })
    }

    /// Without a hole: the one that found no room in the full store is in the next.
    #[test]
    fn the_latest_findings_are_kept() {
        let mut kept = Kept::new(0, true);
        for count in 1..=200 {
            kept.push(finding(count, 100_000));
            let counts: Vec<u64> = kept.findings().map(|finding| finding.count).collect();
            assert!(counts.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{counts:?}");
            assert_eq!(counts.last(), Some(&count));
        }
        assert!(kept.number > 2 && kept.missing().is_none());
    }

    #[test]
    fn a_row_that_no_store_has_room_for_is_counted() {
        let mut kept = Kept::new(0, true);
        kept.push(finding(1, 64 << 20));
        kept.push(finding(2, 10));
        assert_eq!(kept.findings().map(|finding| finding.count).collect::<Vec<_>>(), [2]);
        assert!(kept.missing().is_some_and(|missing| missing.starts_with("1 record did not fit")));
    }

    #[test]
    fn a_new_store_knows_the_counts_of_the_capture() {
        let mut kept = Kept::new(0, true);
        let counts = CaptureFact { packets: 7, ..CaptureFact::default() };
        kept.push(Entry::Fact(Fact::Capture(Box::new(counts))));
        (1..=100).for_each(|count| kept.push(finding(count, 100_000)));
        assert!(kept.number > 0);
        assert_eq!(kept.capture().packets, 7);
    }
}

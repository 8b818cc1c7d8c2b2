//! The exchanges that a page holds.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::grid::{self, Grid};
use super::texts::Texts;
use super::waiting::Waiting;
use crate::base::{PacketNo, Side, Timestamp, limits};
use crate::ledger::{Entry, Exchange, Record, Views};

/// Exchanges that are kept because they are the first or the latest, in tenths of
/// [`limits::MAX_PAGE_EXCHANGES`]. The rest is for those that failed, and for the slowest.
const TIMELY_TENTHS: usize = 6;

/// Notifications of an exchange that its diagram can show.
const NOTIFICATIONS_EACH: u32 = 24;

/// Exchanges behind a proxy that may turn out to be seen in front, too.
const MAX_PENDING: usize = 256;

/// A notification that belongs to an exchange.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) exchange: u64,
    pub(super) from: Side,
    pub(super) method: Arc<str>,
    pub(super) time: Timestamp,
    pub(super) packet: PacketNo,
    pub(super) bytes: u64,
}

/// Which exchanges are kept of many, besides those that failed and the slowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Timely {
    /// The first: a report of a whole capture shows how it began.
    #[default]
    First,
    /// The latest: a page that is watched shows what happens.
    Latest,
}

/// What a page shows besides totals: exchanges with their notifications, and counts by time and
/// duration. All exchanges are counted; of more than [`limits::MAX_PAGE_EXCHANGES`] the first or
/// the latest are kept, those that failed, and the slowest.
#[derive(Debug, Default)]
pub struct Rows {
    views: Views,
    keeps: Timely,
    all: u64,
    /// The first or the latest, in the order in which they ended.
    timely: VecDeque<Exchange>,
    failed: VecDeque<Exchange>,
    /// By duration and `n`.
    slow: BTreeMap<(i64, u64), Exchange>,
    notes: VecDeque<Note>,
    /// Number of notes of each exchange. Never iterated: its order is random.
    noted: HashMap<u64, u32, RandomState>,
    texts: Texts,
    grid: Grid,
    /// Empty unless requests are emitted before their exchanges.
    waiting: Waiting,
}

impl Rows {
    /// Creates an empty list that keeps the first exchanges. `views` count where both legs of a
    /// proxy were captured.
    #[must_use]
    pub fn new(views: Views) -> Self {
        Self { views, ..Self::default() }
    }

    /// Creates an empty list that keeps the latest exchanges.
    #[must_use]
    pub fn latest(views: Views) -> Self {
        Self { views, keeps: Timely::Latest, ..Self::default() }
    }

    /// Takes the next entry.
    pub fn push(&mut self, entry: &Entry) {
        let Entry::Record(record) = entry else { return };
        // Also of a view that does not count, which is known only when the exchange is over.
        if let Record::Exchange(exchange) = record {
            self.waiting.close(exchange.n);
        }
        if !self.views.include(record) {
            return;
        }
        match record {
            Record::Request(exchange) => self.waiting.open(exchange),
            Record::Exchange(exchange) => self.exchange(exchange),
            Record::Notification(notification) => {
                let Some(exchange) = notification.exchange else { return };
                let span = notification.message.span;
                self.note(Note {
                    exchange,
                    from: notification.from,
                    method: Arc::clone(&notification.method),
                    time: span.end.time,
                    packet: span.first,
                    bytes: notification.message.bytes,
                });
            }
            _ => {}
        }
    }

    fn exchange(&mut self, exchange: &Exchange) {
        self.all += 1;
        // The leg in front is known to be one after the leg behind, for `initialize` alone.
        if let Some(behind) = exchange.twins.behind.filter(|_| self.views == Views::Front) {
            self.drop_recent(behind);
        }
        let others = &mut self.texts.others;
        self.grid.record(exchange, |len| others.has_room(len));
        let most = limits::MAX_PAGE_EXCHANGES / 10 * TIMELY_TENTHS;
        let len = exchange.text_len();
        match self.keeps {
            Timely::First => {
                if self.timely.len() < most && self.texts.timely.has_room(len) {
                    self.timely.push_back(exchange.clone());
                } else {
                    self.notable(exchange);
                }
            }
            Timely::Latest => {
                self.timely.push_back(exchange.clone());
                self.texts.timely.add(len);
                while (self.timely.len() > most || self.texts.timely.is_full())
                    && let Some(oldest) = self.timely.pop_front()
                {
                    self.texts.timely.remove(oldest.text_len());
                    self.notable(&oldest);
                }
            }
        }
    }

    /// Keeps an exchange that is not timely if it failed, or is among the slowest.
    fn notable(&mut self, exchange: &Exchange) {
        let most = limits::MAX_PAGE_EXCHANGES / 10 * (10 - TIMELY_TENTHS) / 2;
        let len = exchange.text_len();
        if grid::has_failed(exchange) {
            match self.keeps {
                Timely::First if self.failed.len() >= most => {}
                Timely::First => {
                    if self.texts.failed.has_room(len) {
                        self.failed.push_back(exchange.clone());
                    }
                    return;
                }
                Timely::Latest => {
                    self.failed.push_back(exchange.clone());
                    self.texts.failed.add(len);
                    while (self.failed.len() > most || self.texts.failed.is_full())
                        && let Some(oldest) = self.failed.pop_front()
                    {
                        self.texts.failed.remove(oldest.text_len());
                    }
                    return;
                }
            }
        }
        let Some(elapsed) = exchange.elapsed_ns() else { return };
        let key = (elapsed, exchange.n);
        if self.slow.len() >= most {
            let Some((least, _)) = self.slow.first_key_value() else { return };
            if key <= *least {
                return;
            }
            if let Some((_, dropped)) = self.slow.pop_first() {
                self.texts.slow.remove(dropped.text_len());
            }
        }
        if self.texts.slow.has_room(len) {
            self.slow.insert(key, exchange.clone());
        }
    }

    fn note(&mut self, note: Note) {
        let count = self.noted.get(&note.exchange).copied().unwrap_or(0);
        if count >= NOTIFICATIONS_EACH {
            return;
        }
        if self.notes.len() >= limits::MAX_PAGE_NOTIFICATIONS {
            match self.keeps {
                Timely::First => return,
                Timely::Latest => self.drop_oldest_note(),
            }
        }
        if self.texts.others.has_room(note.method.len()) {
            self.noted.insert(note.exchange, count + 1);
            self.notes.push_back(note);
        }
    }

    fn drop_oldest_note(&mut self) {
        let Some(oldest) = self.notes.pop_front() else { return };
        self.texts.others.remove(oldest.method.len());
        let count = self.noted.remove(&oldest.exchange).unwrap_or(0);
        if count > 1 {
            self.noted.insert(oldest.exchange, count - 1);
        }
    }

    /// Drops an exchange that was kept lately.
    fn drop_recent(&mut self, n: u64) {
        let from = self.timely.len().saturating_sub(MAX_PENDING);
        let at = self.timely.range(from..).position(|exchange| exchange.n == n);
        if let Some(dropped) = at.and_then(|at| self.timely.remove(from + at)) {
            self.texts.timely.remove(dropped.text_len());
            self.all = self.all.saturating_sub(1);
            self.grid.forget(&dropped);
        }
    }

    /// Returns the number of exchanges, kept or not.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a page without exchanges is one like others")]
    pub fn len(&self) -> u64 {
        self.all
    }

    /// Returns the numbers of exchanges that are kept because they are the first or the latest,
    /// because they failed, and because they are slow.
    pub(super) fn shares(&self) -> [usize; 3] {
        [self.timely.len(), self.failed.len(), self.slow.len()]
    }

    /// Returns whether the first or the latest are kept.
    pub(super) fn keeps(&self) -> Timely {
        self.keeps
    }

    /// Returns the exchanges that are kept, in the order of their requests.
    pub(super) fn exchanges(&self) -> Vec<&Exchange> {
        let mut exchanges: Vec<_> =
            self.timely.iter().chain(&self.failed).chain(self.slow.values()).collect();
        exchanges.sort_by_key(|exchange| exchange.n);
        exchanges
    }

    /// Returns the notifications of exchanges, in the order of their packets.
    pub(super) fn notes(&self) -> impl Iterator<Item = &Note> {
        self.notes.iter()
    }

    /// Returns the requests without an answer so far.
    pub(super) fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// Returns the counts by time and duration.
    pub(super) fn grid(&self) -> &Grid {
        &self.grid
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Status;
    use crate::ledger::{Cause, sample};

    fn entry(exchange: Exchange) -> Entry {
        Entry::Record(Record::Exchange(Box::new(exchange)))
    }

    /// Of many exchanges the first, the failed and the slowest are kept.
    #[test]
    fn what_matters_is_kept() {
        let mut rows = Rows::new(Views::Front);
        let most = limits::MAX_PAGE_EXCHANGES as u64;
        let failed = [3 * most - 1, 3 * most];
        for n in 1..=3 * most {
            let total = if n == 2 * most { 9_000_000_000 } else { 1_000_000 };
            let mut exchange = sample::exchange(n, "ping", None, total);
            if failed.contains(&n) {
                exchange = sample::unanswered(exchange, Status::Unanswered, Cause::ServerClosed);
            }
            rows.push(&entry(exchange));
        }
        assert_eq!((rows.len(), rows.shares()), (3 * most, [6000, 2, 2000]));
        let kept: Vec<u64> = rows.exchanges().iter().map(|exchange| exchange.n).collect();
        assert!(kept.is_sorted() && kept.contains(&(2 * most)) && failed.iter().all(|n| kept.contains(n)));
    }

    /// A page that is watched has the latest, what failed before, and what was slow.
    #[test]
    fn the_latest_are_kept() {
        let mut rows = Rows::latest(Views::Front);
        let most = limits::MAX_PAGE_EXCHANGES as u64;
        for n in 1..=3 * most {
            let total = if n == 2 { 9_000_000_000 } else { 1_000_000 };
            let mut exchange = sample::exchange(n, "ping", None, total);
            if n <= most && n % 2 == 1 {
                exchange = sample::unanswered(exchange, Status::Unanswered, Cause::ServerClosed);
            }
            rows.push(&entry(exchange));
        }
        assert_eq!((rows.len(), rows.shares()), (3 * most, [6000, 2000, 2000]));
        let kept: Vec<u64> = rows.exchanges().iter().map(|exchange| exchange.n).collect();
        assert!(kept.is_sorted() && kept.contains(&2), "{:?}", kept.get(..5));
        assert!((3 * most - 5999..=3 * most).all(|n| kept.binary_search(&n).is_ok()));
        // Of those that failed the latest.
        assert!(kept.contains(&(most - 1)) && !kept.contains(&1));
    }

    #[test]
    fn notifications_of_the_latest_are_kept() {
        let mut rows = Rows::latest(Views::Front);
        let most = limits::MAX_PAGE_NOTIFICATIONS as u64;
        for n in 0..3 * most {
            let (method, time) = (Arc::from("notifications/progress"), Timestamp(0));
            let (from, packet) = (Side::Server, PacketNo(n + 1));
            rows.note(Note { exchange: n / 2, from, method, time, packet, bytes: 1 });
        }
        let kept: Vec<u64> = rows.notes().map(|note| note.exchange).collect();
        assert_eq!((kept.len() as u64, kept[0]), (most, most));
        assert_eq!(rows.noted.len() as u64, most / 2);
        assert_eq!(rows.texts.len(), kept.len() * "notifications/progress".len());
    }

    /// A call that was captured on both legs of a proxy counts once, on the leg in front.
    #[test]
    fn legs_count_once() {
        let mut rows = Rows::new(Views::Front);
        let (back, mut front) =
            (sample::exchange(1, "initialize", None, 1), sample::exchange(2, "initialize", None, 1));
        front.twins.behind = Some(1);
        let mut call = sample::exchange(3, "ping", None, 1);
        call.twins.in_front = Some(4);
        for exchange in [back, front, call] {
            rows.push(&entry(exchange));
        }
        assert_eq!((rows.len(), rows.exchanges().len(), rows.exchanges()[0].n), (1, 1, 2));
        let counted: u32 = rows.grid().columns().map(|(_, column)| column.answered.iter().sum::<u32>()).sum();
        assert_eq!(counted, 1);
    }

    #[test]
    fn texts_have_a_limit() {
        let (mut rows, mut latest) = (Rows::new(Views::Front), Rows::latest(Views::Front));
        let long = "x".repeat(limits::MAX_TEXT);
        for n in 1..=5000 {
            rows.push(&entry(sample::exchange(n, &long, Some(&format!("{n}{long}")), 1_000_000)));
            latest.push(&entry(sample::exchange(n, &long, Some(&format!("{n}{long}")), 1_000_000)));
        }
        for (rows, has_last) in [(rows, false), (latest, true)] {
            assert!(rows.texts.len() <= limits::MAX_PAGE_TEXT);
            assert!((100..2000).contains(&rows.exchanges().len()) && rows.len() == 5000);
            assert_eq!(rows.exchanges().last().unwrap().n == 5000, has_last);
        }
    }
    /// Neither failures nor notifications with long texts push out the latest exchanges.
    #[test]
    fn nothing_takes_the_room_of_the_latest() {
        let mut rows = Rows::latest(Views::Front);
        let long = "x".repeat(limits::MAX_TEXT);
        let failed = |n| {
            let exchange = sample::exchange(n, "tools/call", Some(&format!("{n}{long}")), 1_000_000);
            sample::unanswered(exchange, Status::Unanswered, Cause::ServerClosed)
        };
        for n in 1..=5000 {
            rows.push(&entry(failed(n)));
            let (method, time) = (Arc::from(format!("{n}{long}")), Timestamp(0));
            rows.note(Note { exchange: n, from: Side::Server, method, time, packet: PacketNo(n), bytes: 1 });
        }
        for n in 5001..=6000 {
            rows.push(&entry(sample::exchange(n, "ping", None, 1_000_000)));
        }
        let kept: Vec<u64> = rows.exchanges().iter().map(|exchange| exchange.n).collect();
        assert!((5001..=6000).all(|n| kept.binary_search(&n).is_ok()));
        assert!(rows.texts.len() <= limits::MAX_PAGE_TEXT);
    }
}

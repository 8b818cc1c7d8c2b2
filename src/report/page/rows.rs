//! The exchanges that a page holds.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::grid::{self, Grid};
use crate::base::{PacketNo, Side, Timestamp, limits};
use crate::ledger::{Entry, Exchange, Record, Views};

/// Exchanges that are kept from the beginning of the capture, in tenths of
/// [`limits::MAX_PAGE_EXCHANGES`]. The rest is for those that failed, and for the slowest.
const FIRST_TENTHS: usize = 6;

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

/// What a page shows besides totals: exchanges with their notifications, and counts by time and
/// duration. All exchanges are counted; of more than [`limits::MAX_PAGE_EXCHANGES`] the first are
/// kept, those that failed, and the slowest.
#[derive(Debug, Default)]
pub struct Rows {
    views: Views,
    all: u64,
    first: Vec<Exchange>,
    failed: Vec<Exchange>,
    /// By duration and `n`.
    slow: BTreeMap<(i64, u64), Exchange>,
    notes: Vec<Note>,
    /// Number of notes of each exchange. Never iterated: its order is random.
    noted: HashMap<u64, u32, RandomState>,
    /// Length of the texts of everything that is kept, in bytes.
    text_len: usize,
    grid: Grid,
}

impl Rows {
    /// Creates an empty list. `views` count where both legs of a proxy were captured.
    #[must_use]
    pub fn new(views: Views) -> Self {
        Self { views, ..Self::default() }
    }

    /// Takes the next entry.
    pub fn push(&mut self, entry: &Entry) {
        let Entry::Record(record) = entry else { return };
        if !self.views.include(record) {
            return;
        }
        match record {
            Record::Exchange(exchange) => self.exchange(exchange),
            Record::Notification(notification) => {
                let Some(exchange) = notification.exchange else { return };
                let (len, count) =
                    (notification.method.len(), self.noted.get(&exchange).copied().unwrap_or(0));
                if count >= NOTIFICATIONS_EACH
                    || self.notes.len() >= limits::MAX_PAGE_NOTIFICATIONS
                    || !has_room(&mut self.text_len, len)
                {
                    return;
                }
                self.noted.insert(exchange, count + 1);
                let span = notification.message.span;
                self.notes.push(Note {
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
        let text_len = &mut self.text_len;
        self.grid.record(exchange, |len| has_room(text_len, len));
        let len = text_len_of(exchange);
        let most = limits::MAX_PAGE_EXCHANGES;
        let most_first = most / 10 * FIRST_TENTHS;
        let most_others = (most - most_first) / 2;
        if self.first.len() < most_first {
            if has_room(&mut self.text_len, len) {
                self.first.push(exchange.clone());
            }
            return;
        }
        if grid::has_failed(exchange) && self.failed.len() < most_others {
            if has_room(&mut self.text_len, len) {
                self.failed.push(exchange.clone());
            }
            return;
        }
        let Some(elapsed) = exchange.elapsed_ns() else { return };
        let key = (elapsed, exchange.n);
        if self.slow.len() >= most_others {
            let Some((least, _)) = self.slow.first_key_value() else { return };
            if key <= *least {
                return;
            }
            if let Some((_, dropped)) = self.slow.pop_first() {
                self.text_len = self.text_len.saturating_sub(text_len_of(&dropped));
            }
        }
        if has_room(&mut self.text_len, len) {
            self.slow.insert(key, exchange.clone());
        }
    }

    /// Drops an exchange that was kept lately.
    fn drop_recent(&mut self, n: u64) {
        let from = self.first.len().saturating_sub(MAX_PENDING);
        let recent = self.first.get(from..).unwrap_or_default();
        if let Some(at) = recent.iter().position(|exchange| exchange.n == n) {
            let dropped = self.first.remove(from + at);
            self.text_len = self.text_len.saturating_sub(text_len_of(&dropped));
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

    /// Returns the numbers of exchanges that are kept because they are the first, because they
    /// failed, and because they are slow.
    pub(super) fn shares(&self) -> [usize; 3] {
        [self.first.len(), self.failed.len(), self.slow.len()]
    }

    /// Returns the exchanges that are kept, in the order of their requests.
    pub(super) fn exchanges(&self) -> Vec<&Exchange> {
        let mut exchanges: Vec<_> = self.first.iter().chain(&self.failed).chain(self.slow.values()).collect();
        exchanges.sort_by_key(|exchange| exchange.n);
        exchanges
    }

    /// Returns the notifications of exchanges, in the order of their packets.
    pub(super) fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Returns the counts by time and duration.
    pub(super) fn grid(&self) -> &Grid {
        &self.grid
    }
}

/// Returns whether texts of this length may be kept, and counts them if so.
fn has_room(text_len: &mut usize, len: usize) -> bool {
    let has_room = *text_len + len <= limits::MAX_PAGE_TEXT;
    *text_len += if has_room { len } else { 0 };
    has_room
}

/// Returns the length of the texts of an exchange, in bytes, as if it shared none.
fn text_len_of(exchange: &Exchange) -> usize {
    let texts = [exchange.name.as_deref(), exchange.protocol_version.as_deref()];
    let texts: usize = texts.into_iter().flatten().map(str::len).sum();
    let error = exchange.error.as_ref().map_or(0, |error| error.message.len());
    let names = exchange.protocols.tls.as_ref().map_or(0, |tls| {
        [&tls.suite, &tls.sni, &tls.alpn].into_iter().flatten().map(|text| text.len()).sum()
    });
    let id = exchange.id.len();
    exchange.method.len() + texts + error + names + id + exchange.session.text_len()
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
        let mut rows = Rows::new(Views::Front);
        let long = "x".repeat(limits::MAX_TEXT);
        for n in 1..=5000 {
            rows.push(&entry(sample::exchange(n, &long, Some(&format!("{n}{long}")), 1_000_000)));
        }
        assert!(rows.text_len <= limits::MAX_PAGE_TEXT);
        assert!(rows.exchanges().len() < 2000 && rows.len() == 5000);
    }
}

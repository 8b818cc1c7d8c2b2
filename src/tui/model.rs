//! What all views look at: everything that was told, which exchanges are shown, and what time it is in the capture.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use super::event::{Loading, Uptime};
use super::exchange_stats::{ExchangeStats, Rates};
use super::filtered_exchanges::FilteredExchanges;
use super::heat_map::HeatMaps;
use super::narrowed::{Narrowed, Shown};
use super::painter::MASK;
use super::server_catalog::ServerCatalog;
use crate::base::{Fact, Timestamp};
use crate::ledger::query::Filter;
use crate::ledger::store::{InProgress, Store};
use crate::ledger::{Entry, Exchange, Ledger, Record, Snapshot};

/// Entries that are held back while the screen is frozen. Beyond it the screen thaws: half a kilobyte each, 50 MB.
const MAX_HELD: usize = 100_000;

/// How often totals are counted out, at most: it takes some milliseconds where there are thousands of methods and tools.
pub(super) const SUMMED: Duration = Duration::from_millis(500);

/// Exchanges that are looked at in one slice for a new filter or order: about a millisecond and a half.
pub(super) const SLICE: usize = 4096;

/// Over how long packets a second are counted, at least.
const COUNTED: Duration = Duration::from_secs(1);

/// A device that is captured on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Where its packets are kept; `None` where they are not.
    pub kept: Option<String>,
}

/// What is shown, and of what.
#[derive(Debug)]
pub struct Model {
    /// Everything that was told.
    pub store: Store,
    /// The exchanges that are shown.
    pub rows: FilteredExchanges,
    /// What is read, as it is to be called.
    pub source: String,
    /// Whether packets come as they are sent: a device, standard input, a growing file.
    pub live: bool,
    /// Whether it is a file that is followed as it grows.
    pub followed: bool,
    /// The device that is captured on; `None` of saved captures.
    pub device: Option<Device>,
    /// How far the reading is.
    pub loading: Loading,
    /// Whether everything was told.
    pub ended: bool,
    /// Why the reading stopped early; `None` where it did not.
    pub failed: Option<String>,
    /// Whether ids, tokens and payloads are masked.
    pub private: bool,
    /// Whether nothing moves that need not.
    pub still: bool,
    /// How long the program has run.
    pub uptime: Uptime,
    /// The totals, as they were when they were counted out last.
    pub summary: Snapshot,
    /// How many exchanges began when, and how many of them failed.
    pub rates: Rates,
    /// How long the answers of each method and tool took when.
    pub heat_maps: HeatMaps,
    /// How often totals were counted out: another number, other totals.
    pub(super) summed_times: u64,
    /// The exchanges that have no answer yet, by their `n`.
    pub pending: BTreeSet<u64>,
    /// How each session fared, by its number.
    pub sessions: HashMap<u32, ExchangeStats, foldhash::fast::RandomState>,
    /// Which exchanges listed what servers offer.
    pub listings: ServerCatalog,
    /// What passes the filter, counted; `None` where everything does, or nobody asked.
    narrowed: Option<Box<Narrowed>>,
    /// How often another filter took hold.
    refiltered: u64,
    ledger: Ledger,
    /// When totals were counted out last; `None` where nothing was told since.
    summed: Option<Uptime>,
    stale: bool,
    /// That bodies cannot be kept was said.
    complained: bool,
    /// Packets a second of a live capture, or of a file that grows, between the last two times that they were counted.
    pub packets_per_second: u64,
    /// When packets were counted last, and how many there were.
    counted: (Uptime, u64),
    latest: Timestamp,
    /// When the latest packet that is known was told, in uptime.
    heard: Uptime,
    frozen: Option<VecDeque<Entry>>,
}

impl Model {
    /// Nothing told yet. `memory` is what the store may keep of bodies in memory, in bytes.
    #[must_use]
    pub fn new(source: String, live: bool, memory: usize) -> Self {
        Self {
            store: Store::new(memory),
            rows: FilteredExchanges::new(Filter::default()),
            source,
            live,
            followed: false,
            device: None,
            loading: Loading::default(),
            ended: false,
            failed: None,
            private: false,
            still: false,
            uptime: Uptime::ZERO,
            summary: Snapshot::default(),
            rates: Rates::default(),
            heat_maps: HeatMaps::default(),
            summed_times: 0,
            pending: BTreeSet::new(),
            sessions: HashMap::default(),
            listings: ServerCatalog::default(),
            narrowed: None,
            refiltered: 0,
            ledger: Ledger::new(None),
            summed: None,
            stale: false,
            complained: false,
            packets_per_second: 0,
            counted: (Uptime::ZERO, 0),
            latest: Timestamp::default(),
            heard: Uptime::ZERO,
            frozen: None,
        }
    }

    /// What time it is in the capture: that of the latest packet, and while a live capture is silent what passed since.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        if !self.live || self.ended || self.is_frozen() {
            return self.latest;
        }
        let passed = self.uptime.saturating_sub(self.heard).as_nanos();
        self.latest.plus(i64::try_from(passed).unwrap_or(i64::MAX))
    }

    /// Takes what was told.
    pub fn tell(&mut self, entries: impl IntoIterator<Item = Entry>) {
        for entry in entries {
            match (&mut self.frozen, entry) {
                // What was said shows nowhere before its exchange is opened, and is large.
                (Some(_), entry @ Entry::Fact(Fact::Payload(_))) => self.store.push(entry),
                (Some(held), entry) => held.push_back(entry),
                (None, entry) => self.take(entry),
            }
        }
        if self.held() > MAX_HELD {
            self.thaw();
        }
    }

    /// Takes what goes on. While the screen is frozen it is not shown, and said again soon after.
    pub(super) fn set_in_progress(&mut self, in_progress: InProgress) {
        if self.is_frozen() || self.ended {
            return;
        }
        self.note_time(&Entry::Fact(Fact::Capture(in_progress.capture)));
        let (then, before) = self.counted;
        let passed = self.uptime.saturating_sub(then).as_millis();
        if self.loading.total.is_some() || (self.followed && then.is_zero()) {
            // What was there already did not come just now.
            self.counted = (self.uptime, in_progress.capture.packets);
        } else if passed >= COUNTED.as_millis() {
            let more = u128::from(in_progress.capture.packets.saturating_sub(before));
            self.packets_per_second = u64::try_from(more * 1000 / passed.max(1)).unwrap_or(u64::MAX);
            self.counted = (self.uptime, in_progress.capture.packets);
        }
        self.store.set_in_progress(in_progress);
    }

    /// Counts out the totals, where they changed and that was not done just now.
    pub(super) fn sum_up(&mut self) {
        let late = self.summed.is_none_or(|at| self.uptime.saturating_sub(at) >= SUMMED);
        if self.stale && (late || self.ended) {
            self.summary = self.ledger.snapshot();
            (self.summed, self.stale) = (Some(self.uptime), false);
            self.summed_times += 1;
        }
    }

    /// Whether the screen stands still.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// How many entries were told since the screen was frozen.
    #[must_use]
    pub fn held(&self) -> usize {
        self.frozen.as_ref().map_or(0, VecDeque::len)
    }

    /// Nothing that is told is shown, until [`Model::thaw`].
    pub fn freeze(&mut self) {
        self.frozen.get_or_insert_default();
    }

    /// What was held back is shown.
    pub fn thaw(&mut self) {
        for entry in self.frozen.take().unwrap_or_default() {
            self.take(entry);
        }
    }

    /// Why bodies cannot be kept any more (the disk is full), to be said once; `None` where they can, or it was said.
    pub(super) fn trouble(&mut self) -> Option<String> {
        let why = self.store.failed().filter(|_| !self.complained)?;
        self.complained = true;
        Some(format!("bodies beyond the memory for them cannot be kept: {why}"))
    }

    /// From now on these exchanges are shown.
    pub fn refilter(&mut self, filter: Filter) {
        self.rows.refilter(filter);
        self.narrowed = None;
        self.refiltered += 1;
    }

    /// Counts up to `most` more exchanges that pass the filter, for views of what they belong to. Whether there are more.
    pub(super) fn narrow(&mut self, most: usize) -> bool {
        let filter = self.rows.filter();
        if filter.is_empty() {
            self.narrowed = None;
            return false;
        }
        let narrowed = self.narrowed.get_or_insert_with(|| Box::new(Narrowed::new(filter.clone())));
        let more = narrowed.look(&self.store, most);
        narrowed.sum_up(self.uptime, !more && self.ended);
        more
    }

    /// Whether there is something that [`Model::narrow`] has not looked at.
    pub(super) fn is_behind(&self) -> bool {
        let is_filtered = !self.rows.filter().is_empty();
        is_filtered && self.narrowed.as_ref().is_none_or(|narrowed| narrowed.is_behind(&self.store))
    }

    /// The totals of what passes the filter.
    #[must_use]
    pub(super) fn shown(&self) -> Shown<'_> {
        match &self.narrowed {
            Some(narrowed) => Shown {
                summary: &narrowed.summary,
                heat_maps: &narrowed.heat_maps,
                sessions: &narrowed.sessions,
                version: narrowed.summed_times,
                narrowed: Some(narrowed),
            },
            None => Shown {
                summary: &self.summary,
                heat_maps: &self.heat_maps,
                sessions: &self.sessions,
                version: self.summed_times,
                narrowed: None,
            },
        }
    }

    /// Another number, where what passes the filter may be something else.
    #[must_use]
    pub(super) fn epoch(&self) -> u64 {
        let narrowed = self.narrowed.as_ref().map_or(0, |narrowed| narrowed.summed_times);
        (self.refiltered << 32) + narrowed
    }

    /// The name of an exchange as it may be shown; `None` where it has none.
    pub(super) fn name_of<'e>(&self, exchange: &'e Exchange) -> Option<&'e str> {
        exchange.name.as_deref().map(|name| self.shown_name(exchange.method.as_ref(), name))
    }

    /// A name that a method carries as it may be shown: a URI is as private as what it leads to.
    pub(super) fn shown_name<'n>(&self, method: &str, name: &'n str) -> &'n str {
        if self.private && method.starts_with("resources/") { MASK } else { name }
    }

    /// A filter for some of the exchanges that are shown.
    #[must_use]
    pub(super) fn within(&self, filter: &str) -> String {
        self.rows.filter().and(filter)
    }

    /// Looks at up to `most` exchanges for a filter or an order that is new. Whether there are more.
    pub fn look(&mut self, most: usize) -> bool {
        self.rows.look(&self.store, most)
    }

    fn take(&mut self, entry: Entry) {
        self.note_time(&entry);
        if !matches!(entry, Entry::Fact(Fact::Payload(_))) {
            self.ledger.push(&entry);
            self.stale = true;
        }
        let Entry::Record(Record::Request(exchange) | Record::Exchange(exchange)) = &entry else {
            return self.store.push(entry);
        };
        if matches!(entry, Entry::Record(Record::Request(_))) {
            self.pending.insert(exchange.n);
        } else {
            self.count(exchange);
        }
        let index = self.store.find(exchange.n);
        let was = index.and_then(|index| self.store.exchange(index));
        let index = index.unwrap_or(self.store.len());
        self.rows.told(index, was.as_ref(), exchange);
        if let Some(narrowed) = &mut self.narrowed
            && matches!(entry, Entry::Record(Record::Exchange(_)))
        {
            narrowed.told(index, exchange, &self.store);
        }
        self.store.push(entry);
    }

    /// Counts an exchange that is over.
    fn count(&mut self, exchange: &Exchange) {
        self.pending.remove(&exchange.n);
        self.rates.count(exchange);
        self.heat_maps.count(exchange);
        self.listings.note(exchange);
        self.sessions.entry(exchange.session.number).or_default().count(exchange);
    }

    fn note_time(&mut self, entry: &Entry) {
        let time = match entry {
            Entry::Record(Record::Request(exchange) | Record::Exchange(exchange)) => {
                let end = exchange.request.span.end;
                exchange.response.map_or(end, |response| end.later(response.span.end)).time
            }
            Entry::Fact(Fact::Payload(carried)) => carried.span.end.time,
            Entry::Fact(Fact::Capture(capture)) => capture.last.unwrap_or_default().time,
            _ => return,
        };
        if time > self.latest {
            self.latest = time;
            self.heard = self.uptime;
        }
    }
}

/// The name of a file without its directories; of several the first, and how many more there are.
pub(super) fn short_source(source: &str) -> String {
    let mut names = source.split(", ");
    let first = names.next().unwrap_or_default();
    let first = first.rsplit('/').next().unwrap_or(first);
    match names.count() {
        0 => first.to_owned(),
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::base::fact::{PayloadFact, PayloadKind};
    use crate::base::{Degraded, Peers, Side};
    use crate::ledger::sample;

    /// What is said of bodies that cannot be kept is said once, and the rest goes on.
    #[test]
    fn a_full_disk_is_told_once() {
        let mut model = Model::new("test".to_owned(), false, 0);
        model.store.spill_into(File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap());
        let exchange = sample::exchange(1, "ping", None, 1);
        let (client, server) = (exchange.client, exchange.session.server);
        let carried = Entry::Fact(Fact::Payload(Box::new(PayloadFact {
            peers: Peers { tcp_stream: 3, client, server },
            transaction: 0,
            side: Side::Client,
            kind: PayloadKind::Body,
            span: exchange.request.span,
            bytes: vec![b'x'; 1 << 20].into(),
            degraded: Degraded::NONE,
        })));
        model.tell([carried.clone()]);
        assert_eq!(model.trouble(), None);
        model.tell([carried.clone()]);
        let said = model.trouble().unwrap();
        assert!(said.starts_with("bodies beyond the memory for them cannot be kept: "), "{said}");
        model.tell([carried]);
        assert_eq!(model.trouble(), None);
        assert!(model.store.payloads(3, 0).is_err());
        assert_eq!(model.store.latest_payloads(3, 0, 1).unwrap().len(), 1);
    }
}

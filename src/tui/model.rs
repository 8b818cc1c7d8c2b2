//! The state that all views show: the captured exchanges, those that match the filter, totals, and
//! the time in the capture.

use std::collections::{BTreeSet, VecDeque};

use super::clock::CaptureClock;
use super::content_search::ContentSearch;
use super::event::Uptime;
use super::exchange_rates::ExchangeRates;
use super::explanation::{Explanation, Unexplained};
use super::filter_totals::FilterTotals;
use super::filtered_exchanges::{FilteredExchanges, SortBy};
use super::matching_totals::MatchingTotals;
use super::read_progress::ReadProgress;
use super::related_exchanges::RelatedExchanges;
use super::server_catalog::ServerCatalog;
use super::source::Source;
use super::theme::MASK;
use super::times::Times;
use super::totals::Totals;
use crate::base::time_style::TimeFormat;
use crate::base::{Fact, Files, Timestamp};
use crate::ledger::query::Filter;
use crate::ledger::store::{InProgress, Store};
use crate::ledger::{ConnectionPackets, Entry, Exchange, Record};
use crate::why::{Collector, Limits, Story};

/// The number of entries that are held back while the screen is frozen. Beyond it the screen thaws.
const MAX_HELD_BACK: usize = 100_000;

/// The same if the store has no memory left.
const MIN_HELD_BACK: usize = 10_000;

/// Memory of an entry that is held back, in bytes. All of them take half of what the store has
/// left.
const HELD_BACK: usize = 1024;

/// The kernel's buffer of packets (`-B`), in bytes: a live capture has it beside what is listed.
const KERNEL_BUFFER: usize = 64 << 20;

/// The number of exchanges that are scanned in one slice for a new filter or order. Takes about a
/// millisecond and a half.
pub(super) const SLICE: usize = 4096;

/// The state that all views show.
#[derive(Debug)]
pub struct Model {
    store: Store,
    exchanges: FilteredExchanges,
    search: ContentSearch,
    source: Source,
    progress: ReadProgress,
    clock: CaptureClock,
    /// Whether ids, tokens and payloads are masked.
    is_private: bool,
    /// Whether spinners stand still.
    is_still: bool,
    time_format: TimeFormat,
    totals: FilterTotals,
    /// The exchanges that have no response yet, by their `n`.
    pending: BTreeSet<u64>,
    rates: ExchangeRates,
    related: RelatedExchanges,
    catalog: ServerCatalog,
    /// The entries that arrived since the screen was frozen; `None` if it is not frozen.
    frozen: Option<VecDeque<Entry>>,
    /// The packets of a connection that were read again, until its page takes them.
    inspected: Option<Result<Box<ConnectionPackets>, String>>,
    /// The story that the packets of an exchange give, until its tab takes it.
    explained: Option<Explanation>,
    /// The story whose packets are to be read.
    unexplained: Option<Unexplained>,
    /// The known limits.
    limits: Limits,
    has_reported_store_error: bool,
    has_reported_full_lists: bool,
}

impl Model {
    /// Returns a model with nothing captured. `memory` is that of rows and bodies, in bytes: see
    /// [`Store::new`].
    #[must_use]
    pub fn new(source: Source, memory: usize) -> Self {
        let kernel = if source.device.is_some() { KERNEL_BUFFER } else { 0 };
        Self {
            store: Store::new(memory.saturating_sub(kernel)),
            exchanges: FilteredExchanges::new(Filter::default()),
            search: ContentSearch::default(),
            source,
            progress: ReadProgress::default(),
            clock: CaptureClock::default(),
            is_private: false,
            is_still: false,
            time_format: TimeFormat::default(),
            totals: FilterTotals::new(),
            pending: BTreeSet::new(),
            rates: ExchangeRates::default(),
            related: RelatedExchanges::default(),
            catalog: ServerCatalog::default(),
            frozen: None,
            inspected: None,
            explained: None,
            unexplained: None,
            limits: Limits::default(),
            has_reported_store_error: false,
            has_reported_full_lists: false,
        }
    }

    /// Returns the files of the capture, which number its packets.
    #[must_use]
    pub(super) fn files(&self) -> &Files {
        &self.source.files
    }

    /// Sets the known limits.
    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Tells the story of exchange `n` from what is stored, and asks for the packets of its
    /// connections: see [`Model::take_unexplained`].
    pub(super) fn explain(&mut self, n: u64) -> Story {
        let collector = Collector::of_store(&self.store, n);
        let story = collector.story(&self.limits);
        self.unexplained = Some(Unexplained { n, collector });
        story
    }

    /// Returns the story whose packets are to be read; `None` if there is none that was not
    /// returned before.
    pub(super) fn take_unexplained(&mut self) -> Option<Unexplained> {
        self.unexplained.take()
    }

    /// Keeps the story that the packets of an exchange give for its tab.
    pub(super) fn set_explained(&mut self, explanation: Explanation) {
        self.explained = Some(explanation);
    }

    /// Takes the story of exchange `n` that its packets give; `None` if they were not read since
    /// the last call.
    pub(super) fn take_explained(&mut self, n: u64) -> Option<Explanation> {
        self.explained.take_if(|explanation| explanation.n == n)
    }

    /// Returns the store of everything that was captured.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the store, to read payloads from it or to give it a file for them.
    pub fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    /// Returns the exchanges that match the filter, in order.
    #[must_use]
    pub fn exchanges(&self) -> &FilteredExchanges {
        &self.exchanges
    }

    /// Returns the source of the packets.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Returns the source of the packets, to change it.
    pub fn source_mut(&mut self) -> &mut Source {
        &mut self.source
    }

    /// Returns the progress of reading.
    pub(super) fn progress(&self) -> &ReadProgress {
        &self.progress
    }

    /// Returns the progress of reading, to change it.
    pub(super) fn progress_mut(&mut self) -> &mut ReadProgress {
        &mut self.progress
    }

    /// Whether reading ended, with or without a failure.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.progress.has_ended()
    }

    /// Whether packets may still arrive as they are sent.
    pub(super) fn is_receiving(&self) -> bool {
        self.source.is_live && !self.has_ended()
    }

    /// Whether ids, tokens and payloads are masked.
    pub(super) fn is_private(&self) -> bool {
        self.is_private
    }

    /// Masks ids, tokens and payloads, or shows them.
    pub(super) fn set_private(&mut self, is_private: bool) {
        self.is_private = is_private;
    }

    /// Whether spinners stand still.
    pub(super) fn is_still(&self) -> bool {
        self.is_still
    }

    /// Stops the spinners, or lets them turn.
    pub(super) fn set_still(&mut self, is_still: bool) {
        self.is_still = is_still;
    }

    /// Returns the form in which times are shown.
    pub(super) fn times(&self) -> Times {
        let start = self.store.capture().first.map_or(Timestamp::default(), |first| first.time);
        Times { format: self.time_format.clone(), start }
    }

    /// Returns a time as it is shown.
    pub(super) fn time_text(&self, time: Timestamp) -> String {
        let start = self.store.capture().first.map_or(Timestamp::default(), |first| first.time);
        self.time_format.format(time, start)
    }

    /// Sets the form in which times are shown.
    pub(super) fn set_time_format(&mut self, format: TimeFormat) {
        self.time_format = format;
    }

    /// Returns the time that the program has run.
    #[must_use]
    pub fn uptime(&self) -> Uptime {
        self.clock.uptime()
    }

    /// Sets the time that the program has run.
    pub(super) fn set_uptime(&mut self, uptime: Uptime) {
        self.clock.set_uptime(uptime);
    }

    /// Returns the time in the capture: that of the latest packet, plus the uptime since then while
    /// a live capture is silent.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        if self.is_receiving() && !self.is_frozen() { self.clock.running() } else { self.clock.latest() }
    }

    /// Adds entries of the analysis. While the screen is frozen they are held back.
    pub fn push(&mut self, entries: impl IntoIterator<Item = Entry>) {
        for entry in entries {
            match (&mut self.frozen, entry) {
                // Payloads are large, and are shown only after their exchange is opened.
                (Some(_), entry @ Entry::Fact(Fact::Payload(_))) => self.store.push(entry),
                (Some(held_back), entry) => held_back.push_back(entry),
                (None, entry) => self.record(entry),
            }
        }
        let most = (self.store.room() / 2 / HELD_BACK).clamp(MIN_HELD_BACK, MAX_HELD_BACK);
        if self.is_frozen() && self.held_back() > most {
            self.thaw();
        }
    }

    /// Replaces what is in progress. Ignored while the screen is frozen: the next state follows
    /// soon.
    pub(super) fn set_in_progress(&mut self, in_progress: InProgress) {
        if self.is_frozen() || self.has_ended() {
            return;
        }
        self.clock.record_entry(&Entry::Fact(Fact::Capture(Box::new(in_progress.capture))));
        let packets = in_progress.capture.packets;
        self.progress.record_packets(packets, self.clock.uptime(), self.source.is_followed);
        self.store.set_in_progress(in_progress);
    }

    /// Keeps the packets of a connection for its page, or why there are none.
    pub(super) fn set_inspected(&mut self, read: Result<Box<ConnectionPackets>, String>) {
        self.inspected = Some(read);
    }

    /// Takes the packets of a connection that were read since the last call; `None` if none were.
    pub(super) fn take_inspected(
        &mut self,
        tcp_stream: u32,
    ) -> Option<Result<Box<ConnectionPackets>, String>> {
        let is_of = |read: &mut Result<Box<ConnectionPackets>, String>| {
            read.as_ref().map_or(true, |packets| packets.tcp_stream == tcp_stream)
        };
        self.inspected.take_if(is_of)
    }

    /// Whether the screen is frozen.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Returns the number of entries that arrived since the screen was frozen.
    #[must_use]
    pub fn held_back(&self) -> usize {
        self.frozen.as_ref().map_or(0, VecDeque::len)
    }

    /// Holds back entries until [`Model::thaw`].
    pub fn freeze(&mut self) {
        self.frozen.get_or_insert_default();
    }

    /// Records the entries that were held back.
    pub fn thaw(&mut self) {
        for entry in self.frozen.take().unwrap_or_default() {
            self.record(entry);
        }
    }

    /// Returns why bodies (a full disk, for example) or rows cannot be stored any more, each once;
    /// `None` if they can, or if it was returned before.
    pub(super) fn take_store_error(&mut self) -> Option<String> {
        if let Some(error) = self.store.spill_error()
            && !std::mem::replace(&mut self.has_reported_store_error, true)
        {
            return Some(format!("cannot write bodies to the temporary file: {error}"));
        }
        if self.store.left_out() > 0 && !std::mem::replace(&mut self.has_reported_full_lists, true) {
            return Some("a list is full: later rows are counted in the totals only".to_owned());
        }
        None
    }

    /// Returns the filter.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        self.exchanges.filter()
    }

    /// Sets the filter. Exchanges are scanned for it by [`Model::scan_exchanges`].
    pub fn set_filter(&mut self, filter: Filter) {
        let filter = filter.on_files(self.source.files.clone());
        self.search = ContentSearch::new(&filter);
        self.exchanges.set_filter(filter);
        self.totals.reset_matching();
    }

    /// Returns the text of a filter that matches what both the current filter and `filter` match.
    #[must_use]
    pub(super) fn filter_with(&self, filter: &str) -> String {
        self.filter().and(filter)
    }

    /// Sorts the exchanges, and scans the first of them for the new order.
    pub(super) fn sort_exchanges(&mut self, by: SortBy, is_descending: bool) {
        self.exchanges.sort(by, is_descending);
        self.scan_exchanges(SLICE);
    }

    /// Scans up to `limit` exchanges for a new filter or order. Returns whether some are left.
    pub fn scan_exchanges(&mut self, limit: usize) -> bool {
        self.search.search(&mut self.store);
        self.exchanges.scan(&self.store, &self.search, limit)
    }

    /// Whether exchanges are left to scan for a new filter or order.
    pub(super) fn is_scanning(&self) -> bool {
        self.exchanges.scanned() < self.search.reachable(&self.store)
    }

    /// Ends the search of payloads for the filter: what was found stays. Returns false if there is
    /// none in progress.
    pub(super) fn stop_search(&mut self) -> bool {
        self.search.stop(&self.store)
    }

    /// Describes a search of payloads that is not complete; `None` if there is none.
    pub(super) fn search_status(&self) -> Option<String> {
        self.search.status(&self.store)
    }

    /// Returns the row of the exchange at `index` of the store; `None` if it is not shown.
    pub(super) fn row_of(&self, index: usize) -> Option<usize> {
        self.exchanges.row_of(&self.store, index)
    }

    /// Returns the exchange of a row with its index in the store; `None` beyond the last row.
    pub(super) fn exchange_at(&self, row: usize) -> Option<(usize, Exchange)> {
        let index = self.exchanges.get(row)?;
        Some((index, self.store.exchange(index)?))
    }

    /// Scans up to `limit` exchanges for the totals of what matches the filter. Returns whether
    /// some are left.
    pub(super) fn scan_totals(&mut self, limit: usize) -> bool {
        let is_behind = self.totals.scan(self.exchanges.filter(), &self.store, &self.search, limit);
        self.totals.summarize_matching(self.clock.uptime(), !is_behind && self.progress.has_ended());
        is_behind
    }

    /// Whether [`Model::scan_totals`] has something left to scan.
    pub(super) fn is_behind(&self) -> bool {
        self.totals.is_behind(self.filter(), &self.store, &self.search)
    }

    /// Makes the summary of all exchanges anew, see [`Totals::summarize`].
    pub(super) fn summarize(&mut self) {
        self.totals.summarize_all(self.clock.uptime(), self.progress.has_ended());
    }

    /// Returns the totals of all exchanges.
    pub(super) fn all(&self) -> &Totals {
        self.totals.all()
    }

    /// Returns the totals of all exchanges, to set up a test.
    #[cfg(test)]
    pub(super) fn all_mut(&mut self) -> &mut Totals {
        self.totals.all_mut()
    }

    /// Returns the totals of what matches the filter; those of all exchanges if there is no filter.
    pub(super) fn totals(&self) -> &Totals {
        self.totals.current()
    }

    /// Returns the totals of what matches the filter; `None` if there is no filter.
    pub(super) fn matching(&self) -> Option<&MatchingTotals> {
        self.totals.matching()
    }

    /// Returns a number that changes when another set of sessions, connections and servers may
    /// match the filter.
    #[must_use]
    pub(super) fn filter_version(&self) -> u64 {
        self.totals.filter_version()
    }

    /// Returns the exchanges that have no response yet, by their `n`.
    pub(super) fn pending(&self) -> &BTreeSet<u64> {
        &self.pending
    }

    /// Returns the exchanges and failures over time.
    pub(super) fn rates(&self) -> &ExchangeRates {
        &self.rates
    }

    /// Returns which exchanges belong together.
    pub(super) fn related(&self) -> &RelatedExchanges {
        &self.related
    }

    /// Returns exchange `n` and whether it is open; `None` if there is no such exchange.
    pub(super) fn exchange(&self, n: u64) -> Option<(Exchange, bool)> {
        let index = self.store.find(n)?;
        Some((self.store.exchange(index)?, self.store.is_open(index)))
    }

    /// Returns the definitions that servers listed, and how they were used.
    pub(super) fn catalog(&self) -> &ServerCatalog {
        &self.catalog
    }

    /// Returns the name of an exchange, masked if necessary; `None` if it has none.
    pub(super) fn display_name<'e>(&self, exchange: &'e Exchange) -> Option<&'e str> {
        exchange.name.as_deref().map(|name| self.mask_name(exchange.method.as_ref(), name))
    }

    /// Returns the name in a request of a method, masked if necessary: the URI of a resource is as
    /// private as its content.
    pub(super) fn mask_name<'n>(&self, method: &str, name: &'n str) -> &'n str {
        if self.is_private && method.starts_with("resources/") { MASK } else { name }
    }

    fn record(&mut self, entry: Entry) {
        self.clock.record_entry(&entry);
        if !matches!(entry, Entry::Fact(Fact::Payload(_))) {
            self.totals.record(&entry);
        }
        let Entry::Record(
            Record::Request(exchange) | Record::Interrupted(exchange) | Record::Exchange(exchange),
        ) = &entry
        else {
            return self.store.push(entry);
        };
        let is_over = matches!(entry, Entry::Record(Record::Exchange(_)));
        let index = self.store.find(exchange.n);
        if index.is_none() && !self.store.has_room() {
            return self.store.leave_out();
        }
        self.related.record(exchange);
        if is_over {
            self.pending.remove(&exchange.n);
            self.rates.record(exchange);
            self.catalog.record(exchange);
        } else {
            self.pending.insert(exchange.n);
        }
        let previous = index.and_then(|index| self.store.exchange(index));
        let index = index.unwrap_or(self.store.len());
        if let Some(found) = self.search.update(index, exchange, &mut self.store) {
            self.exchanges.update(index, previous.as_ref(), exchange, found);
            if is_over {
                self.totals.record_end(index, exchange, &self.store, found);
            }
        }
        self.store.push(entry);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::base::fact::{PayloadFact, PayloadKind};
    use crate::base::{Degraded, Peers, Side};
    use crate::ledger::sample;

    /// A full disk is reported once; everything except bodies is still stored.
    #[test]
    fn full_disk_is_reported_once() {
        let mut model = Model::new(Source::saved("test"), 0);
        model.store.spill_into(File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap());
        let exchange = sample::exchange(1, "ping", None, 1);
        let (client, server) = (exchange.client, exchange.session.server);
        let carried = Entry::Fact(Fact::Payload(Box::new(PayloadFact {
            peers: Peers { tcp_stream: 3, client, server, via: None },
            transaction: 0,
            side: Side::Client,
            kind: PayloadKind::Body,
            span: exchange.request.span,
            bytes: vec![b'x'; 1 << 20].into(),
            degraded: Degraded::NONE,
        })));
        model.push([carried.clone()]);
        assert_eq!(model.take_store_error(), None);
        model.push([carried.clone()]);
        let message = model.take_store_error().unwrap();
        assert!(message.starts_with("cannot write bodies to the temporary file: "), "{message}");
        model.push([carried]);
        assert_eq!(model.take_store_error(), None);
        assert!(model.store.payloads(3, 0).is_err());
        assert_eq!(model.store.latest_payloads(3, 0, 1).unwrap().len(), 1);
    }
}

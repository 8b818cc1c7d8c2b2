//! What of a capture is shown under `--filter`: the records that match, and what belongs to them.
//!
//! A finding may come before the exchange that it is about, and a connection may end before the
//! answer to what it carried. Until it is known whether they belong to something that matched, they
//! are held.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::{Context as _, anyhow};
use foldhash::fast::RandomState;

use super::request::Request;
use crate::base::{Fact, Few, Finding, NumberSet, limits};
use crate::engine::Engine;
use crate::export::slice::SlicePlan;
use crate::ledger::query::{Filter, Found, FoundContents, Subject};
use crate::ledger::{Entry, Record, ServerRef, SessionRef, Views};

/// Selects entries.
pub(super) struct Matching {
    filter: Filter,
    views: Views,
    /// What matched: exchanges by `n`, sessions by number, connections.
    exchanges: NumberSet,
    sessions: NumberSet,
    connections: NumberSet,
    /// Servers of which something matched; beyond [`limits::MAX_MATCHED_SERVERS`] the first ones.
    servers: HashSet<ServerRef, RandomState>,
    /// Entries of which it is not known yet whether they belong to something that matched.
    held: HeldEntries,
    /// What was found in payloads; `None` if the filter does not search them.
    contents: Option<FoundContents>,
    /// What a slice of the matching exchanges needs; `None` if there will be none.
    plan: Option<SlicePlan>,
}

impl Matching {
    /// Parses the expression of `--filter`; without one everything is shown. `views` are shown of
    /// the calls that were captured on both legs of a proxy.
    ///
    /// # Errors
    /// The expression is invalid. The message shows it and points at the character.
    pub(super) fn new(request: &Request, views: Option<Views>) -> anyhow::Result<Self> {
        Ok(Self { views: views.unwrap_or(Views::All), ..Self::of(filter(request)?) })
    }

    /// Selects what matches a filter, of every leg of a proxy.
    pub(super) fn of(filter: Filter) -> Self {
        let contents = (!filter.contents().is_empty()).then(|| FoundContents::new(filter.contents().clone()));
        Self {
            filter,
            contents,
            views: Views::All,
            exchanges: NumberSet::of_latest(),
            sessions: NumberSet::of_latest(),
            connections: NumberSet::of_latest(),
            servers: HashSet::default(),
            held: HeldEntries::default(),
            plan: None,
        }
    }

    /// Returns the filter.
    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Whether there is a filter, and nothing has matched it.
    pub(super) fn is_unmatched(&self) -> bool {
        !self.filter.is_empty() && self.connections.is_empty()
    }

    /// Has the engine emit what the filter needs, and name packets by the files of the filter.
    pub(super) fn prepare(&self, engine: &mut Engine) {
        engine.set_files(self.filter.files().clone());
        if self.contents.is_some() {
            engine.emit_payloads();
        }
    }

    /// Remembers from now on which packets belong to what matches.
    pub(super) fn plan_slice(&mut self) {
        self.plan.get_or_insert_default();
    }

    /// Returns the plan of a slice; `None` without [`Matching::plan_slice`].
    pub(super) fn take_plan(&mut self) -> Option<SlicePlan> {
        self.plan.take()
    }

    /// Passes the entries that are shown to `show`, in order.
    ///
    /// # Errors
    /// Those of `show`.
    pub(super) fn select<E>(
        &mut self,
        entries: &[Entry],
        mut show: impl FnMut(&Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        for entry in entries {
            let is_record_shown = self.matches(entry);
            if self.filter.is_empty() {
                if is_included(self.views, entry) {
                    show(entry)?;
                }
                continue;
            }
            if is_record_shown {
                self.note(entry);
                show(entry)?;
                self.release(entry, &mut show)?;
            } else if self.belongs(entry) {
                show(entry)?;
            } else if is_awaited(entry) {
                self.held.push(entry.clone());
            } else if let Entry::Record(Record::Exchange(exchange)) = entry {
                self.held.take_findings(exchange.n).for_each(drop);
            }
            if matches!(entry, Entry::Fact(Fact::Capture(_))) {
                self.flush(&mut show)?;
                show(entry)?;
            }
        }
        Ok(())
    }

    /// Whether an entry is shown as far as it is known now: what it belongs to may match later.
    #[cfg(any(feature = "mcp", feature = "web"))]
    pub(super) fn shows(&self, entry: &Entry) -> bool {
        match self.filter.is_empty() {
            true => is_included(self.views, entry),
            false => self.shows_record(entry) || self.belongs(entry),
        }
    }

    /// Takes the next entry, and returns whether it is a record that is shown. Every entry has to
    /// be passed, in order.
    pub(super) fn matches(&mut self, entry: &Entry) -> bool {
        if let (Some(contents), Entry::Fact(Fact::Payload(payload))) = (&mut self.contents, entry) {
            contents.push(payload);
        }
        let is_record_shown = self.shows_record(entry);
        if let Some(plan) = &mut self.plan {
            plan.push(entry, is_record_shown);
        }
        is_record_shown
    }

    /// Whether a record matches the filter and is one of the views that are shown. False for what
    /// is no exchange, notification, stream, transaction or LLM call.
    fn shows_record(&self, entry: &Entry) -> bool {
        let record = match entry {
            Entry::Record(record) => record,
            Entry::LlmCall(call) => return self.filter.matches(Subject::LlmCall(call)),
            Entry::Finding(_) | Entry::Fact(_) => return false,
        };
        let subject = match record {
            Record::Exchange(exchange) => Subject::Exchange(exchange),
            Record::Notification(notification) => Subject::Notification(notification),
            Record::Stream(stream) => Subject::Stream(stream),
            Record::Transaction(transaction) => Subject::Transaction(transaction),
            // Whether the exchange matches is unknown until it completes.
            Record::Request(_) | Record::Interrupted(_) | Record::Session(_) | Record::Offer(_) => {
                return false;
            }
        };
        let found = match (&self.contents, record) {
            (Some(contents), Record::Exchange(exchange)) => contents.of_exchange(exchange),
            _ => Found::NONE,
        };
        self.views.include(record) && self.filter.matches_with(subject, found)
    }

    /// Remembers what a matching record belongs to.
    fn note(&mut self, entry: &Entry) {
        if let Entry::LlmCall(call) = entry {
            self.connections.insert(call.tcp_stream.into());
        }
        let Entry::Record(record) = entry else { return };
        let (session, tcp_stream) = match record {
            Record::Exchange(exchange) => {
                self.exchanges.insert(exchange.n);
                if let Some((tcp_stream, _)) = exchange.answered_on {
                    self.connections.insert(tcp_stream.into());
                }
                (Some(&exchange.session), exchange.tcp_stream)
            }
            Record::Notification(notification) => (Some(&notification.session), notification.tcp_stream),
            Record::Stream(stream) => (stream.session.as_ref(), stream.tcp_stream),
            Record::Transaction(transaction) => (transaction.session.as_ref(), transaction.tcp_stream),
            Record::Request(_) | Record::Interrupted(_) | Record::Session(_) | Record::Offer(_) => return,
        };
        self.connections.insert(tcp_stream.into());
        if let Some(session) = session {
            self.sessions.insert(session.number.into());
            if self.servers.len() < limits::MAX_MATCHED_SERVERS {
                self.servers.insert(session.identity());
            }
        }
    }

    /// Whether something that matched is known to own the entry, or it is about the whole capture.
    fn belongs(&self, entry: &Entry) -> bool {
        match entry {
            Entry::Finding(finding) => self.owns_finding(finding),
            Entry::LlmCall(_) => false,
            Entry::Record(Record::Session(session)) => self.owns_session(&session.session),
            Entry::Record(Record::Offer(offer)) => self.servers.contains(&offer.server),
            Entry::Fact(Fact::Connection(connection)) => {
                self.connections.contains(connection.tcp_stream.into())
            }
            Entry::Fact(Fact::Payload(_) | Fact::Segment(_) | Fact::Delivery(_)) => true,
            Entry::Fact(Fact::Identified(_) | Fact::Capture(_)) | Entry::Record(_) => false,
        }
    }

    fn owns_session(&self, session: &SessionRef) -> bool {
        self.sessions.contains(session.number.into())
    }

    fn owns_finding(&self, finding: &Finding) -> bool {
        match (finding.exchange, finding.session, finding.tcp_stream) {
            (Some(n), _, _) => self.exchanges.contains(n),
            (None, Some(session), _) => self.sessions.contains(session.into()),
            (None, None, Some(tcp_stream)) => self.connections.contains(tcp_stream.into()),
            (None, None, None) => true,
        }
    }

    /// Shows the findings of a matching exchange that were held.
    fn release<E>(&mut self, entry: &Entry, show: &mut impl FnMut(&Entry) -> Result<(), E>) -> Result<(), E> {
        let Entry::Record(Record::Exchange(exchange)) = entry else { return Ok(()) };
        self.held.take_findings(exchange.n).try_for_each(|held| show(&held))
    }

    /// Shows what is still held and belongs to something that matched.
    fn flush<E>(&mut self, show: &mut impl FnMut(&Entry) -> Result<(), E>) -> Result<(), E> {
        for held in std::mem::take(&mut self.held).entries.into_values() {
            if self.belongs(&held) {
                show(&held)?;
            }
        }
        Ok(())
    }
}

/// Entries in the order in which they came: the latest [`limits::MAX_HELD_ENTRIES`].
#[derive(Default)]
struct HeldEntries {
    /// By a number that rises.
    entries: BTreeMap<u64, Entry>,
    /// The numbers of the findings about an exchange, by its `n`.
    of_exchanges: HashMap<u64, Few<u64>, RandomState>,
    next: u64,
}

impl HeldEntries {
    fn push(&mut self, entry: Entry) {
        if self.entries.len() >= limits::MAX_HELD_ENTRIES
            && let Some((number, oldest)) = self.entries.pop_first()
            && let Some(n) = exchange_of(&oldest)
            && let Some(numbers) = self.of_exchanges.get_mut(&n)
        {
            numbers.retain(|it| *it != number);
            if numbers.is_empty() {
                self.of_exchanges.remove(&n);
            }
        }
        if let Some(n) = exchange_of(&entry) {
            self.of_exchanges.entry(n).or_default().push(self.next);
        }
        self.entries.insert(self.next, entry);
        self.next += 1;
    }

    /// Removes the findings about an exchange, and returns them in order.
    fn take_findings(&mut self, n: u64) -> impl Iterator<Item = Entry> {
        let numbers = self.of_exchanges.remove(&n).unwrap_or_default();
        numbers.iter().filter_map(|number| self.entries.remove(number)).collect::<Vec<_>>().into_iter()
    }
}

/// The exchange that a finding is about, by its `n`; `None` for other entries.
fn exchange_of(entry: &Entry) -> Option<u64> {
    if let Entry::Finding(finding) = entry { finding.exchange } else { None }
}

/// Parses the expression of `--filter`; the filter is empty if there is none.
///
/// # Errors
/// The expression is invalid. The message shows it and points at the character.
pub(super) fn filter(request: &Request) -> anyhow::Result<Filter> {
    let text = request.filter.as_deref().unwrap_or_default();
    let filter =
        Filter::parse(text).map_err(|error| anyhow!("{}", error.render(text))).context("--filter")?;
    Ok(filter.on_files(request.numbering.clone()))
}

/// Whether an entry is one of the views that are shown. Findings and facts always are.
fn is_included(views: Views, entry: &Entry) -> bool {
    match entry {
        Entry::Record(record) => views.include(record),
        Entry::LlmCall(_) | Entry::Finding(_) | Entry::Fact(_) => true,
    }
}

/// Whether an entry may still turn out to belong to something that matches.
fn is_awaited(entry: &Entry) -> bool {
    match entry {
        Entry::Finding(_) | Entry::Fact(Fact::Connection(_)) => true,
        Entry::Record(record) => matches!(record, Record::Offer(_)),
        Entry::LlmCall(_) | Entry::Fact(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::{Code, Origin, PacketNo, Timestamp};

    /// A finding about an exchange.
    fn finding(n: Option<u64>, number: u64) -> Entry {
        Entry::Finding(Finding {
            code: Code::TcpGap,
            at: Some(Origin { packet: PacketNo(number), time: Timestamp(0) }),
            tcp_stream: None,
            session: None,
            exchange: n,
            count: 1,
            detail: String::new(),
        })
    }

    fn packet(entry: &Entry) -> u64 {
        let Entry::Finding(finding) = entry else { panic!("no finding") };
        finding.at.unwrap().packet.0
    }

    proptest! {
        /// Findings of exchanges are taken out in order, the others stay in order.
        #[test]
        fn held_entries_are_a_list(steps in prop::collection::vec((any::<bool>(), prop::option::of(0_u64..5)), 0..60)) {
            let (mut held, mut list) = (HeldEntries::default(), Vec::new());
            for (number, (takes, n)) in (0..).zip(steps) {
                match (takes, n) {
                    (true, Some(n)) => {
                        let taken: Vec<u64> = held.take_findings(n).map(|entry| packet(&entry)).collect();
                        let expected: Vec<u64> =
                            list.extract_if(.., |(of, _)| *of == Some(n)).map(|(_, number)| number).collect();
                        prop_assert_eq!(taken, expected);
                    }
                    _ => {
                        held.push(finding(n, number));
                        list.push((n, number));
                    }
                }
                let left: Vec<u64> = held.entries.values().map(packet).collect();
                prop_assert_eq!(left, list.iter().map(|(_, number)| *number).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn the_oldest_are_left_out() {
        let mut held = HeldEntries::default();
        let most = limits::MAX_HELD_ENTRIES as u64;
        (0..most + 3).for_each(|number| held.push(finding(Some(number / 2), number)));
        assert_eq!(held.entries.len() as u64, most);
        assert_eq!(held.take_findings(0).count(), 0);
        assert_eq!(held.take_findings(1).map(|entry| packet(&entry)).collect::<Vec<_>>(), [3]);
        assert_eq!(held.take_findings(2).count(), 2);
    }
}

//! What a filter selects: the totals of the exchanges that match, and of what belongs to them.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::capture::Capture;
use super::kept::Kept;
use crate::base::fact::PayloadFact;
use crate::base::{Fact, Finding, Peers, Side, limits};
use crate::diff::{Profile, Profiler};
use crate::ledger::query::Filter;
use crate::ledger::store::Payload;
use crate::ledger::{
    By, CallGroup, Entry, Exchange, Group, LatencyKey, Ledger, Record, Session, Snapshot, Views,
};

/// Exchanges that are looked at before the analysis may add to what is known: a few milliseconds.
const SLICE: usize = 1024;

/// Parses a filter.
///
/// # Errors
/// The expression is invalid. The message shows it and points at the character.
pub(super) fn parse(capture: &Capture, text: Option<&str>) -> Result<Filter, String> {
    let text = text.unwrap_or_default();
    let filter = Filter::parse(text).map_err(|error| {
        format!("{}\nthe resource mcpdump://help/filter explains the language", error.render(text))
    })?;
    Ok(filter.on_files(capture.source().numbering.clone()))
}

/// Passes the exchanges that match to `visit`, in the order in which they were seen, with whether
/// each is open.
pub(super) fn each(capture: &Capture, filter: &Filter, mut visit: impl FnMut(Exchange, bool)) {
    let mut next = Some(capture.lock().kept.first());
    while let Some(from) = next {
        next = capture.lock().kept.visit(from, SLICE, filter, &mut visit);
    }
}

/// What belongs to the exchanges that match.
#[derive(Debug, Default)]
pub(super) struct Selected {
    /// `None` without a filter: everything belongs.
    of: Option<Owners>,
    /// Exchanges that match and are open.
    pub(super) open: u64,
    /// The slowest exchange of each kind of call.
    slowest: BTreeMap<LatencyKey, Slowest>,
}

#[derive(Debug, Default)]
struct Owners {
    exchanges: HashSet<u64>,
    sessions: HashSet<u32>,
    connections: HashSet<u32>,
}

/// The exchange of a kind that took longest.
#[derive(Debug)]
struct Slowest {
    ns: i64,
    exchange: Box<Exchange>,
}

impl Selected {
    fn new(filter: &Filter) -> Self {
        Self { of: (!filter.is_empty()).then(Owners::default), ..Self::default() }
    }

    fn push(&mut self, exchange: &Exchange) {
        if let Some(of) = &mut self.of {
            of.exchanges.insert(exchange.n);
            of.sessions.insert(exchange.session.number);
            of.connections.insert(exchange.tcp_stream);
            of.connections.extend(exchange.answered_on.map(|(tcp_stream, _)| tcp_stream));
        }
    }

    fn push_slowest(&mut self, key: LatencyKey, exchange: &Exchange) {
        let Some(ns) = exchange.elapsed_ns() else { return };
        let has_room = self.slowest.len() < limits::MAX_TABLE_ROWS;
        let is_slowest = self.slowest.get(&key).map_or(has_room, |known| known.ns < ns);
        if is_slowest {
            self.slowest.insert(key, Slowest { ns, exchange: Box::new(exchange.clone()) });
        }
    }

    /// The slowest exchange of a kind of call; `None` if none has a duration.
    pub(super) fn slowest(&self, key: &LatencyKey) -> Option<&Exchange> {
        self.slowest.get(key).map(|slowest| &*slowest.exchange)
    }

    /// Whether a session has an exchange that matches.
    pub(super) fn owns_session(&self, session: &Session) -> bool {
        self.of.as_ref().is_none_or(|of| of.sessions.contains(&session.session.number))
    }

    /// Whether a finding is about something that matches, or about the whole capture.
    pub(super) fn owns_finding(&self, finding: &Finding) -> bool {
        let Some(of) = &self.of else { return true };
        match (finding.exchange, finding.session, finding.tcp_stream) {
            (Some(n), _, _) => of.exchanges.contains(&n),
            (None, Some(session), _) => of.sessions.contains(&session),
            (None, None, Some(tcp_stream)) => of.connections.contains(&tcp_stream),
            (None, None, None) => true,
        }
    }
}

/// Returns what matches, without totals.
pub(super) fn select(capture: &Capture, filter: &Filter) -> Selected {
    let mut selected = Selected::new(filter);
    if !filter.is_empty() {
        each(capture, filter, |exchange, _| selected.push(&exchange));
    }
    selected
}

/// Counts what matches, grouped by `by`. Without filter and grouping everything counts that was
/// read, else what is kept.
pub(super) fn totals(capture: &Capture, filter: &Filter, by: Option<By>) -> (Snapshot, Selected) {
    let numbering = &capture.source().numbering;
    let views = filter.views();
    let mut selected = Selected::new(filter);
    let mut ledger = Ledger::new(by).with_views(views).with_files(numbering.clone());
    let is_everything = filter.is_empty() && by.is_none();
    each(capture, filter, |exchange, is_open| {
        selected.push(&exchange);
        if is_open {
            selected.open += 1;
            return;
        }
        let record = Record::Exchange(Box::new(exchange));
        let is_counted = views.include(&record);
        let entry = Entry::Record(record);
        if !is_everything {
            ledger.push(&entry);
        }
        if let (true, Entry::Record(Record::Exchange(exchange))) = (is_counted, entry) {
            let group = match by {
                None => Group::Whole,
                Some(By::Server) => Group::Server(exchange.session.identity()),
                Some(By::Session) => Group::Session(exchange.session.number),
                Some(By::Client) => Group::Client(exchange.session.client.ip()),
                Some(By::File) => Group::File(numbering.file(exchange.request.span.first).cloned()),
            };
            let subject = CallGroup::Call {
                origin: exchange.origin,
                method: Arc::clone(&exchange.method),
                name: exchange.name.clone(),
            };
            selected.push_slowest(LatencyKey { group, subject }, &exchange);
        }
    });
    let known = capture.lock();
    if is_everything {
        return (known.ledger().snapshot(), selected);
    }
    for entry in belonging(&known.kept, &selected) {
        ledger.push(&entry);
    }
    ledger.push(&Entry::Fact(Fact::Capture(Box::new(*known.kept.capture()))));
    drop(known);
    (ledger.snapshot(), selected)
}

/// The sessions and findings of what matches.
fn belonging<'a>(kept: &'a Kept, selected: &'a Selected) -> impl Iterator<Item = Entry> + 'a {
    let sessions = kept.sessions().filter(move |session| selected.owns_session(session));
    let sessions = sessions.map(|session| Entry::Record(Record::Session(Box::new(session.clone()))));
    let findings = kept.findings().filter(move |finding| selected.owns_finding(finding));
    sessions.chain(findings.map(|finding| Entry::Finding(finding.clone())))
}

/// Makes the profile of what matches, for a comparison. Calls that were captured on both legs of a
/// proxy count once.
pub(super) fn profile(capture: &Capture, filter: &Filter) -> (Profile, Selected) {
    let mut selected = Selected::new(filter);
    let mut profiler = Profiler::new();
    let mut exchanges = Vec::new();
    each(capture, filter, |exchange, is_open| {
        selected.push(&exchange);
        if !is_open && !exchange.is_other_view() {
            exchanges.push(exchange.n);
        }
    });
    for slice in exchanges.chunks(SLICE) {
        let mut known = capture.lock();
        for n in slice {
            let Some((exchange, _)) = known.kept.exchange(*n) else { continue };
            // The texts of definitions are in the payloads of listings.
            if exchange.method.ends_with("/list") && exchange.origin == Side::Client {
                for is_response in [false, true] {
                    if let Ok(Some(payload)) = known.kept.message(*n, is_response) {
                        profiler.push(&payload_of(&exchange, payload, is_response));
                    }
                }
            }
            let subject = CallGroup::Call {
                origin: exchange.origin,
                method: Arc::clone(&exchange.method),
                name: exchange.name.clone(),
            };
            selected.push_slowest(LatencyKey { group: Group::Whole, subject }, &exchange);
            profiler.push(&Entry::Record(Record::Exchange(Box::new(exchange))));
        }
    }
    let known = capture.lock();
    let is_front = |entry: &Entry| !matches!(entry, Entry::Record(record) if !Views::Front.include(record));
    belonging(&known.kept, &selected).filter(is_front).for_each(|entry| profiler.push(&entry));
    drop(known);
    (profiler.finish(), selected)
}

/// The entry of a payload that is stored.
fn payload_of(exchange: &Exchange, payload: Payload, is_response: bool) -> Entry {
    let asked = (exchange.tcp_stream, exchange.transaction);
    let (tcp_stream, transaction) = if is_response { exchange.answered_on.unwrap_or(asked) } else { asked };
    let peers = Peers { tcp_stream, client: exchange.client, server: exchange.session.server, via: None };
    let Payload { side, kind, span, bytes, degraded } = payload;
    Entry::Fact(Fact::Payload(Box::new(PayloadFact {
        peers,
        transaction,
        side,
        kind,
        span,
        bytes: bytes.into(),
        degraded,
    })))
}

/// Returns the numbers of the exchanges that match; `None` without a filter: all do.
pub(super) fn numbers(capture: &Capture, filter: &Filter) -> Option<HashSet<u64>> {
    if filter.is_empty() {
        return None;
    }
    let mut numbers = HashSet::new();
    each(capture, filter, |exchange, _| {
        numbers.insert(exchange.n);
    });
    Some(numbers)
}

//! Responses that match no request so far.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::exchange::{Message, OpenExchange};
use super::handle::{SessionIndex, TransactionKey};
use super::transaction::Transaction;
use crate::base::{Degraded, Finding, Origin, PacketNo, Side, Span, Timestamp, limits};
use crate::rpc::{Envelope, Id, Look};

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// A response's place in the order of age: its packet, and a number.
type Age = (PacketNo, u64);

/// Responses that match no request so far: each is found by its age, its id and its transaction.
#[derive(Debug, Default)]
pub(super) struct HeldResponses {
    /// Those that wait for a request that may be captured after them, oldest first.
    waiting: BTreeMap<Age, HeldResponse>,
    by_id: Map<Id, BTreeSet<Age>>,
    by_carrier: Map<TransactionKey, BTreeSet<Age>>,
    /// Those on the stream of a POST whose wait is over while its request is open: the end of the
    /// stream decides.
    until_end: Map<TransactionKey, Vec<HeldResponse>>,
    /// Number of responses in `until_end`, and their memory in bytes.
    until_end_len: usize,
    until_end_allocated: usize,
    last_number: u64,
    /// Memory of all of them, in bytes.
    allocated: usize,
}

/// A response that matches no request so far: the request may be captured after it.
#[derive(Debug)]
pub(super) struct HeldResponse {
    since: Origin,
    pub(super) session: SessionIndex,
    pub(super) carrier: TransactionKey,
    pub(super) from: Side,
    pub(super) envelope: Envelope,
    pub(super) span: Span,
    pub(super) degraded: Degraded,
    /// Whether it can answer a request that another transaction carried: an event of a stream, or
    /// what the client POSTs.
    pub(super) may_answer_others: bool,
    /// Whether it can answer a request that was not captured: it is not in the response to a POST
    /// with requests.
    pub(super) may_answer_unseen: bool,
    /// The finding if it answers a request that is answered already; `None` if its id is new. A
    /// request that was sent before it and has the same id may be captured after it.
    pub(super) duplicate: Option<Finding>,
}

impl HeldResponse {
    pub(super) fn new(session: SessionIndex, transaction: &Transaction, message: Message<'_>) -> Self {
        let Message { from, span, degraded, envelope } = message;
        let carrier = transaction.key();
        let may_answer_others = from == Side::Client || transaction.stream().is_some();
        let may_answer_unseen = may_answer_others && (from == Side::Client || !transaction.is_post());
        let (since, envelope) = (span.end, envelope.clone());
        Self {
            since,
            session,
            carrier,
            from,
            envelope,
            span,
            degraded,
            may_answer_others,
            may_answer_unseen,
            duplicate: None,
        }
    }

    pub(super) fn message(&self) -> Message<'_> {
        Message { from: self.from, span: self.span, degraded: self.degraded, envelope: &self.envelope }
    }

    /// About what is allocated for it, in bytes. Its texts are part of its JSON text.
    fn allocated(&self) -> usize {
        /// An entry in each of the tables.
        const ENTRIES: usize = 256;
        let texts = usize::try_from(self.envelope.bytes).unwrap_or(usize::MAX).min(4 * limits::MAX_TEXT);
        size_of::<Self>() + size_of::<Look>() + ENTRIES + texts
    }
}

impl HeldResponses {
    /// About what is allocated for them, in bytes.
    pub(super) fn allocated(&self) -> usize {
        self.allocated
    }

    /// Keeps a response until its request is captured.
    pub(super) fn add(&mut self, response: HeldResponse) {
        self.last_number += 1;
        let age = (response.since.packet, self.last_number);
        self.allocated += response.allocated();
        if let Some(id) = &response.envelope.id {
            self.by_id.entry(id.clone()).or_default().insert(age);
        }
        self.by_carrier.entry(response.carrier).or_default().insert(age);
        self.waiting.insert(age, response);
    }

    /// Takes the oldest response that answers this request. With `own_post_only` set, one in the
    /// transaction that carried the request.
    pub(super) fn take_for(&mut self, open: &OpenExchange, own_post_only: bool) -> Option<HeldResponse> {
        let request = open.record();
        let from = request.origin.other();
        let start = request.request.span.start;
        let is_answer = |held: &HeldResponse| {
            start.time.since(held.since.time) <= limits::RESPONSE_WAIT
                && (held.duplicate.is_none() || start.packet < held.span.start.packet)
                && held.from == from
                && (Some(held.carrier) == open.carrier()
                    || held.may_answer_others && held.session == open.session() && !own_post_only)
        };
        let alike = self.by_id.get(&request.id)?.iter().take(limits::MAX_ALIKE);
        let age = alike.copied().find(|age| self.waiting.get(age).is_some_and(is_answer))?;
        self.take(age)
    }

    /// Takes the responses on `carrier`, oldest first.
    pub(super) fn take_on(&mut self, carrier: TransactionKey) -> Vec<HeldResponse> {
        if self.by_carrier.is_empty() && self.until_end.is_empty() {
            return Vec::new();
        }
        let ages = self.by_carrier.get(&carrier).cloned().unwrap_or_default();
        let mut taken: Vec<_> = ages.into_iter().filter_map(|age| self.take(age)).collect();
        if let Some(until_end) = self.until_end.remove(&carrier) {
            let allocated: usize = until_end.iter().map(HeldResponse::allocated).sum();
            self.until_end_len -= until_end.len();
            self.until_end_allocated -= allocated;
            self.allocated -= allocated;
            taken.extend(until_end);
        }
        taken
    }

    /// Keeps a response whose wait is over until its transaction ends; returns it if too many are
    /// kept, or if they take half of the memory of held responses.
    pub(super) fn add_until_end(&mut self, response: HeldResponse) -> Option<HeldResponse> {
        let allocated = response.allocated();
        if self.until_end_len >= limits::MAX_HELD_RESPONSES
            || self.until_end_allocated + allocated > limits::MAX_MEMORY_OF_SESSIONS / 8
        {
            return Some(response);
        }
        self.until_end_len += 1;
        self.until_end_allocated += allocated;
        self.allocated += allocated;
        self.until_end.entry(response.carrier).or_default().push(response);
        None
    }

    /// Takes the oldest response if there are more than [`limits::MAX_HELD_RESPONSES`], or if they
    /// take more memory than their part.
    pub(super) fn pop_over_limit(&mut self) -> Option<HeldResponse> {
        let has_room = self.waiting.len() <= limits::MAX_HELD_RESPONSES
            && self.allocated <= limits::MAX_MEMORY_OF_SESSIONS / 4;
        if has_room { None } else { self.pop() }
    }

    /// Takes the oldest response if it has waited longer than `wait` nanoseconds.
    pub(super) fn pop_due(&mut self, now: Timestamp, wait: i64) -> Option<HeldResponse> {
        let (age, oldest) = self.waiting.first_key_value()?;
        let age = Some(*age).filter(|_| now.since(oldest.since.time) > wait)?;
        self.take(age)
    }

    /// Takes the oldest response.
    pub(super) fn pop(&mut self) -> Option<HeldResponse> {
        let age = *self.waiting.first_key_value()?.0;
        self.take(age)
    }

    fn take(&mut self, age: Age) -> Option<HeldResponse> {
        let response = self.waiting.remove(&age)?;
        self.allocated -= response.allocated();
        if let Some(id) = &response.envelope.id {
            remove(&mut self.by_id, id, age);
        }
        remove(&mut self.by_carrier, &response.carrier, age);
        Some(response)
    }
}

/// Removes an age from the list of `key`, and the list if it is empty.
fn remove<K: std::hash::Hash + Eq>(lists: &mut Map<K, BTreeSet<Age>>, key: &K, age: Age) {
    if let Some(list) = lists.get_mut(key) {
        list.remove(&age);
        if list.is_empty() {
            lists.remove(key);
        }
    }
}

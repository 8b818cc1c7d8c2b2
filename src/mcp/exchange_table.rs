//! All open exchanges, and the responses that wait for their request.

use std::collections::{BTreeMap, VecDeque};

use super::exchange::{Message, OpenExchange};
use super::handle::{SessionIndex, TransactionKey};
use super::transaction::Transaction;
use crate::base::{Degraded, Finding, Origin, Side, Span, Timestamp, limits};
use crate::rpc::{Envelope, Id};

/// All open exchanges.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    /// By number, oldest first.
    open: BTreeMap<u64, Box<OpenExchange>>,
    /// The number given out last.
    last_number: u64,
    /// Length of the texts of all open exchanges, in bytes.
    text_len: usize,
    /// Responses that match no request so far, oldest first.
    held: VecDeque<HeldResponse>,
    /// Responses on the stream of a POST that match no request while the request of the POST is
    /// open: the end of the stream decides.
    held_until_end: Vec<HeldResponse>,
    /// Exchanges whose connection was lost before a response head, oldest first: the client may
    /// repeat the POST.
    interrupted: VecDeque<(Origin, u64)>,
    /// Exchanges whose wait the server ended without a response, oldest first: that the client
    /// ended it before, or that packets are missing, may be seen later.
    ended_by_server: VecDeque<(Origin, u64)>,
    emits_interrupted: bool,
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
}

impl Exchanges {
    /// From now on exchanges are emitted, too, when something seems to have ended their wait.
    pub(super) fn emit_interrupted(&mut self) {
        self.emits_interrupted = true;
    }

    /// Whether exchanges are emitted, too, when something seems to have ended their wait.
    pub(super) fn emits_interrupted(&self) -> bool {
        self.emits_interrupted
    }

    /// Gives out the next number.
    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Gives out `count` numbers; returns the first.
    pub(super) fn reserve_numbers(&mut self, count: u64) -> u64 {
        let first = self.last_number + 1;
        self.last_number += count;
        first
    }

    pub(super) fn insert(&mut self, exchange: Box<OpenExchange>) {
        self.text_len += exchange.text_len();
        self.open.insert(exchange.record().n, exchange);
    }

    pub(super) fn get(&self, n: u64) -> Option<&OpenExchange> {
        self.open.get(&n).map(|exchange| &**exchange)
    }

    pub(super) fn get_mut(&mut self, n: u64) -> Option<&mut OpenExchange> {
        self.open.get_mut(&n).map(|exchange| &mut **exchange)
    }

    pub(super) fn remove(&mut self, n: u64) -> Option<Box<OpenExchange>> {
        let exchange = self.open.remove(&n)?;
        self.text_len = self.text_len.saturating_sub(exchange.text_len());
        Some(exchange)
    }

    /// The oldest exchange if there are more than [`limits::MAX_OPEN_EXCHANGES`], or their texts
    /// are longer than [`limits::MAX_OPEN_TEXT`].
    pub(super) fn over_limit(&self) -> Option<u64> {
        let is_over = self.open.len() > limits::MAX_OPEN_EXCHANGES || self.text_len > limits::MAX_OPEN_TEXT;
        if is_over { self.open.keys().next().copied() } else { None }
    }

    /// The numbers of all open exchanges, oldest first.
    pub(super) fn numbers(&self) -> Vec<u64> {
        self.open.keys().copied().collect()
    }

    /// The first of these exchanges whose request was carried by `carrier`.
    pub(super) fn carried_by(&self, numbers: &VecDeque<u64>, carrier: TransactionKey) -> Option<u64> {
        let is_carried = |n: &&u64| self.get(**n).is_some_and(|open| open.carrier() == Some(carrier));
        numbers.iter().take(limits::MAX_ALIKE).find(is_carried).copied()
    }

    /// Keeps a response until its request is captured.
    pub(super) fn hold(&mut self, response: HeldResponse) {
        let at = self.held.partition_point(|held| held.since.packet <= response.since.packet);
        self.held.insert(at, response);
    }

    /// Takes the oldest response that answers this request. With `own_post_only` set, one in the
    /// transaction that carried the request.
    pub(super) fn take_held_for(&mut self, n: u64, own_post_only: bool) -> Option<HeldResponse> {
        if self.held.is_empty() {
            return None;
        }
        let open = self.open.get(&n)?;
        let request = open.record();
        let (from, id): (Side, &Id) = (request.origin.other(), &request.id);
        let start = request.request.span.start;
        let is_answer = |held: &HeldResponse| {
            start.time.since(held.since.time) <= limits::RESPONSE_WAIT
                && (held.duplicate.is_none() || start.packet < held.span.start.packet)
                && held.from == from
                && held.envelope.id.as_ref() == Some(id)
                && (Some(held.carrier) == open.carrier()
                    || held.may_answer_others && held.session == open.session() && !own_post_only)
        };
        let at = self.held.iter().position(is_answer)?;
        self.held.remove(at)
    }

    /// Takes the responses that `carrier` holds and that match no request.
    pub(super) fn take_held_on(&mut self, carrier: TransactionKey) -> Vec<HeldResponse> {
        if self.held.is_empty() && self.held_until_end.is_empty() {
            return Vec::new();
        }
        let all = std::mem::take(&mut self.held).into_iter();
        let (mut taken, rest): (Vec<_>, Vec<_>) = all.partition(|held| held.carrier == carrier);
        self.held = rest.into();
        taken.extend(self.held_until_end.extract_if(.., |held| held.carrier == carrier));
        taken
    }

    /// Keeps a response whose wait is over until its transaction ends; returns it if too many are
    /// kept.
    pub(super) fn hold_until_end(&mut self, response: HeldResponse) -> Option<HeldResponse> {
        if self.held_until_end.len() >= limits::MAX_HELD_RESPONSES {
            return Some(response);
        }
        self.held_until_end.push(response);
        None
    }

    /// Takes the oldest held response if there are more than [`limits::MAX_HELD_RESPONSES`].
    pub(super) fn pop_held_over_limit(&mut self) -> Option<HeldResponse> {
        if self.held.len() > limits::MAX_HELD_RESPONSES { self.held.pop_front() } else { None }
    }

    /// Takes the oldest held response if it has waited longer than `wait` nanoseconds.
    pub(super) fn pop_held_due(&mut self, now: Timestamp, wait: i64) -> Option<HeldResponse> {
        self.held.pop_front_if(|held| now.since(held.since.time) > wait)
    }

    /// Takes the oldest held response.
    pub(super) fn pop_held(&mut self) -> Option<HeldResponse> {
        self.held.pop_front()
    }

    /// Waits for the client to repeat the POST of an exchange; `false` if too many wait.
    pub(super) fn await_repetition(&mut self, at: Origin, n: u64) -> bool {
        let has_room = self.interrupted.len() < limits::MAX_OPEN_EXCHANGES;
        if has_room {
            self.interrupted.push_back((at, n));
        }
        has_room
    }

    /// Waits for what may show that the server is not to blame for the end of an exchange; `false`
    /// if too many wait.
    pub(super) fn await_evidence(&mut self, at: Origin, n: u64) -> bool {
        let has_room = self.ended_by_server.len() < limits::MAX_OPEN_EXCHANGES;
        if has_room {
            self.ended_by_server.push_back((at, n));
        }
        has_room
    }

    /// Takes the oldest exchange that the server ended more than `wait` nanoseconds ago. It may
    /// have been repeated or completed since.
    pub(super) fn pop_ended_by_server_due(&mut self, now: Timestamp, wait: i64) -> Option<u64> {
        let is_due = |(since, _): &mut (Origin, u64)| now.since(since.time) > wait;
        self.ended_by_server.pop_front_if(is_due).map(|(_, n)| n)
    }

    /// Takes the oldest interrupted exchange that waited longer than [`limits::REPEAT_WAIT`]. It
    /// may have been repeated or completed since.
    pub(super) fn pop_interrupted_due(&mut self, now: Timestamp) -> Option<u64> {
        let is_due = |(since, _): &mut (Origin, u64)| now.since(since.time) > limits::REPEAT_WAIT;
        self.interrupted.pop_front_if(is_due).map(|(_, n)| n)
    }
}

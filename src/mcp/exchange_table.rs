//! All open exchanges, and the responses that wait for their request.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, VecDeque};

use super::exchange::OpenExchange;
use super::handle::{SessionIndex, TransactionKey};
use super::held_responses::{HeldResponse, HeldResponses};
use crate::base::{Account, Origin, Tally, Timestamp, limits};

/// All open exchanges.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    /// By number, oldest first.
    open: BTreeMap<u64, Entry>,
    /// The number given out last.
    last_number: u64,
    /// Memory of all open exchanges.
    memory: Tally,
    /// Responses that match no request so far.
    held: HeldResponses,
    /// Exchanges whose connection was lost before a response head, oldest first: the client may
    /// repeat the POST.
    interrupted: VecDeque<(Origin, u64)>,
    /// Exchanges whose wait the server ended without a response, oldest first: that the client
    /// ended it before, or that packets are missing, may be seen later.
    ended_by_server: VecDeque<(Origin, u64)>,
    emits_interrupted: bool,
}

/// An open exchange, and the memory that it accounts for.
#[derive(Debug)]
struct Entry {
    exchange: Box<OpenExchange>,
    account: Account,
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
        let mut account = Account::default();
        self.memory.charge(&mut account, exchange.allocated());
        self.open.insert(exchange.record().n, Entry { exchange, account });
    }

    pub(super) fn get(&self, n: u64) -> Option<&OpenExchange> {
        self.open.get(&n).map(|entry| &*entry.exchange)
    }

    pub(super) fn get_mut(&mut self, n: u64) -> Option<&mut OpenExchange> {
        self.open.get_mut(&n).map(|entry| &mut *entry.exchange)
    }

    pub(super) fn remove(&mut self, n: u64) -> Option<Box<OpenExchange>> {
        let Entry { exchange, mut account } = self.open.remove(&n)?;
        self.memory.close(&mut account);
        Some(exchange)
    }

    /// Memory of open exchanges and held responses, in bytes.
    pub(super) fn allocated(&self) -> usize {
        self.memory.held() + self.held.allocated()
    }

    /// The oldest exchange if there are more than [`limits::MAX_OPEN_EXCHANGES`].
    pub(super) fn over_limit(&self) -> Option<u64> {
        let is_over = self.open.len() > limits::MAX_OPEN_EXCHANGES;
        if is_over { self.open.keys().next().copied() } else { None }
    }

    /// The exchanges to complete so that `excess` bytes become free: the older half of those of the
    /// sessions that hold most.
    pub(super) fn largest(&self, mut excess: usize) -> Vec<u64> {
        let mut sessions: HashMap<SessionIndex, (usize, Vec<u64>), foldhash::fast::RandomState> =
            HashMap::default();
        for (n, entry) in &self.open {
            let (held, numbers) = sessions.entry(entry.exchange.session()).or_default();
            *held += entry.account.held();
            numbers.push(*n);
        }
        let mut sessions: Vec<_> = sessions.into_iter().collect();
        sessions.sort_by_key(|(index, (held, _))| (Reverse(*held), *index));
        let mut chosen = Vec::new();
        for (_, (held, numbers)) in sessions {
            if excess == 0 {
                break;
            }
            let mut half = excess.min(held / 2 + 1);
            excess -= half;
            for n in numbers {
                if half == 0 {
                    break;
                }
                chosen.push(n);
                half = half.saturating_sub(self.open.get(&n).map_or(0, |entry| entry.account.held()));
            }
        }
        chosen
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

    /// The responses that match no request.
    pub(super) fn held(&mut self) -> &mut HeldResponses {
        &mut self.held
    }

    /// Takes the oldest held response that answers this request. With `own_post_only` set, one in
    /// the transaction that carried the request.
    pub(super) fn take_held_for(&mut self, n: u64, own_post_only: bool) -> Option<HeldResponse> {
        self.held.take_for(&self.open.get(&n)?.exchange, own_post_only)
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

//! All open exchanges, and the responses that wait for their request.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use super::exchange::OpenExchange;
use super::handle::{SessionIndex, TransactionKey};
use super::held_responses::{HeldResponse, HeldResponses};
use super::numbers::Numbers;
use crate::base::{Account, Origin, Tally, Timestamp, limits};

/// Numbers of exchanges that are no longer open that are kept in any case, until they are dropped
/// together.
const MIN_CLEANED: usize = 1024;

/// All open exchanges.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    /// By number. Never iterated in its own order, which is random.
    open: HashMap<u64, Entry, foldhash::fast::RandomState>,
    /// The numbers of `open`, and of some that are no longer open: the least is found first.
    oldest: BinaryHeap<Reverse<u64>>,
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
        let n = exchange.record().n;
        self.open.insert(n, Entry { exchange, account });
        self.oldest.push(Reverse(n));
        if self.oldest.len() > 2 * self.open.len() + MIN_CLEANED {
            self.oldest.retain(|Reverse(n)| self.open.contains_key(n));
        }
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

    /// Memory of the open exchanges, without that of held responses, in bytes.
    pub(super) fn open_allocated(&self) -> usize {
        self.memory.held()
    }

    /// The oldest exchange if there are more than [`limits::MAX_OPEN_EXCHANGES`].
    pub(super) fn over_limit(&mut self) -> Option<u64> {
        if self.open.len() <= limits::MAX_OPEN_EXCHANGES {
            return None;
        }
        while let Some(Reverse(n)) = self.oldest.peek() {
            if self.open.contains_key(n) {
                return Some(*n);
            }
            self.oldest.pop();
        }
        None
    }

    /// The exchanges to complete so that `excess` bytes become free: the older half of those of the
    /// sessions that hold most.
    pub(super) fn largest(&self, mut excess: usize) -> Vec<u64> {
        let mut sessions: HashMap<SessionIndex, (usize, Vec<u64>), foldhash::fast::RandomState> =
            HashMap::default();
        for n in self.numbers() {
            let Some(entry) = self.open.get(&n) else { continue };
            let (held, numbers) = sessions.entry(entry.exchange.session()).or_default();
            *held += entry.account.held();
            numbers.push(n);
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
        let mut numbers: Vec<u64> = self.open.keys().copied().collect();
        numbers.sort_unstable();
        numbers
    }

    /// The first of these exchanges whose request was carried by `carrier`.
    pub(super) fn carried_by(&self, numbers: &Numbers, carrier: TransactionKey) -> Option<u64> {
        let is_carried = |n: &&u64| self.get(**n).is_some_and(|open| open.carrier() == Some(carrier));
        if let Numbers::One(only) = numbers {
            return is_carried(&only).then_some(*only);
        }
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

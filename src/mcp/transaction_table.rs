//! All transactions that are not over.

use std::cmp::Reverse;
use std::collections::hash_map::{Entry, HashMap};

use super::handle::{SessionIndex, TransactionKey};
use super::row_set::RowSet;
use super::transaction::Transaction;
use crate::base::{Account, Origin, Peers, Tally, limits};

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;
type Index = Map<TransactionKey, usize>;
type BySession = Map<Option<SessionIndex>, RowSet>;

/// All transactions that are not over.
///
/// A transaction is looked up once for each update; its row then serves as its handle.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    /// Boxed: the table grows and rows are taken out of it.
    rows: Vec<Option<Box<Transaction>>>,
    free: Vec<usize>,
    /// A transaction that is over: the next one is stored in its memory.
    spare: Option<Box<Transaction>>,
    index: Index,
    /// The transaction that a head was seen of last: its body and its end often follow.
    latest: Option<(TransactionKey, usize)>,
    /// The rows of the transactions of each session, and of those whose session is not known.
    by_session: BySession,
    /// What each row accounts for.
    notes: Vec<Note>,
    /// Memory of all transactions.
    memory: Tally,
    /// Memory of what they keep until their session is known.
    waiting: Tally,
}

/// What the table knows of a row that changes with the transaction in it.
#[derive(Debug, Default)]
struct Note {
    account: Account,
    waiting: Account,
    /// The list of [`Transactions::by_session`] that has the row; `None` if none has.
    list: Option<Option<SessionIndex>>,
}

/// Every transaction but one, which is borrowed on its own: see [`Transactions::split`].
#[derive(Clone, Copy, Debug)]
pub(super) struct OtherTransactions<'a> {
    before: &'a [Option<Box<Transaction>>],
    after: &'a [Option<Box<Transaction>>],
    index: &'a Index,
    by_session: &'a BySession,
}

impl Transactions {
    /// The row of a transaction, which is created if there is none; `None` if there are
    /// [`limits::MAX_TRANSACTIONS`].
    pub(super) fn find_or_create(
        &mut self,
        key: TransactionKey,
        peers: Peers,
        retransmissions: [u32; 2],
    ) -> Option<usize> {
        if let Some((latest, row)) = self.latest
            && latest == key
        {
            return Some(row);
        }
        let is_full = self.index.len() >= limits::MAX_TRANSACTIONS;
        let entry = match self.index.entry(key) {
            Entry::Occupied(entry) => {
                let row = *entry.get();
                self.latest = Some((key, row));
                return Some(row);
            }
            Entry::Vacant(entry) => entry,
        };
        if is_full {
            return None;
        }
        let new = Transaction::new(key, peers, retransmissions);
        let transaction = Some(match self.spare.take() {
            Some(mut spare) => {
                *spare = new;
                spare
            }
            None => Box::new(new),
        });
        let row = match self.free.pop() {
            Some(row) => {
                if let Some(free) = self.rows.get_mut(row) {
                    *free = transaction;
                }
                row
            }
            None => {
                self.rows.push(transaction);
                self.notes.push(Note::default());
                self.rows.len() - 1
            }
        };
        entry.insert(row);
        self.latest = Some((key, row));
        Some(row)
    }

    /// The row of a transaction.
    #[inline]
    pub(super) fn find(&self, key: TransactionKey) -> Option<usize> {
        match self.latest {
            Some((latest, row)) if latest == key => Some(row),
            _ => self.index.get(&key).copied(),
        }
    }

    pub(super) fn get(&self, key: TransactionKey) -> Option<&Transaction> {
        self.rows.get(self.find(key)?)?.as_deref()
    }

    pub(super) fn get_mut(&mut self, key: TransactionKey) -> Option<&mut Transaction> {
        let row = self.find(key)?;
        self.rows.get_mut(row)?.as_deref_mut()
    }

    /// The transaction in a row, and all others beside it.
    pub(super) fn split(&mut self, row: usize) -> Option<(&mut Transaction, OtherTransactions<'_>)> {
        let (before, rest) = self.rows.split_at_mut_checked(row)?;
        let (transaction, after) = rest.split_first_mut()?;
        let others = OtherTransactions { before, after, index: &self.index, by_session: &self.by_session };
        Some((transaction.as_deref_mut()?, others))
    }

    /// Memory of all transactions, in bytes.
    pub(super) fn allocated(&self) -> usize {
        self.memory.held()
    }

    /// Notes the memory and the session of a transaction, which may have changed.
    pub(super) fn note(&mut self, row: usize) {
        let transaction = self.rows.get(row).and_then(Option::as_deref);
        let Some((transaction, note)) = transaction.zip(self.notes.get_mut(row)) else { return };
        self.memory.charge(&mut note.account, transaction.allocated());
        self.waiting.charge(&mut note.waiting, transaction.waiting_allocated());
        let session = transaction.session();
        if note.list != Some(session) {
            unlist(&mut self.by_session, note.list.replace(session), row);
            self.by_session.entry(session).or_default().insert(row);
        }
    }

    /// If what waits for its session takes a quarter of [`limits::MAX_MEMORY_OF_SESSIONS`], drops
    /// it where it is most, until half of that is free. Returns the transactions, each with a
    /// packet.
    #[inline]
    pub(super) fn shed_waiting(&mut self) -> Vec<(TransactionKey, Origin)> {
        let share = limits::MAX_MEMORY_OF_SESSIONS / 4;
        if self.waiting.held() <= share { Vec::new() } else { self.shed_to(share / 2) }
    }

    fn shed_to(&mut self, enough: usize) -> Vec<(TransactionKey, Origin)> {
        let mut rows: Vec<_> = self.notes.iter().map(|note| note.waiting.held()).enumerate().collect();
        rows.retain(|(_, held)| *held > 0);
        rows.sort_by_key(|(row, held)| (Reverse(*held), *row));
        let mut shed = Vec::new();
        for (row, _) in rows {
            if self.waiting.held() <= enough {
                break;
            }
            if let Some(transaction) = self.rows.get_mut(row).and_then(Option::as_deref_mut) {
                let at = transaction.request_span().map_or_else(Origin::default, |span| span.end);
                transaction.shed_waiting();
                shed.push((transaction.key(), at));
            }
            self.note(row);
        }
        shed
    }

    /// The transactions to give up so that `excess` bytes become free: first of those whose session
    /// is not known, then of the others, the older half of those of the connections that hold most.
    /// Never the one in row `kept`.
    pub(super) fn largest(&self, mut excess: usize, kept: usize) -> Vec<TransactionKey> {
        let mut chosen = Vec::new();
        for has_session in [false, true] {
            let mut connections: Map<u32, (usize, Vec<(TransactionKey, usize)>)> = HashMap::default();
            for (row, (transaction, note)) in self.rows.iter().zip(&self.notes).enumerate() {
                let wanted = transaction.as_ref().filter(|it| it.session().is_some() == has_session);
                if let Some(transaction) = wanted.filter(|_| row != kept) {
                    let (held, keys) = connections.entry(transaction.key().0).or_default();
                    *held += note.account.held();
                    keys.push((transaction.key(), note.account.held()));
                }
            }
            let mut connections: Vec<_> = connections.into_iter().collect();
            connections.sort_by_key(|(tcp_stream, (held, _))| (Reverse(*held), *tcp_stream));
            for (_, (held, mut keys)) in connections {
                if excess == 0 {
                    return chosen;
                }
                let mut half = excess.min(held / 2 + 1);
                excess -= half;
                keys.sort_unstable();
                for (key, held) in keys {
                    if half == 0 {
                        break;
                    }
                    chosen.push(key);
                    half = half.saturating_sub(held);
                }
            }
        }
        chosen
    }

    pub(super) fn remove(&mut self, row: usize) -> Option<Box<Transaction>> {
        let transaction = self.rows.get_mut(row).and_then(Option::take)?;
        self.index.remove(&transaction.key());
        self.latest.take_if(|(_, latest)| *latest == row);
        self.free.push(row);
        if let Some(note) = self.notes.get_mut(row) {
            self.memory.close(&mut note.account);
            self.waiting.close(&mut note.waiting);
            unlist(&mut self.by_session, note.list.take(), row);
        }
        Some(transaction)
    }

    /// Keeps the memory of a removed transaction for the next one.
    pub(super) fn reuse(&mut self, transaction: Box<Transaction>) {
        self.spare = Some(transaction);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Transaction> {
        self.rows.iter().flatten().map(|transaction| &**transaction)
    }

    /// The keys of all transactions, in ascending order.
    pub(super) fn sorted_keys(&self) -> Vec<TransactionKey> {
        let mut keys: Vec<_> = self.index.keys().copied().collect();
        keys.sort_unstable();
        keys
    }
}

/// Removes a row from its list.
fn unlist(by_session: &mut BySession, list: Option<Option<SessionIndex>>, row: usize) {
    let Some(list) = list else { return };
    if let Some(rows) = by_session.get_mut(&list) {
        rows.remove(row);
        if rows.is_empty() {
            by_session.remove(&list);
        }
    }
}

impl<'a> OtherTransactions<'a> {
    /// Some transactions of a session, at most [`limits::MAX_ALIKE`]; with `None`, some whose
    /// session is not known.
    pub(super) fn of_session(self, session: Option<SessionIndex>) -> impl Iterator<Item = &'a Transaction> {
        let rows = self.by_session.get(&session).into_iter().flat_map(RowSet::iter);
        rows.take(limits::MAX_ALIKE).filter_map(move |row| self.row(row))
    }

    /// The transaction; `None` if it is over, or the one that was split off.
    pub(super) fn get(self, key: TransactionKey) -> Option<&'a Transaction> {
        self.row(*self.index.get(&key)?)
    }

    fn row(self, row: usize) -> Option<&'a Transaction> {
        let transaction = match row.checked_sub(self.before.len()) {
            None => self.before.get(row),
            Some(0) => None,
            Some(behind) => self.after.get(behind - 1),
        };
        transaction?.as_deref()
    }
}

//! All transactions that are not over.

use std::collections::hash_map::{Entry, HashMap};

use super::handle::TransactionKey;
use super::transaction::Transaction;
use crate::base::{Peers, limits};

type Index = HashMap<TransactionKey, usize, foldhash::fast::RandomState>;

/// All transactions that are not over.
///
/// A transaction is looked up once for each update; its row then serves as its handle.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    rows: Vec<Option<Transaction>>,
    free: Vec<usize>,
    index: Index,
}

/// Every transaction but one, which is borrowed on its own: see [`Transactions::split`].
#[derive(Clone, Copy, Debug)]
pub(super) struct OtherTransactions<'a> {
    before: &'a [Option<Transaction>],
    after: &'a [Option<Transaction>],
    index: &'a Index,
}

impl Transactions {
    /// The row of a transaction, which is created if there is none; `None` at
    /// [`limits::MAX_TRANSACTIONS`].
    pub(super) fn find_or_create(
        &mut self,
        key: TransactionKey,
        peers: Peers,
        retransmissions: [u32; 2],
    ) -> Option<usize> {
        let is_full = self.index.len() >= limits::MAX_TRANSACTIONS;
        let entry = match self.index.entry(key) {
            Entry::Occupied(entry) => return Some(*entry.get()),
            Entry::Vacant(entry) => entry,
        };
        if is_full {
            return None;
        }
        let transaction = Some(Transaction::new(key, peers, retransmissions));
        let row = match self.free.pop() {
            Some(row) => {
                if let Some(free) = self.rows.get_mut(row) {
                    *free = transaction;
                }
                row
            }
            None => {
                self.rows.push(transaction);
                self.rows.len() - 1
            }
        };
        entry.insert(row);
        Some(row)
    }

    /// The row of a transaction.
    pub(super) fn find(&self, key: TransactionKey) -> Option<usize> {
        self.index.get(&key).copied()
    }

    pub(super) fn get(&self, key: TransactionKey) -> Option<&Transaction> {
        self.rows.get(self.find(key)?)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, key: TransactionKey) -> Option<&mut Transaction> {
        let row = self.find(key)?;
        self.rows.get_mut(row)?.as_mut()
    }

    /// The transaction in a row, and all others beside it.
    pub(super) fn split(&mut self, row: usize) -> Option<(&mut Transaction, OtherTransactions<'_>)> {
        let (before, rest) = self.rows.split_at_mut_checked(row)?;
        let (transaction, after) = rest.split_first_mut()?;
        Some((transaction.as_mut()?, OtherTransactions { before, after, index: &self.index }))
    }

    pub(super) fn remove(&mut self, row: usize) -> Option<Transaction> {
        let transaction = self.rows.get_mut(row).and_then(Option::take)?;
        self.index.remove(&transaction.key());
        self.free.push(row);
        Some(transaction)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Transaction> {
        self.rows.iter().flatten()
    }

    /// The keys of all transactions, in ascending order.
    pub(super) fn sorted_keys(&self) -> Vec<TransactionKey> {
        let mut keys: Vec<_> = self.index.keys().copied().collect();
        keys.sort_unstable();
        keys
    }
}

impl<'a> OtherTransactions<'a> {
    /// All of them, in no particular order.
    pub(super) fn iter(self) -> impl Iterator<Item = &'a Transaction> {
        self.before.iter().chain(self.after).flatten()
    }

    /// The transaction; `None` if it is over, or the one that was split off.
    pub(super) fn get(self, key: TransactionKey) -> Option<&'a Transaction> {
        let row = *self.index.get(&key)?;
        let transaction = match row.checked_sub(self.before.len()) {
            None => self.before.get(row),
            Some(0) => None,
            Some(behind) => self.after.get(behind - 1),
        };
        transaction?.as_ref()
    }
}

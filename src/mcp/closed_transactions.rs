//! The latest transactions that are over.

use std::collections::VecDeque;

use super::handle::TransactionKey;
use super::transaction::Transaction;
use crate::base::{Finding, Origin, limits};
use crate::rpc::Fault;

/// The latest transactions that are over: a finding about one of them may follow its end.
#[derive(Debug, Default)]
pub(super) struct ClosedTransactions {
    /// Oldest first.
    list: VecDeque<Closed>,
}

/// What a finding about a transaction needs.
#[derive(Debug)]
struct Closed {
    key: TransactionKey,
    session: Option<u32>,
    exchange: Option<u64>,
}

impl ClosedTransactions {
    /// Keeps a transaction that is over; `session` is the number of its session.
    pub(super) fn add(&mut self, transaction: &Transaction, session: Option<u32>) {
        let exchange = transaction.requests().first().copied();
        if session.is_none() && exchange.is_none() {
            return;
        }
        if self.list.len() >= limits::MAX_CLOSED_TRANSACTIONS {
            self.list.pop_front();
        }
        self.list.push_back(Closed { key: transaction.key(), session, exchange });
    }

    /// Whether the latest transaction that is over is this one, and was in a session.
    pub(super) fn ended_in_session(&self, key: TransactionKey) -> bool {
        self.list.back().is_some_and(|closed| closed.key == key && closed.session.is_some())
    }

    /// A finding about a transaction that is over, or that was not kept.
    pub(super) fn finding(&self, key: TransactionKey, at: Origin, fault: Fault) -> Finding {
        let closed = self.list.iter().rev().find(|closed| closed.key == key);
        Finding {
            code: fault.code,
            at: Some(at),
            tcp_stream: Some(key.0),
            session: closed.and_then(|closed| closed.session),
            exchange: closed.and_then(|closed| closed.exchange),
            count: 1,
            detail: fault.detail.into_owned(),
        }
    }
}

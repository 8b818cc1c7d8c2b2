//! Exchanges that belong together: what the server asked inside a call, and the rounds of a call
//! whose results asked for input.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::ledger::Exchange;

/// Exchanges whose relations are kept: beyond, a call is shown without what belongs to it.
const MAX_RELATED: usize = 200_000;

/// The relations of all exchanges, by their `n`.
#[derive(Debug, Default)]
pub(super) struct RelatedExchanges {
    /// The requests of the server inside each call, in their order.
    asked: HashMap<u64, Vec<u64>, RandomState>,
    /// The exchange that continues each.
    continued_by: HashMap<u64, u64, RandomState>,
    kept: usize,
}

impl RelatedExchanges {
    /// Records an exchange. Recording it again changes nothing.
    pub(super) fn record(&mut self, exchange: &Exchange) {
        if exchange.parent.is_none() && exchange.input_ns.is_none() || self.kept >= MAX_RELATED {
            return;
        }
        if let Some(parent) = exchange.parent {
            let asked = self.asked.entry(parent).or_default();
            if asked.last() != Some(&exchange.n) && !asked.contains(&exchange.n) {
                asked.push(exchange.n);
                self.kept += 1;
            }
        }
        if let Some(continued) = exchange.continues.filter(|_| exchange.input_ns.is_some())
            && self.continued_by.insert(continued, exchange.n).is_none()
        {
            self.kept += 1;
        }
    }

    /// The requests of the server inside call `n`, in their order.
    pub(super) fn asked_in(&self, n: u64) -> &[u64] {
        self.asked.get(&n).map(Vec::as_slice).unwrap_or_default()
    }

    /// The exchange that answers the request for input in the result of `n`.
    pub(super) fn continued_by(&self, n: u64) -> Option<u64> {
        self.continued_by.get(&n).copied()
    }

    /// How many relations are known: changes when there is another.
    pub(super) fn version(&self) -> usize {
        self.kept
    }
}

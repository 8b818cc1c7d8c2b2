//! Requests `initialize` that are answered, until the same one on the leg in front is known: that
//! leg learns its session id later than the one behind.

use std::collections::VecDeque;

use super::exchange::OpenExchange;
use super::handle::TransactionKey;
use super::record::Exchange;
use super::view::View;
use crate::base::{Timestamp, limits};

/// Completed `initialize` that are kept.
const MAX_OPENINGS: usize = 64;

/// Answered `initialize` of sessions with an id.
#[derive(Debug, Default)]
pub(super) struct Openings {
    /// Those that are emitted, latest last.
    complete: VecDeque<Box<View>>,
    /// Those that wait for the leg in front, oldest first.
    held: VecDeque<Held>,
    /// Those that wait no longer.
    released: VecDeque<Box<OpenExchange>>,
}

/// An answered `initialize`, while another transaction carries the same request.
#[derive(Debug)]
struct Held {
    since: Timestamp,
    exchange: Box<OpenExchange>,
    /// The transaction that may be the leg in front.
    awaited: TransactionKey,
}

impl Openings {
    /// Keeps an answered `initialize` until the transaction `awaited` shows its session.
    pub(super) fn hold(&mut self, exchange: Box<OpenExchange>, awaited: TransactionKey, since: Timestamp) {
        if self.held.len() >= MAX_OPENINGS {
            self.release_oldest();
        }
        self.held.push_back(Held { since, exchange, awaited });
    }

    /// Adds an `initialize` that is emitted.
    pub(super) fn add(&mut self, view: Box<View>) {
        if self.complete.len() >= MAX_OPENINGS {
            self.complete.pop_front();
        }
        self.complete.push_back(view);
    }

    /// The emitted `initialize` that `is_it` accepts.
    pub(super) fn take(&mut self, is_it: impl Fn(&Exchange) -> bool) -> Option<Box<View>> {
        let at = self.complete.iter().rposition(|view| is_it(&view.exchange))?;
        self.complete.remove(at)
    }

    /// The held `initialize` that `is_it` accepts. What waited for `transaction` in vain is
    /// released.
    pub(super) fn take_held(
        &mut self,
        transaction: TransactionKey,
        is_it: impl Fn(&Exchange) -> bool,
    ) -> Option<Box<OpenExchange>> {
        let at = self.held.iter().position(|held| is_it(held.exchange.record()));
        let found = at.and_then(|at| self.held.remove(at)).map(|held| held.exchange);
        while let Some(at) = self.held.iter().position(|held| held.awaited == transaction) {
            self.released.extend(self.held.remove(at).map(|held| held.exchange));
        }
        found
    }

    /// Emits an exchange that was held.
    pub(super) fn release(&mut self, exchange: Box<OpenExchange>) {
        self.released.push_back(exchange);
    }

    fn release_oldest(&mut self) {
        self.released.extend(self.held.pop_front().map(|held| held.exchange));
    }

    /// Returns whether nothing waits, or did.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.released.is_empty()
    }

    /// Takes an exchange that waits no longer: at the time `now`, or all of them without a time.
    #[inline]
    pub(super) fn pop_released(&mut self, now: Option<Timestamp>) -> Option<Box<OpenExchange>> {
        if self.is_empty() {
            return None;
        }
        let is_due = |held: &Held| now.is_none_or(|now| now.since(held.since) > limits::REPEAT_WAIT);
        if self.held.front().is_some_and(is_due) {
            self.release_oldest();
        }
        self.released.pop_front()
    }
}

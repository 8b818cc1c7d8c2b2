//! Messages of servers that reached their session, to recognise copies of them on other streams and
//! in other sessions.

use std::collections::VecDeque;

use super::exchange::Message;
use super::handle::{SessionIndex, TransactionKey};
use super::session_table::Sessions;
use crate::base::{Origin, Side};

/// Deliveries that are kept. A copy comes within milliseconds.
const MAX_DELIVERIES: usize = 1024;

/// How far two copies may be apart, in nanoseconds of packet time.
const COPY_WAIT: i64 = 1_000_000_000;

/// A request, a progress notification or a response of a server that belongs to an exchange.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery {
    /// The hash of its text.
    pub(super) digest: u64,
    pub(super) session: SessionIndex,
    /// The transaction whose response carried it; `None` if its session is a guess, because the
    /// head of its request is not whole in the capture.
    carrier: Option<TransactionKey>,
    /// The number of its exchange.
    pub(super) exchange: u64,
    pub(super) at: Origin,
}

impl Delivery {
    /// The transaction whose response carried it; `None` if its session is a guess.
    pub(super) fn carrier(&self) -> Option<TransactionKey> {
        self.carrier
    }
}

/// The latest deliveries, oldest first.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    latest: VecDeque<Delivery>,
}

impl Deliveries {
    /// Adds a message that belongs to an exchange of the session. Those of clients are not kept.
    pub(super) fn add(
        &mut self,
        session: SessionIndex,
        carrier: Option<TransactionKey>,
        exchange: u64,
        message: Message<'_>,
    ) {
        if message.from == Side::Client {
            return;
        }
        if self.latest.len() >= MAX_DELIVERIES {
            self.latest.pop_front();
        }
        let (digest, at) = (message.envelope.digest, message.span.end);
        self.latest.push_back(Delivery { digest, session, carrier, exchange, at });
    }

    /// The delivery of the same text on another stream of the session, close to `at`.
    pub(super) fn on_other_stream(
        &self,
        digest: u64,
        (session, carrier): (SessionIndex, TransactionKey),
        at: Origin,
    ) -> Option<Delivery> {
        let is_it = |delivery: &&Delivery| {
            delivery.digest == digest
                && delivery.session == session
                && delivery.carrier.is_some_and(|other| other != carrier)
                && at.time.since(delivery.at.time).saturating_abs() <= COPY_WAIT
        };
        self.latest.iter().rev().find(is_it).copied()
    }

    /// The delivery of the same text to another session of the same server, close to `at`, and the
    /// number of that session: the one that the message is for.
    pub(super) fn owner_of(
        &self,
        digest: u64,
        session: SessionIndex,
        at: Origin,
        sessions: &Sessions,
    ) -> Option<(Delivery, u32)> {
        let copy = self.copy_of(digest, session, at)?;
        let owner = sessions.get(copy.session)?;
        owner.is_same_server(sessions.get(session)?).then_some((copy, owner.number()))
    }

    /// The delivery of the same text to another session, close to `at`.
    pub(super) fn copy_of(&self, digest: u64, session: SessionIndex, at: Origin) -> Option<Delivery> {
        let is_it = |delivery: &&Delivery| {
            delivery.digest == digest
                && delivery.session != session
                && at.time.since(delivery.at.time).saturating_abs() <= COPY_WAIT
        };
        self.latest.iter().rev().find(is_it).copied()
    }
}

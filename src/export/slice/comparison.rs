//! Whether chosen packets alone give the exchanges that they were chosen for.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::net::SocketAddr;
use std::sync::Arc;

use foldhash::quality::RandomState;

use crate::base::{Few, Origin, Status, Timestamp};
use crate::ledger::{Cause, Exchange};

/// What has to be the same in a slice.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Outcome {
    times: [Option<Timestamp>; 6],
    status: Status,
    cause: Option<Cause>,
    progress: u32,
    /// Number of requests of the server inside the call, and the time that it waited for them.
    asked: (u32, i64),
    protocol_version: Option<Arc<str>>,
    method: Arc<str>,
    id: String,
    ends: [SocketAddr; 2],
}

impl Outcome {
    fn of(exchange: &Exchange) -> Self {
        let request = exchange.request.span;
        let response = exchange.response.map(|response| response.span);
        let time = |origin: Origin| origin.time;
        Self {
            times: [
                Some(request.start.time),
                Some(request.end.time),
                response.map(|span| time(span.start)),
                response.map(|span| time(span.end)),
                exchange.ack,
                exchange.wait_ended.map(time),
            ],
            status: exchange.status,
            cause: exchange.cause,
            progress: exchange.progress,
            asked: (exchange.asked.requests, exchange.asked.client_ns),
            protocol_version: exchange.protocol_version.clone(),
            method: exchange.method.clone(),
            id: exchange.id.json(),
            ends: [exchange.client, exchange.session.server],
        }
    }
}

/// Hashes of what has to be the same in a slice, with a seed that no traffic knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Fingerprints(RandomState);

impl Fingerprints {
    pub(super) fn of(&self, exchange: &Exchange) -> u64 {
        self.0.hash_one(Outcome::of(exchange))
    }
}

/// Compares the exchanges of a slice with those that it was made for.
#[derive(Debug)]
pub struct Comparison {
    fingerprints: Fingerprints,
    /// The exchanges that were not found, by fingerprint.
    missing: HashMap<u64, Few<u64>, RandomState>,
}

impl Comparison {
    /// Expects exchanges, given by fingerprint and `n`.
    pub(super) fn new(fingerprints: Fingerprints, expected: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut missing: HashMap<u64, Few<u64>, RandomState> = HashMap::default();
        expected.for_each(|(fingerprint, n)| missing.entry(fingerprint).or_default().push(n));
        Self { fingerprints, missing }
    }

    /// Whether every exchange was found.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// Takes an exchange of the slice.
    pub fn push(&mut self, exchange: &Exchange) {
        if !self.missing.is_empty() {
            self.missing.remove(&self.fingerprints.of(exchange));
        }
    }

    /// Returns the `n` of the exchanges that are missing, or have other times or another outcome,
    /// in ascending order.
    #[must_use]
    pub fn differing(self) -> Vec<u64> {
        let mut differing: Vec<u64> = self.missing.values().flat_map(|all| all.iter().copied()).collect();
        differing.sort_unstable();
        differing
    }
}

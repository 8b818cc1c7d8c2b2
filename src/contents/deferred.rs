//! Findings that say that something was not there before: they wait for the end of the capture, and
//! are dropped where packets may be missing.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use crate::base::{Finding, limits};
use crate::ledger::Exchange;

/// Findings that wait. More of one kind are not read by anybody.
const MAX_WAITING: usize = 1000;

/// Findings that wait for the end of the capture.
#[derive(Debug, Default)]
pub(super) struct Deferred {
    waiting: Vec<(u32, Finding)>,
    /// Sessions whose beginning was captured.
    begun: HashSet<u32, RandomState>,
    /// Sessions of which packets may be missing.
    unsure: HashSet<u32, RandomState>,
    /// Whether packets may be missing anywhere.
    is_lossy: bool,
}

impl Deferred {
    /// Takes an exchange: what it shows about its session.
    pub(super) fn exchange(&mut self, exchange: &Exchange) {
        let number = exchange.session.number;
        if exchange.degraded.may_hide_messages() {
            self.is_lossy |= !insert(&mut self.unsure, number);
        } else if exchange.method.as_ref() == "initialize" && exchange.response.is_some() {
            insert(&mut self.begun, number);
        }
    }

    /// Takes a finding of the analysis: what it shows about the capture.
    pub(super) fn finding(&mut self, finding: &Finding) {
        self.is_lossy |= finding.code.shows_missing().may_hide_messages();
    }

    /// Whether the beginning of a session was captured.
    pub(super) fn has_begun(&self, session: u32) -> bool {
        self.begun.contains(&session)
    }

    /// Adds a finding about a session.
    pub(super) fn push(&mut self, session: u32, finding: Finding) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push((session, finding));
        }
    }

    /// Returns the findings that hold.
    pub(super) fn finish(&mut self) -> Vec<Finding> {
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let holds =
            |session: &u32| !self.is_lossy && self.begun.contains(session) && !self.unsure.contains(session);
        waiting.filter(|(session, _)| holds(session)).map(|(_, finding)| finding).collect()
    }
}

/// Adds a session; returns whether there was room.
fn insert(sessions: &mut HashSet<u32, RandomState>, number: u32) -> bool {
    let has_room = sessions.len() < limits::MAX_OPEN_EXCHANGES;
    if has_room {
        sessions.insert(number);
    }
    has_room
}

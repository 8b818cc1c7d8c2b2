//! Findings that rest on what was not there before, or in between: they wait for the end of the
//! capture, and are dropped where packets may be missing.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use crate::base::{Finding, limits};
use crate::ledger::Exchange;

/// Findings that wait. More of one kind are not read by anybody.
const MAX_WAITING: usize = 1000;

/// What has to be captured for a finding to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// A session from its beginning.
    Session(u32),
    /// What is captured of all sessions: another one may explain it.
    AllSessions,
}

/// Findings that wait for the end of the capture.
#[derive(Debug, Default)]
pub(super) struct Deferred {
    waiting: Vec<(Needs, Finding)>,
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

    /// Adds a finding about what came before it in its session.
    pub(super) fn push(&mut self, session: u32, finding: Finding) {
        self.wait(Needs::Session(session), finding);
    }

    /// Adds a finding about two messages, between which another one may explain it.
    pub(super) fn push_between(&mut self, finding: Finding) {
        self.wait(Needs::AllSessions, finding);
    }

    fn wait(&mut self, needs: Needs, finding: Finding) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push((needs, finding));
        }
    }

    /// Returns the findings that hold.
    pub(super) fn finish(&mut self) -> Vec<Finding> {
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let holds = |needs: Needs| match needs {
            Needs::Session(session) => self.begun.contains(&session) && !self.unsure.contains(&session),
            Needs::AllSessions => self.unsure.is_empty(),
        };
        waiting.filter(|(needs, _)| !self.is_lossy && holds(*needs)).map(|(_, finding)| finding).collect()
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

//! What the capture lacks, and the findings that wait until nothing can be missing.

use std::collections::VecDeque;

use super::handle::SessionIndex;
use crate::base::{Degraded, Finding, Origin, PacketNo, Side, Timestamp, limits};
use crate::rpc::Id;

/// Gaps of the capture as a whole.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    missing: Degraded,
    /// The packet after which the capture last lost packets.
    lost_at: Option<PacketNo>,
    /// The latest packets at which packet times go back, oldest first.
    time_steps: VecDeque<PacketNo>,
    /// Findings that hold only if nothing is missing, oldest first.
    deferred: VecDeque<Deferred>,
}

/// A finding about a session that holds only if nothing of the session is missing.
#[derive(Debug)]
pub(super) struct Deferred {
    pub(super) since: Origin,
    pub(super) session: SessionIndex,
    pub(super) finding: Finding,
    /// The message that belongs to nothing in the session; `None` if the finding is about something
    /// else.
    pub(super) stray: Option<Stray>,
}

/// A progress notification that belongs to nothing in its session.
#[derive(Clone, Debug)]
pub(super) struct Stray {
    /// The hash of its text.
    pub(super) digest: u64,
    /// The side that sent it, and the token.
    pub(super) from: Side,
    pub(super) token: Id,
}

impl Evidence {
    /// Records that the capture lacks packets from `at` on.
    pub(super) fn add_missing(&mut self, why: Degraded, at: Origin) {
        self.missing.add(why);
        if why == Degraded::LOST_PACKETS {
            self.lost_at = Some(at.packet);
        }
    }

    /// Records that packet times go back at `packet`.
    pub(super) fn add_time_step(&mut self, packet: PacketNo) {
        if self.time_steps.len() >= limits::MAX_TIME_STEPS {
            self.time_steps.pop_front();
        }
        self.time_steps.push_back(packet);
    }

    /// Whether packet times go back between these packets, or anywhere after the first if the last
    /// is `None`.
    pub(super) fn has_time_step(&self, first: PacketNo, last: Option<PacketNo>) -> bool {
        self.time_steps.iter().any(|step| *step > first && last.is_none_or(|last| *step <= last))
    }

    /// Why something may be missing anywhere in the capture.
    pub(super) fn missing(&self) -> Degraded {
        self.missing
    }

    /// Whether the capture lost packets at or after `packet`.
    pub(super) fn has_loss_since(&self, packet: PacketNo) -> bool {
        self.lost_at.is_some_and(|lost| lost >= packet)
    }

    /// Keeps a finding of `session` until it is known whether something is missing.
    pub(super) fn defer(&mut self, since: Origin, session: SessionIndex, finding: Finding) {
        self.push(Deferred { since, session, finding, stray: None });
    }

    /// Does the same for a message that belongs to nothing in the session.
    pub(super) fn defer_stray(
        &mut self,
        since: Origin,
        session: SessionIndex,
        finding: Finding,
        stray: Stray,
    ) {
        self.push(Deferred { since, session, finding, stray: Some(stray) });
    }

    fn push(&mut self, deferred: Deferred) {
        if self.deferred.len() < limits::MAX_HELD_RESPONSES {
            self.deferred.push_back(deferred);
        }
    }

    /// Takes the oldest deferred finding if it has waited longer than `wait` nanoseconds.
    pub(super) fn pop_due(&mut self, now: Timestamp, wait: i64) -> Option<Deferred> {
        self.deferred.pop_front_if(|deferred| now.since(deferred.since.time) > wait)
    }

    /// Takes the oldest deferred finding.
    pub(super) fn pop(&mut self) -> Option<Deferred> {
        self.deferred.pop_front()
    }
}

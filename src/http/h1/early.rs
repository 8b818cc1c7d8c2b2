//! Responses that come while no request waits for one: the capture is not in causal order, or a
//! request is missing, or there is none (RFC 9112 section 9.2).

use std::collections::VecDeque;

use crate::base::{Findings, Origin, PacketNo, limits};

use super::super::TransactionNo;
use super::super::part::report_unmatched;

/// The responses of a connection that wait for their request.
#[derive(Debug, Default)]
pub(super) struct EarlyResponses {
    list: VecDeque<Early>,
    /// The packet in which the latest response ended.
    ended: Option<PacketNo>,
}

#[derive(Clone, Copy, Debug)]
struct Early {
    transaction: TransactionNo,
    /// Its first byte.
    start: Origin,
    /// Whether it begins in the packet in which the response before it ends: no client can have
    /// sent a request in between.
    is_unsolicited: bool,
}

impl EarlyResponses {
    /// What is allocated, in bytes.
    pub(super) fn allocated(&self) -> usize {
        self.list.capacity() * size_of::<Early>()
    }

    /// Takes note that a response ended in this packet.
    pub(super) fn response_ended(&mut self, at: PacketNo) {
        self.ended = Some(at);
    }

    /// Adds a response that begins at `start`. More than a client pipelines are not kept.
    pub(super) fn push(&mut self, transaction: TransactionNo, start: Origin) {
        if self.list.len() < limits::MAX_PIPELINED {
            let is_unsolicited = self.ended == Some(start.packet);
            self.list.push_back(Early { transaction, start, is_unsolicited });
        }
    }

    /// Whether the request of a transaction was not seen so far.
    pub(super) fn has(&self, transaction: TransactionNo) -> bool {
        self.list.iter().any(|early| early.transaction == transaction)
    }

    /// Takes the response to a request that begins at `start`, if it was captured before. One that
    /// was sent before the request answers nothing and is reported: the responses after it keep
    /// their requests. That is known of one in the packet of the response before it, and of one
    /// that is older than captures are out of order ([`limits::HOLE_WAIT`]). `is_missing`: requests
    /// may be missing.
    pub(super) fn take(
        &mut self,
        start: Origin,
        is_missing: bool,
        findings: &mut Findings,
    ) -> Option<TransactionNo> {
        while let Some(early) = self.list.pop_front() {
            // Less may be the clocks of two interfaces, one for each direction.
            let was_sent_before = start.time.since(early.start.time) > limits::HOLE_WAIT;
            let is_its_own = if is_missing {
                early.start.packet > start.packet
            } else {
                !early.is_unsolicited && !was_sent_before
            };
            if is_its_own {
                return Some(early.transaction);
            }
            report_unmatched(is_missing, early.start, findings);
        }
        None
    }

    /// Reports all of them: no request comes any more.
    pub(super) fn report(&mut self, is_missing: bool, findings: &mut Findings) {
        for early in self.list.drain(..) {
            report_unmatched(is_missing, early.start, findings);
        }
    }
}

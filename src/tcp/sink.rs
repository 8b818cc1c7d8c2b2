//! Where a direction says what it has: outputs and findings of one connection, at one packet.

use std::net::SocketAddr;

use super::{End, Output, Slot};
use crate::base::{Code, Degraded, Feed, Finding, Findings, Origin};

/// Who is speaking, and where to. Lives for one call.
pub(super) struct Sink<'a> {
    pub(super) out: &'a mut Vec<Output>,
    pub(super) findings: &'a mut Findings,
    /// The connection.
    pub(super) whose: Whose,
    /// The sender of the direction.
    pub(super) from: End,
    /// The packet at which things are said.
    pub(super) at: Origin,
}

/// What a connection is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whose {
    pub(super) slot: Slot,
    pub(super) tcp_stream: u32,
    /// Addresses and ports of A and B.
    pub(super) ends: [SocketAddr; 2],
}

impl Sink<'_> {
    /// Hands on what comes next of the direction.
    pub(super) fn feed(&mut self, feed: Feed) {
        let slot = self.whose.slot;
        let from = self.from;
        self.out.push(Output::Feed { slot, from, feed });
    }

    /// Hands on a gap that is given up here, with its finding.
    pub(super) fn gap(&mut self, len: u64, why: Degraded) {
        let at = self.at;
        self.feed(Feed::Gap { len, why, at });
        self.note(Code::TcpGap, &format!("{} not captured", count(len)));
    }

    /// Notes a finding of the direction; `what` is followed by «sent from … to …».
    pub(super) fn note(&mut self, code: Code, what: &str) {
        let from = self.from.of(&self.whose.ends);
        let to = self.from.other().of(&self.whose.ends);
        self.findings.push(Finding {
            code,
            at: Some(self.at),
            tcp_stream: Some(self.whose.tcp_stream),
            session: None,
            exchange: None,
            detail: format!("{what}, sent from {from} to {to}"),
        });
    }
}

/// `"1 byte"`, `"2 bytes"`.
pub(super) fn count(bytes: u64) -> String {
    if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") }
}

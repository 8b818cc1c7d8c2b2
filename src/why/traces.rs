//! The traces of the connections that a story needs.

use std::collections::BTreeMap;

use super::trace::{Trace, TracedSegment};
use crate::base::{Fact, PacketNo};
use crate::ledger::Entry;

/// The traces, by Wireshark's numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Traces {
    by_number: BTreeMap<u32, Trace>,
}

impl Traces {
    /// Takes an entry of the second pass.
    pub(super) fn push(&mut self, entry: &Entry) {
        let Entry::Fact(fact) = entry else { return };
        let tcp_stream = match fact {
            Fact::Segment(segment) => segment.tcp_stream,
            Fact::Payload(payload) => payload.peers.tcp_stream,
            Fact::Connection(connection) => connection.tcp_stream,
            Fact::Identified(_) | Fact::Delivery(_) | Fact::Capture(_) => return,
        };
        self.by_number.entry(tcp_stream).or_default().push(entry);
    }

    /// Returns the trace of a connection; `None` if its packets were not read.
    pub(super) fn get(&self, tcp_stream: u32) -> Option<&Trace> {
        self.by_number.get(&tcp_stream).filter(|trace| trace.fact().is_some())
    }

    /// Returns the connection and the segment of a packet; `None` if it is of none of them.
    pub(super) fn at(&self, packet: PacketNo) -> Option<(&Trace, &TracedSegment)> {
        let mut found = self.by_number.values().filter(|trace| trace.fact().is_some());
        found.find_map(|trace| Some((trace, trace.at(packet)?)))
    }
}

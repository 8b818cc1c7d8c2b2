//! The traces of the connections that a story needs.

use std::collections::BTreeMap;

use super::trace::{Cost, Trace, TracedSegment};
use crate::base::{Fact, PacketNo, limits};
use crate::ledger::Entry;

/// The traces, by Wireshark's numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Traces {
    by_number: BTreeMap<u32, Trace>,
    /// Number of segments, and memory of the heads, of all traces.
    segments: usize,
    heads: usize,
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
        let trace = self.by_number.entry(tcp_stream).or_default();
        let before = trace.cost();
        trace.push(entry);
        self.count(before, tcp_stream);
        if self.segments > limits::MAX_ALL_TRACED_SEGMENTS || self.heads > limits::MAX_TRACED_HEADS {
            self.limit();
        }
    }

    /// Counts what the trace of a connection gained or lost since it cost `before`.
    fn count(&mut self, before: Cost, tcp_stream: u32) {
        let now = self.by_number.get(&tcp_stream).map(Trace::cost).unwrap_or_default();
        self.segments = self.segments + now.segments - before.segments;
        self.heads = self.heads + now.heads - before.heads;
    }

    /// Cuts the middle out of the traces that cost most.
    fn limit(&mut self) {
        let most = |of: fn(Cost) -> usize| {
            let traces = self.by_number.iter().map(|(number, trace)| (of(trace.cost()), *number));
            traces.max().map(|(_, number)| number)
        };
        let cuts: [(_, fn(&mut Trace)); 2] = [
            (
                most(|cost| cost.segments).filter(|_| self.segments > limits::MAX_ALL_TRACED_SEGMENTS),
                Trace::cut_segments,
            ),
            (most(|cost| cost.heads).filter(|_| self.heads > limits::MAX_TRACED_HEADS), Trace::cut_heads),
        ];
        for (number, cut) in cuts {
            let Some(number) = number else { continue };
            let Some(trace) = self.by_number.get_mut(&number) else { continue };
            let before = trace.cost();
            cut(trace);
            self.count(before, number);
        }
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

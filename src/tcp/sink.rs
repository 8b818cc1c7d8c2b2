//! The output of one direction at one packet: feeds and findings.

use std::net::SocketAddr;

use super::Delivery;
use crate::base::{Code, Degraded, End, Feed, Finding, Origin, Sink};

/// A sink for what one direction produces. Lives for one call.
pub(super) struct DirectionSink<'a, 'b> {
    pub(super) sink: &'a mut Sink<'b, Delivery>,
    pub(super) label: &'a Label,
    /// The sender of the direction.
    pub(super) from: End,
    /// The packet that is being processed.
    pub(super) at: Origin,
}

/// How findings refer to a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label {
    pub(super) tcp_stream: u32,
    /// Addresses and ports of A and B.
    pub(super) ends: [SocketAddr; 2],
}

impl DirectionSink<'_, '_> {
    /// Emits the next piece of the direction.
    pub(super) fn feed(&mut self, feed: Feed<End>) {
        self.sink.out.push((self.from, feed));
    }

    /// Emits a gap that is given up at this packet, and its finding.
    pub(super) fn gap(&mut self, len: u64, why: Degraded) {
        let at = self.at;
        self.feed(Feed::Gap { len, why, at });
        self.add(Code::TcpGap, &format!("{} not captured", count(len)));
    }

    /// Adds a finding about the direction. The detail is `what`, followed by `, sent from … to …`.
    pub(super) fn add(&mut self, code: Code, what: &str) {
        let from = self.from.of(&self.label.ends);
        let to = self.from.other().of(&self.label.ends);
        self.sink.findings.push(Finding {
            code,
            at: Some(self.at),
            tcp_stream: Some(self.label.tcp_stream),
            session: None,
            exchange: None,
            count: 1,
            detail: format!("{what}, sent from {from} to {to}"),
        });
    }
}

/// Formats a number of bytes: `1 byte`, `2 bytes`.
pub(super) fn count(bytes: u64) -> String {
    if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") }
}

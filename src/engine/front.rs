//! The front: decodes packets, and hands segments to the lane of their connection. Runs on one
//! thread, before the lanes.

use std::collections::VecDeque;

use crate::base::{Code, Degraded, End, Files, Findings, Origin, PacketNo, Sink, limits};
use crate::capture::Packet;
use crate::link::{Addresses, Link, Segment, UdpDatagram, Undecoded};
use crate::tcp::{ConnectionId, Directory};

use super::input::LaneInput;

/// Why a packet has no segment.
#[derive(Clone, Debug)]
pub(super) enum NoSegment {
    /// Its headers cannot be decoded.
    Unreadable,
    /// It is UDP.
    Udp(UdpDatagram),
    /// It is neither, or a fragment.
    Other,
}

/// Link decoding, and the directory of connections: their numbers, and the cap on them.
#[derive(Debug, Default)]
pub(super) struct Front {
    link: Link,
    directory: Directory,
    closed: Vec<ConnectionId>,
    files: Files,
    /// Packets and ticks so far: see [`Order::input`](super::order::Order::input).
    inputs: u64,
}

impl Front {
    /// Tells these files which connections they hold.
    pub(super) fn set_files(&mut self, files: Files) {
        self.files = files;
    }

    /// Divides connections into half as many shards.
    pub(super) fn halve_shards(&mut self) {
        self.directory.halve_shards();
    }

    /// Returns the number of the packet or tick that is being processed.
    pub(super) fn input(&self) -> u64 {
        self.inputs
    }

    /// Counts a packet. Returns its segment, with the data of the packet, if it is of the plain
    /// form that nearly all have: on its own, so that the segment is made where it is needed.
    #[inline(always)]
    pub(super) fn decode_plain(
        &mut self,
        packet: &mut Packet,
        findings: &mut Findings,
    ) -> Option<(Addresses, Segment)> {
        self.inputs += 1;
        self.link.decode_plain(packet, findings)
    }

    /// Returns the segment of a packet that is not plain.
    ///
    /// # Errors
    /// The packet has none.
    pub(super) fn decode(
        &mut self,
        packet: &Packet,
        findings: &mut Findings,
    ) -> Result<(Addresses, Segment), NoSegment> {
        self.link.decode(packet, findings).map_err(|why| match why {
            Undecoded::Udp(datagram) => NoSegment::Udp(datagram),
            Undecoded::NotTcp | Undecoded::Fragment => NoSegment::Other,
            Undecoded::Unreadable => NoSegment::Unreadable,
        })
    }

    /// Finds or opens the connection of a segment; returns it, and the sender. Connections that are
    /// opened or closed by it are appended to `inputs`, to be handed to their lanes before the
    /// segment.
    #[inline(always)]
    pub(super) fn route(
        &mut self,
        addresses: &Addresses,
        segment: &Segment,
        inputs: &mut VecDeque<LaneInput>,
        findings: &mut Findings,
    ) -> (ConnectionId, End) {
        let route = self.directory.route(addresses, segment, &mut Sink::new(&mut self.closed, findings));
        if self.files.are_several() && !self.files.add_stream(segment.origin.packet, route.id.tcp_stream) {
            findings.add(Code::CaptureFileNumbers, segment.origin, "the files hold too many connections");
        }
        if !self.closed.is_empty() {
            self.close(Degraded::NONE, segment.origin, inputs);
        }
        if let Some(opened) = route.opened {
            inputs.push_back(LaneInput::Open(*opened));
        }
        (route.id, route.from)
    }

    /// Returns the packets that carried the fragments of the last segment; empty if it was not
    /// fragmented.
    pub(super) fn fragments(&self) -> &[PacketNo] {
        self.link.fragments()
    }

    /// Packet time advanced to `now`: appends a tick for each shard to `inputs`, and the
    /// connections that are forgotten.
    pub(super) fn tick(&mut self, now: Origin, inputs: &mut VecDeque<LaneInput>) {
        self.inputs += 1;
        inputs.extend((0..limits::SHARDS as u8).map(|shard| LaneInput::Tick { shard, now }));
        self.directory.tick(now.time, &mut self.closed);
        self.close(Degraded::NONE, now, inputs);
    }

    /// The capture is over: appends all connections to `inputs`.
    pub(super) fn finish(&mut self, at: Origin, inputs: &mut VecDeque<LaneInput>, findings: &mut Findings) {
        self.inputs += 1;
        self.link.end(findings);
        self.directory.finish(&mut self.closed);
        self.close(Degraded::CAPTURE_END, at, inputs);
    }

    fn close(&mut self, unconfirmed: Degraded, at: Origin, inputs: &mut VecDeque<LaneInput>) {
        inputs.extend(self.closed.drain(..).map(|id| LaneInput::Close { id, unconfirmed, at }));
    }
}

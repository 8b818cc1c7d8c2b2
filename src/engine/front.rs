//! The front: decodes packets, and hands segments to the lane of their connection. Runs on one
//! thread, before the lanes.

use std::collections::VecDeque;

use crate::base::{Code, Degraded, Files, Findings, Origin, PacketNo, Sink, limits};
use crate::capture::Packet;
use crate::link::{Addresses, Link, Segment, UdpDatagram, Undecoded};
use crate::tcp::{ConnectionId, Directory};

use super::input::{LaneInput, RoutedSegment};

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

    /// Returns the number of the packet or tick that is being processed.
    pub(super) fn input(&self) -> u64 {
        self.inputs
    }

    /// Decodes a packet. Returns its segment for a lane, or why it has none. Connections that are
    /// opened or closed by it are appended to `inputs`, to be handed to their lanes before the
    /// segment.
    #[inline(always)]
    pub(super) fn packet(
        &mut self,
        packet: &Packet,
        inputs: &mut VecDeque<LaneInput>,
        findings: &mut Findings,
    ) -> Result<RoutedSegment, NoSegment> {
        self.inputs += 1;
        // On its own, so that the segment of nearly every packet is made where it is needed.
        if let Some((addresses, segment)) = self.link.decode_plain(packet, findings) {
            return Ok(self.route(&addresses, segment, inputs, findings));
        }
        self.other_packet(packet, inputs, findings)
    }

    /// Does the same for a packet that is not plain.
    fn other_packet(
        &mut self,
        packet: &Packet,
        inputs: &mut VecDeque<LaneInput>,
        findings: &mut Findings,
    ) -> Result<RoutedSegment, NoSegment> {
        match self.link.decode(packet, findings) {
            Ok((addresses, segment)) => Ok(self.route(&addresses, segment, inputs, findings)),
            Err(Undecoded::Udp(datagram)) => Err(NoSegment::Udp(datagram)),
            Err(Undecoded::NotTcp | Undecoded::Fragment) => Err(NoSegment::Other),
            Err(Undecoded::Unreadable) => Err(NoSegment::Unreadable),
        }
    }

    /// Finds or opens the connection of a segment.
    #[inline(always)]
    fn route(
        &mut self,
        addresses: &Addresses,
        segment: Segment,
        inputs: &mut VecDeque<LaneInput>,
        findings: &mut Findings,
    ) -> RoutedSegment {
        let route = self.directory.route(addresses, &segment, &mut Sink::new(&mut self.closed, findings));
        if self.files.are_several() && !self.files.add_stream(segment.origin.packet, route.id.tcp_stream) {
            findings.add(Code::CaptureFileNumbers, segment.origin, "the files hold too many connections");
        }
        if !self.closed.is_empty() {
            self.close(Degraded::NONE, segment.origin, inputs);
        }
        if let Some(opened) = route.opened {
            inputs.push_back(LaneInput::Open(*opened));
        }
        RoutedSegment { id: route.id, from: route.from, segment }
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

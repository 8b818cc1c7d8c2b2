//! Reads a source while the lanes run on threads of their own.
//!
//! The lanes are with the engine at first, and whenever something comes that is not a packet:
//! secrets, the end. Then everything runs as with one thread.

use super::crew::{Crew, Next, Placed, Step};
use super::front::NoSegment;
use super::grid::Grid;
use super::input::{LaneInput, RoutedSegment};
use super::reading::MAX_PACKETS;
use super::scope::Scope;
use super::{Engine, capture_counts};
use crate::base::{Findings, Origin};
use crate::capture::{Error, Item, Packet, Source};
use crate::ledger::Entry;

impl Engine {
    /// Analyses with this many threads: the one that calls [`Self::read_some`], and up to
    /// [`SHARDS`](crate::base::limits::SHARDS) that reassemble connections and parse what they
    /// carry. The output is that of one thread. They are started once a few thousand packets were
    /// read.
    ///
    /// Called before the first packet, after everything else that is set. Only for sources that do
    /// not wait for packets: what is completed is emitted some hundred packets later.
    pub fn set_threads(&mut self, threads: usize) {
        self.set_lanes(threads.saturating_sub(1), BEGIN);
    }

    /// Does the same; `lanes` threads are started after `begin` packets.
    pub(super) fn set_lanes(&mut self, lanes: usize, begin: u64) {
        let Some(first) = self.lanes.first() else { return };
        let lanes = lanes.min(first.shards);
        if lanes == 0 || self.scope != Scope::All {
            return;
        }
        self.lanes = std::iter::repeat_with(|| first.alike()).take(lanes).collect();
        // Half of the shards are the even ones.
        self.owners = std::array::from_fn(|shard| if lanes == 2 { shard / 2 } else { shard % lanes });
        self.crew = Some(Box::new(Crew::new(lanes, begin)));
    }

    /// Does what [`Self::read_some`] does.
    pub(super) fn read_with_crew(
        &mut self,
        source: &mut dyn Source,
        out: &mut Vec<Entry>,
    ) -> Result<bool, Error> {
        let Some(mut crew) = self.crew.take() else { return self.read_items(MAX_PACKETS, source, out) };
        if !crew.is_away
            && self.capture.packets >= crew.begin
            && !self.is_pending()
            && !self.is_finished
            && let Err(lanes) = crew.lend(std::mem::take(&mut self.lanes))
        {
            // No threads: without them from now on.
            self.lanes = lanes;
            return self.read_items(MAX_PACKETS, source, out);
        }
        let result = match crew.is_away {
            true => self.read_in_rounds(&mut crew, source, out),
            false => self.read_items(MAX_PACKETS, source, out),
        };
        self.crew = Some(crew);
        result
    }

    /// Hands packets to the threads until something is completed.
    fn read_in_rounds(
        &mut self,
        crew: &mut Crew,
        source: &mut dyn Source,
        out: &mut Vec<Entry>,
    ) -> Result<bool, Error> {
        loop {
            if crew.is_busy() {
                self.merge_round(crew, out);
                if !out.is_empty() {
                    return Ok(true);
                }
            } else if let Some((item, findings)) = crew.held.take() {
                self.lanes = crew.take_back();
                // As on one thread, they come with what is read after the error, if anything is.
                self.findings.append(findings);
                return self.read_item(item, out);
            } else {
                self.make_round(crew, source);
            }
        }
    }

    /// Reads a round and hands it to the lanes.
    fn make_round(&mut self, crew: &mut Crew, source: &mut dyn Source) {
        while !crew.is_full() {
            let item = source.next(&mut self.findings);
            if !self.findings.is_empty() && item.is_ok() {
                let findings = std::mem::take(&mut self.findings);
                crew.push_step(self.capture.last.unwrap_or_default(), Step::CaptureFindings(findings));
            }
            match item {
                Ok(Some(Item::Packet(mut packet))) => self.queue_packet(crew, &mut packet),
                other => {
                    // Of an error: what is merged before must not emit them.
                    crew.held = Some((other, std::mem::take(&mut self.findings)));
                    break;
                }
            }
        }
        crew.send();
    }

    /// Does with a packet what [`Self::begin_packet`] does, but queues what follows.
    fn queue_packet(&mut self, crew: &mut Crew, packet: &mut Packet) {
        let until = packet.origin.time;
        let back = self.clock.push(until);
        if let Some(back) = back {
            self.grid = Grid::default();
            crew.push_step(packet.origin, Step::TimeBack { back, at: packet.origin });
        }
        if back.is_some() || !self.grid.includes(until) {
            self.queue_ticks(crew, packet);
            self.grid.start(until);
        }
        capture_counts::add_packet(&mut self.capture, packet);
        let decoded = match self.front.decode_plain(packet, &mut self.findings) {
            Some(decoded) => Ok(decoded),
            None => self.front.decode(packet, &mut self.findings),
        };
        let last = packet.origin;
        let queue_findings = |crew: &mut Crew, list: &mut Findings, is_joined: bool| {
            if back.is_some() || !list.is_empty() {
                let list = std::mem::take(list);
                crew.push_step(last, Step::Findings { list, is_joined });
            }
        };
        match decoded {
            Ok((addresses, segment)) => {
                let (id, from) = self.front.route(&addresses, &segment, &mut self.inputs, &mut self.findings);
                self.capture.tcp_packets += 1;
                queue_findings(crew, &mut self.findings, self.inputs.is_empty());
                self.queue_inputs(crew, last);
                let segment = LaneInput::Segment(RoutedSegment { id, from, segment });
                self.queue_input(crew, last, segment);
            }
            Err(why) => {
                queue_findings(crew, &mut self.findings, false);
                match why {
                    NoSegment::Unreadable => self.capture.unreadable_packets += 1,
                    NoSegment::Udp(datagram) => crew.push_step(last, Step::Datagram(datagram)),
                    NoSegment::Other => {}
                }
            }
        }
    }

    /// Queues the ticks before a packet.
    fn queue_ticks(&mut self, crew: &mut Crew, packet: &Packet) {
        let last = self.capture.last.unwrap_or_default();
        while let Some(time) = self.grid.next(packet.origin.time) {
            let now = Origin { time, ..last };
            self.front.tick(now, &mut self.inputs);
            self.queue_inputs(crew, last);
            crew.push_step(last, Step::Tick(now));
        }
    }

    fn queue_inputs(&mut self, crew: &mut Crew, last: Origin) {
        while let Some(input) = self.inputs.pop_front() {
            self.queue_input(crew, last, input);
        }
    }

    fn queue_input(&self, crew: &mut Crew, last: Origin, input: LaneInput) {
        let owner = self.owners.get(usize::from(input.shard())).copied().unwrap_or_default();
        crew.push(owner, self.front.input(), last, input);
    }

    /// Emits what the oldest round completes, until it is over or [enough](Self::is_enough).
    fn merge_round(&mut self, crew: &mut Crew, out: &mut Vec<Entry>) {
        while !self.is_enough(out) {
            match crew.next() {
                Next::RoundOver => return,
                Next::Step(step) => self.take_step(crew, step, out),
                Next::Part => {
                    if let Some(part) = crew.take_part(self.merge.emitted()) {
                        self.emit_at(part.last, out);
                    }
                }
            }
        }
    }

    fn take_step(&mut self, crew: &mut Crew, mut placed: Placed, out: &mut Vec<Entry>) {
        match &mut placed.step {
            Step::CaptureFindings(list) => {
                self.findings.append(std::mem::take(list));
                return self.emit_capture_findings(placed.last, out);
            }
            Step::TimeBack { back, at } => return self.report_time_back(*back, *at),
            Step::Findings { list, is_joined } => {
                self.findings.append(std::mem::take(list));
                if *is_joined {
                    crew.take_joined(&placed, self.merge.emitted());
                }
            }
            Step::Tick(now) => self.tracker.tick(*now, &mut self.records, &mut self.findings),
            Step::Datagram(datagram) => self.datagram(datagram),
        }
        self.emit_at(placed.last, out);
    }
}

/// Packets after which threads pay: before, a report takes a few milliseconds.
const BEGIN: u64 = 4096;

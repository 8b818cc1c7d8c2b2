//! The only place that knows the order of the rooms: packets in, entries for the ledger out.
//!
//! A lane takes packets down to envelopes; `mcp` is handed what lanes give in the order of its
//! completing packet, then connection, then offset. One lane does all for now.

use std::collections::HashSet;

use crate::base::fact::CaptureFact;
use crate::base::{Code, Degraded, Fact, Findings, Origin, Timestamp};
use crate::capture::{Error, Item, Source};
use crate::ledger::Entry;
use crate::ledger::store::InProgress;
use crate::mcp::{Record, Tracker};
use crate::rpc;

use grid::Grid;
use lane::{Emitted, Lane};

mod grid;
mod lane;
#[cfg(test)]
mod tests;

/// Analyses one capture.
#[derive(Debug, Default)]
pub struct Engine {
    lane: Lane,
    tracker: Tracker,
    capture: CaptureFact,
    /// The connections that are open and carry MCP.
    mcp: HashSet<u32, foldhash::fast::RandomState>,
    grid: Grid,
    emitted: Vec<Emitted>,
    records: Vec<Record>,
    findings: Findings,
    finished: bool,
}

impl Engine {
    /// An engine that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on tells each request as soon as it is complete ([`Record::Request`]), and not only what became of it.
    pub fn emit_requests(&mut self) {
        self.tracker.emit_requests();
    }

    /// From now on tells requests as they come, and what transactions carry ([`Fact::Payload`]): for readers who look
    /// into messages.
    pub fn emit_payloads(&mut self) {
        self.emit_requests();
        self.lane.emit_payloads();
    }

    /// What goes on and was not told yet: for who watches, from time to time. It takes some milliseconds where there are
    /// ten thousands of connections and sessions.
    #[must_use]
    pub fn in_progress(&self) -> InProgress {
        let mut capture = self.capture;
        let mut connections = self.lane.in_progress();
        for fact in &mut connections {
            fact.mcp = self.mcp.contains(&fact.tcp_stream);
            let bytes: u64 = fact.directions.iter().map(|direction| direction.bytes).sum();
            capture.tcp_bytes += bytes;
            capture.mcp_bytes += if fact.mcp { bytes } else { 0 };
        }
        let (sessions, streams) = (self.tracker.open_sessions(), self.tracker.open_streams());
        InProgress { capture, connections, sessions, streams }
    }

    /// Takes the next item of a source and appends what it completes to `out`. False at the end of the capture, when
    /// everything was told.
    ///
    /// # Errors
    /// What concerns the operator: see [`Source::next`].
    pub fn read(&mut self, source: &mut dyn Source, out: &mut Vec<Entry>) -> Result<bool, Error> {
        let item = source.next(&mut self.findings)?;
        if !self.findings.is_empty() {
            self.tell_capture_findings(out);
        }
        match item {
            Some(item) => self.push(item, out),
            None => self.finish(out),
        }
        Ok(!self.finished)
    }

    /// Takes an item of a capture.
    pub fn push(&mut self, item: Item, out: &mut Vec<Entry>) {
        match item {
            Item::Packet(packet) => {
                self.tick(packet.origin.time, out);
                self.grid.start(packet.origin.time);
                self.count(&packet);
                let tcp = self.lane.push(&packet, &mut self.emitted, &mut self.findings);
                self.capture.tcp_packets += u64::from(tcp == lane::Packet::Tcp);
                self.capture.unreadable_packets += u64::from(tcp == lane::Packet::Unreadable);
                self.tell(out);
            }
            // The door of `tls`: no room takes secrets yet.
            Item::Secrets { .. } => {}
            Item::Time(time) => self.tick(time, out),
            Item::Pending => {}
            Item::Lost { by, packets } => {
                self.capture.lost.add(by, packets);
                let at = self.capture.last.unwrap_or_default();
                self.tracker.missing(Degraded::LOST_PACKETS, at);
                let detail = format!("{} lost {packets} packets", by.name());
                self.findings.add(Code::CaptureLostPackets, at, detail);
                self.tell(out);
            }
        }
    }

    /// The capture is over: tells what is still open, and the counts.
    pub fn finish(&mut self, out: &mut Vec<Entry>) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        let at = self.capture.last.unwrap_or_default();
        if self.capture.cut_packets > 0 {
            let detail = format!("{} of {} packets", self.capture.cut_packets, self.capture.packets);
            self.findings.add(Code::CaptureCutPackets, at, detail);
        }
        self.lane.finish(at, &mut self.emitted, &mut self.findings);
        self.tell(out);
        self.tracker.finish(&mut self.records, &mut self.findings);
        self.tell(out);
        self.tracker.sessions(&mut self.records);
        self.tell(out);
        out.push(Entry::Fact(Fact::Capture(self.capture)));
    }

    fn count(&mut self, packet: &crate::capture::Packet) {
        let capture = &mut self.capture;
        capture.packets += 1;
        capture.bytes += u64::from(packet.original_len);
        capture.captured_bytes += packet.data.len() as u64;
        capture.cut_packets += u64::from(packet.data.len() < packet.original_len as usize);
        capture.first.get_or_insert(packet.origin);
        capture.last = Some(packet.origin);
    }

    /// Announces that packet time goes on to `time`: each time of [`Grid`] until then, so that what waits is told alike
    /// whatever else the capture holds, and whether the silence before a packet was seen as it passed or is found
    /// out by the packet.
    fn tick(&mut self, time: Timestamp, out: &mut Vec<Entry>) {
        while let Some(time) = self.grid.next(time) {
            let now = Origin { time, ..self.capture.last.unwrap_or_default() };
            self.lane.tick(now, &mut self.emitted, &mut self.findings);
            self.tell(out);
            self.tracker.tick(now, &mut self.records, &mut self.findings);
            self.tell(out);
        }
    }

    /// Hands what the lane emitted to `mcp`, and everything on to the ledger.
    fn tell(&mut self, out: &mut Vec<Entry>) {
        if self.emitted.is_empty() && self.records.is_empty() && self.findings.is_empty() {
            return;
        }
        for emitted in self.emitted.drain(..) {
            match emitted {
                Emitted::Item(item) => {
                    let key = (item.peers.tcp_stream, item.update.transaction);
                    let told = matches!(item.update.kind, rpc::UpdateKind::Ended { .. });
                    if told && self.tracker.is_mcp(key) {
                        self.mcp.insert(key.0);
                    }
                    self.tracker.push(item, &mut self.records, &mut self.findings);
                    if !told && self.tracker.is_mcp(key) {
                        self.mcp.insert(key.0);
                    }
                    out.extend(self.records.drain(..).map(Entry::Record));
                }
                Emitted::Payload(fact) => out.push(Entry::Fact(Fact::Payload(fact))),
                Emitted::Closed(mut fact) => {
                    fact.mcp = self.mcp.remove(&fact.tcp_stream);
                    let bytes: u64 = fact.directions.iter().map(|direction| direction.bytes).sum();
                    self.capture.tcp_bytes += bytes;
                    self.capture.mcp_bytes += if fact.mcp { bytes } else { 0 };
                    out.push(Entry::Fact(Fact::Connection(fact)));
                }
            }
        }
        out.extend(self.records.drain(..).map(Entry::Record));
        out.extend(self.findings.drain().map(Entry::Finding));
    }

    fn tell_capture_findings(&mut self, out: &mut Vec<Entry>) {
        for finding in self.findings.drain() {
            if finding.code == Code::CaptureTruncated {
                self.tracker.missing(Degraded::CAPTURE_END, self.capture.last.unwrap_or_default());
            }
            out.push(Entry::Finding(finding));
        }
    }
}

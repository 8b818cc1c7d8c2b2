//! Runs the analysis: the only place that knows the order of the layers.
//!
//! ```text
//!            ┌ Front ─┐  Input   ┌ Lane ────────────────────────┐ Emitted ┌ Merge ┐ Update
//!   Packet ─▶│ link   │─────────▶│ tcp ─▶ Pipeline, http ─▶ rpc │────────▶│ Order │─▶ mcp ─▶ Entry
//!            └────────┘ by shard └──────────────────────────────┘         └───────┘
//! ```
//!
//! The front numbers connections and hands each segment to the lane that owns the connection's
//! shard. Lanes share nothing but secrets, and what they emit carries its order, so the output does
//! not depend on the number of lanes. They run on the thread of the front, or on threads of their
//! own ([`Engine::set_threads`]).

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use crate::base::fact::CaptureFact;
use crate::base::{Code, Degraded, End, Fact, Files, Findings, Origin, latest, limits, units};
use crate::capture::{Item, Packet};
use crate::ledger::Entry;
use crate::ledger::store::InProgress;
use crate::link::{Addresses, Segment};
use crate::mcp::{Record, Tracker};
use crate::tcp::ConnectionId;
use crate::tls::KeyLog;

use clock::Clock;
use crew::Crew;
use front::{Front, NoSegment};
use grid::Grid;
use http3::Http3;
use input::{LaneInput, RoutedSegment};
use lane::Lane;
use llm_numbers::LlmNumbers;
use order::Merge;
use scope::Scope;
use secrets_use::SecretsUse;
use stage::Stage;
use unread::Unread;

mod capture_counts;
mod clock;
mod crew;
mod emit;
mod front;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod grid;
mod http3;
mod input;
mod lane;
mod llm_numbers;
mod memory;
mod order;
mod output;
mod parallel;
mod payload;
mod pipeline;
mod reading;
mod scope;
mod secrets_use;
mod segments;
mod sniff;
mod stage;
#[cfg(test)]
mod tests;
mod unread;
mod waiting;
mod weight;
mod worker;

/// Analyses one capture.
#[derive(Debug)]
pub struct Engine {
    front: Front,
    lanes: Vec<Lane>,
    /// Index of the lane that owns each shard.
    owners: [usize; limits::SHARDS],
    merge: Merge,
    tracker: Tracker,
    capture: CaptureFact,
    /// Open connections that carry MCP.
    mcp: HashSet<u32, foldhash::fast::RandomState>,
    grid: Grid,
    clock: Clock,
    /// Inputs that wait for their lane.
    inputs: VecDeque<LaneInput>,
    /// Index of the lane that has more to emit for its last input.
    busy: Option<usize>,
    /// What is left of the item that was pushed last.
    stage: Stage,
    unread: Unread,
    http3: Http3,
    secrets: SecretsUse,
    llm: LlmNumbers,
    records: Vec<Record>,
    findings: Findings,
    /// What the payloads that the caller gets next count as, beside an entry each.
    large: usize,
    scope: Scope,
    files: Files,
    /// The threads that run the lanes; `None` if this thread always does.
    crew: Option<Box<Crew>>,
    is_finished: bool,
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// Creates an engine with one lane.
    #[must_use]
    pub fn new() -> Self {
        Self::with_lanes(1, [0; limits::SHARDS])
    }

    /// Creates an engine with several lanes; `owners` is the index of the lane of each shard.
    fn with_lanes(lanes: usize, owners: [usize; limits::SHARDS]) -> Self {
        Self {
            front: Front::default(),
            lanes: std::iter::repeat_with(Lane::default).take(lanes).collect(),
            owners,
            merge: Merge::default(),
            tracker: Tracker::new(),
            capture: CaptureFact::default(),
            mcp: HashSet::default(),
            grid: Grid::default(),
            clock: Clock::default(),
            inputs: VecDeque::new(),
            busy: None,
            stage: Stage::Idle,
            unread: Unread::default(),
            http3: Http3::default(),
            secrets: SecretsUse::default(),
            llm: LlmNumbers::default(),
            records: Vec::new(),
            findings: Findings::default(),
            large: 0,
            scope: Scope::All,
            files: Files::default(),
            crew: None,
            is_finished: false,
        }
    }

    /// Creates an engine that decodes packets down to their connections and does nothing else: it
    /// emits a [`Fact::Segment`] for each, with the numbers of connections that an analysis of the
    /// same capture gives them.
    #[must_use]
    pub fn of_segments() -> Self {
        Self { scope: Scope::Headers, ..Self::new() }
    }

    /// Creates an engine that analyses some connections of a capture (Wireshark's numbers), and
    /// emits their segments ([`Fact::Segment`]) and what each end sent ([`Fact::Delivery`]), too.
    #[must_use]
    pub fn of_connections(tcp_streams: impl IntoIterator<Item = u32>) -> Self {
        let mut wanted: Vec<u32> = tcp_streams.into_iter().collect();
        wanted.sort_unstable();
        let mut engine = Self { scope: Scope::Connections(wanted.into()), ..Self::new() };
        engine.lanes.iter_mut().for_each(Lane::emit_segments);
        engine
    }

    /// Names packets by these files, in the text of findings, and tells the files which connections
    /// they hold. The source has to be numbered by the same files.
    pub fn set_files(&mut self, files: Files) {
        self.front.set_files(files.clone());
        self.files = files;
    }

    /// Emits each request as soon as it is complete ([`Record::Request`]), and not only its
    /// exchange at the end.
    pub fn emit_requests(&mut self) {
        self.tracker.emit_requests();
    }

    /// Emits requests as they come, and the bytes that transactions carry ([`Fact::Payload`]).
    pub fn emit_payloads(&mut self) {
        self.emit_requests();
        self.lanes.iter_mut().for_each(Lane::emit_payloads);
    }

    /// Returns the connections, sessions and streams that have not ended, the latest
    /// [`limits::MAX_IN_PROGRESS`] of each. Called periodically by the TUI; takes some milliseconds
    /// with tens of thousands of connections. Not for an engine with [threads](Self::set_threads),
    /// which have the connections.
    #[must_use]
    pub fn in_progress(&self) -> InProgress {
        let mut capture = self.capture_so_far();
        let connections = self.lanes.iter().flat_map(Lane::in_progress).map(|mut fact| {
            fact.mcp = self.mcp.contains(&fact.tcp_stream);
            capture_counts::add_payload(&mut capture, &fact);
            fact
        });
        let connections = latest(connections, limits::MAX_IN_PROGRESS, |fact| fact.tcp_stream);
        let (sessions, streams) = (self.tracker.open_sessions(), self.tracker.open_streams());
        InProgress { capture, connections, sessions, streams }
    }

    /// Takes an item of a capture and appends everything that it completes to `out`.
    pub fn push(&mut self, item: Item, out: &mut Vec<Entry>) {
        self.begin(item, out);
        while self.is_pending() {
            self.resume(out);
        }
    }

    /// The capture is over: appends everything that is still open to `out`, then the totals.
    pub fn finish(&mut self, out: &mut Vec<Entry>) {
        self.begin_finish();
        while self.is_pending() {
            self.resume(out);
        }
    }

    /// Takes a packet, and the data out of it. What it completes is emitted by [`Self::resume`].
    #[inline(always)]
    fn begin_packet(&mut self, packet: &mut Packet, out: &mut Vec<Entry>) {
        let until = packet.origin.time;
        match self.clock.push(until) {
            Some(back) => {
                self.grid = Grid::default();
                self.report_time_back(back, packet.origin);
                self.packet(packet, out);
            }
            None if self.grid.includes(until) => self.decode(packet, out),
            None if self.grid.is_due(until) => {
                self.stage = Stage::Time { until, then: Box::new(Stage::Packet(packet.clone())) };
            }
            None => self.packet(packet, out),
        }
    }

    /// Takes an item. What it completes is emitted by [`Self::resume`].
    fn begin(&mut self, item: Item, out: &mut Vec<Entry>) {
        match item {
            Item::Packet(mut packet) => self.begin_packet(&mut packet, out),
            Item::Secrets { kind, data } => self.secrets(kind, &data, out),
            Item::Time(time) => self.stage = Stage::Time { until: time, then: Box::new(Stage::Idle) },
            Item::Pending => {}
            Item::Lost { by, packets } => {
                self.capture.lost.add(by, packets);
                let at = self.capture.last.unwrap_or_default();
                self.tracker.missing(Degraded::LOST_PACKETS, at);
                let detail = format!("{} lost {packets} packets", by.name());
                self.findings.add(Code::CaptureLostPackets, at, detail);
                self.emit(out);
            }
        }
    }

    /// Takes secrets: those of TLS go to every lane, and connections that wait for them go on.
    fn secrets(&mut self, kind: u32, data: &[u8], out: &mut Vec<Entry>) {
        if kind != SECRETS_OF_TLS {
            return;
        }
        let at = self.capture.last.unwrap_or_default();
        let log = KeyLog::read(data);
        if log.malformed > 0 {
            let detail = units::several(log.malformed as u64, "line");
            self.findings.add(Code::TlsBadKeyLog, at, format!("{detail} skipped"));
        }
        self.secrets.premaster += log.premaster as u64;
        if let Some(detail) = self.secrets.take_premaster() {
            self.findings.add(Code::TlsPremasterSecret, at, detail);
        }
        if log.lines.is_empty() {
            return self.emit(out);
        }
        self.secrets.lines += log.lines.len() as u64;
        // Every lane has the same secrets. They are changed while no lane holds them.
        let mut all = Arc::default();
        self.lanes.iter_mut().for_each(|lane| all = lane.take_secrets());
        if Arc::get_mut(&mut all).is_some_and(|all| all.add(&log.lines)) {
            self.findings.add(Code::TlsSecretLimit, at, "the oldest were dropped");
        }
        self.lanes.iter_mut().for_each(|lane| lane.set_secrets(Arc::clone(&all), &log.lines));
        self.emit(out);
        self.inputs.extend((0..limits::SHARDS as u8).map(|shard| LaneInput::Secrets { shard, at }));
    }

    /// The capture is over. What is still open is emitted by [`Self::resume`].
    fn begin_finish(&mut self) {
        if self.is_finished {
            return;
        }
        let at = self.capture.last.unwrap_or_default();
        if self.capture.cut_packets > 0 {
            let detail = format!("{} of {} packets", self.capture.cut_packets, self.capture.packets);
            self.findings.add(Code::CaptureCutPackets, at, detail);
        }
        self.front.finish(at, &mut self.inputs, &mut self.findings);
        self.http3.finish();
        self.report_http3();
        self.stage = Stage::Finish;
    }

    fn is_pending(&self) -> bool {
        self.busy.is_some() || !self.inputs.is_empty() || !matches!(self.stage, Stage::Idle)
    }

    fn take_stage(&mut self) -> Stage {
        std::mem::replace(&mut self.stage, Stage::Idle)
    }

    /// Whether `out` has what a caller gets at one time.
    fn is_enough(&self, out: &[Entry]) -> bool {
        out.len().saturating_add(self.large) >= MAX_ENTRIES
    }

    /// Emits what the item in hand completes, until it is done or [enough](Self::is_enough).
    fn resume(&mut self, out: &mut Vec<Entry>) {
        loop {
            if let Some(busy) = self.busy {
                if let Some(lane) = self.lanes.get_mut(busy) {
                    lane.resume(self.merge.emitted());
                    self.busy = lane.is_pending().then_some(busy);
                }
                self.emit(out);
            } else if let Some(input) = self.inputs.pop_front() {
                self.run(input);
                self.emit(out);
            } else if !self.advance(out) {
                return;
            }
            if self.is_enough(out) {
                return;
            }
        }
    }

    /// Goes on to the next stage of the item in hand; false if it is done.
    fn advance(&mut self, out: &mut Vec<Entry>) -> bool {
        match self.take_stage() {
            Stage::Idle => return false,
            Stage::Packet(mut packet) => self.packet(&mut packet, out),
            Stage::Time { until, then } => match self.grid.next(until) {
                Some(time) => {
                    let now = Origin { time, ..self.capture.last.unwrap_or_default() };
                    self.front.tick(now, &mut self.inputs);
                    self.stage = Stage::Tick { now, until, then };
                }
                None => self.stage = *then,
            },
            Stage::Tick { now, until, then } => {
                self.tracker.tick(now, &mut self.records, &mut self.findings);
                self.emit(out);
                self.stage = Stage::Time { until, then };
            }
            Stage::Finish => {
                self.tracker.finish(&mut self.records, &mut self.findings);
                self.emit(out);
                self.tracker.sessions(&mut self.records);
                if let Some(detail) = self.secrets.unused() {
                    self.findings.add(Code::TlsUnusedSecrets, self.capture.last.unwrap_or_default(), detail);
                }
                self.emit(out);
                out.push(Entry::Fact(Fact::Capture(Box::new(self.capture_so_far()))));
                self.is_finished = true;
            }
        }
        true
    }

    /// Takes a packet. Everything that is due before it was emitted.
    fn packet(&mut self, packet: &mut Packet, out: &mut Vec<Entry>) {
        self.grid.start(packet.origin.time);
        self.decode(packet, out);
    }

    /// Decodes a packet and hands its segment to a lane.
    fn decode(&mut self, packet: &mut Packet, out: &mut Vec<Entry>) {
        capture_counts::add_packet(&mut self.capture, packet);
        if let Some((addresses, segment)) = &mut self.front.decode_plain(packet, &mut self.findings) {
            self.segment(addresses, segment, out);
        } else {
            match self.front.decode(packet, &mut self.findings) {
                Ok((addresses, mut segment)) => self.segment(&addresses, &mut segment, out),
                Err(NoSegment::Unreadable) => self.capture.unreadable_packets += 1,
                Err(NoSegment::Udp(datagram)) if self.scope == Scope::All => self.datagram(&datagram),
                Err(NoSegment::Udp(_) | NoSegment::Other) => {}
            }
        }
        self.emit(out);
    }

    /// Hands a segment to the lane of its connection, which takes the payload out of it.
    #[inline(always)]
    fn segment(&mut self, addresses: &Addresses, segment: &mut Segment, out: &mut Vec<Entry>) {
        let (id, from) = self.front.route(addresses, segment, &mut self.inputs, &mut self.findings);
        self.capture.tcp_packets += 1;
        if self.scope == Scope::Headers {
            let fact = segments::fact(id, from, segment, self.front.fragments());
            out.push(Entry::Fact(Fact::Segment(Box::new(fact))));
        }
        // Its connection is opened at once, unless something comes before that.
        if let Some(opened) = self.inputs.pop_front_if(|input| matches!(input, LaneInput::Open(_))) {
            if self.inputs.is_empty() && self.findings.is_empty() {
                self.run(opened);
            } else {
                self.inputs.push_front(opened);
            }
        }
        if self.inputs.is_empty() {
            self.run_segment(id, from, segment);
        } else {
            let segment = segment.clone();
            self.inputs.push_back(LaneInput::Segment(RoutedSegment { id, from, segment }));
        }
    }

    /// Returns what is known of the capture so far.
    fn capture_so_far(&self) -> CaptureFact {
        CaptureFact { length_ns: self.clock.length_ns(), ..self.capture }
    }

    /// Hands an input to the lane of its shard.
    fn run(&mut self, input: LaneInput) {
        if !self.scope.includes(&input) {
            return;
        }
        let owner = self.owners.get(usize::from(input.shard())).copied().unwrap_or_default();
        if let Some(lane) = self.lanes.get_mut(owner) {
            lane.push(self.front.input(), input, self.merge.emitted());
            self.busy = lane.is_pending().then_some(owner);
        }
    }

    /// Hands a segment to the lane of its shard.
    #[inline]
    fn run_segment(&mut self, id: ConnectionId, from: End, segment: &mut Segment) {
        if !self.scope.includes_connection(&id) {
            return;
        }
        let owner = self.owners.get(usize::from(id.shard)).copied().unwrap_or_default();
        if let Some(lane) = self.lanes.get_mut(owner) {
            lane.push_segment(self.front.input(), (id, from), segment, self.merge.emitted());
            self.busy = lane.is_pending().then_some(owner);
        }
    }
}

/// Secrets type of a key log for TLS (pcapng section 4.7).
const SECRETS_OF_TLS: u32 = 0x544c_534b;

/// Entries that one call of [`Engine::read`] appends, about.
const MAX_ENTRIES: usize = 1024;

//! The threads of the lanes: divides inputs into rounds, and puts what the lanes return in order.
//!
//! ```text
//!            place    0   1   2   3   4   5 │ 6   7 …
//!   inputs   lane 0   ■   ■       ■         │ ■          a round goes to every lane;
//!            lane 1           ■       ■   ■ │     ■      at most MAX_ROUNDS are not merged
//!   steps           ▲       ▲               │            what the engine does between inputs
//! ```

use std::collections::VecDeque;

use super::input::LaneInput;
use super::lane::Lane;
use super::order::Emitted;
use super::worker::{Chunk, Part, Queued, Worker};
use crate::base::{Findings, Origin};
use crate::capture::{Error, Item};
use crate::link::UdpDatagram;

/// The threads of the lanes, and what is on its way to them and back.
#[derive(Debug)]
pub(super) struct Crew {
    /// Number of packets after which the threads are started.
    pub(super) begin: u64,
    /// By lane; empty before they are started.
    workers: Vec<Worker>,
    /// Whether the lanes are with the threads.
    pub(super) is_away: bool,
    /// The round that is being made.
    round: Round,
    /// The steps of the rounds that the lanes have, the oldest first.
    pending: VecDeque<VecDeque<Placed>>,
    /// What came of the oldest round, by lane.
    chunks: Vec<Chunk>,
    /// Place of the next input.
    next: u64,
    /// What the source returned that is not for the lanes: taken when all rounds are merged.
    pub(super) held: Option<Held>,
}

/// What a source returned, and what it found before it failed.
pub(super) type Held = (Result<Option<Item>, Error>, Findings);

/// Inputs and steps.
#[derive(Debug, Default)]
struct Round {
    /// By lane.
    inputs: Vec<Vec<Queued>>,
    steps: VecDeque<Placed>,
    /// Number of inputs and steps.
    len: usize,
    /// Bytes of packets that they hold.
    bytes: usize,
}

/// A step and its place in the output.
#[derive(Debug)]
pub(super) struct Placed {
    /// It comes before what the input at this place completes.
    place: u64,
    /// The latest packet.
    pub(super) last: Origin,
    pub(super) step: Step,
}

/// What the engine itself does at a place of the output.
#[derive(Debug)]
pub(super) enum Step {
    /// Emit what is wrong with the capture file.
    CaptureFindings(Findings),
    /// Report that packet times go back, by `back` nanoseconds. [`Step::Findings`] follows.
    TimeBack { back: i64, at: Origin },
    /// Emit findings of the front, together with what the next input completes if `is_joined`.
    Findings { list: Findings, is_joined: bool },
    /// The lanes are done with this time: it is the turn of `mcp`.
    Tick(Origin),
    /// Look at a UDP datagram.
    Datagram(UdpDatagram),
}

/// What comes next in the output.
#[derive(Debug)]
pub(super) enum Next {
    Step(Placed),
    /// A part of what an input completes: see [`Crew::take_part`].
    Part,
    /// Nothing of this round.
    RoundOver,
}

impl Crew {
    /// Creates threads for `lanes` lanes. They are started after `begin` packets.
    pub(super) fn new(lanes: usize, begin: u64) -> Self {
        Self {
            begin,
            workers: Vec::new(),
            is_away: false,
            round: Round {
                inputs: std::iter::repeat_with(Vec::new).take(lanes).collect(),
                ..Round::default()
            },
            pending: VecDeque::new(),
            chunks: std::iter::repeat_with(Chunk::default).take(lanes).collect(),
            next: 0,
            held: None,
        }
    }

    /// Hands the lanes to the threads. Returns them if a thread cannot be started.
    pub(super) fn lend(&mut self, lanes: Vec<Lane>) -> Result<(), Vec<Lane>> {
        while self.workers.len() < lanes.len() {
            match Worker::start(lanes.len()) {
                Ok(worker) => self.workers.push(worker),
                Err(_) => return Err(lanes),
            }
        }
        self.workers.iter().zip(lanes).for_each(|(worker, lane)| worker.lend(lane));
        self.is_away = true;
        Ok(())
    }

    /// Returns the lanes. Everything was merged before.
    pub(super) fn take_back(&mut self) -> Vec<Lane> {
        self.is_away = false;
        self.workers.iter_mut().map(Worker::take_back).collect()
    }

    /// Adds an input of a lane.
    pub(super) fn push(&mut self, lane: usize, number: u64, last: Origin, input: LaneInput) {
        if let LaneInput::Segment(routed) = &input {
            self.round.bytes += routed.segment.payload.len();
        }
        self.round.len += 1;
        if let Some(inputs) = self.round.inputs.get_mut(lane) {
            inputs.push(Queued { place: self.next, number, last, input });
        }
        self.next += 1;
    }

    /// Adds a step.
    pub(super) fn push_step(&mut self, last: Origin, step: Step) {
        if let Step::Datagram(datagram) = &step {
            self.round.bytes += datagram.payload.len();
        }
        self.round.len += 1;
        self.round.steps.push_back(Placed { place: self.next, last, step });
    }

    /// Returns whether the round is large enough.
    pub(super) fn is_full(&self) -> bool {
        self.round.len >= ROUND_LEN || self.round.bytes >= ROUND_BYTES
    }

    /// Hands the round to the lanes.
    pub(super) fn send(&mut self) {
        if self.round.len == 0 {
            return;
        }
        for ((worker, inputs), chunk) in self.workers.iter().zip(&mut self.round.inputs).zip(&mut self.chunks)
        {
            worker.push_round(std::mem::replace(inputs, std::mem::take(&mut chunk.spare)));
        }
        self.pending.push_back(std::mem::take(&mut self.round.steps));
        (self.round.len, self.round.bytes) = (0, 0);
    }

    /// Returns whether rounds have to be merged before others are made.
    pub(super) fn is_busy(&self) -> bool {
        self.pending.len() >= MAX_ROUNDS || (self.held.is_some() && !self.pending.is_empty())
    }

    /// Returns what comes next in the output of the oldest round. Waits for the lanes.
    pub(super) fn next(&mut self) -> Next {
        for (worker, chunk) in self.workers.iter_mut().zip(&mut self.chunks) {
            while chunk.parts.is_empty() && !chunk.is_last {
                let spare = std::mem::take(&mut chunk.spare);
                *chunk = worker.next_chunk();
                if chunk.spare.capacity() == 0 {
                    chunk.spare = spare;
                }
            }
        }
        let part = self.first().map(|(place, _)| place);
        let Some(steps) = self.pending.front_mut() else { return Next::RoundOver };
        if let Some(step) = steps.pop_front_if(|step| part.is_none_or(|part| step.place <= part)) {
            return Next::Step(step);
        }
        if part.is_some() {
            return Next::Part;
        }
        self.pending.pop_front();
        self.chunks.iter_mut().for_each(|chunk| chunk.is_last = false);
        Next::RoundOver
    }

    /// Moves the next part to `out`, and returns it.
    pub(super) fn take_part(&mut self, out: &mut Vec<Emitted>) -> Option<Part> {
        let (_, lane) = self.first()?;
        let chunk = self.chunks.get_mut(lane)?;
        let part = chunk.take_part(out);
        if let Some(worker) = self.workers.get(lane) {
            worker.note_merged(chunk);
        }
        part
    }

    /// Moves the next part to `out` if it is what the input after a step completes.
    pub(super) fn take_joined(&mut self, step: &Placed, out: &mut Vec<Emitted>) {
        if self.first().is_some_and(|(place, _)| place == step.place) {
            self.take_part(out);
        }
    }

    /// Returns the place of the first part of all lanes, and its lane.
    fn first(&self) -> Option<(u64, usize)> {
        let firsts = self.chunks.iter().enumerate();
        firsts.filter_map(|(lane, chunk)| Some((chunk.parts.front()?.place, lane))).min()
    }
}

/// Inputs and steps of a round, about: some hundred microseconds of work.
const ROUND_LEN: usize = 512;

/// Bytes of packets of a round, about.
const ROUND_BYTES: usize = 256 << 10;

/// Rounds that are not merged.
const MAX_ROUNDS: usize = 4;

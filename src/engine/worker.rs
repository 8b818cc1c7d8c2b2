//! A thread that runs a lane: takes rounds of inputs, and returns what they complete.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread::{Builder, JoinHandle};

use super::input::LaneInput;
use super::lane::Lane;
use super::order::{Emitted, EmittedKind};
use crate::base::Origin;
use crate::http::UpdateKind;

/// A thread that runs a lane.
///
/// Its inputs never block the sender, who bounds them. What it returns is bounded by the channel: a
/// slow receiver holds the lane.
#[derive(Debug)]
pub(super) struct Worker {
    tasks: Sender<Task>,
    replies: Receiver<Reply>,
    /// `None` after the thread panicked.
    thread: Option<JoinHandle<()>>,
}

/// An input and its place in the output.
#[derive(Debug)]
pub(super) struct Queued {
    /// Its number among the inputs of all lanes.
    pub(super) place: u64,
    /// See [`Order::input`](super::order::Order::input).
    pub(super) number: u64,
    /// The latest packet.
    pub(super) last: Origin,
    pub(super) input: LaneInput,
}

/// What the thread does next.
#[derive(Debug)]
enum Task {
    /// Run this lane from now on.
    Take(Box<Lane>),
    /// Push these inputs to the lane.
    Round(Vec<Queued>),
    /// Return the lane.
    Return,
}

#[derive(Debug)]
enum Reply {
    Chunk(Chunk),
    Lane(Box<Lane>),
}

/// What a part of a round completes.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// The parts that are not empty, in order.
    pub(super) parts: VecDeque<Part>,
    /// The values of all parts.
    pub(super) emitted: VecDeque<Emitted>,
    /// Whether the round is over.
    pub(super) is_last: bool,
    /// An empty list whose memory is used again.
    pub(super) spare: Vec<Queued>,
    /// Memory of the values, in bytes, about.
    weight: usize,
}

/// What one input completes, or a part of that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// Of the input: see [`Queued::place`].
    pub(super) place: u64,
    /// Of the input: see [`Queued::last`].
    pub(super) last: Origin,
    /// Number of values.
    len: usize,
}

impl Worker {
    /// Starts a thread without a lane.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn start() -> io::Result<Self> {
        let (tasks, from_engine) = mpsc::channel();
        let (to_engine, replies) = mpsc::sync_channel(MAX_CHUNKS);
        let work = move || work(&from_engine, &to_engine);
        let thread = Builder::new().name("lane".to_owned()).spawn(work)?;
        Ok(Self { tasks, replies, thread: Some(thread) })
    }

    /// Hands a lane to the thread.
    pub(super) fn lend(&self, lane: Lane) {
        self.push(Task::Take(Box::new(lane)));
    }

    /// Hands a round to the lane.
    pub(super) fn push_round(&self, round: Vec<Queued>) {
        self.push(Task::Round(round));
    }

    /// Waits for what the next part of a round completes.
    pub(super) fn next_chunk(&mut self) -> Chunk {
        match self.next() {
            Some(Reply::Chunk(chunk)) => chunk,
            Some(Reply::Lane(_)) | None => Chunk { is_last: true, ..Chunk::default() },
        }
    }

    /// Waits for the lane. Everything that it completed was taken before.
    pub(super) fn take_back(&mut self) -> Lane {
        self.push(Task::Return);
        match self.next() {
            Some(Reply::Lane(lane)) => *lane,
            Some(Reply::Chunk(_)) | None => Lane::default(),
        }
    }

    fn push(&self, task: Task) {
        // If the thread panicked, the next reply says so.
        drop(self.tasks.send(task));
    }

    /// Waits for a reply. A panic of the thread goes on here.
    fn next(&mut self) -> Option<Reply> {
        if let Ok(reply) = self.replies.recv() {
            return Some(reply);
        }
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
        None
    }
}

/// Does the tasks, until the engine is gone.
fn work(tasks: &Receiver<Task>, replies: &SyncSender<Reply>) {
    let mut lane = None;
    while let Ok(task) = tasks.recv() {
        let is_open = match (task, &mut lane) {
            (Task::Take(given), _) => {
                lane = Some(given);
                true
            }
            (Task::Round(round), Some(lane)) => run(lane, round, replies),
            (Task::Return, _) => match lane.take() {
                Some(lane) => replies.send(Reply::Lane(lane)).is_ok(),
                None => false,
            },
            (Task::Round(_), None) => false,
        };
        if !is_open {
            return;
        }
    }
}

/// Pushes a round to the lane. Returns false if the engine is gone.
fn run(lane: &mut Lane, mut round: Vec<Queued>, replies: &SyncSender<Reply>) -> bool {
    let (mut chunk, mut out) = (Chunk::default(), Vec::new());
    for Queued { place, number, last, input } in round.drain(..) {
        lane.push(number, input, &mut out);
        loop {
            if !out.is_empty() {
                chunk.add(place, last, &mut out);
            }
            if chunk.is_full() && replies.send(Reply::Chunk(std::mem::take(&mut chunk))).is_err() {
                return false;
            }
            if !lane.is_pending() {
                break;
            }
            lane.resume(&mut out);
        }
    }
    (chunk.is_last, chunk.spare) = (true, round);
    replies.send(Reply::Chunk(chunk)).is_ok()
}

impl Chunk {
    fn add(&mut self, place: u64, last: Origin, out: &mut Vec<Emitted>) {
        self.weight += out.iter().map(weight).sum::<usize>();
        self.parts.push_back(Part { place, last, len: out.len() });
        self.emitted.extend(out.drain(..));
    }

    fn is_full(&self) -> bool {
        self.weight >= MAX_WEIGHT
    }

    /// Moves the values of the next part to `out`, and returns it; `None` if there is none.
    pub(super) fn take_part(&mut self, out: &mut Vec<Emitted>) -> Option<Part> {
        let part = self.parts.pop_front()?;
        out.extend(self.emitted.drain(..part.len.min(self.emitted.len())));
        Some(part)
    }
}

/// Returns the memory of a value, in bytes, about.
fn weight(emitted: &Emitted) -> usize {
    let content = match &emitted.kind {
        EmittedKind::Payload(fact) => fact.bytes.len(),
        EmittedKind::Updates(updates) => {
            let heads = updates.list.iter().map(|update| match &update.kind {
                UpdateKind::Request(head) | UpdateKind::Response(head) => head.text().len(),
                _ => 0,
            });
            heads.sum::<usize>() + updates.list.len() * UPDATE
        }
        EmittedKind::Findings(findings) => findings.len() * UPDATE,
        EmittedKind::Segment(_)
        | EmittedKind::Delivery(_)
        | EmittedKind::Closed(_)
        | EmittedKind::Unread(_)
        | EmittedKind::Identified(_) => UPDATE,
    };
    size_of::<Emitted>() + content
}

/// Memory of an update or finding besides its texts, in bytes, about.
const UPDATE: usize = 512;

/// Chunks that wait for the engine. More than there are rounds: only a round that completes much
/// waits.
const MAX_CHUNKS: usize = 4;

/// Memory of a chunk that is sent before its round is over, in bytes.
const MAX_WEIGHT: usize = 1 << 20;

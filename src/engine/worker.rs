//! A thread that runs a lane: takes rounds of inputs, and returns what they complete.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread::{Builder, JoinHandle};

use super::input::LaneInput;
use super::lane::Lane;
use super::order::Emitted;
use super::weight::weight;
use crate::base::Origin;

/// A thread that runs a lane.
///
/// Its inputs never block the sender, who bounds them. What it returns is bounded by the channel,
/// and by what it weighs until it is merged: a slow receiver holds the lane.
///
/// ```text
///   engine   tasks ─▶ ┌ lane ┐ ─▶ replies: chunks of about MAX_WEIGHT ─▶ engine
///                     └──────┘ ◀─ merged: what chunks weighed that are merged
/// ```
///
/// The lane waits only for chunks that it sent. The engine waits for a lane only when it has merged
/// everything that it has of that lane. So one of them always goes on.
#[derive(Debug)]
pub(super) struct Worker {
    tasks: Sender<Task>,
    replies: Receiver<Reply>,
    /// To tell the thread what a chunk weighed that is merged.
    merged: Sender<usize>,
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
    /// Memory of the values, in bytes, about; 0 after it was reported as merged.
    weight: usize,
}

/// What the engine has not merged of what the thread sent.
#[derive(Debug)]
struct Unmerged {
    /// Memory of it, in bytes, about.
    weight: usize,
    /// Weight at which the thread waits.
    most: usize,
    /// What was merged.
    merged: Receiver<usize>,
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
    /// Starts one of so many threads, without a lane.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn start(threads: usize) -> io::Result<Self> {
        let (tasks, from_engine) = mpsc::channel();
        let (to_engine, replies) = mpsc::sync_channel(MAX_CHUNKS);
        let (merged, from_merge) = mpsc::channel();
        let mut unmerged = Unmerged { weight: 0, most: MAX_UNMERGED / threads.max(1), merged: from_merge };
        let work = move || work(&from_engine, &to_engine, &mut unmerged);
        let thread = Builder::new().name("lane".to_owned()).spawn(work)?;
        Ok(Self { tasks, replies, merged, thread: Some(thread) })
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

    /// Tells the thread that a chunk of it is merged, if it is.
    pub(super) fn note_merged(&self, chunk: &mut Chunk) {
        if chunk.parts.is_empty() && chunk.weight > 0 {
            // If the thread panicked, the next reply says so.
            let _ = self.merged.send(std::mem::take(&mut chunk.weight));
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
fn work(tasks: &Receiver<Task>, replies: &SyncSender<Reply>, unmerged: &mut Unmerged) {
    let mut lane = None;
    while let Ok(task) = tasks.recv() {
        let is_open = match (task, &mut lane) {
            (Task::Take(given), _) => {
                lane = Some(given);
                true
            }
            (Task::Round(round), Some(lane)) => run(lane, round, replies, unmerged),
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
fn run(
    lane: &mut Lane,
    mut round: Vec<Queued>,
    replies: &SyncSender<Reply>,
    unmerged: &mut Unmerged,
) -> bool {
    let mut send = |chunk: Chunk| {
        let weight = chunk.weight;
        replies.send(Reply::Chunk(chunk)).is_ok() && unmerged.add(weight)
    };
    let (mut chunk, mut out) = (Chunk::default(), Vec::new());
    for Queued { place, number, last, input } in round.drain(..) {
        lane.push(number, input, &mut out);
        loop {
            if !out.is_empty() {
                chunk.add(place, last, &mut out);
            }
            if chunk.is_full() && !send(std::mem::take(&mut chunk)) {
                return false;
            }
            if !lane.is_pending() {
                break;
            }
            lane.resume(&mut out);
        }
    }
    (chunk.is_last, chunk.spare) = (true, round);
    send(chunk)
}

impl Unmerged {
    /// Counts a chunk that was sent, and waits while too much is not merged. Returns false if the
    /// engine is gone.
    fn add(&mut self, weight: usize) -> bool {
        self.weight += weight;
        while let Ok(merged) = self.merged.try_recv() {
            self.weight = self.weight.saturating_sub(merged);
        }
        while self.weight >= self.most {
            match self.merged.recv() {
                Ok(merged) => self.weight = self.weight.saturating_sub(merged),
                Err(_) => return false,
            }
        }
        true
    }
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

/// Chunks that wait for the engine. More than there are rounds: only a round that completes much
/// waits.
const MAX_CHUNKS: usize = 4;

/// Memory of a chunk that is sent before its round is over, in bytes.
const MAX_WEIGHT: usize = 1 << 20;

/// Memory of what all lanes completed and is not merged, in bytes. A lane that has its part of it
/// waits. Beside it a lane has one chunk: [`MAX_WEIGHT`], and what it emits at once.
const MAX_UNMERGED: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use std::sync::mpsc::TryRecvError;
    use std::time::Duration;

    use super::*;
    use crate::base::Findings;
    use crate::engine::order::{EmittedKind, Order};
    use crate::engine::tests::inputs_of_batches;

    fn unmerged(most: usize) -> (Unmerged, Sender<usize>) {
        let (merge, merged) = mpsc::channel();
        (Unmerged { weight: 0, most, merged }, merge)
    }

    #[test]
    fn a_lane_waits_until_what_it_sent_is_merged() {
        let (mut unmerged, merge) = unmerged(10);
        assert!(unmerged.add(9));
        merge.send(4).unwrap();
        assert!(unmerged.add(4));
        assert_eq!(unmerged.weight, 9);
        let (done, is_done) = mpsc::channel();
        let lane = std::thread::spawn(move || {
            done.send(unmerged.add(30)).unwrap();
            unmerged.weight
        });
        for merged in [9, 20] {
            std::thread::sleep(Duration::from_millis(20));
            assert_eq!(is_done.try_recv(), Err(TryRecvError::Empty));
            merge.send(merged).unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
        // 10 are left.
        assert_eq!(is_done.try_recv(), Err(TryRecvError::Empty));
        merge.send(1).unwrap();
        assert_eq!((is_done.recv(), lane.join().unwrap()), (Ok(true), 9));
    }

    #[test]
    fn a_lane_that_waits_ends_with_the_engine() {
        let (mut unmerged, merge) = unmerged(10);
        let lane = std::thread::spawn(move || unmerged.add(10));
        drop(merge);
        assert!(!lane.join().unwrap());
    }

    /// Batches that are small on the wire, a round of them: without the bound all would wait.
    #[test]
    fn a_lane_completes_no_more_than_may_wait() {
        const LANES: usize = 4;
        let worker = Worker::start(LANES).unwrap();
        worker.lend(Lane::default());
        let round = inputs_of_batches().into_iter().zip(0..).map(|((number, input), place)| {
            let last = Origin::default();
            Queued { place, number, last, input }
        });
        worker.push_round(round.collect());
        let (mut waiting, mut total, mut is_over) = (Vec::new(), 0, false);
        for _ in 0..1000 {
            // Nothing more comes until what is here is merged.
            while !is_over
                && let Ok(Reply::Chunk(chunk)) = worker.replies.recv_timeout(Duration::from_millis(100))
            {
                is_over = chunk.is_last;
                waiting.push(chunk);
            }
            let weights: Vec<_> = waiting.iter().map(|chunk| chunk.weight).collect();
            let (weight, largest) = (weights.iter().sum::<usize>(), weights.iter().max().copied());
            assert!(weight <= MAX_UNMERGED / LANES + largest.unwrap_or(0), "{weights:?}");
            assert!(largest < Some(16 << 20), "{weights:?}");
            total += weight;
            for mut chunk in waiting.drain(..) {
                chunk.parts.clear();
                worker.note_merged(&mut chunk);
            }
            if is_over {
                break;
            }
        }
        assert!(is_over && total > MAX_UNMERGED, "{total}");
    }

    #[test]
    fn a_chunk_is_merged_once() {
        let worker = Worker::start(1).unwrap();
        let mut chunk = Chunk::default();
        let order = Order { input: 0, connection: 0, sequence: 0 };
        for place in [0, 1] {
            let mut out = vec![Emitted { order, kind: EmittedKind::Findings(Findings::new()) }];
            chunk.add(place, Origin::default(), &mut out);
        }
        let (weight, mut out) = (chunk.weight, Vec::new());
        assert_eq!(weight, 2 * size_of::<Emitted>());
        chunk.take_part(&mut out);
        worker.note_merged(&mut chunk);
        assert_eq!(chunk.weight, weight);
        chunk.take_part(&mut out);
        worker.note_merged(&mut chunk);
        assert_eq!((chunk.weight, out.len()), (0, 2));
    }
}

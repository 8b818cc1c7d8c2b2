//! A live capture as a source of items.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};

use bytes::Bytes;

use super::keeper::{Keeper, Keeping};
use super::queue::{self, Head, Message, Missing, Overflow, Receiver, Sender};
use super::reader::Reader;
use super::{Counts, Error, Opened};
use crate::base::fact::{Loser, Losses};
use crate::base::{Findings, Origin, PacketNo};
use crate::capture::keep::Recorder;
use crate::capture::{self, Item, LinkType, Packet, Source};

/// A live capture. Dropping it ends the reader's thread.
pub struct Live {
    receiver: Receiver,
    block: (std::vec::IntoIter<Head>, Bytes),
    lost: Losses,
    numbers: Numbers,
    state: State,
    counts: Counts,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

/// Gives packets their numbers: those that they have in the file, where they are kept.
pub(super) struct Numbers {
    link_type: LinkType,
    /// The number that was given last.
    last: u64,
}

impl Numbers {
    pub(super) fn new(link_type: LinkType) -> Self {
        Self { link_type, last: 0 }
    }

    /// The next packet, whose bytes are the first of `data`.
    pub(super) fn packet(&mut self, head: Head, data: &mut Bytes) -> Packet {
        self.skip(1);
        Packet {
            origin: Origin { packet: PacketNo(self.last), time: head.time },
            link_type: self.link_type,
            data: data.split_to(data.len().min(head.captured as usize)),
            original_len: head.original,
        }
    }

    fn skip(&mut self, packets: u64) {
        self.last = self.last.saturating_add(packets);
    }
}

enum State {
    Reading,
    /// Over; why, where it was not asked to end.
    Over(Option<String>),
}

/// Ends a live capture, from any thread.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    is_told: Arc<AtomicBool>,
}

impl Stop {
    /// The capture ends: what was captured until now is still handed out, then the end. Takes effect within 100 ms. Safe to
    /// be called from a signal handler.
    pub fn stop(&self) {
        self.is_told.store(true, Ordering::Relaxed);
    }

    /// Whether it was told to end.
    pub(in crate::capture) fn is_told(&self) -> bool {
        self.is_told.load(Ordering::Relaxed)
    }

    /// What is set by it: for signal handlers that set a flag themselves.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_told)
    }
}

impl Live {
    pub(super) fn start(opened: Opened) -> Result<Self, Error> {
        let counts = Counts::default();
        let (sender, receiver) = queue::queue(queue::CAPACITY, counts.clone(), Overflow::Lost);
        let live = Self::of(receiver, opened.link_type, counts);
        live.read(opened, sender)
    }

    /// The same, and packets go into a file on their way.
    pub(super) fn start_kept(opened: Opened, recorder: Recorder) -> Result<(Self, Keeper), Error> {
        let counts = Counts::default();
        let (sender, read) = queue::queue(queue::CAPACITY, counts.clone(), Overflow::Lost);
        let (kept, receiver) = queue::queue(queue::CAPACITY, counts.clone(), Overflow::Kept);
        let device = opened.name.clone();
        let keeping = Keeping::new(read, opened.link_type, kept);
        let keeper = Keeper::start(keeping, recorder, opened.stop())
            .map_err(|error| Error::Other { device, why: error.to_string() })?;
        let live = Self::of(receiver, opened.link_type, counts);
        Ok((live.read(opened, sender)?, keeper))
    }

    /// Starts the thread that reads.
    fn read(mut self, opened: Opened, sender: Sender) -> Result<Self, Error> {
        let device = opened.name.clone();
        self.stop = opened.stop();
        let reader = Reader::new(opened, sender, self.counts());
        let thread = Builder::new()
            .name("capture".to_owned())
            .spawn(move || reader.run())
            .map_err(|error| Error::Other { device, why: error.to_string() })?;
        self.thread = Some(thread);
        Ok(self)
    }

    /// What comes out of a queue, whoever fills it.
    pub(super) fn of(receiver: Receiver, link_type: LinkType, counts: Counts) -> Self {
        Self {
            receiver,
            block: (Vec::new().into_iter(), Bytes::new()),
            lost: Losses::default(),
            numbers: Numbers::new(link_type),
            state: State::Reading,
            counts,
            stop: Stop::default(),
            thread: None,
        }
    }

    /// A handle that ends the capture.
    #[must_use]
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// A handle that tells how many packets came and how many were lost.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts.clone()
    }

    /// Why the capture ended, in words for the operator; `None` as long as it goes on, and where it was to end.
    #[must_use]
    pub fn ended(&self) -> Option<String> {
        match &self.state {
            State::Reading => None,
            State::Over(why) => why.clone(),
        }
    }

    fn packet(&mut self) -> Option<Packet> {
        let (heads, data) = &mut self.block;
        Some(self.numbers.packet(heads.next()?, data))
    }

    /// What is missing for the analysis. What was kept has its numbers.
    fn miss(&mut self, missing: Missing) {
        self.numbers.skip(missing.kept);
        self.lost = missing.lost;
        self.lost.add(Loser::Mcpdump, missing.kept);
    }

    fn loss(&mut self) -> Option<Item> {
        for by in Loser::ALL {
            let packets = self.lost.take(by);
            if packets > 0 {
                return Some(Item::Lost { by, packets });
            }
        }
        None
    }
}

impl Source for Live {
    /// Waits until something comes. In silence that is a time, every 100 ms at least.
    fn next(&mut self, _findings: &mut Findings) -> Result<Option<Item>, capture::Error> {
        loop {
            if let Some(packet) = self.packet() {
                return Ok(Some(Item::Packet(packet)));
            }
            if let Some(loss) = self.loss() {
                return Ok(Some(loss));
            }
            if let State::Over(_) = self.state {
                return Ok(None);
            }
            match self.receiver.take() {
                Some(Message::Block { heads, data }) => self.block = (heads.into_iter(), data),
                Some(Message::Missing(missing)) => self.miss(missing),
                Some(Message::Time(time)) => return Ok(Some(Item::Time(time))),
                Some(Message::End(why)) => self.state = State::Over(why),
                None => self.state = State::Over(Some("a thread that reads the device is gone".to_owned())),
            }
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            // It can only have panicked, and then its panic was printed.
            drop(thread.join());
        }
    }
}

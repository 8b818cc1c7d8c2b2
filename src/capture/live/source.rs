//! A live capture as a source of items.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};

use bytes::Bytes;

use super::queue::{self, Head, Message, Receiver};
use super::reader::Reader;
use super::{Counts, Error, Opened};
use crate::base::fact::{Loser, Losses};
use crate::base::{Findings, Origin, PacketNo};
use crate::capture::{self, Item, LinkType, Packet, Source};

/// A live capture. Dropping it ends the reader's thread.
pub struct Live {
    receiver: Receiver,
    block: (std::vec::IntoIter<Head>, Bytes),
    lost: Losses,
    link_type: LinkType,
    /// The number of the packet that was handed out last.
    number: u64,
    state: State,
    counts: Counts,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
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

    /// Whether the capture was told to end.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.is_told.load(Ordering::Relaxed)
    }
}

impl Live {
    pub(super) fn start(opened: Opened) -> Result<Self, Error> {
        let counts = Counts::default();
        let (sender, receiver) = queue::queue(queue::CAPACITY, counts.clone());
        let stop = Stop::default();
        let (name, link_type) = (opened.name.clone(), opened.link_type);
        let reader = Reader::new(opened, sender, counts.clone(), Arc::clone(&stop.is_told));
        let thread = Builder::new()
            .name("capture".to_owned())
            .spawn(move || reader.run())
            .map_err(|error| Error::Other { device: name, why: error.to_string() })?;
        let mut live = Self::of(receiver, link_type, counts);
        live.stop = stop;
        live.thread = Some(thread);
        Ok(live)
    }

    /// What comes out of a queue, whoever fills it.
    pub(super) fn of(receiver: Receiver, link_type: LinkType, counts: Counts) -> Self {
        Self {
            receiver,
            block: (Vec::new().into_iter(), Bytes::new()),
            lost: Losses::default(),
            link_type,
            number: 0,
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
        let head = heads.next()?;
        self.number += 1;
        Some(Packet {
            origin: Origin { packet: PacketNo(self.number), time: head.time },
            link_type: self.link_type,
            data: data.split_to(data.len().min(head.captured as usize)),
            original_len: head.original,
        })
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
                Some(Message::Lost(lost)) => self.lost = lost,
                Some(Message::Time(time)) => return Ok(Some(Item::Time(time))),
                Some(Message::End(why)) => self.state = State::Over(why),
                None => self.state = State::Over(Some("the thread that reads the device is gone".to_owned())),
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

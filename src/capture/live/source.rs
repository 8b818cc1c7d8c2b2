//! A live capture as a source of items.

use std::thread::{Builder, JoinHandle};

use bytes::Bytes;

use super::counts::Counts;
use super::error::Error;
use super::link_state::LinkWatch;
use super::numbering::Numbering;
use super::open::Opened;
use super::queue::{self, Missing, Overflow, PacketMeta, QueueItem, Receiver, Sender};
use super::reader::Reader;
use super::saver::{Saver, SaverLoop};
use crate::base::Findings;
use crate::base::fact::{Loser, Losses};
use crate::capture::item::{self, Item, LinkType, Packet, Source};
use crate::capture::save::PacketWriter;
use crate::capture::stop::Stop;

/// A live capture. Dropping it ends the reader thread.
pub struct Live {
    receiver: Receiver,
    block: (std::vec::IntoIter<PacketMeta>, Bytes),
    lost: Losses,
    numbers: Numbering,
    state: LiveState,
    counts: Counts,
    link: LinkWatch,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

enum LiveState {
    Reading,
    /// Ended. Has a message unless the end was requested.
    Ended(Option<String>),
}

impl Opened {
    /// Starts the reader thread.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn start(self) -> Result<Live, Error> {
        Live::start(self)
    }

    /// Starts the reader thread, and a thread that writes every packet before it is analysed, so
    /// that the file is complete even if the analysis is too far behind.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn start_saving(self, writer: PacketWriter) -> Result<(Live, Saver), Error> {
        Live::start_saving(self, writer)
    }
}

impl Live {
    fn start(opened: Opened) -> Result<Self, Error> {
        let counts = Counts::default();
        let (sender, receiver) = queue::queue(queue::CAPACITY, counts.clone(), Overflow::Drop);
        let live = Self::from_queue(receiver, opened.link_type, counts);
        live.read(opened, sender)
    }

    /// Starts with a saver thread between reader and analysis.
    fn start_saving(opened: Opened, writer: PacketWriter) -> Result<(Self, Saver), Error> {
        let counts = Counts::default();
        let (sender, read) = queue::queue(queue::CAPACITY, counts.clone(), Overflow::Drop);
        let (kept, receiver) = queue::queue(queue::CAPACITY, counts.clone(), Overflow::SavedOnly);
        let device = opened.name.clone();
        let saver_loop = SaverLoop::new(read, opened.link_type, kept);
        let saver = Saver::start(saver_loop, writer, opened.stop())
            .map_err(|error| Error::Other { device, why: error.to_string() })?;
        let live = Self::from_queue(receiver, opened.link_type, counts);
        Ok((live.read(opened, sender)?, saver))
    }

    /// Starts the reader thread.
    fn read(mut self, opened: Opened, sender: Sender) -> Result<Self, Error> {
        let device = opened.name.clone();
        self.stop = opened.stop();
        let reader = Reader::new(opened, sender, self.counts(), self.link());
        let thread = Builder::new()
            .name("capture".to_owned())
            .spawn(move || reader.run())
            .map_err(|error| Error::Other { device, why: error.to_string() })?;
        self.thread = Some(thread);
        Ok(self)
    }

    /// Creates a source over a queue, without a thread that fills it.
    pub(super) fn from_queue(receiver: Receiver, link_type: LinkType, counts: Counts) -> Self {
        Self {
            receiver,
            block: (Vec::new().into_iter(), Bytes::new()),
            lost: Losses::default(),
            numbers: Numbering::new(link_type),
            state: LiveState::Reading,
            counts,
            link: LinkWatch::default(),
            stop: Stop::default(),
            thread: None,
        }
    }

    /// Returns a handle that ends the capture.
    #[must_use]
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Returns a handle to the counts of packets and losses.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts.clone()
    }

    /// Returns a handle to the state of the device.
    #[must_use]
    pub fn link(&self) -> LinkWatch {
        self.link.clone()
    }

    /// Message why the capture ended; `None` while it runs, and if the end was requested.
    #[must_use]
    pub fn ended(&self) -> Option<String> {
        match &self.state {
            LiveState::Reading => None,
            LiveState::Ended(why) => why.clone(),
        }
    }

    fn packet(&mut self) -> Option<Packet> {
        let (packets_meta, data) = &mut self.block;
        Some(self.numbers.packet(packets_meta.next()?, data))
    }

    /// Sets the packets that the analysis misses. The numbers of later packets count the saved
    /// ones.
    fn set_missing(&mut self, missing: Missing) {
        self.numbers.skip(missing.saved);
        self.lost = missing.lost;
        self.lost.add(Loser::Mcpdump, missing.saved);
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
    /// Waits for the next item. In silence it returns an [`Item::Time`] at least every 100 ms.
    fn next(&mut self, _findings: &mut Findings) -> Result<Option<Item>, item::Error> {
        loop {
            if let Some(packet) = self.packet() {
                return Ok(Some(Item::Packet(packet)));
            }
            if let Some(loss) = self.loss() {
                return Ok(Some(loss));
            }
            if let LiveState::Ended(_) = self.state {
                return Ok(None);
            }
            match self.receiver.recv() {
                Some(QueueItem::Block { packets_meta, data }) => {
                    self.block = (packets_meta.into_iter(), data)
                }
                Some(QueueItem::Missing(missing)) => self.set_missing(missing),
                Some(QueueItem::Time(time)) => return Ok(Some(Item::Time(time))),
                Some(QueueItem::End(why)) => self.state = LiveState::Ended(why),
                None => {
                    self.state = LiveState::Ended(Some("the thread that reads the device is gone".to_owned()))
                }
            }
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            // An error means that the thread panicked, and the panic was printed.
            drop(thread.join());
        }
    }
}

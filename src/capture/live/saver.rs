//! The thread that keeps packets on their way to the analysis: the file has what an analysis that is behind does not get.

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};

use bytes::Bytes;

use super::numbering::Numbering;
use super::queue::{Missing, PacketMeta, QueueItem, Receiver, Sender};
use crate::base::fact::Loser;
use crate::capture::item::{Item, LinkType};
use crate::capture::save::{PacketWriter, Target};
use crate::capture::stop::Stop;

/// The files of a live capture, which a thread of its own writes. Dropping it ends the capture, and waits until what was
/// captured is in the files.
#[derive(Debug)]
pub struct Saver {
    target: Target,
    failure: Arc<OnceLock<String>>,
    stop: Stop,
    /// `None` once it was waited for.
    thread: Option<JoinHandle<PacketWriter>>,
}

impl Saver {
    pub(super) fn start(saver_loop: SaverLoop, writer: PacketWriter, stop: Stop) -> io::Result<Self> {
        let target = writer.target().clone();
        let failure = Arc::default();
        let told = Arc::clone(&failure);
        let thread = Builder::new().name("saver".to_owned()).spawn(move || saver_loop.run(writer, &told))?;
        Ok(Self { target, failure, stop, thread: Some(thread) })
    }

    /// What is written to.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Why nothing more is written; see [`PacketWriter::failure`].
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Waits until everything that was captured is in the file, which is closed then. To be called when the capture is over,
    /// or was told to end. `None` where the thread panicked, which was printed.
    #[must_use]
    pub fn finish(mut self) -> Option<PacketWriter> {
        self.thread.take().and_then(|thread| thread.join().ok())
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.stop.stop();
            // It can only have panicked, and then its panic was printed.
            drop(thread.join());
        }
    }
}

/// What the thread works with.
pub(super) struct SaverLoop {
    from: Receiver,
    numbers: Numbering,
    to: Sender,
}

impl SaverLoop {
    /// Takes packets of this type from one queue, and hands them on to another.
    pub(super) fn new(from: Receiver, link_type: LinkType, to: Sender) -> Self {
        Self { from, numbers: Numbering::new(link_type), to }
    }

    /// Keeps and hands on until the capture is over, or everything that was asked for is in the files. That nobody takes
    /// what is handed on does not end it.
    pub(super) fn run(mut self, mut writer: PacketWriter, failure: &OnceLock<String>) -> PacketWriter {
        let why = loop {
            match self.from.recv() {
                Some(QueueItem::Block { packets_meta, data }) => self.block(packets_meta, &data, &mut writer),
                Some(QueueItem::Missing(missing)) => self.missing(missing, &mut writer),
                Some(QueueItem::Time(time)) => {
                    writer.write(&Item::Time(time));
                    self.to.time(time);
                }
                Some(QueueItem::End(why)) => break why,
                None => break Some("the thread that reads the device is gone".to_owned()),
            }
            writer.failure().into_iter().for_each(|why| drop(failure.set(why.to_owned())));
            if writer.is_over() {
                break None;
            }
        };
        writer.close();
        writer.failure().into_iter().for_each(|why| drop(failure.set(why.to_owned())));
        self.to.end(why);
        writer
    }

    /// Where the files are full in the middle of a block, the analysis gets what is in them.
    fn block(&mut self, mut packets_meta: Vec<PacketMeta>, data: &Bytes, writer: &mut PacketWriter) {
        let mut rest = data.clone();
        let kept = packets_meta.iter().position(|head| {
            writer.write(&Item::Packet(self.numbers.packet(*head, &mut rest)));
            writer.is_over()
        });
        kept.into_iter().for_each(|kept| packets_meta.truncate(kept));
        self.to.push(packets_meta, data.clone());
    }

    fn missing(&mut self, missing: Missing, writer: &mut PacketWriter) {
        for by in Loser::ALL {
            let packets = missing.lost.by(by);
            if packets > 0 {
                writer.write(&Item::Lost { by, packets });
            }
        }
        self.to.miss(missing);
    }
}

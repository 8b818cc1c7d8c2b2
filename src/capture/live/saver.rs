//! The thread that writes packets on their way to the analysis, so that the file is complete even
//! if the analysis is too far behind.

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

/// Handle of the thread that writes the files of a live capture. Dropping it ends the capture and
/// waits until all captured packets are written.
#[derive(Debug)]
pub struct Saver {
    target: Target,
    failure: Arc<OnceLock<String>>,
    stop: Stop,
    /// `None` after it was joined.
    thread: Option<JoinHandle<PacketWriter>>,
}

impl Saver {
    pub(super) fn start(saver_loop: SaverLoop, writer: PacketWriter, stop: Stop) -> io::Result<Self> {
        let target = writer.target().clone();
        let failure = Arc::default();
        let published = Arc::clone(&failure);
        let thread =
            Builder::new().name("saver".to_owned()).spawn(move || saver_loop.run(writer, &published))?;
        Ok(Self { target, failure, stop, thread: Some(thread) })
    }

    /// Returns the target.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Why writing failed; see [`PacketWriter::failure`].
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Waits until all captured packets are written and the file is closed. Call it after the
    /// capture ended or was stopped. Returns `None` if the thread panicked, which printed a
    /// message.
    #[must_use]
    pub fn finish(mut self) -> Option<PacketWriter> {
        self.thread.take().and_then(|thread| thread.join().ok())
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.stop.stop();
            // An error means that the thread panicked, and the panic was printed.
            drop(thread.join());
        }
    }
}

/// State of the thread.
pub(super) struct SaverLoop {
    from: Receiver,
    numbers: Numbering,
    to: Sender,
}

impl SaverLoop {
    /// Creates a loop that moves packets of this link type from one queue to another.
    pub(super) fn new(from: Receiver, link_type: LinkType, to: Sender) -> Self {
        Self { from, numbers: Numbering::new(link_type), to }
    }

    /// Writes and forwards until the capture has ended or the last file is full. A closed output
    /// queue does not end it.
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
            publish_failure(&writer, failure);
            if writer.is_over() {
                break None;
            }
        };
        writer.close();
        publish_failure(&writer, failure);
        self.to.end(why);
        writer
    }

    /// Writes and forwards a block. If the last file is full in the middle of it, only the packets
    /// in the file are forwarded.
    fn block(&mut self, mut packets_meta: Vec<PacketMeta>, data: &Bytes, writer: &mut PacketWriter) {
        let mut rest = data.clone();
        let written = packets_meta.iter().position(|meta| {
            writer.write(&Item::Packet(self.numbers.packet(*meta, &mut rest)));
            writer.is_over()
        });
        if let Some(written) = written {
            packets_meta.truncate(written);
        }
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

/// Copies a failure of the writer to [`Saver::failure`]. Only the first one is stored.
fn publish_failure(writer: &PacketWriter, failure: &OnceLock<String>) {
    if let Some(why) = writer.failure() {
        failure.get_or_init(|| why.to_owned());
    }
}

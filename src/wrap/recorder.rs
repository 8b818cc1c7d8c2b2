//! The thread that writes what passed to a file. Whatever becomes of the file, nothing waits for
//! it.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use super::addresses::Addresses;
use super::conversation::{Conversation, LINK_TYPE, MAX_SEGMENT};
use super::queue::{Event, Queue, now};
use crate::base::fact::Loser;
use crate::base::{Timestamp, text};
use crate::capture::Packet;
use crate::capture::save::{FileMetadata, PacketFile};

/// Text of one comment, in bytes.
const MAX_COMMENT: usize = 4096;

/// Text of standard error in a file, in bytes: a server that logs everything would fill the disk.
const MAX_ERRORS: usize = 4 << 20;

/// Opens the file. Called by the thread that writes it: a name on a disk that does not answer must
/// not hold the server up.
pub type OpenFile = Box<dyn FnOnce() -> io::Result<(File, String)> + Send>;

/// Prints a warning.
pub type Warn = Box<dyn Fn(&str) + Send>;

/// Records what passes.
#[derive(Debug)]
pub struct Recorder {
    queue: Arc<Queue>,
    /// Gets a message when the thread ends.
    done: Receiver<()>,
}

impl Recorder {
    /// Starts to record to the file that `open` opens, which also returns its name for messages.
    /// `warn` prints what goes wrong with it.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        open: OpenFile,
        metadata: FileMetadata,
        addresses: Addresses,
        warn: Warn,
    ) -> io::Result<Self> {
        let (queue, (ended, done)) = (Arc::new(Queue::default()), mpsc::channel());
        let events = Arc::clone(&queue);
        let start = now();
        thread::Builder::new().name("recorder".into()).spawn(move || {
            let written = Writer::create(open, metadata, (addresses, start), warn);
            match written {
                Some(mut writer) => writer.run(&events),
                None => events.abandon(),
            }
            // Nobody may wait for it any more.
            let _ = ended.send(());
        })?;
        Ok(Self { queue, done })
    }

    pub(super) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// Nothing more is to be recorded. Waits until everything is in the file, but no longer than
    /// `most`. Returns whether it is.
    pub fn finish(self, most: Duration) -> bool {
        self.queue.close();
        self.done.recv_timeout(most).is_ok()
    }
}

/// A file that always ends behind a whole block.
struct WholeBlocks {
    file: File,
    /// Its length without a block that was not written as a whole.
    len: u64,
}

impl Write for WholeBlocks {
    fn write(&mut self, blocks: &[u8]) -> io::Result<usize> {
        let Err(error) = self.file.write_all(blocks) else {
            self.len += blocks.len() as u64;
            return Ok(blocks.len());
        };
        // Readers would report a part of a block as damage. If this fails too, they do.
        if self.file.metadata().is_ok_and(|file| file.is_file()) {
            drop(self.file.set_len(self.len));
            drop(self.file.seek(SeekFrom::Start(self.len)));
        }
        Err(error)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The file under construction.
struct Writer {
    file: PacketFile<WholeBlocks>,
    name: String,
    conversation: Conversation,
    warn: Warn,
    /// Packets that could not be written.
    lost: u64,
    /// Whether a warning says that packets are missing.
    is_warned: bool,
    /// Bytes of standard error in the file.
    errors: usize,
}

impl Writer {
    /// Creates the file and writes its beginning; `None` if that failed, which is reported.
    fn create(
        open: OpenFile,
        metadata: FileMetadata,
        (addresses, start): (Addresses, Timestamp),
        warn: Warn,
    ) -> Option<Self> {
        let not_recorded = |why: &io::Error| warn(&format!("{why}; what passes is not recorded"));
        let (file, name) = match open() {
            Ok(opened) => opened,
            Err(error) => {
                not_recorded(&error);
                return None;
            }
        };
        let mut conversation = Conversation::new(addresses);
        let mut file = PacketFile::new(WholeBlocks { file, len: 0 }, metadata);
        let mut begin = |file: &mut PacketFile<WholeBlocks>| {
            file.interface(LINK_TYPE)?;
            for packet in conversation.open(start) {
                file.packet(&packet, None)?;
            }
            file.flush()
        };
        if let Err(error) = begin(&mut file) {
            not_recorded(&io::Error::new(error.kind(), format!("{name}: {error}")));
            return None;
        }
        Some(Self { file, name, conversation, warn, lost: 0, is_warned: false, errors: 0 })
    }

    /// Writes events until the queue is closed.
    fn run(&mut self, queue: &Queue) {
        while let Some(events) = queue.take() {
            for (time, event) in events {
                self.event(time, event);
            }
            let flushed = self.file.flush();
            if flushed.is_ok() {
                self.conversation.written();
            }
            self.check(flushed);
        }
        let finished = self.file.end();
        self.check(finished);
        if self.lost > 0 {
            (self.warn)(&format!("{}: {} packets are not in it", self.name, self.lost));
        }
    }

    fn event(&mut self, time: Timestamp, event: Event) {
        match event {
            Event::Data(side, bytes) => {
                for piece in bytes.chunks(MAX_SEGMENT) {
                    let packet = self.conversation.data(side, piece, time);
                    self.write(packet, None);
                }
            }
            Event::Skipped(side, len) => {
                self.conversation.skip(side, len);
                let packets = len.div_ceil(MAX_SEGMENT as u64);
                self.file.lost(Loser::Mcpdump, packets);
                if !std::mem::replace(&mut self.is_warned, true) {
                    let name = &self.name;
                    (self.warn)(&format!("{name}: the disk is slower than the server: packets are missing"));
                }
                self.lost += packets;
            }
            Event::Taken(side, total) => {
                let packet = self.conversation.taken(side, total, time);
                self.write(packet, None);
            }
            Event::Closed(side) => {
                for packet in self.conversation.close(side, time) {
                    self.write(Some(packet), None);
                }
            }
            Event::Reset(side) => {
                let packet = self.conversation.reset(side, time);
                self.write(packet, None);
            }
            Event::NoReader => {
                self.conversation.no_reader();
                let packet = self.conversation.note(time);
                self.write(Some(packet), Some("the client closed the standard output of the server"));
            }
            Event::Error(bytes) => self.standard_error(&bytes, time),
            Event::Remark(remark) => {
                let packet = self.conversation.note(time);
                self.write(Some(packet), Some(&remark));
            }
        }
    }

    /// Writes text of standard error as a comment.
    fn standard_error(&mut self, bytes: &[u8], time: Timestamp) {
        if self.errors > MAX_ERRORS {
            return;
        }
        self.errors += bytes.len();
        let whole = String::from_utf8_lossy(bytes);
        let whole = whole.trim_end();
        let shown = text::beginning(whole, MAX_COMMENT);
        let mut comment = format!("standard error: {shown}");
        if shown.len() < whole.len() {
            comment.push_str(&format!("… ({} more bytes)", whole.len() - shown.len()));
        }
        if self.errors > MAX_ERRORS {
            comment.push_str("\nstandard error is not recorded from here on: too much");
        }
        let packet = self.conversation.note(time);
        self.write(Some(packet), Some(&comment));
    }

    fn write(&mut self, packet: Option<Packet>, comment: Option<&str>) {
        if let Some(packet) = packet {
            let written = self.file.packet(&packet, comment);
            self.check(written);
        }
    }

    /// If writing failed: what was to be written is a gap, and later packets are tried again.
    fn check(&mut self, written: io::Result<()>) {
        let Err(error) = written else { return };
        if !std::mem::replace(&mut self.is_warned, true) {
            let name = &self.name;
            let why = match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full".to_owned(),
                _ => format!("cannot be written: {error}"),
            };
            (self.warn)(&format!("{name}: {why}; packets are missing, the server is not affected"));
        }
        self.lost += self.file.discard();
        self.conversation.discarded();
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("name", &self.name).finish_non_exhaustive()
    }
}

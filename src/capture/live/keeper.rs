//! The thread that keeps packets on their way to the analysis: the file has what an analysis that is behind does not get.

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};

use bytes::Bytes;

use super::numbers::Numbers;
use super::queue::{Head, Message, Missing, Receiver, Sender};
use crate::base::fact::Loser;
use crate::capture::item::{Item, LinkType};
use crate::capture::keep::{Recorder, Target};
use crate::capture::stop::Stop;

/// The files of a live capture, which a thread of its own writes. Dropping it ends the capture, and waits until what was
/// captured is in the files.
#[derive(Debug)]
pub struct Keeper {
    target: Target,
    failure: Arc<OnceLock<String>>,
    stop: Stop,
    /// `None` once it was waited for.
    thread: Option<JoinHandle<Recorder>>,
}

impl Keeper {
    pub(super) fn start(keeping: Keeping, recorder: Recorder, stop: Stop) -> io::Result<Self> {
        let target = recorder.target().clone();
        let failure = Arc::default();
        let told = Arc::clone(&failure);
        let thread = Builder::new().name("keeper".to_owned()).spawn(move || keeping.run(recorder, &told))?;
        Ok(Self { target, failure, stop, thread: Some(thread) })
    }

    /// What is written to.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Why nothing more is written; see [`Recorder::failure`].
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Waits until everything that was captured is in the file, which is closed then. To be called when the capture is over,
    /// or was told to end. `None` where the thread panicked, which was printed.
    #[must_use]
    pub fn finish(mut self) -> Option<Recorder> {
        self.thread.take().and_then(|thread| thread.join().ok())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.stop.stop();
            // It can only have panicked, and then its panic was printed.
            drop(thread.join());
        }
    }
}

/// What the thread works with.
pub(super) struct Keeping {
    from: Receiver,
    numbers: Numbers,
    to: Sender,
}

impl Keeping {
    /// Takes packets of this type from one queue, and hands them on to another.
    pub(super) fn new(from: Receiver, link_type: LinkType, to: Sender) -> Self {
        Self { from, numbers: Numbers::new(link_type), to }
    }

    /// Keeps and hands on until the capture is over, or everything that was asked for is in the files. That nobody takes
    /// what is handed on does not end it.
    pub(super) fn run(mut self, mut recorder: Recorder, failure: &OnceLock<String>) -> Recorder {
        let why = loop {
            match self.from.take() {
                Some(Message::Block { heads, data }) => self.block(heads, &data, &mut recorder),
                Some(Message::Missing(missing)) => self.missing(missing, &mut recorder),
                Some(Message::Time(time)) => {
                    recorder.record(&Item::Time(time));
                    self.to.time(time);
                }
                Some(Message::End(why)) => break why,
                None => break Some("the thread that reads the device is gone".to_owned()),
            }
            recorder.failure().into_iter().for_each(|why| drop(failure.set(why.to_owned())));
            if recorder.is_over() {
                break None;
            }
        };
        recorder.close();
        recorder.failure().into_iter().for_each(|why| drop(failure.set(why.to_owned())));
        self.to.end(why);
        recorder
    }

    /// Where the files are full in the middle of a block, the analysis gets what is in them.
    fn block(&mut self, mut heads: Vec<Head>, data: &Bytes, recorder: &mut Recorder) {
        let mut rest = data.clone();
        let kept = heads.iter().position(|head| {
            recorder.record(&Item::Packet(self.numbers.packet(*head, &mut rest)));
            recorder.is_over()
        });
        kept.into_iter().for_each(|kept| heads.truncate(kept));
        self.to.push(heads, data.clone());
    }

    fn missing(&mut self, missing: Missing, recorder: &mut Recorder) {
        for by in Loser::ALL {
            let packets = missing.lost.by(by);
            if packets > 0 {
                recorder.record(&Item::Lost { by, packets });
            }
        }
        self.to.miss(missing);
    }
}

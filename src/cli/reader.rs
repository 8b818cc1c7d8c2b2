//! Where a command reads from: files or a device, kept on the way or not; and the end of what goes on for ever.

use std::time::Duration;

use crate::base::Findings;
use crate::capture::save::{PacketWriter, Tee};
use crate::capture::{self, Item, follow, live};
use crate::cli::Outcome;
use crate::cli::background::Relay;
use crate::cli::commands::tui::Watched;
use crate::cli::complain;
use crate::cli::is_closed_pipe;
use crate::cli::tell;
use crate::report::units;

/// Files or a device.
pub(super) enum Source {
    /// Saved captures.
    Files(capture::Capture),
    /// Saved captures that come as they come: standard input, a pipe.
    Relayed { relay: Relay, progress: capture::Progress },
    /// Captures that grow.
    Followed(follow::Followed),
    /// A device.
    Live(live::Live),
}

impl capture::Source for Source {
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, capture::Error> {
        match self {
            Self::Files(capture) => capture.next(findings),
            Self::Relayed { relay, .. } => relay.next(findings),
            Self::Followed(followed) => followed.next(findings),
            Self::Live(live) => live.next(findings),
        }
    }
}

/// A device that is captured on.
pub(super) struct Device {
    name: String,
    /// The BPF filter.
    filter: Option<String>,
    stop: capture::Stop,
    counts: live::Counts,
    /// What keeps its packets, if anything does.
    keeper: Option<live::Saver>,
}

/// What a command reads.
pub(super) struct Reader {
    way: Way,
    device: Option<Device>,
    /// That the packets cannot be kept any more was said.
    complained: bool,
}

enum Way {
    Plain(Box<Source>),
    Kept(Box<Tee<Source>>),
}

impl capture::Source for Reader {
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, capture::Error> {
        match &mut self.way {
            Way::Plain(source) => source.next(findings),
            Way::Kept(keep) => keep.next(findings),
        }
    }
}

impl Reader {
    /// Reads files. What keeps packets does so as they are asked for: none is lost by that.
    pub(super) fn new(source: Source, recorder: Option<PacketWriter>) -> Self {
        let way = match recorder {
            Some(recorder) => Way::Kept(Box::new(Tee::new(source, recorder))),
            None => Way::Plain(Box::new(source)),
        };
        Self { way, device: None, complained: false }
    }

    /// Reads a device.
    pub(super) fn captured(live: live::Live, device: Device) -> Self {
        Self { way: Way::Plain(Box::new(Source::Live(live))), device: Some(device), complained: false }
    }

    /// The device that is captured on, if it is one.
    pub(super) fn device(&self) -> Option<&str> {
        self.device.as_ref().map(|device| device.name.as_str())
    }

    /// The same, if any packet came from it.
    pub(super) fn heard(&self) -> Option<&str> {
        self.device.as_ref().filter(|device| device.counts.packets() > 0).map(|device| device.name.as_str())
    }

    /// What ends the capture, if it is one of a device.
    #[cfg(feature = "demo")]
    pub(super) fn stop(&self) -> Option<capture::Stop> {
        self.device.as_ref().map(|device| device.stop.clone())
    }

    /// How much was read, of files.
    pub(super) fn progress(&self) -> Option<capture::Progress> {
        match self.source() {
            Source::Files(capture) => Some(capture.progress()),
            Source::Relayed { progress, .. } => Some(progress.clone()),
            Source::Followed(followed) => Some(followed.progress()),
            Source::Live(_) => None,
        }
    }

    /// Where packets are kept, if they are.
    pub(super) fn kept(&self) -> Option<String> {
        let target = self.keeper().map(live::Saver::target);
        target.or_else(|| self.recorder().map(PacketWriter::target)).map(ToString::to_string)
    }

    /// Looks at what happened beside the packets: what cannot be kept or followed any more is said at once.
    pub(super) fn heed(&mut self) {
        if let Source::Followed(followed) = self.source() {
            followed.ended().take_new().iter().for_each(|why| complain(why));
        }
        if let (false, Some(failure)) = (self.complained, self.failure()) {
            complain(failure);
            self.complained = true;
        }
    }

    /// The work is done, or `result` says why it is not: closes the file that packets are kept in, and tells the counts
    /// of a live capture.
    ///
    /// # Errors
    /// Those of `result`, but for a closed pipe, which is no error.
    pub(super) fn end(mut self, result: anyhow::Result<()>) -> anyhow::Result<Outcome> {
        if let Way::Kept(keep) = &mut self.way {
            keep.close();
        }
        self.heed();
        let keeper = self.device.as_mut().and_then(|device| {
            device.stop.stop();
            device.keeper.take()
        });
        let is_kept = keeper.is_some();
        let kept = keeper.and_then(live::Saver::finish);
        if is_kept && kept.is_none() {
            complain("the thread that keeps packets panicked: the file lacks those that came last");
            self.complained = true;
        }
        if let (false, Some(failure)) =
            (self.complained, kept.as_ref().or(self.recorder()).and_then(PacketWriter::failure))
        {
            complain(failure);
            self.complained = true;
        }
        if let (Source::Live(live), Some(device)) = (self.source(), &self.device) {
            device.tell(live.ended().as_deref(), kept.as_ref());
        }
        match result {
            Err(error) if !is_closed_pipe(&error) => Err(error),
            _ if self.complained => Ok(Outcome::Failed),
            _ => Ok(Outcome::Done),
        }
    }

    /// Why packets cannot be kept any more.
    fn failure(&self) -> Option<&str> {
        self.keeper()
            .and_then(live::Saver::failure)
            .or_else(|| self.recorder().and_then(PacketWriter::failure))
    }

    fn keeper(&self) -> Option<&live::Saver> {
        self.device.as_ref().and_then(|device| device.keeper.as_ref())
    }

    fn source(&self) -> &Source {
        match &self.way {
            Way::Plain(source) => source,
            Way::Kept(keep) => keep.source(),
        }
    }

    fn recorder(&self) -> Option<&PacketWriter> {
        match &self.way {
            Way::Plain(_) => None,
            Way::Kept(keep) => Some(keep.writer()),
        }
    }
}

impl Watched for Reader {
    fn wait(&mut self, patience: Duration) -> bool {
        let source = match &mut self.way {
            Way::Plain(source) => source,
            Way::Kept(keep) => keep.source_mut(),
        };
        match source {
            Source::Relayed { relay, .. } => relay.wait(patience),
            // These never keep anybody waiting for long.
            Source::Files(_) | Source::Followed(_) | Source::Live(_) => true,
        }
    }

    fn progress(&self) -> Option<capture::Progress> {
        Self::progress(self)
    }

    fn troubles(&self) -> Vec<String> {
        let mut troubles = match self.source() {
            Source::Live(live) => live.ended().into_iter().collect(),
            Source::Followed(followed) => followed.ended().all(),
            Source::Files(_) | Source::Relayed { .. } => Vec::new(),
        };
        // The worst is told last: that is what stays to be read.
        troubles.extend(self.failure().map(str::to_owned));
        troubles
    }

    fn leave(&mut self) -> Result<(), capture::Error> {
        self.device.iter().for_each(|device| device.stop.stop());
        Ok(())
    }
}

impl Device {
    /// Starts to capture, and to keep.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(
        opened: live::Opened,
        recorder: Option<PacketWriter>,
        filter: Option<String>,
    ) -> Result<(live::Live, Self), live::Error> {
        let (name, stop) = (opened.name().to_owned(), opened.stop());
        let (live, keeper) = match recorder {
            Some(recorder) => opened.start_saving(recorder).map(|(live, keeper)| (live, Some(keeper)))?,
            None => (opened.start()?, None),
        };
        let counts = live.counts();
        Ok((live, Self { name, filter, stop, counts, keeper }))
    }

    /// Why the capture ended, if not because that was asked for, and what was captured, lost and kept.
    fn tell(&self, why: Option<&str>, kept: Option<&PacketWriter>) {
        if let Some(why) = why {
            complain(why);
        }
        let counts = &self.counts;
        if let (0, Some(filter)) = (counts.packets(), &self.filter) {
            complain(&format!("no packet on {} passed the filter «{filter}»", self.name));
        }
        tell(&format!("{} captured on {}", units::several(counts.packets(), "packet"), self.name));
        tell(&format!(
            "{} lost by the kernel, {} by the interface",
            units::several(counts.dropped_by_kernel(), "packet"),
            counts.dropped_by_interface()
        ));
        tell(&format!("{} lost by mcpdump", units::several(counts.dropped_by_mcpdump(), "packet")));
        if let Some(kept) = kept {
            tell(&format!("{} kept in {}", units::several(kept.packets(), "packet"), kept.target()));
        }
        if counts.saved_only() > 0 {
            let packets = units::several(counts.saved_only(), "packet");
            tell(&format!("{packets} of them not analysed: that was too far behind; read the file for them"));
        }
    }
}

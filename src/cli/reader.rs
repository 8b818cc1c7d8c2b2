//! Where a command reads from: files or a device, kept on the way or not; and the end of a live capture.

use std::time::Duration;

use super::relay::Relay;
use super::signals::Signals;
use super::view::Watched;
use super::{Outcome, complain, is_closed_pipe, tell};
use crate::base::Findings;
use crate::capture::keep::{Keep, Recorder};
use crate::capture::{self, Item, live};
use crate::report::units;

/// Files or a device.
pub(super) enum Source {
    /// Saved captures.
    Files(capture::Capture),
    /// Saved captures that come as they come: standard input, a pipe.
    Relayed { relay: Relay, progress: capture::Progress },
    /// A device.
    Live(live::Live),
}

impl capture::Source for Source {
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, capture::Error> {
        match self {
            Self::Files(capture) => capture.next(findings),
            Self::Relayed { relay, .. } => relay.next(findings),
            Self::Live(live) => live.next(findings),
        }
    }
}

/// A device that is captured on.
pub(super) struct Device {
    pub(super) name: String,
    /// The BPF filter.
    pub(super) filter: Option<String>,
    pub(super) signals: Signals,
    pub(super) stop: live::Stop,
    pub(super) counts: live::Counts,
}

/// What a command reads.
pub(super) struct Reader {
    way: Way,
    device: Option<Device>,
    /// That the packets cannot be kept any more was said.
    complained: bool,
}

enum Way {
    Plain(Source),
    Kept(Box<Keep<Source>>),
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
    pub(super) fn new(source: Source, recorder: Option<Recorder>, device: Option<Device>) -> Self {
        let way = match recorder {
            Some(recorder) => Way::Kept(Box::new(Keep::new(source, recorder))),
            None => Way::Plain(source),
        };
        Self { way, device, complained: false }
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
    pub(super) fn stop(&self) -> Option<live::Stop> {
        self.device.as_ref().map(|device| device.stop.clone())
    }

    /// How much was read, of files.
    pub(super) fn progress(&self) -> Option<capture::Progress> {
        match self.source() {
            Source::Files(capture) => Some(capture.progress()),
            Source::Relayed { progress, .. } => Some(progress.clone()),
            Source::Live(_) => None,
        }
    }

    /// Where packets are kept, if they are.
    pub(super) fn kept(&self) -> Option<String> {
        self.recorder().map(|recorder| recorder.target().to_string())
    }

    /// Looks at what happened beside the packets: a signal ends a live capture, and what cannot be kept is said at once.
    pub(super) fn heed(&mut self) {
        if let Some(device) = &self.device
            && device.signals.asked()
        {
            device.stop.stop();
        }
        if let (false, Some(failure)) = (self.complained, self.recorder().and_then(Recorder::failure)) {
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
        if let (Source::Live(live), Some(device)) = (self.source(), &self.device) {
            device.tell(live.ended().as_deref());
            if let Some(recorder) = self.recorder() {
                let packets = units::several(recorder.packets(), "packet");
                tell(&format!("{packets} kept in {}", recorder.target()));
            }
        }
        match result {
            Err(error) if !is_closed_pipe(&error) => Err(error),
            _ if self.recorder().is_some_and(|recorder| recorder.failure().is_some()) => Ok(Outcome::Failed),
            _ => Ok(Outcome::Done),
        }
    }

    fn source(&self) -> &Source {
        match &self.way {
            Way::Plain(source) => source,
            Way::Kept(keep) => keep.source(),
        }
    }

    fn recorder(&self) -> Option<&Recorder> {
        match &self.way {
            Way::Plain(_) => None,
            Way::Kept(keep) => Some(keep.recorder()),
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
            Source::Files(_) | Source::Live(_) => true,
        }
    }

    fn progress(&self) -> Option<capture::Progress> {
        Self::progress(self)
    }

    fn trouble(&self) -> Option<String> {
        let failure = self.recorder().and_then(Recorder::failure).map(str::to_owned);
        failure.or_else(|| if let Source::Live(live) = self.source() { live.ended() } else { None })
    }

    /// What a device captured until now still goes into the file that packets are kept in.
    fn leave(&mut self) -> Result<(), capture::Error> {
        let Some(device) = &self.device else {
            return Ok(());
        };
        device.stop.stop();
        let mut findings = Findings::new();
        while self.recorder().is_some() && capture::Source::next(self, &mut findings)?.is_some() {
            drop(findings.drain());
        }
        Ok(())
    }
}

impl Device {
    /// Why the capture ended, if not because that was asked for, and what was captured and what lost.
    fn tell(&self, why: Option<&str>) {
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
    }
}

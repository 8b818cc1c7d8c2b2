//! The packet source of a command: files or a device, with or without keeping the packets.

use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;

use super::background::BackgroundReader;
use super::exit::{Outcome, is_closed_pipe};
use super::interactive::InteractiveSource;
use super::logged_secrets::{Identified, LoggedSecrets};
use super::messages;
use super::metrics::{self, Metrics};
use super::output::IncompleteOutput;
use super::service::Manager;
use crate::base::Findings;
use crate::base::units;
use crate::capture::save::{PacketWriter, Tee};
use crate::capture::{self, Item, KeyLogs, Spool, follow, live};
use crate::export::redact::Redactor;
use crate::ledger::Entry;

/// Where packets come from.
pub(super) enum Source {
    /// Saved captures.
    Files(capture::Capture),
    /// Saved captures that may block, read on another thread: standard input, a pipe.
    Background { reader: BackgroundReader, progress: capture::Progress },
    /// Captures that are followed as they grow.
    Followed(follow::Followed),
    /// A device.
    Live(live::Live),
}

impl capture::Source for Source {
    #[inline(always)]
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, capture::Error> {
        match self {
            Self::Files(capture) => capture.next(findings),
            Self::Background { reader, .. } => reader.next(findings),
            Self::Followed(followed) => followed.next(findings),
            Self::Live(live) => live.next(findings),
        }
    }
}

/// State of a live capture.
pub(super) struct LiveCapture {
    /// Name of the device.
    name: String,
    /// BPF filter.
    filter: Option<String>,
    stop: capture::Stop,
    counts: live::Counts,
    link: live::LinkWatch,
    /// State of the device as it was reported.
    reported_link: live::LinkState,
    /// Thread that keeps the packets.
    keeper: Option<live::Saver>,
}

/// Reads the packets of a command.
pub(super) struct Reader {
    intake: Intake,
    key_logs: Option<KeyLogs>,
    /// An item that was read before the secrets that were logged by then.
    next: Option<Item>,
    /// Whether what was logged before the first packet is read.
    has_begun: bool,
    /// `None` if files are read.
    live: Option<LiveCapture>,
    /// Whether it was reported that packets can no longer be kept.
    failure_reported: bool,
    /// Keeps the secrets of key logs, to read packets again.
    logged: LoggedSecrets,
    /// Connections whose ClientHello was not captured, for the writer of packets.
    identified: Identified,
    /// Keeps what is read, to read it again; `None` if nobody will, or the files can be.
    spool: Option<Spool>,
    /// Number of threads that analyse what is read.
    threads: NonZeroUsize,
    /// Counts for `--prometheus`; `None` without it.
    metrics: Option<Metrics>,
    /// Who is told that the capture ends.
    manager: Manager,
}

enum Intake {
    Plain(Box<Source>),
    /// Keeps each packet that is read.
    Keeping(Box<Tee<Source>>),
}

impl capture::Source for Reader {
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, capture::Error> {
        if self.key_logs.is_none() && self.spool.is_none() {
            return self.intake.next(findings);
        }
        let item = self.read(findings);
        if let (Some(spool), Ok(item)) = (&mut self.spool, &item) {
            match item {
                Some(item) => spool.push(item),
                None => spool.flush(),
            }
        }
        item
    }
}

impl capture::Source for Intake {
    #[inline(always)]
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, capture::Error> {
        match self {
            Self::Plain(source) => source.next(findings),
            Self::Keeping(keep) => keep.next(findings),
        }
    }
}

impl Reader {
    /// Reads files. Packets are kept by `recorder` as they are read.
    pub(super) fn new(source: Source, recorder: Option<PacketWriter>) -> Self {
        let intake = match recorder {
            Some(recorder) => Intake::Keeping(Box::new(Tee::new(source, recorder))),
            None => Intake::Plain(Box::new(source)),
        };
        Self {
            intake,
            key_logs: None,
            next: None,
            has_begun: false,
            live: None,
            failure_reported: false,
            spool: None,
            logged: LoggedSecrets::default(),
            identified: Identified::default(),
            threads: NonZeroUsize::MIN,
            metrics: None,
            manager: Manager::default(),
        }
    }

    /// Reads a device. Its packets are kept by a thread of the capture.
    pub(super) fn from_device(source: live::Live, live: LiveCapture) -> Self {
        let intake = Intake::Plain(Box::new(Source::Live(source)));
        Self {
            intake,
            key_logs: None,
            next: None,
            has_begun: false,
            live: Some(live),
            failure_reported: false,
            spool: None,
            logged: LoggedSecrets::default(),
            identified: Identified::default(),
            threads: NonZeroUsize::MIN,
            metrics: None,
            manager: Manager::default(),
        }
    }

    /// Also reads the secrets in key logs, and keeps them in `logged` for reading the packets again
    /// and for writing them. What the analysis finds out for that goes to `identified`.
    pub(super) fn with_key_logs(
        self,
        key_logs: Option<KeyLogs>,
        logged: LoggedSecrets,
        identified: Identified,
    ) -> Self {
        Self { key_logs, logged, identified, ..self }
    }

    /// Takes what the analysis of the packets emitted.
    pub(super) fn note(&self, entries: &[Entry]) {
        entries.iter().for_each(|entry| self.identified.note(entry));
        if let Some(metrics) = self.metrics.as_ref().filter(|_| !entries.is_empty()) {
            metrics.record(entries);
        }
    }

    /// Serves metrics of the packets that are read from now on.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub(super) fn with_metrics(self, opened: Option<metrics::Opened>) -> io::Result<Self> {
        let counts = self.live.as_ref().map(|live| live.counts.clone());
        let metrics = opened.map(|opened| Metrics::start(opened, counts)).transpose()?;
        Ok(Self { metrics, ..self })
    }

    /// Tells a service manager when reading ends.
    pub(super) fn with_manager(self, manager: Manager) -> Self {
        Self { manager, ..self }
    }

    /// Masks names and values in the metrics.
    pub(super) fn mask_metrics(&mut self, redactor: Option<Redactor>) {
        if let Some(metrics) = &mut self.metrics {
            metrics.mask(redactor);
        }
    }

    /// Has what is read analysed by this many threads.
    pub(super) fn with_threads(self, threads: NonZeroUsize) -> Self {
        Self { threads, ..self }
    }

    /// Returns the number of threads that analyse what is read.
    pub(super) fn threads(&self) -> usize {
        self.threads.get()
    }

    /// Keeps the packets that are read from now on.
    pub(super) fn with_spool(self, spool: Option<Spool>) -> Self {
        Self { spool, ..self }
    }

    /// Why what was read cannot be read again completely; `None` if it can.
    pub(super) fn spool_failure(&self) -> Option<&str> {
        self.spool.as_ref().and_then(Spool::failure)
    }

    /// Reads the next item, with the secrets of key logs between those of the source.
    fn read(&mut self, findings: &mut Findings) -> Result<Option<Item>, capture::Error> {
        let Some(key_logs) = &mut self.key_logs else {
            return capture::Source::next(&mut self.intake, findings);
        };
        // Before the first packet, everything that is logged.
        if !self.has_begun {
            if let Some(secrets) = key_logs.next(false)? {
                self.logged.push(&secrets);
                return Ok(Some(secrets));
            }
            self.has_begun = true;
        }
        let item = match self.next.take() {
            Some(item) => Some(item),
            None => capture::Source::next(&mut self.intake, findings)?,
        };
        match key_logs.next(item.is_none())? {
            Some(secrets) => {
                self.next = item;
                self.logged.push(&secrets);
                Ok(Some(secrets))
            }
            None => Ok(item),
        }
    }

    /// Name of the device; `None` if files are read.
    pub(super) fn device(&self) -> Option<&str> {
        self.live.as_ref().map(|live| live.name.as_str())
    }

    /// Name of the device, if at least one packet was captured on it.
    pub(super) fn device_with_packets(&self) -> Option<&str> {
        self.live.as_ref().filter(|live| live.counts.packets() > 0).map(|live| live.name.as_str())
    }

    /// Handle that stops the live capture; `None` if files are read.
    #[cfg(feature = "demo")]
    pub(super) fn stop(&self) -> Option<capture::Stop> {
        self.live.as_ref().map(|live| live.stop.clone())
    }

    /// Bytes read and in total; `None` for a device.
    pub(super) fn progress(&self) -> Option<capture::Progress> {
        match self.source() {
            Source::Files(capture) => Some(capture.progress()),
            Source::Background { progress, .. } => Some(progress.clone()),
            Source::Followed(followed) => Some(followed.progress()),
            Source::Live(_) => None,
        }
    }

    /// Name of the file that packets are kept in.
    pub(super) fn keep_target(&self) -> Option<String> {
        let target = self.keeper().map(live::Saver::target);
        target.or_else(|| self.recorder().map(PacketWriter::target)).map(ToString::to_string)
    }

    /// Reports new problems: a followed file that ended, a device that went down, packets that can
    /// no longer be kept.
    #[inline]
    pub(super) fn report_problems(&mut self) {
        // Files that are read to their end, and not kept, have none. Asked after each packet.
        let has_none = matches!(&self.intake, Intake::Plain(source)
            if matches!(**source, Source::Files(_) | Source::Background { .. }));
        if !has_none {
            self.report_new_problems();
        }
    }

    fn report_new_problems(&mut self) {
        if let Some(message) = self.live.as_mut().and_then(LiveCapture::link_change) {
            messages::error(&message);
        }
        if let Source::Followed(followed) = self.source() {
            for why in followed.ended().take_new() {
                messages::error(&why);
            }
        }
        if let (false, Some(failure)) = (self.failure_reported, self.failure()) {
            messages::error(failure);
            self.failure_reported = true;
        }
    }

    /// Stops reading, closes the file that packets are kept in, and prints the packet counts of a
    /// live capture. `result` is the result of the command so far.
    ///
    /// # Errors
    /// The error in `result`, unless it is a closed pipe.
    pub(super) fn finish(mut self, result: anyhow::Result<()>) -> anyhow::Result<Outcome> {
        self.manager.stopping();
        if let Intake::Keeping(keep) = &mut self.intake {
            keep.close();
        }
        self.report_problems();
        let keeper = self.live.as_mut().and_then(|live| {
            live.stop.stop();
            live.keeper.take()
        });
        let had_keeper = keeper.is_some();
        let recorder = keeper.and_then(live::Saver::finish);
        if had_keeper && recorder.is_none() {
            messages::error(
                "the thread that keeps packets panicked: the last packets are missing in the file",
            );
            self.failure_reported = true;
        }
        if let (false, Some(failure)) =
            (self.failure_reported, recorder.as_ref().or(self.recorder()).and_then(PacketWriter::failure))
        {
            messages::error(failure);
            self.failure_reported = true;
        }
        if let (Source::Live(source), Some(live)) = (self.source(), &self.live) {
            live.print_counts(source.ended().as_deref(), recorder.as_ref());
        }
        match result {
            Err(error) if is_closed_pipe(&error) => Ok(self.outcome()),
            // The command ran, and a part of its output is there.
            Err(error) if error.is::<IncompleteOutput>() => {
                messages::error(&error.to_string());
                Ok(Outcome::PartialFailure)
            }
            Err(error) => Err(error),
            Ok(()) => Ok(self.outcome()),
        }
    }

    fn outcome(&self) -> Outcome {
        match self.failure_reported {
            true => Outcome::PartialFailure,
            false => Outcome::Success,
        }
    }

    /// Why packets can no longer be kept.
    fn failure(&self) -> Option<&str> {
        self.keeper()
            .and_then(live::Saver::failure)
            .or_else(|| self.recorder().and_then(PacketWriter::failure))
    }

    fn keeper(&self) -> Option<&live::Saver> {
        self.live.as_ref().and_then(|live| live.keeper.as_ref())
    }

    fn source(&self) -> &Source {
        match &self.intake {
            Intake::Plain(source) => source,
            Intake::Keeping(keep) => keep.source(),
        }
    }

    fn recorder(&self) -> Option<&PacketWriter> {
        match &self.intake {
            Intake::Plain(_) => None,
            Intake::Keeping(keep) => Some(keep.writer()),
        }
    }
}

impl InteractiveSource for Reader {
    fn wait(&mut self, timeout: Duration) -> bool {
        let source = match &mut self.intake {
            Intake::Plain(source) => source,
            Intake::Keeping(keep) => keep.source_mut(),
        };
        match source {
            Source::Background { reader, .. } => reader.wait(timeout),
            // These return within a tenth of a second.
            Source::Files(_) | Source::Followed(_) | Source::Live(_) => true,
        }
    }

    fn progress(&self) -> Option<capture::Progress> {
        Self::progress(self)
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = match self.source() {
            Source::Live(live) => {
                live.ended().or_else(|| self.live.as_ref()?.link_problem()).into_iter().collect()
            }
            Source::Followed(followed) => followed.ended().all(),
            Source::Files(_) | Source::Background { .. } => Vec::new(),
        };
        // The most important one goes last: the TUI shows it longest.
        warnings.extend(self.failure().map(str::to_owned));
        warnings
    }

    fn note(&mut self, entries: &[Entry]) {
        Self::note(self, entries);
    }

    fn close(&mut self) -> Result<(), capture::Error> {
        if let Some(live) = &self.live {
            live.stop.stop();
        }
        Ok(())
    }
}

impl LiveCapture {
    /// Starts capturing, and keeping packets if there is a `recorder`.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub(super) fn start(
        opened: live::Opened,
        recorder: Option<PacketWriter>,
        filter: Option<String>,
    ) -> Result<(live::Live, Self), live::Error> {
        let (name, stop) = (opened.name().to_owned(), opened.stop());
        let (source, keeper) = match recorder {
            Some(recorder) => opened.start_saving(recorder).map(|(source, keeper)| (source, Some(keeper)))?,
            None => (opened.start()?, None),
        };
        let (counts, link) = (source.counts(), source.link());
        let reported_link = live::LinkState::Up;
        Ok((source, Self { name, filter, stop, counts, link, reported_link, keeper }))
    }

    /// Describes the state of the device if it is not up.
    fn link_problem(&self) -> Option<String> {
        let name = &self.name;
        match self.link.state() {
            live::LinkState::Up => None,
            live::LinkState::Down => Some(format!("{name} is down: no packets until it is up again")),
            live::LinkState::NoCarrier => {
                Some(format!("{name} has no carrier: no packets until it is connected again"))
            }
        }
    }

    /// Describes the state of the device if it changed since the last call.
    fn link_change(&mut self) -> Option<String> {
        let state = self.link.state();
        let has_changed = std::mem::replace(&mut self.reported_link, state) != state;
        has_changed.then(|| self.link_problem().unwrap_or_else(|| format!("{} is up again", self.name)))
    }

    /// Prints why the capture ended, if it failed, and the numbers of packets captured, lost and
    /// kept.
    fn print_counts(&self, failure: Option<&str>, recorder: Option<&PacketWriter>) {
        if let Some(failure) = failure {
            messages::error(failure);
        }
        let counts = &self.counts;
        if let (0, Some(filter)) = (counts.packets(), &self.filter) {
            messages::error(&format!("no packet on {} passed the filter \"{filter}\"", self.name));
        }
        messages::status(&format!(
            "{} captured on {}",
            units::several(counts.packets(), "packet"),
            self.name
        ));
        messages::status(&format!(
            "{} lost by the kernel, {} by the interface",
            units::several(counts.dropped_by_kernel(), "packet"),
            counts.dropped_by_interface()
        ));
        messages::status(&format!(
            "{} lost by mcpdump",
            units::several(counts.dropped_by_mcpdump(), "packet")
        ));
        if let Some(recorder) = recorder {
            messages::status(&recorder.kept().to_string());
        }
        if counts.saved_only() > 0 {
            let packets = units::several(counts.saved_only(), "packet");
            messages::status(&format!(
                "{packets} of them not analysed because the analysis was too slow: read the file to see them"
            ));
        }
    }
}

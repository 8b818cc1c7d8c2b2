//! Plays a recorded demo at its original speed, for `mcpdump demo` without permission to capture.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::list_and_report::list_and_report;
use super::tui::{self, Screen, Shown};
use crate::base::Findings;
use crate::capture::save::FileMetadata;
use crate::capture::{self, Replay, Spool, playback};
use crate::cli::arguments::demo::Demo;
use crate::cli::exit::{Outcome, is_closed_pipe};
use crate::cli::file_broker::FileBroker;
use crate::cli::filter_history::FilterHistory;
use crate::cli::interactive::InteractiveSource;
use crate::cli::output::Output;
use crate::cli::request::Request;
use crate::cli::sandbox::{self, Allowed};
use crate::cli::slicer::Slicer;
use crate::cli::{messages, privileges, signals};
use crate::ledger::query::Filter;

/// A demo of ten seconds with the default seed: `mcpdump demo --for 10s -w demo.pcapng`,
/// compressed.
const RECORDING: &[u8] = include_bytes!("../../../captures/demo.pcapng.zst");

/// Name of the source.
const NAME: &str = "a recorded demo";

/// Plays the recording in the TUI, or as a list and a report.
///
/// # Errors
/// The output cannot be written, or the terminal fails.
pub(super) fn play(demo: &Demo, request: &Request) -> anyhow::Result<Outcome> {
    // The process may be root and still not be permitted to capture.
    let user = privileges::drop_root(None, false)?;
    if tui::is_available() {
        return play_in_tui(demo, request, user.as_deref());
    }
    let output = Output::open(None, request)?;
    let signals = signals::termination_signals();
    enter_sandbox(Allowed::default());
    let stop = Arc::new(AtomicBool::new(false));
    signals::catch(&signals, &stop).context("signals cannot be caught")?;
    let mut recording = Recording::start(demo.pace.duration)?;
    let result = list_and_report(&mut recording, output, request, NAME.to_owned(), |recording| {
        if stop.load(Ordering::Relaxed) {
            recording.capture.end();
        }
    });
    match result {
        Err(error) if !is_closed_pipe(&error) => Err(error),
        _ => Ok(Outcome::Success),
    }
}

fn play_in_tui(demo: &Demo, request: &Request, user: Option<&str>) -> anyhow::Result<Outcome> {
    let (screen, resources) = Screen::prepare(request, &demo.screen, Filter::default(), user)?;
    let history = if resources.history { FilterHistory::open(user) } else { FilterHistory::default() };
    let xauthority = sandbox::xauthority(resources.clipboard);
    let broker = FileBroker::start(request.is_unconfined).ok();
    let spool = tempfile::tempfile().context("a temporary file for the packets cannot be created")?;
    enter_sandbox(Allowed { terminal: true, xauthority: xauthority.as_deref(), ..Allowed::default() });
    let mut recording = Recording::start(demo.pace.duration)?;
    let slicer = recording.keep(spool)?;
    let slicer = Some(slicer);
    let shown = Shown {
        name: NAME.to_owned(),
        is_live: true,
        is_followed: false,
        device: None,
        history,
        broker,
        slicer,
    };
    let (_, result) = screen.show(recording, shown)?;
    result.map(|()| Outcome::Success)
}

fn enter_sandbox(allowed: Allowed<'_>) {
    if let Some(warning) = sandbox::enter(allowed) {
        messages::error(&format!("note: {warning}"));
    }
}

/// The recording, played at its original speed.
struct Recording {
    capture: playback::Playback<capture::Capture, WallClock>,
    /// Playing stops after this time; `None` plays all of it.
    duration: Option<Duration>,
    /// Keeps what was played, to read it again; `None` if nobody will.
    spool: Option<Spool>,
}

impl Recording {
    fn start(duration: Option<Duration>) -> anyhow::Result<Self> {
        let decoder = zstd::Decoder::new(RECORDING).context("the recording cannot be decompressed")?;
        let capture = capture::from_reader("the recording", Box::new(decoder));
        let capture = playback::Playback::new(capture, WallClock::start());
        Ok(Self { capture, duration, spool: None })
    }

    /// Keeps what is played from now on in an empty file. Returns what reads it again.
    fn keep(&mut self, file: File) -> anyhow::Result<Slicer> {
        let (spool, played) = Spool::new(file).context("a temporary file cannot be opened")?;
        self.spool = Some(spool);
        Ok(Slicer::new(Replay::Spooled(played), FileMetadata::default()))
    }
}

impl capture::Source for Recording {
    fn next(&mut self, findings: &mut Findings) -> Result<Option<capture::Item>, capture::Error> {
        if self.duration.is_some_and(|duration| self.capture.played() >= duration) {
            self.capture.end();
        }
        let item = self.capture.next(findings)?;
        if let Some(spool) = &mut self.spool {
            match &item {
                Some(item) => spool.push(item),
                None => spool.flush(),
            }
        }
        Ok(item)
    }
}

impl InteractiveSource for Recording {
    fn wait(&mut self, _timeout: Duration) -> bool {
        true
    }

    fn progress(&self) -> Option<capture::Progress> {
        None
    }

    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    fn close(&mut self) -> Result<(), capture::Error> {
        Ok(())
    }
}

/// Time since the start of playing.
struct WallClock(Instant);

impl WallClock {
    #[expect(clippy::disallowed_methods, reason = "the recording is played at its original speed")]
    fn start() -> Self {
        Self(Instant::now())
    }
}

impl playback::Clock for WallClock {
    fn now(&mut self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&mut self, time: Duration) {
        if !time.is_zero() {
            std::thread::sleep(time);
        }
    }
}

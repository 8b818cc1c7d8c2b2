//! Reads and analyses on a thread of its own and sends the results to the TUI.
//!
//! The channel is bounded: a TUI that is slower than the analysis makes the analysis wait. (A
//! device does not wait: packets that do not fit into its queue are lost, and counted.)

use std::env;
use std::sync::mpsc::SyncSender;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::base::Files;
use crate::capture;
use crate::cli::interactive::InteractiveSource;
use crate::engine::Engine;
use crate::ledger::Entry;
use crate::tui::{Event, InFlight, Loading, payload_len};

/// Capacity of the channel, in events. With [`BATCH`] it bounds the latency of a key and the memory
/// of the channel.
pub(super) const CHANNEL_CAPACITY: usize = 4;

/// Maximum number of entries per event: about a millisecond's work for the TUI.
const BATCH: usize = 512;

/// Bytes of payloads per event, from which on it is sent: bodies may be large.
const BATCH_BYTES: usize = 1 << 20;

/// How long entries of a file are gathered, and the interval of progress reports.
const GATHER_TIME: Duration = Duration::from_millis(25);

/// How long entries of a live source are gathered, so that a burst is one event. The last entries
/// wait for the next item of the source, which during silence is a time.
const LIVE_GATHER_TIME: Duration = Duration::from_millis(5);

/// Minimum interval between reports of what is in progress, and the same as a multiple of the time
/// that a report takes.
const IN_PROGRESS_INTERVAL: Duration = Duration::from_millis(250);
const IN_PROGRESS_FACTOR: u32 = 20;

/// Environment variable for the test that the terminal is restored after a panic of this thread.
const PANIC_VARIABLE: &str = "MCPDUMP_TEST_PANIC";

/// Whether the test wants the panic before the terminal is taken.
pub(super) fn panics_early() -> bool {
    env::var_os(PANIC_VARIABLE).is_some_and(|value| value == "early")
}

/// The TUI was closed: the channel has no receiver.
struct Closed;

/// A source that was read, and the result of reading it.
pub(super) type LoadResult<S> = (S, Result<(), capture::Error>);

/// Starts the thread. It ends with the source, or when the TUI is closed.
///
/// # Errors
/// The thread cannot be started.
pub(super) fn spawn<S: InteractiveSource>(
    mut source: S,
    is_live: bool,
    files: Files,
    events: SyncSender<Event>,
) -> anyhow::Result<JoinHandle<LoadResult<S>>> {
    let work = move || {
        let mut loader = Loader::new(is_live, &events);
        loader.engine.set_files(files);
        let result = loader.load(&mut source);
        let last = match &result {
            Ok(()) => Event::End,
            Err(error) => Event::Failed(error.to_string()),
        };
        // If the TUI was closed, both have no receiver.
        if loader.send_warnings(&source).is_ok() {
            drop(events.send(last));
        }
        let closed = source.close();
        (source, result.and(closed))
    };
    Builder::new().name("analysis".to_owned()).spawn(work).context("the analysis thread cannot be started")
}

struct Loader<'a> {
    engine: Engine,
    is_live: bool,
    events: &'a SyncSender<Event>,
    /// What was sent and has not arrived.
    in_flight: InFlight,
    /// Entries that are not sent yet.
    gathered: Vec<Entry>,
    /// Bytes of payloads among them.
    gathered_bytes: usize,
    /// Start of the current [`GATHER_TIME`].
    gather_start: Instant,
    /// When entries were last sent.
    last_sent: Instant,
    /// When to report next what is in progress.
    next_in_progress: Instant,
    /// Warnings that were sent: a few for each file at most.
    sent_warnings: Vec<String>,
}

impl<'a> Loader<'a> {
    fn new(is_live: bool, events: &'a SyncSender<Event>) -> Self {
        let mut engine = Engine::new();
        engine.emit_payloads();
        engine.halve_memory();
        engine.halve_sessions();
        Self {
            engine,
            is_live,
            events,
            in_flight: InFlight::default(),
            gathered: Vec::new(),
            gathered_bytes: 0,
            gather_start: now(),
            last_sent: now(),
            next_in_progress: now(),
            sent_warnings: Vec::new(),
        }
    }

    /// Reads to the end of the source, or until the TUI is closed.
    fn load(&mut self, source: &mut impl InteractiveSource) -> Result<(), capture::Error> {
        if env::var_os(PANIC_VARIABLE).is_some() {
            forced_panic();
        }
        let mut items = 0_u32;
        loop {
            let before = self.gathered.len();
            let has_more = !source.wait(GATHER_TIME) || self.engine.read(source, &mut self.gathered)?;
            let new = self.gathered.get(before..).unwrap_or_default();
            source.note(new);
            self.gathered_bytes += new.iter().map(payload_len).sum::<usize>();
            items = items.wrapping_add(1);
            let is_due = self.is_live || self.is_batch() || items.is_multiple_of(256);
            let sent = match (has_more, is_due) {
                (false, _) => self.send_progress(source).and_then(|()| self.send_entries()),
                (true, true) => self.send_due(source),
                (true, false) => Ok(()),
            };
            if !has_more || sent.is_err() {
                return Ok(());
            }
        }
    }

    /// Sends what is due: progress, what is in progress, entries.
    fn send_due(&mut self, source: &impl InteractiveSource) -> Result<(), Closed> {
        let is_interval_over = now() - self.gather_start >= GATHER_TIME;
        let is_live_due =
            self.is_live && !self.gathered.is_empty() && now() - self.last_sent >= LIVE_GATHER_TIME;
        if is_interval_over {
            self.gather_start = now();
            if self.gather_start >= self.next_in_progress {
                self.send_in_progress()?;
            }
            self.send_progress(source)?;
        }
        if is_interval_over || is_live_due || self.is_batch() {
            self.send_entries()?;
        }
        Ok(())
    }

    /// Whether enough is gathered for an event.
    fn is_batch(&self) -> bool {
        self.gathered.len() >= BATCH || self.gathered_bytes >= BATCH_BYTES
    }

    fn send_entries(&mut self) -> Result<(), Closed> {
        self.last_sent = now();
        self.gathered_bytes = 0;
        let mut entries = std::mem::take(&mut self.gathered).into_iter();
        while entries.len() > 0 {
            let batch = self.in_flight.batch(entries.by_ref().take(BATCH).collect());
            self.send(Event::Batch(batch))?;
        }
        Ok(())
    }

    fn send_progress(&mut self, source: &impl InteractiveSource) -> Result<(), Closed> {
        let progress = source.progress();
        let read = progress.as_ref().map_or(0, capture::Progress::read);
        let total = progress.and_then(|progress| progress.total());
        self.send(Event::Loading(Loading { read, total }))?;
        self.send_warnings(source)
    }

    /// Sends the warnings that were not sent yet.
    fn send_warnings(&mut self, source: &impl InteractiveSource) -> Result<(), Closed> {
        for warning in source.warnings() {
            if !self.sent_warnings.contains(&warning) {
                self.sent_warnings.push(warning.clone());
                self.send(Event::Warned(warning))?;
            }
        }
        Ok(())
    }

    fn send_in_progress(&mut self) -> Result<(), Closed> {
        let start = now();
        let in_progress = Box::new(self.engine.in_progress());
        let took = now() - start;
        let sent = self.send(Event::InProgress(in_progress));
        self.next_in_progress = now() + IN_PROGRESS_INTERVAL.max(took * IN_PROGRESS_FACTOR);
        sent
    }

    fn send(&self, event: Event) -> Result<(), Closed> {
        self.events.send(event).map_err(|_| Closed)
    }
}

#[expect(clippy::panic, reason = "a test requests it, to check that the terminal is restored")]
fn forced_panic() {
    panic!("{PANIC_VARIABLE} is set");
}

#[expect(clippy::disallowed_methods, reason = "how often the TUI is updated depends on the system's clock")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::base::Findings;

    /// A source with two warnings.
    struct WithWarnings;

    impl capture::Source for WithWarnings {
        fn next(&mut self, _: &mut Findings) -> Result<Option<capture::Item>, capture::Error> {
            Ok(None)
        }
    }

    impl InteractiveSource for WithWarnings {
        fn wait(&mut self, _: Duration) -> bool {
            true
        }

        fn progress(&self) -> Option<capture::Progress> {
            None
        }

        fn warnings(&self) -> Vec<String> {
            ["the first ended", "the second too"].map(str::to_owned).to_vec()
        }

        fn close(&mut self) -> Result<(), capture::Error> {
            Ok(())
        }
    }

    #[test]
    fn each_warning_is_sent_once() {
        let (events, receiver) = sync_channel(CHANNEL_CAPACITY);
        let mut loader = Loader::new(false, &events);
        assert!(loader.send_warnings(&WithWarnings).is_ok() && loader.send_warnings(&WithWarnings).is_ok());
        drop(events);
        let warned: Vec<String> = receiver
            .iter()
            .filter_map(|event| if let Event::Warned(why) = event { Some(why) } else { None })
            .collect();
        assert_eq!(warned, WithWarnings.warnings());
    }
}

//! `mcpdump FILE`, `mcpdump -i IFACE`: the TUI. A thread of its own reads and analyses, and hands on what comes of it over a
//! channel that is bounded: a screen that is slower than the reading makes the reading wait. (A device does not wait: what
//! does not fit into its queue is lost, and counted.)

use std::env;
use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use signal_hook::iterator::Signals;

use crate::capture;
use crate::cli::Outcome;
use crate::cli::arguments::ScreenArguments;
use crate::cli::commands::analysis as run;
use crate::cli::complain;
use crate::cli::filter_history::{History, Remembered};
use crate::cli::output;
use crate::cli::request::{Inputs, Request};
use crate::cli::setup::{Begun, Wishes, begin_screen};
use crate::cli::signals;
use crate::cli::user_dirs as home;
use crate::engine::Engine;
use crate::ledger::Entry;
use crate::ledger::query::Filter;
use crate::tui::{self, App, Config, Device, Environment, Event, Loading, Model, Tty};

/// Events that wait to be taken. With [`BATCH`] it bounds what a key waits behind, and what memory it takes.
const WAITING: usize = 4;

/// Entries of a batch at most: a millisecond's work for the screen.
const BATCH: usize = 512;

/// How long entries of a file are gathered, and how often progress is told.
const GATHERED: Duration = Duration::from_millis(25);

/// How long what just happened is gathered, so that a burst is not told packet by packet. What comes last waits for the
/// next item of its source, which in silence is a time.
const SOON: Duration = Duration::from_millis(5);

/// How often it is told what goes on, at most; and how many times as long as that took passes in between.
const IN_PROGRESS: Duration = Duration::from_millis(250);
const RARELY: u32 = 20;

/// Whether the TUI is what is wanted: somebody is there to look, and can press keys.
pub(crate) fn is_wanted() -> bool {
    io::stdout().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Opens the TUI on a request, and stays until it is left.
///
/// # Errors
/// The capture or the configuration cannot be read, the filter is wrong, or the terminal fails.
pub(crate) fn view(request: &Request, arguments: &ScreenArguments) -> anyhow::Result<Outcome> {
    let filter = run::filter(request)?;
    let prepare = |user: Option<&str>| Screen::prepare(request, arguments, filter, user);
    let (Begun { reader, output, remembered }, screen) = begin_screen(request, prepare)?;
    // It holds standard output, which the screen takes.
    drop(output);
    let name = match &request.inputs {
        Inputs::Files(inputs) => inputs.iter().map(run::name).collect::<Vec<_>>().join(", "),
        Inputs::Device(_) => reader.device().unwrap_or_default().to_owned(),
    };
    let device = reader.device().map(|_| Device { written_to: reader.kept() });
    let (live, followed) = (request.is_live(), request.follow.is_some());
    let (reader, result) = screen.show(reader, Shown { name, live, followed, device, remembered })?;
    reader.end(result)
}

/// A source that can be looked at while it goes on.
pub(crate) trait Watched: capture::Source + Send + 'static {
    /// Waits for the next item, for so long at most. Whether there is one, or will be soon.
    fn wait(&mut self, patience: Duration) -> bool;

    /// How much of it was read; `None` where there is nothing to measure it by.
    fn progress(&self) -> Option<capture::Progress>;

    /// What the operator is to know at once, each time all of it; nothing where all is well.
    fn troubles(&self) -> Vec<String>;

    /// Nobody looks any more.
    ///
    /// # Errors
    /// Those of its source.
    fn leave(&mut self) -> Result<(), capture::Error>;
}

/// What is shown.
pub(crate) struct Shown {
    /// What it is called.
    pub(crate) name: String,
    /// Whether packets come as they are sent.
    pub(crate) live: bool,
    /// Whether they come from files that are followed as they grow.
    pub(crate) followed: bool,
    /// The device, if it is one.
    pub(crate) device: Option<Device>,
    /// What is there of earlier runs.
    pub(crate) remembered: Remembered,
}

/// What the screen needs, and cannot have any more once the process has shut itself in.
pub(crate) struct Screen {
    config: Config,
    filter: Filter,
    /// Where bodies go that do not fit into memory. `None` where none could be made: that is said when it is needed.
    spill: Option<File>,
    signals: Vec<i32>,
    tty: Tty,
}

impl Screen {
    /// To be called when rights are given up, before the process shuts itself in: what it reads and makes here is what
    /// whoever looks may read and make. And before there are other threads: from then on none of them that panics leaves
    /// the terminal as it is. `user` is whom the process became; `None` where it is who it was.
    ///
    /// # Errors
    /// The configuration cannot be read.
    pub(crate) fn prepare(
        request: &Request,
        arguments: &ScreenArguments,
        filter: Filter,
        user: Option<&str>,
    ) -> anyhow::Result<Self> {
        let mut config = config(request, user)?;
        config.memory = arguments.memory.unwrap_or(config.memory);
        let spill = tempfile::tempfile().ok();
        Ok(Self { config, filter, spill, signals: signals::wanted(), tty: Tty::guarded() })
    }

    /// What is to be opened for it before the process shuts itself in.
    pub(crate) fn wishes(&self) -> Wishes {
        Wishes { history: self.config.history, clipboard: self.config.clipboard }
    }

    /// Shows a source until somebody leaves. Gives the source back, and what became of reading it.
    ///
    /// # Errors
    /// The terminal fails, or signals cannot be caught.
    pub(crate) fn show<S: Watched>(self, source: S, shown: Shown) -> anyhow::Result<(S, anyhow::Result<()>)> {
        let packets = tui::Source {
            name: shown.name,
            is_live: shown.live,
            is_followed: shown.followed,
            device: shown.device,
        };
        let mut model = Model::new(packets, self.config.memory);
        if let Some(file) = self.spill {
            model.store_mut().spill_into(file);
        }
        let Remembered { filters, mut history, trouble } = shown.remembered;
        let mut app = App::new(model, self.config).with_history(filters).with_filter(self.filter);
        let (events, told) = sync_channel(WAITING);
        watch_signals(&self.signals, events.clone())?;
        if let Some(trouble) = trouble {
            app.handle(Event::Warned(trouble));
        }
        let loader = load(source, shown.live, events.clone())?;
        while panics_early() && !loader.is_finished() {
            std::thread::yield_now();
        }
        let mut remember = |filter: &str| history.as_mut().map_or(Ok(()), |history| history.add(filter));
        let left = tui::run(&mut app, &self.tty, &told, events, &mut remember).context("the terminal");
        // Whoever reads finds out by this that nobody looks any more.
        drop(told);
        if let Some(Err(error)) = history.map(History::finish) {
            complain(&format!("the last filters are not kept: {error}"));
        }
        let (source, read) = loader.join().map_err(|_| anyhow!("the thread that reads panicked"))?;
        Ok((source, left.and(read.map_err(anyhow::Error::from))))
    }
}

/// `mcpdump config`: prints the configuration that holds without one.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn print_config() -> anyhow::Result<()> {
    io::stdout().write_all(Config::defaults().as_bytes()).context("standard output: cannot be written")
}

/// The configuration of whoever looks, and what the surroundings ask for.
fn config(request: &Request, user: Option<&str>) -> anyhow::Result<Config> {
    let wanted = Environment { no_color: !output::is_colored(request, None), ascii: is_ascii() };
    let Some(path) = config_path(user) else {
        return Config::parse("", wanted).map_err(|error| anyhow!(error));
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("{}: cannot be read", path.display())),
    };
    Config::parse(&text, wanted).map_err(|error| anyhow!("{}: {error}", path.display()))
}

/// `$XDG_CONFIG_HOME/mcpdump/config.toml`, below `~/.config` where that is not set.
fn config_path(user: Option<&str>) -> Option<PathBuf> {
    Some(home::folder(user, "XDG_CONFIG_HOME", ".config")?.join("mcpdump").join("config.toml"))
}

/// Whether the locale says that the terminal has no UTF-8. One that says nothing is taken to have it.
fn is_ascii() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        !locale.contains("utf-8") && !locale.contains("utf8")
    })
}

/// A signal asks the program to go, and the terminal is given back first; or it tells of the terminal. Once the screen
/// was left it does what it does by default: what is kept may go to somebody who takes nothing.
fn watch_signals(wanted: &[i32], events: SyncSender<Event>) -> anyhow::Result<()> {
    let mut signals = Signals::new(wanted.iter().chain(TOLD)).context("signals cannot be caught")?;
    let watch = move || {
        for signal in signals.forever() {
            // Nobody looks any more, and still the process is there: something that it waits for does not come.
            if events.send(meaning(signal)).is_err() {
                drop(signal_hook::low_level::emulate_default_handler(signal));
            }
        }
    };
    Builder::new().name("signals".to_owned()).spawn(watch).context("no thread for signals")?;
    Ok(())
}

/// What the screen is told by signals, beside that it is to end: that the process goes on after it was stopped.
#[cfg(unix)]
const TOLD: &[i32] = &[signal_hook::consts::SIGCONT];
#[cfg(not(unix))]
const TOLD: &[i32] = &[];

#[cfg(unix)]
fn meaning(signal: i32) -> Event {
    if signal == signal_hook::consts::SIGCONT { Event::Resumed } else { Event::Terminate }
}

#[cfg(not(unix))]
fn meaning(_: i32) -> Event {
    Event::Terminate
}

/// A source that was read, and what became of that.
type Read<S> = (S, Result<(), capture::Error>);

/// Reads and analyses in a thread of its own, which ends when the capture is over, or nobody looks any more.
fn load<S: Watched>(
    mut source: S,
    live: bool,
    events: SyncSender<Event>,
) -> anyhow::Result<JoinHandle<Read<S>>> {
    let work = move || {
        let mut loader = Loader::new(live, &events);
        let read = loader.read(&mut source);
        // As with what follows: where nobody listens any more the program ends.
        let _ = loader.warn(&source);
        let last = match &read {
            Ok(()) => Event::End,
            Err(error) => Event::Failed(error.to_string()),
        };
        // Nobody listens any more: the program ends.
        drop(events.send(last));
        let left = source.leave();
        (source, read.and(left))
    };
    Builder::new().name("analysis".to_owned()).spawn(work).context("no thread for the analysis")
}

struct Loader<'a> {
    engine: Engine,
    live: bool,
    events: &'a SyncSender<Event>,
    gathered: Vec<Entry>,
    since: Instant,
    /// When entries were handed on last.
    handed: Instant,
    /// When it is told next what goes on.
    in_progress: Instant,
    /// What was told to be wrong with the source: a few texts for each file at most.
    warned: Vec<String>,
}

impl<'a> Loader<'a> {
    fn new(live: bool, events: &'a SyncSender<Event>) -> Self {
        let mut engine = Engine::new();
        engine.emit_payloads();
        Self {
            engine,
            live,
            events,
            gathered: Vec::new(),
            since: now(),
            handed: now(),
            in_progress: now(),
            warned: Vec::new(),
        }
    }

    /// Reads to the end, or until nobody looks any more.
    fn read(&mut self, source: &mut impl Watched) -> Result<(), capture::Error> {
        if env::var_os(PANIC).is_some() {
            forced_panic();
        }
        let mut items = 0_u32;
        loop {
            if source.wait(GATHERED) && !self.engine.read(source, &mut self.gathered)? {
                self.hand_on(source, true);
                return Ok(());
            }
            items = items.wrapping_add(1);
            let is_due = self.live || self.gathered.len() >= BATCH || items.is_multiple_of(256);
            if is_due && !self.hand_on(source, false) {
                return Ok(());
            }
        }
    }

    /// Hands on what was gathered, where it is time. False where nobody listens any more.
    fn hand_on(&mut self, source: &impl Watched, all: bool) -> bool {
        let late = now() - self.since >= GATHERED;
        let soon = self.live && !self.gathered.is_empty() && now() - self.handed >= SOON;
        let is_enough = self.gathered.len() >= BATCH || soon;
        if !(all || late || is_enough) {
            return true;
        }
        if late || all {
            self.since = now();
            if !all && self.since >= self.in_progress && !self.send_in_progress() {
                return false;
            }
            if !self.tell_loading(source) {
                return false;
            }
        }
        self.handed = now();
        while !self.gathered.is_empty() {
            let rest = self.gathered.split_off(self.gathered.len().min(BATCH));
            let batch = std::mem::replace(&mut self.gathered, rest);
            if self.events.send(Event::Batch(batch)).is_err() {
                return false;
            }
        }
        true
    }
}

/// The switch of the test that looks whether the terminal survives a panic.
const PANIC: &str = "MCPDUMP_TEST_PANIC";

/// Whether the test wants the panic before the terminal is taken.
fn panics_early() -> bool {
    env::var_os(PANIC).is_some_and(|value| value == "early")
}

#[expect(clippy::panic, reason = "a test asks for it: the terminal has to come back whole")]
fn forced_panic() {
    panic!("{PANIC} is set");
}

impl Loader<'_> {
    /// Tells how far the reading is, and what is wrong with it. False where nobody listens any more.
    fn tell_loading(&mut self, source: &impl Watched) -> bool {
        let progress = source.progress();
        let read = progress.as_ref().map_or(0, capture::Progress::read);
        let loading = Loading { read, total: progress.and_then(|progress| progress.total()) };
        self.events.send(Event::Loading(loading)).is_ok() && self.warn(source)
    }

    /// Tells what is wrong with the source and was not told yet. False where nobody listens any more.
    fn warn(&mut self, source: &impl Watched) -> bool {
        source.troubles().into_iter().all(|trouble| {
            if self.warned.contains(&trouble) {
                return true;
            }
            self.warned.push(trouble.clone());
            self.events.send(Event::Warned(trouble)).is_ok()
        })
    }

    /// Tells what goes on. False where nobody listens any more.
    fn send_in_progress(&mut self) -> bool {
        let began = now();
        let in_progress = Box::new(self.engine.in_progress());
        let took = now() - began;
        let heard = self.events.send(Event::InProgress(in_progress)).is_ok();
        self.in_progress = now() + IN_PROGRESS.max(took * RARELY);
        heard
    }
}

#[expect(clippy::disallowed_methods, reason = "how often the screen is told is the program's business")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Findings;

    /// What tells two things at once.
    struct Troubled;

    impl capture::Source for Troubled {
        fn next(&mut self, _: &mut Findings) -> Result<Option<capture::Item>, capture::Error> {
            Ok(None)
        }
    }

    impl Watched for Troubled {
        fn wait(&mut self, _: Duration) -> bool {
            true
        }

        fn progress(&self) -> Option<capture::Progress> {
            None
        }

        fn troubles(&self) -> Vec<String> {
            ["the first ended", "the second too"].map(str::to_owned).to_vec()
        }

        fn leave(&mut self) -> Result<(), capture::Error> {
            Ok(())
        }
    }

    #[test]
    fn each_trouble_is_told_and_once() {
        let (events, told) = sync_channel(WAITING);
        let mut loader = Loader::new(false, &events);
        assert!(loader.warn(&Troubled) && loader.warn(&Troubled));
        drop(events);
        let warned: Vec<String> = told
            .iter()
            .filter_map(|event| if let Event::Warned(why) = event { Some(why) } else { None })
            .collect();
        assert_eq!(warned, Troubled.troubles());
    }
}

//! `mcpdump FILE`, `mcpdump -i IFACE`: the TUI.

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::Builder;

use anyhow::{Context as _, anyhow};

use super::loader;
use crate::cli::arguments::screen::ScreenArguments;
use crate::cli::exit::Outcome;
use crate::cli::file_broker::FileBroker;
use crate::cli::filter_history::{FilterHistory, HistoryFile};
use crate::cli::interactive::InteractiveSource;
use crate::cli::request::{Inputs, Request};
use crate::cli::setup::{Setup, TuiResources};
use crate::cli::shown_files::ShownFiles;
use crate::cli::slicer::Slicer;
use crate::cli::{configuration, locale, matching, messages, output, signals};
use crate::ledger::query::Filter;
use crate::tui::{
    self, App, Config, Device, Environment, Event, Explanation, Model, SaveAs, Tty, Unexplained,
};
use crate::why::Limits;

/// Whether the TUI can be shown: standard output is a terminal that can move its cursor.
pub(crate) fn is_available() -> bool {
    io::stdout().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Opens the TUI and runs it until it is closed.
///
/// # Errors
/// The capture or the configuration cannot be read, the filter is invalid, or the terminal fails.
pub(crate) fn run(request: &Request, arguments: &ScreenArguments) -> anyhow::Result<Outcome> {
    let filter = matching::filter(request)?;
    let (Setup { reader, output, history, broker, slicer, .. }, screen) =
        Setup::open_for_tui(request, |user| Screen::prepare(request, arguments, filter, user))?;
    // It holds the lock of standard output.
    drop(output);
    let name = match &request.inputs {
        Inputs::Files(_) => request.input_names().join(", "),
        Inputs::Device(_) => reader.device().unwrap_or_default().to_owned(),
    };
    let device = reader.device().map(|_| Device { written_to: reader.keep_target() });
    let (is_live, is_followed) = (request.is_live(), request.follow.is_some());
    let (reader, result) =
        screen.show(reader, Shown { name, is_live, is_followed, device, history, broker, slicer })?;
    reader.finish(result)
}

/// What the TUI shows.
pub(super) struct Shown {
    /// Name of the source.
    pub(super) name: String,
    /// Whether packets may still arrive.
    pub(super) is_live: bool,
    /// Whether files are followed as they grow.
    pub(super) is_followed: bool,
    /// `None` if files are read.
    pub(super) device: Option<Device>,
    /// Filters of earlier runs.
    pub(super) history: FilterHistory,
    /// Creates files; `None` if none can be.
    pub(super) broker: Option<FileBroker>,
    /// Reads the packets again; `None` if they cannot be.
    pub(super) slicer: Option<Slicer>,
}

/// What the TUI opens before the sandbox is entered.
pub(super) struct Screen {
    config: Config,
    filter: Filter,
    /// Temporary file for bodies that do not fit into memory. `None` if none could be created: the
    /// TUI reports it when the file is needed.
    spill: Option<File>,
    /// The same for rows.
    spilled_rows: Option<File>,
    signals: Vec<i32>,
    tty: Tty,
}

impl Screen {
    /// Reads the configuration and opens files, with the privileges of the user: call it after root
    /// was dropped and before the sandbox is entered. Also call it before threads are started: it
    /// installs the panic hook that restores the terminal. `user` is the user that the process
    /// became; `None` if the user did not change.
    ///
    /// # Errors
    /// The configuration cannot be read.
    pub(super) fn prepare(
        request: &Request,
        arguments: &ScreenArguments,
        filter: Filter,
        user: Option<&str>,
    ) -> anyhow::Result<(Self, TuiResources)> {
        let mut config = config(request, user)?;
        config.with_secrets = arguments.with_secrets;
        config.memory = arguments.memory.unwrap_or(config.memory);
        config.zone = jiff::tz::TimeZone::system();
        let resources = TuiResources { history: config.history, clipboard: config.clipboard };
        let (spill, spilled_rows) = (tempfile::tempfile().ok(), tempfile::tempfile().ok());
        let signals = signals::termination_signals();
        let tty = Tty::guarded();
        Ok((Self { config, filter, spill, spilled_rows, signals, tty }, resources))
    }

    /// Shows a source until the TUI is closed. Returns the source and the result of reading it.
    ///
    /// # Errors
    /// The terminal fails, or signals cannot be caught.
    pub(super) fn show<S: InteractiveSource>(
        self,
        source: S,
        shown: Shown,
    ) -> anyhow::Result<(S, anyhow::Result<()>)> {
        let files = shown.slicer.clone().zip(shown.broker.clone());
        let (inputs, numbering) = (vec![shown.name.clone()], self.filter.files().clone());
        let saved = numbering.clone();
        let files = files.map(|(slicer, broker)| ShownFiles::new(slicer, broker, inputs, saved));
        let packets = tui::Source {
            name: shown.name,
            is_live: shown.is_live,
            is_followed: shown.is_followed,
            device: shown.device,
            files: numbering.clone(),
        };
        let mut model = Model::new(packets, self.config.memory);
        if let Some(file) = self.spill {
            model.store_mut().spill_into(file);
        }
        if let Some(file) = self.spilled_rows {
            model.store_mut().spill_rows_into(file);
        }
        let FilterHistory { filters, file, warning } = shown.history;
        let limits = self.config.limits.clone();
        let mut app = App::new(model, self.config).with_history(filters).with_filter(self.filter);
        let (events, receiver) = sync_channel(loader::CHANNEL_CAPACITY);
        watch_signals(&self.signals, events.clone())?;
        if let Some(warning) = warning {
            app.handle(Event::Warned(warning));
        }
        let loader = loader::spawn(source, shown.is_live, numbering, events.clone())?;
        while loader::panics_early() && !loader.is_finished() {
            std::thread::yield_now();
        }
        let mut program = Program {
            history: file,
            slicer: shown.slicer,
            files,
            events: events.clone(),
            wanted: Arc::default(),
            explained: Arc::default(),
            limits,
        };
        let closed = tui::run(&mut app, &self.tty, &receiver, events, &mut program).context("the terminal");
        let Program { history: file, events, wanted, explained, .. } = program;
        // Without a receiver and with nothing wanted, threads that send stop.
        wanted.fetch_add(1, Ordering::Relaxed);
        explained.fetch_add(1, Ordering::Relaxed);
        drop(events);
        // Without a receiver the loader stops.
        drop(receiver);
        if let Some(Err(error)) = file.map(HistoryFile::finish) {
            messages::error(&format!("the last filters are not kept: {error}"));
        }
        let (source, read) = loader.join().map_err(|_| anyhow!("the thread that reads panicked"))?;
        Ok((source, closed.and(read.map_err(anyhow::Error::from))))
    }
}

/// What the program does for the TUI.
struct Program {
    /// File of the filters; `None` if they are not kept.
    history: Option<HistoryFile>,
    slicer: Option<Slicer>,
    /// Saves what is shown; `None` if nothing can be.
    files: Option<ShownFiles>,
    events: SyncSender<Event>,
    /// The limits that stories know.
    limits: Limits,
    /// Number of the inspection that is wanted: an earlier one stops.
    wanted: Arc<AtomicU64>,
    /// The same for explanations.
    explained: Arc<AtomicU64>,
}

impl tui::Surrounding for Program {
    fn save_filter(&mut self, filter: &str) -> io::Result<()> {
        self.history.as_mut().map_or(Ok(()), |file| file.add(filter))
    }

    fn save(&mut self, save_as: SaveAs, filter: &str) -> Result<(), String> {
        let Some(files) = self.files.clone() else { return Err("nothing can be saved".to_owned()) };
        let (events, filter) = (self.events.clone(), filter.to_owned());
        let work = move || {
            let event = match files.save(save_as, &filter) {
                Ok(message) => Event::Done(message),
                Err(error) => Event::Warned(format!("not saved: {error:#}")),
            };
            // Without a receiver the TUI was closed.
            drop(events.send(event));
        };
        let started = Builder::new().name("saving".to_owned()).spawn(work);
        started.map(|_| ()).map_err(|error| format!("nothing can be saved: {error}"))
    }

    fn explain(&mut self, story: Unexplained) -> Result<(), String> {
        let Some(slicer) = self.slicer.clone() else {
            return Err("the packets cannot be read again".to_owned());
        };
        let (events, limits, wanted) =
            (self.events.clone(), self.limits.clone(), Arc::clone(&self.explained));
        let number = wanted.fetch_add(1, Ordering::Relaxed) + 1;
        let work = move || {
            let Unexplained { n, mut collector } = story;
            let is_wanted = || wanted.load(Ordering::Relaxed) == number;
            let told = match slicer.trace(collector.connections(), &is_wanted, |entry| collector.trace(entry))
            {
                Ok(true) => Ok(collector.story(&limits)),
                Ok(false) => return,
                Err(error) => Err(error.to_string()),
            };
            // Without a receiver the TUI was closed.
            drop(events.send(Event::Explained(Box::new(Explanation { n, told }))));
        };
        let started = Builder::new().name("explanation".to_owned()).spawn(work);
        started.map(|_| ()).map_err(|error| format!("the packets cannot be read: {error}"))
    }

    fn inspect(&mut self, tcp_stream: u32) -> Result<(), String> {
        let Some(slicer) = self.slicer.clone() else {
            return Err("the packets cannot be read again".to_owned());
        };
        let (events, wanted) = (self.events.clone(), Arc::clone(&self.wanted));
        let number = wanted.fetch_add(1, Ordering::Relaxed) + 1;
        let work = move || {
            let is_wanted = || wanted.load(Ordering::Relaxed) == number;
            let read = match slicer.inspect(tcp_stream, &is_wanted) {
                Ok(Some(packets)) => Ok(Box::new(packets)),
                Ok(None) => return,
                Err(error) => Err(error.to_string()),
            };
            // Without a receiver the TUI was closed.
            drop(events.send(Event::Inspected(read)));
        };
        let started = Builder::new().name("inspection".to_owned()).spawn(work);
        started.map(|_| ()).map_err(|error| format!("the packets cannot be read: {error}"))
    }
}

/// `mcpdump config`: prints the default configuration.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn print_config() -> anyhow::Result<()> {
    io::stdout().write_all(Config::defaults().as_bytes()).context("standard output: cannot be written")
}

/// Reads the configuration of the user; defaults if there is no file.
fn config(request: &Request, user: Option<&str>) -> anyhow::Result<Config> {
    let environment = Environment { no_color: !output::is_colored(request, None), ascii: locale::is_ascii() };
    configuration::read(user, |text| Config::parse(text, environment))
}

/// Sends signals to the TUI, which restores the terminal before it exits. After the TUI was closed
/// a signal has its default action: the process may be blocked writing kept packets to a pipe.
#[cfg(unix)]
fn watch_signals(termination: &[i32], events: SyncSender<Event>) -> anyhow::Result<()> {
    use signal_hook::iterator::Signals;

    let mut signals =
        Signals::new(termination.iter().chain(TERMINAL_SIGNALS)).context("signals cannot be caught")?;
    let watch = move || {
        for signal in signals.forever() {
            if events.send(event_of(signal)).is_err() {
                drop(signal_hook::low_level::emulate_default_handler(signal));
            }
        }
    };
    Builder::new().name("signals".to_owned()).spawn(watch).context("the signal thread cannot be started")?;
    Ok(())
}

/// Does nothing: in a console of this system, Ctrl-C is a key.
#[cfg(not(unix))]
fn watch_signals(_: &[i32], _: SyncSender<Event>) -> anyhow::Result<()> {
    Ok(())
}

/// Signals other than those that end the process: SIGCONT, after which the TUI draws again.
#[cfg(unix)]
const TERMINAL_SIGNALS: &[i32] = &[signal_hook::consts::SIGCONT];

#[cfg(unix)]
fn event_of(signal: i32) -> Event {
    if signal == signal_hook::consts::SIGCONT { Event::Resumed } else { Event::Terminate }
}

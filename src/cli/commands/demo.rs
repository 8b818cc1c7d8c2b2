//! `mcpdump demo`: server, clients and live capture in one process.
//!
//! ```text
//!  bind the server ─▶ open the device ─▶ give up root, shut in ─▶ capture ─▶ server and clients (a thread of their own)
//!  its port is the filter                begin                    the TUI, or a list as it happens and then the report
//! ```
//!
//! Where capturing is not allowed a recording of the same is played at its own speed.

use std::io::Write as _;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueHint};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::base::Findings;
use crate::capture::{self, live, playback};
use crate::cli::Outcome;
use crate::cli::arguments::{Color, KeepArguments, ScreenArguments};
use crate::cli::commands::traffic::Pace;
use crate::cli::commands::tui as view;
use crate::cli::commands::tui::{Screen, Shown, Watched};
use crate::cli::complain;
use crate::cli::filter_history::Remembered;
use crate::cli::keep::Keeping;
use crate::cli::output;
use crate::cli::output::Output;
use crate::cli::privileges as rights;
use crate::cli::reader::Reader;
use crate::cli::request::{Inputs, Request};
use crate::cli::sandbox;
use crate::cli::setup::{Begun, Wishes, begin, begin_screen};
use crate::cli::signals;
use crate::cli::tell;
use crate::engine::Engine;
use crate::ledger::Ledger;
use crate::ledger::query::Filter;
use crate::report;
use crate::serve::{Delay, Faults, Server};
use crate::traffic::{self, Summary, Target, Transport};
use crate::tui::Device;

/// What was seen of a demo of ten seconds, with its default seed: `mcpdump demo --for 10s -w demo.pcapng`, compressed.
const RECORDING: &[u8] = include_bytes!("../../../captures/demo.pcapng.zst");

/// How long its clients wait for an answer: some calls hang on purpose, and that is to be seen.
const PATIENCE: Duration = Duration::from_secs(3);

/// The ways in that its clients take, in turn.
const WAYS: [(Transport, &str); 5] = [
    (Transport::Sse, "2024-11-05"),
    (Transport::Streamable, "2025-11-25"),
    (Transport::Streamable, "2026-07-28"),
    (Transport::Streamable, "2025-06-18"),
    (Transport::Streamable, "2025-03-26"),
];

/// What `demo` takes.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    pace: Pace,
    /// Keeps the packets in this file (pcapng)
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    write: Option<std::path::PathBuf>,
    #[command(flatten)]
    screen: ScreenArguments,
}

/// Shows traffic as it happens, then a report of it.
///
/// # Errors
/// The server cannot be started, or the output cannot be written.
pub(crate) fn run(demo: &Demo, color: Color) -> anyhow::Result<Outcome> {
    if !view::is_wanted() {
        demo.screen.refuse()?;
    }
    // One thread, which is this one until the device is open: see `begin`.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("no runtime for the server")?;
    let server = runtime.block_on(Server::bind(demo.server()))?;
    let port = server.local_addr().port();
    let (request, options) = (demo.request(port, color)?, demo.traffic(port)?);
    // Before anything is opened or played: an argument that makes no sense makes none of a recording either.
    options.check()?;
    let Inputs::Device(device) = &request.inputs else {
        return Err(anyhow!("a demo captures on a device"));
    };
    match live::open(device) {
        // `begin` opens it again, in its order.
        Ok(_) => show(demo, &request, Traffic { runtime, server, options }),
        Err(error) if demo.write.is_some() => Err(anyhow!(rights::advice(&error))),
        Err(error) => {
            complain(&format!("{error}: this is a recording; what is missing: mcpdump interfaces"));
            play(demo, &request)
        }
    }
}

/// The thread of server and clients.
type Clients = JoinHandle<Result<Summary, traffic::Error>>;

/// Server and clients, and what they are to do.
struct Traffic {
    runtime: Runtime,
    server: Server,
    options: traffic::Options,
}

impl Traffic {
    /// Starts both on a thread of their own. `captured` is told to end when there is nothing more to capture.
    fn start(self, end: CancellationToken, captured: capture::Stop) -> anyhow::Result<Clients> {
        let Self { runtime, server, options } = self;
        let work = async move {
            let shutdown = CancellationToken::new();
            let serving = tokio::spawn(server.run(shutdown.clone()));
            let summary = traffic::run(options, end).await;
            shutdown.cancel();
            // A server that does not end by itself within this ends with the process.
            drop(tokio::time::timeout(PATIENCE, serving).await);
            summary
        };
        let captured = StopsCapture(captured);
        let thread = Builder::new().name("traffic".to_owned()).spawn(move || {
            let summary = runtime.block_on(work);
            runtime.shutdown_background();
            drop(captured);
            summary
        });
        thread.context("no thread for the server")
    }
}

/// Ends the capture when it is dropped: also where the thread that makes the traffic panics, for nobody would else.
struct StopsCapture(capture::Stop);

impl Drop for StopsCapture {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Captures what server and clients say to each other.
fn show(demo: &Demo, request: &Request, traffic: Traffic) -> anyhow::Result<Outcome> {
    if view::is_wanted() {
        return show_on_screen(demo, request, traffic);
    }
    let address = traffic.server.local_addr();
    let Begun { mut reader, output, .. } = begin(request, None)?;
    let end = CancellationToken::new();
    let stop = reader.stop().ok_or_else(|| anyhow!("a demo captures on a device"))?;
    let thread = traffic.start(end.clone(), stop)?;
    if demo.pace.duration.is_none() {
        tell(&format!("mcpdump: a server on {address} and its clients; Ctrl-C ends"));
    }
    let source = format!("demo on {address}");
    let result = watch(&mut reader, output, (request, source), |reader| reader.heed());
    end.cancel();
    conclude(thread, reader, result)
}

/// The same in the TUI.
fn show_on_screen(demo: &Demo, request: &Request, traffic: Traffic) -> anyhow::Result<Outcome> {
    let name = format!("demo on {}", traffic.server.local_addr());
    let prepare = |user: Option<&str>| Screen::prepare(request, &demo.screen, Filter::default(), user);
    let (Begun { reader, output, remembered }, screen) = begin_screen(request, prepare)?;
    // It holds standard output, which the screen takes.
    drop(output);
    let end = CancellationToken::new();
    let stop = reader.stop().ok_or_else(|| anyhow!("a demo captures on a device"))?;
    let thread = traffic.start(end.clone(), stop)?;
    let device = Some(Device { written_to: reader.kept() });
    let shown = Shown { name, live: true, followed: false, device, remembered };
    let (reader, result) = screen.show(reader, shown)?;
    end.cancel();
    conclude(thread, reader, result)
}

/// `mcpdump demo`: a line per exchange as it completes, and the report behind them. `shown` is what was asked for, and
/// what the report calls the source; `heed` looks at what happened beside the packets.
///
/// # Errors
/// The capture cannot be read, or the output cannot be written.
fn watch<S: capture::Source>(
    source: &mut S,
    mut output: Output,
    shown: (&Request, String),
    mut heed: impl FnMut(&mut S),
) -> anyhow::Result<()> {
    let (request, name) = shown;
    let color = output::is_colored(request, None);
    let mut lines = report::list::Lines::new(report::list::Options { color, ..Default::default() });
    let (mut engine, mut ledger) = (Engine::new(), Ledger::new(None));
    let (mut entries, mut goes_on) = (Vec::new(), true);
    while goes_on {
        goes_on = engine.read(source, &mut entries)?;
        output.write(|output| {
            entries.iter().try_for_each(|entry| lines.write(entry, output))?;
            output.batch()
        })?;
        entries.drain(..).for_each(|entry| ledger.push(&entry));
        heed(source);
    }
    let how = report::Options { color, files: vec![name], rows: SHORT, ..report::Options::default() };
    output.write(|output| {
        writeln!(output)?;
        report::write(report::Format::Text, &ledger.snapshot(), &how, output)
    })?;
    output.finish()
}

/// Rows of the tables of a short report.
const SHORT: usize = 8;

/// Waits for the clients, and tells what they did.
fn conclude(thread: Clients, reader: Reader, result: anyhow::Result<()>) -> anyhow::Result<Outcome> {
    let made = thread.join().map_err(|_| anyhow!("the thread of the server panicked"))?;
    let outcome = reader.end(result)?;
    let summary = made?;
    tell(&format!("the clients made {} calls in {} sessions", summary.calls(), summary.sessions));
    Ok(outcome)
}

/// Plays the recording.
fn play(demo: &Demo, request: &Request) -> anyhow::Result<Outcome> {
    // A root that may not capture: it can still read what is not the user's.
    let user = rights::give_up(None, false)?;
    if view::is_wanted() {
        return play_on_screen(demo, request, user.as_deref());
    }
    let output = Output::open(None, request)?;
    let wanted = signals::wanted();
    // Nothing is needed any more: the recording is part of the program.
    if let Some(note) = sandbox::enter(sandbox::Allowed::default()) {
        complain(&format!("note: {note}"));
    }
    let signalled = Arc::new(AtomicBool::new(false));
    signals::catch(&wanted, &signalled).context("signals cannot be caught")?;
    let mut played = recording()?;
    let result = watch(&mut played, output, (request, "a recorded demo".to_owned()), |played| {
        if signalled.load(Ordering::Relaxed)
            || demo.pace.duration.is_some_and(|duration| played.played() >= duration)
        {
            played.end();
        }
    });
    match result {
        Err(error) if !crate::cli::is_closed_pipe(&error) => Err(error),
        _ => Ok(Outcome::Done),
    }
}

/// The same in the TUI.
fn play_on_screen(demo: &Demo, request: &Request, user: Option<&str>) -> anyhow::Result<Outcome> {
    let screen = Screen::prepare(request, &demo.screen, Filter::default(), user)?;
    let Wishes { history, clipboard } = screen.wishes();
    let remembered = if history { Remembered::open(user) } else { Remembered::default() };
    let display = sandbox::authority(clipboard);
    let allowed =
        sandbox::Allowed { terminal: true, display: display.as_deref(), ..sandbox::Allowed::default() };
    if let Some(note) = sandbox::enter(allowed) {
        complain(&format!("note: {note}"));
    }
    let played = Played { recording: recording()?, duration: demo.pace.duration };
    let name = "a recorded demo".to_owned();
    let shown = Shown { name, live: true, followed: false, device: None, remembered };
    let (_, result) = screen.show(played, shown)?;
    result.map(|()| Outcome::Done)
}

type Recording = playback::Playback<capture::Capture, WallClock>;

/// The recording, at its own speed from now on.
fn recording() -> anyhow::Result<Recording> {
    let recording = zstd::Decoder::new(RECORDING).context("the recording cannot be unpacked")?;
    let capture = capture::from_reader("the recording", Box::new(recording));
    Ok(playback::Playback::new(capture, WallClock::start()))
}

/// The clock that the recording is played by: time since it was started.
struct WallClock(Instant);

impl WallClock {
    /// A clock that starts at zero now.
    #[expect(clippy::disallowed_methods, reason = "a recording is played at its own speed")]
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

/// The recording on the screen.
struct Played {
    recording: Recording,
    /// How long it is played; `None`: wholly.
    duration: Option<Duration>,
}

impl capture::Source for Played {
    fn next(&mut self, findings: &mut Findings) -> Result<Option<capture::Item>, capture::Error> {
        if self.duration.is_some_and(|duration| self.recording.played() >= duration) {
            self.recording.end();
        }
        self.recording.next(findings)
    }
}

impl Watched for Played {
    fn wait(&mut self, _patience: Duration) -> bool {
        true
    }

    fn progress(&self) -> Option<capture::Progress> {
        None
    }

    fn troubles(&self) -> Vec<String> {
        Vec::new()
    }

    fn leave(&mut self) -> Result<(), capture::Error> {
        Ok(())
    }
}

impl Demo {
    /// A server at which everything goes wrong now and then.
    fn server(&self) -> crate::serve::Options {
        let (min, max) = (Duration::from_millis(2), Duration::from_millis(60));
        crate::serve::Options {
            listen: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
            faults: Faults {
                seed: self.pace.seed,
                delay: Some(Delay { min, max }),
                fail_rate: 0.05,
                hang_rate: 0.02,
                drop_stream_every: NonZeroU64::new(40),
                silence: None,
            },
            ..crate::serve::Options::default()
        }
    }

    fn traffic(&self, port: u16) -> anyhow::Result<traffic::Options> {
        let target = |(transport, revision): (Transport, &str)| {
            let path = if transport == Transport::Sse { "sse" } else { "mcp" };
            let mut target = Target::new(&format!("http://127.0.0.1:{port}/{path}"))?;
            (target.transport, target.revision) = (transport, Some(revision.to_owned()));
            Ok(target)
        };
        let targets = WAYS.into_iter().map(target).collect::<Result<Vec<_>, traffic::Error>>()?;
        Ok(traffic::Options { targets, timeout: PATIENCE, ..self.pace.options() })
    }

    fn request(&self, port: u16, color: Color) -> anyhow::Result<Request> {
        let bpf = Some(format!("tcp port {port}"));
        let keep = KeepArguments { write: self.write.clone(), ..KeepArguments::default() };
        Ok(Request {
            inputs: Inputs::Device(live::Options { filter: bpf.clone(), ..live::Options::default() }),
            bpf,
            filter: None,
            color,
            keep: Keeping::new(&keep, true)?,
            user: None,
            follow: None,
            network: true,
        })
    }
}

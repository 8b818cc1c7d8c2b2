//! `mcpdump demo`: server, clients and live capture in one process.
//!
//! ```text
//!  bind the server ─▶ open the device ─▶ drop root, enter the sandbox ─▶ run server and clients
//!  its port is the BPF filter            setup                           on a thread, and capture
//! ```
//!
//! Without permission to capture, a recorded demo is played instead.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread::{Builder, JoinHandle};

use anyhow::{Context as _, anyhow, bail};
use tempfile::NamedTempFile;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::list_and_report::list_and_report;
use super::recorded_demo;
use super::tui::{self, Screen, Shown};
use crate::base::Files;
use crate::capture::{self, live};
use crate::cli::arguments::demo::{Demo, TIMEOUT};
use crate::cli::arguments::screen::Color;
use crate::cli::arguments::source::KeepArguments;
use crate::cli::exit::Outcome;
use crate::cli::keep::KeepPlan;
use crate::cli::key_log_plan::KeyLogPlan;
use crate::cli::reader::Reader;
use crate::cli::request::{Inputs, Request};
use crate::cli::setup::Setup;
use crate::cli::{messages, privileges};
use crate::ledger::query::Filter;
use crate::serve::Server;
use crate::traffic::{self, Summary};
use crate::tui::Device;

/// Runs the command.
///
/// # Errors
/// The server cannot be started, or the output cannot be written.
pub(crate) fn run(demo: &Demo, color: Color) -> anyhow::Result<Outcome> {
    if !tui::is_available() {
        demo.screen.require_none()?;
    }
    // A runtime without threads of its own: none may be started before the sandbox is entered.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the server's runtime cannot be started")?;
    let key_log = if demo.tls { Some(KeyLogFile::new(demo.tls_keylog.clone())?) } else { None };
    let path = key_log.as_ref().map(|key_log| key_log.path().to_owned());
    let server = runtime.block_on(Server::bind(demo.server_options(path)))?;
    let address = server.local_addr();
    let filter = Some(format!("tcp port {}", address.port()));
    let device = live::Options { filter, ..live::Options::default() };
    // Checked before a recording is played, too.
    let certificate = server.certificate().map(|certificate| certificate.pem().to_owned());
    let options = demo.traffic_options(address, certificate)?;
    let key_logs = key_log.map(KeyLogFile::into_plan).transpose()?.unwrap_or_default();
    let request = Request {
        bpf: device.filter.clone(),
        filter: None,
        color,
        keep: KeepPlan::new(&KeepArguments { write: demo.write.clone(), ..KeepArguments::default() }, true)?,
        user: None,
        follow: None,
        key_logs,
        keeps_secrets: true,
        numbering: Files::default(),
        threads: None,
        uses_network: true,
        is_unconfined: false,
        prometheus: None,
        inputs: Inputs::Device(device.clone()),
    };
    match live::open(&device) {
        // `setup` opens the device again.
        Ok(_) => run_live(demo, &request, Participants { runtime, server, options }),
        // The recording is not encrypted, and is a file already.
        Err(error) if demo.write.is_some() || demo.tls => bail!(privileges::explain(&error)),
        Err(error) => {
            messages::error(&format!("{error}: playing a recording instead; mcpdump interfaces shows why"));
            recorded_demo::play(demo, &request)
        }
    }
}

/// The file that the server appends its secrets to, and the capture reads.
enum KeyLogFile {
    Named(PathBuf),
    /// Removed once both have opened it.
    Temporary(NamedTempFile),
}

impl KeyLogFile {
    fn new(path: Option<PathBuf>) -> anyhow::Result<Self> {
        match path {
            Some(path) => Ok(Self::Named(path)),
            None => NamedTempFile::new()
                .map(Self::Temporary)
                .context("a temporary file for the TLS secrets cannot be created"),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Named(path) => path,
            Self::Temporary(file) => file.path(),
        }
    }

    /// Opens it for reading. Called after the server opened it, and before root is given up, which
    /// may own it.
    fn into_plan(self) -> anyhow::Result<KeyLogPlan> {
        let name = self.path().display().to_string();
        let file = File::open(self.path()).with_context(|| format!("{name}: cannot be read"))?;
        Ok(KeyLogPlan::of_file(name, file))
    }
}

/// The thread of server and clients.
type TrafficThread = JoinHandle<Result<Summary, traffic::Error>>;

/// Server and clients.
struct Participants {
    runtime: Runtime,
    server: Server,
    options: traffic::Options,
}

impl Participants {
    /// Starts server and clients on a thread of their own. They run until `stop` is cancelled or
    /// the clients are done; then `capture` is stopped.
    fn start(self, stop: CancellationToken, capture: capture::Stop) -> anyhow::Result<TrafficThread> {
        let Self { runtime, server, options } = self;
        let work = async move {
            let shutdown = CancellationToken::new();
            let serving = tokio::spawn(server.run(shutdown.clone()));
            let summary = traffic::run(options, stop).await;
            shutdown.cancel();
            // A server that takes longer ends with the process.
            drop(tokio::time::timeout(TIMEOUT, serving).await);
            summary
        };
        let capture = StopOnDrop(capture);
        let thread = Builder::new().name("traffic".to_owned()).spawn(move || {
            let summary = runtime.block_on(work);
            runtime.shutdown_background();
            drop(capture);
            summary
        });
        thread.context("the server's thread cannot be started")
    }
}

/// Stops the capture when it is dropped, even if the traffic thread panics.
struct StopOnDrop(capture::Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Captures the traffic between server and clients.
fn run_live(demo: &Demo, request: &Request, participants: Participants) -> anyhow::Result<Outcome> {
    let address = participants.server.local_addr();
    let name = format!("demo on {address}");
    let stop = CancellationToken::new();
    if tui::is_available() {
        let prepare = |user: Option<&str>| Screen::prepare(request, &demo.screen, Filter::default(), user);
        let (Setup { reader, output, history, broker, slicer, .. }, screen) =
            Setup::open_for_tui(request, prepare)?;
        // It holds the lock of standard output.
        drop(output);
        let thread = participants.start(stop.clone(), stop_handle(&reader)?)?;
        let device = Some(Device { written_to: reader.keep_target() });
        let shown = Shown { name, is_live: true, is_followed: false, device, history, broker, slicer };
        let (reader, result) = screen.show(reader, shown)?;
        stop.cancel();
        return finish(thread, reader, result);
    }
    let Setup { mut reader, output, .. } = Setup::open(request, None)?;
    let thread = participants.start(stop.clone(), stop_handle(&reader)?)?;
    if demo.pace.duration.is_none() {
        messages::status(&format!("mcpdump: server on {address} and clients are running; Ctrl-C stops"));
    }
    let result = list_and_report(&mut reader, output, request, name, Reader::report_problems);
    stop.cancel();
    finish(thread, reader, result)
}

fn stop_handle(reader: &Reader) -> anyhow::Result<capture::Stop> {
    reader.stop().context("a demo captures on a device")
}

/// Waits for the clients and prints how many calls they made.
fn finish(thread: TrafficThread, reader: Reader, result: anyhow::Result<()>) -> anyhow::Result<Outcome> {
    let summary = thread.join().map_err(|_| anyhow!("the server's thread panicked"))?;
    let outcome = reader.finish(result)?;
    let summary = summary?;
    messages::status(&format!("the clients made {} calls in {} sessions", summary.calls(), summary.sessions));
    Ok(outcome)
}

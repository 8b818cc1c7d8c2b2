//! `mcpdump mcp`: a capture as an MCP server.

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Builder};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::runtime::{self, Runtime};

use super::analysis;
use super::in_progress::Schedule;
use crate::ask::{self, Capture, Handler, Packets};
use crate::capture::Input;
use crate::cli::arguments::mcp::McpOptions;
use crate::cli::exit::Outcome;
use crate::cli::matching::Matching;
use crate::cli::progress_bar::ProgressBar;
use crate::cli::request::{Inputs, Request};
use crate::cli::setup::Setup;
use crate::cli::slicer::Slicer;
use crate::cli::{configuration, messages, redaction, signals};
use crate::engine::Engine;
use crate::export::redact::Redactor;
use crate::ledger::store::InProgress;
use crate::ledger::{Entry, Record};
use crate::why::Limits;

/// Default memory for what can be asked for, in bytes.
const MEMORY: usize = 128 << 20;

/// Interval at which the flag of the signals is read once everything was read.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(100);

/// Runs the command until the client leaves, or until Ctrl-C.
///
/// # Errors
/// The capture cannot be read, the filter is invalid, or the address cannot be listened on.
pub(crate) fn run(request: &Request, options: &McpOptions) -> anyhow::Result<Outcome> {
    refuse_standard_streams(request, options)?;
    let mut matching = Matching::new(request, None)?;
    let redactor = Arc::new(options.redaction.redactor(request)?);
    let metrics_redactor = options.redaction.redactor(request)?;
    // Its file cannot be read in the sandbox.
    let limits = configuration::read(None, Limits::parse)?;
    let stopped = Arc::new(AtomicBool::new(false));
    signals::catch(&signals::termination_signals(), &stopped).context("signals cannot be caught")?;
    let source = ask::Source {
        names: names(request),
        numbering: request.numbering.clone(),
        is_live: request.is_live(),
    };
    let capture = Capture::new(source, options.memory.unwrap_or(MEMORY));
    let packets = Arc::new(Rereading { slicer: OnceLock::new(), redactor: Arc::clone(&redactor) });
    let handler = Handler::new(ask::Context {
        capture: capture.clone(),
        packets: Some(Arc::<Rereading>::clone(&packets)),
        limits,
    });
    let mut server = None;
    let setup = Setup::open_twice_with(request, || {
        if !request.is_live() {
            // If none can be created, the oldest bodies are dropped when memory is full.
            let (bodies, rows) = (tempfile::tempfile().ok(), tempfile::tempfile().ok());
            spill(&capture, bodies, rows);
        }
        server = Some(Server::open(options, handler)?);
        Ok(())
    })?;
    let server = server.context("the server was not started")?;
    let Setup { mut reader, output, slicer, matching_packets, .. } = setup;
    // It holds the lock of standard output, which the protocol needs.
    drop(output);
    reader.mask_metrics(metrics_redactor);
    if matching_packets.is_some() {
        matching.plan_slice();
    }
    if let Some(slicer) = slicer.clone() {
        drop(packets.slicer.set(slicer));
    }
    let mut engine = Engine::new();
    matching.prepare(&mut engine);
    engine.emit_payloads();
    // What is kept beside it takes the other half.
    engine.halve_memory();
    engine.halve_sessions();
    server.start(Arc::clone(&stopped))?;

    let mut schedule = Schedule::new(request.is_live());
    let result = analysis::run_observed(&mut reader, engine, ProgressBar::start(false), |engine, entries| {
        if stopped.load(Ordering::Relaxed) {
            return Err(Stopped.into());
        }
        if !entries.is_empty() {
            push(&capture, entries, &mut matching, redactor.as_ref().as_ref());
        }
        if schedule.is_due(capture.is_wanted()) {
            // What is asked for from now on is newer.
            capture.take_wanted();
            let (in_progress, _) = schedule.look_up(engine);
            capture.set_in_progress(shown(in_progress, &matching, redactor.as_ref().as_ref()));
        }
        Ok(())
    });
    let result = match result {
        Err(error) if error.is::<Stopped>() => Ok(()),
        result => result,
    };
    capture.finish(result.as_ref().err().map(messages::with_causes));
    let result = result.and_then(|()| {
        analysis::write_matching_packets(request, &mut matching, &reader, slicer.as_ref(), matching_packets)
    });
    // The client may still ask for what was read.
    while !stopped.load(Ordering::Relaxed) {
        thread::park_timeout(SIGNAL_INTERVAL);
    }
    redaction::report(redactor.as_ref().as_ref());
    reader.finish(result)
}

/// Refuses what would use the streams of the protocol.
///
/// # Errors
/// Standard input is a capture, or packets are written to standard output.
fn refuse_standard_streams(request: &Request, options: &McpOptions) -> anyhow::Result<()> {
    let is_stdin = matches!(&request.inputs, Inputs::Files(inputs) if inputs.contains(&Input::Stdin));
    let is_stdout =
        request.keep.as_ref().is_some_and(|keep| keep.target == crate::capture::save::Target::Stdout);
    if is_stdio(options) && (is_stdin || is_stdout) {
        bail!("-: standard input and output carry MCP: name a file, or use --http");
    }
    Ok(())
}

#[cfg(feature = "demo")]
fn is_stdio(options: &McpOptions) -> bool {
    options.http.is_none()
}

#[cfg(not(feature = "demo"))]
fn is_stdio(_: &McpOptions) -> bool {
    true
}

/// Returns the names of the files, or of the device.
fn names(request: &Request) -> Vec<String> {
    match &request.inputs {
        Inputs::Files(_) => request.input_names(),
        Inputs::Device(options) => vec![options.device.clone().unwrap_or_else(|| "loopback".to_owned())],
    }
}

/// Gives the store temporary files for what does not fit into memory.
fn spill(capture: &Capture, bodies: Option<File>, rows: Option<File>) {
    capture.with_store(|store| {
        bodies.into_iter().for_each(|file| store.spill_into(file));
        rows.into_iter().for_each(|file| store.spill_rows_into(file));
    });
}

/// Adds what matches of the next entries.
fn push(capture: &Capture, entries: &[Entry], matching: &mut Matching, redactor: Option<&Redactor>) {
    let mut shown = Vec::with_capacity(entries.len());
    let Ok(()) = matching.select::<std::convert::Infallible>(entries, |entry| {
        shown.push(redaction::masked(redactor, entry).into_owned());
        Ok(())
    });
    capture.push(shown);
}

/// Returns what matches of what is in progress, masked.
fn shown(in_progress: InProgress, matching: &Matching, redactor: Option<&Redactor>) -> InProgress {
    if matching.filter().is_empty() && redactor.is_none() {
        return in_progress;
    }
    let record = |record: Record| {
        let entry = Entry::Record(record);
        matching.shows(&entry).then(|| redaction::masked(redactor, &entry).into_owned())
    };
    let InProgress { capture, connections: _, sessions, streams } = in_progress;
    let sessions =
        sessions.into_iter().filter_map(|session| match record(Record::Session(Box::new(session))) {
            Some(Entry::Record(Record::Session(session))) => Some(*session),
            _ => None,
        });
    let streams = streams.into_iter().filter_map(|stream| match record(Record::Stream(Box::new(stream))) {
        Some(Entry::Record(Record::Stream(stream))) => Some(*stream),
        _ => None,
    });
    InProgress { capture, connections: Vec::new(), sessions: sessions.collect(), streams: streams.collect() }
}

/// The client left, or the user ended the command.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
struct Stopped;

/// Reads the packets of connections again, for stories.
struct Rereading {
    /// Set once the capture is open.
    slicer: OnceLock<Slicer>,
    redactor: Arc<Option<Redactor>>,
}

impl Packets for Rereading {
    fn trace(&self, tcp_streams: Vec<u32>, show: &mut dyn FnMut(&Entry)) -> Result<(), String> {
        let Some(slicer) = self.slicer.get() else { return Err("the capture is not open yet".to_owned()) };
        let redactor = self.redactor.as_ref().as_ref();
        let read = slicer.trace(tcp_streams, &|| true, |entry| show(&redaction::masked(redactor, entry)));
        read.map(drop).map_err(|error| error.to_string())
    }
}

/// The server, open and not started.
struct Server {
    runtime: Runtime,
    transport: Transport,
}

enum Transport {
    Stdio(Handler),
    #[cfg(feature = "demo")]
    Http(Box<crate::serve::Server>),
}

impl Server {
    /// Opens the socket, if there is one.
    ///
    /// # Errors
    /// The address cannot be listened on, or is none of loopback.
    fn open(options: &McpOptions, handler: Handler) -> anyhow::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("the runtime cannot be started")?;
        #[cfg(feature = "demo")]
        if let Some(listen) = options.http {
            if !listen.ip().is_loopback() {
                bail!(
                    "--http {listen}: the capture is for this machine alone: listen on 127.0.0.1 or ::1, and forward \
                    the port from elsewhere (ssh -L PORT:127.0.0.1:PORT)"
                );
            }
            let reporter = crate::serve::Reporter::new(messages::error);
            let options = crate::serve::Options {
                listen,
                reporter,
                json: true,
                allowed_hosts: options.allow_host.clone(),
                allowed_origins: options.allow_origin.clone(),
                ..Default::default()
            };
            let server = runtime.block_on(crate::serve::Server::bind_handler(options, handler));
            let server = server.context("--http")?;
            return Ok(Self { runtime, transport: Transport::Http(Box::new(server)) });
        }
        #[cfg(not(feature = "demo"))]
        let McpOptions { .. } = options;
        Ok(Self { runtime, transport: Transport::Stdio(handler) })
    }

    /// Starts answering on a thread of its own. Once the client of stdio left, `stopped` is set.
    ///
    /// # Errors
    /// The thread cannot be started.
    fn start(self, stopped: Arc<AtomicBool>) -> anyhow::Result<()> {
        let Self { runtime, transport } = self;
        let main = thread::current();
        let work: Box<dyn FnOnce() + Send> = match transport {
            Transport::Stdio(handler) => Box::new(move || {
                let served = runtime.block_on(ask::serve_stdio(handler));
                if let Err(error) = served {
                    messages::error(&format!("the client: {error}"));
                }
                // A question that is being answered has nobody who reads the answer.
                runtime.shutdown_background();
                stopped.store(true, Ordering::Relaxed);
                main.unpark();
            }),
            #[cfg(feature = "demo")]
            Transport::Http(server) => {
                announce(&format!("http://{}/mcp", server.local_addr()))?;
                Box::new(move || runtime.block_on(server.run(tokio_util::sync::CancellationToken::new())))
            }
        };
        Builder::new().name("mcp".to_owned()).spawn(work).context("the server cannot be started")?;
        Ok(())
    }
}

/// Prints the address to standard output.
#[cfg(feature = "demo")]
fn announce(url: &str) -> std::io::Result<()> {
    use std::io::Write as _;

    let mut out = std::io::stdout().lock();
    writeln!(out, "{url}")?;
    out.flush()?;
    messages::status("mcpdump: the server is for programs on this machine; Ctrl-C ends it");
    Ok(())
}

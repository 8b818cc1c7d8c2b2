//! `mcpdump traffic`: a URL in; clients that talk to its server, then how long each call took, out.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueEnum, ValueHint};
use tokio_util::sync::CancellationToken;

use crate::base::Side;
use crate::cli::arguments::Color;
use crate::cli::arguments::quantity as measure;
use crate::cli::output;
use crate::cli::signals;
use crate::cli::tell;
use crate::ledger::{Group, LatencyKey, LatencyRow, Subject};
use crate::report::{self, sanitize, units};
use crate::traffic::{self, CallRow, Options, Outcome, Summary, Target, Tools, Transport};

/// What `traffic` takes.
#[derive(Debug, Args)]
pub(crate) struct Traffic {
    /// Where the server is: its endpoint, as in http://127.0.0.1:3000/mcp
    #[arg(value_name = "URL", value_hint = ValueHint::Url)]
    url: String,
    /// What is spoken: Streamable HTTP, HTTP+SSE, or which of them the server takes
    #[arg(long, value_enum, default_value_t = Spoken::Auto)]
    transport: Spoken,
    /// The revision to ask for, as in 2025-06-18; the newest that the server has where it is left out
    #[arg(long, value_name = "DATE")]
    revision: Option<String>,
    #[command(flatten)]
    pace: Pace,
    /// Ends after so many calls
    #[arg(long, value_name = "N")]
    calls: Option<u64>,
    /// Gives a call up after this time
    #[arg(long, value_name = "DURATION", value_parser = measure::duration, default_value = "30s")]
    timeout: Duration,
    /// Calls this tool too, whatever it does (may be given again)
    #[arg(long, value_name = "NAME")]
    tool: Vec<String>,
    /// Calls all tools, whatever they do: for servers of your own
    #[arg(long, conflicts_with = "tool")]
    all_tools: bool,
    /// Makes mistakes too: wrong arguments, unknown tools, calls that are taken back, clients that come and go; mcpdump's
    /// own server gets that anyway
    #[arg(long)]
    lively: bool,
    /// Takes any certificate: for a server that made its own
    #[arg(long)]
    insecure: bool,
}

/// How much traffic, and which.
#[derive(Debug, Args)]
pub(crate) struct Pace {
    /// Clients at once
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) clients: usize,
    /// Calls a second, of all clients together: 0.001 to 10000
    #[arg(long, value_name = "N", default_value_t = 10.0)]
    pub(crate) rate: f64,
    /// Ends after this time, as in 30s or 5m; else Ctrl-C ends it
    #[arg(long = "for", value_name = "DURATION", value_parser = measure::duration)]
    pub(crate) duration: Option<Duration>,
    /// Draws other calls: the same seed makes the same ones
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
}

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Spoken {
    Auto,
    Sse,
    Streamable,
}

/// Makes traffic until Ctrl-C, or as long as was asked for, and prints what came of it.
///
/// # Errors
/// The arguments make no sense, or no session could be opened.
pub(crate) fn run(arguments: &Traffic, color: Color) -> anyhow::Result<()> {
    let options = arguments.options()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build();
    let runtime = runtime.context("threads cannot be started")?;
    let stop = CancellationToken::new();
    stop_on_signal(&runtime, stop.clone())?;
    if io::stderr().is_terminal() && options.duration.is_none() && options.calls.is_none() {
        tell("mcpdump: Ctrl-C ends");
    }
    let summary = runtime.block_on(traffic::run(options, stop)).map_err(|error| told(&error))?;
    // Connections that hang are not waited for.
    runtime.shutdown_background();
    print(&summary, output::wants_color(color), &mut io::stdout().lock())?;
    if let Some(why) = &summary.ended {
        tell(&format!("mcpdump: not all clients lasted: {}", sanitize::clean(why)));
    }
    Ok(())
}

/// What a user is told of it: without the credentials of a URL, or anything of a server that would not be plainly seen.
fn told(error: &traffic::Error) -> anyhow::Error {
    anyhow!(sanitize::clean(&error.to_string()))
}

/// Clients mostly wait; TLS and JSON of some thousand calls a second are work for two.
const THREADS: usize = 2;

impl Traffic {
    fn options(&self) -> anyhow::Result<Options> {
        let mut target = Target::new(&self.url).map_err(|error| told(&error))?;
        target.revision.clone_from(&self.revision);
        target.transport = match self.transport {
            Spoken::Auto => Transport::Auto,
            Spoken::Sse => Transport::Sse,
            Spoken::Streamable => Transport::Streamable,
        };
        let tools = match (self.all_tools, self.tool.is_empty()) {
            (true, _) => Tools::All,
            (false, true) => Tools::Safe,
            (false, false) => Tools::ReadOnly(self.tool.iter().cloned().collect::<BTreeSet<_>>()),
        };
        Ok(Options {
            targets: vec![target],
            calls: self.calls,
            timeout: self.timeout,
            tools,
            lively: self.lively.then_some(true),
            insecure: self.insecure,
            ..self.pace.options()
        })
    }
}

impl Pace {
    /// The options that it says something about.
    pub(crate) fn options(&self) -> Options {
        Options {
            clients: self.clients,
            rate: self.rate,
            duration: self.duration,
            seed: self.seed,
            ..Options::default()
        }
    }
}

/// Cancels `stop` on the first signal; the second ends the process at once.
fn stop_on_signal(runtime: &tokio::runtime::Runtime, stop: CancellationToken) -> anyhow::Result<()> {
    let signalled = Arc::new(AtomicBool::new(false));
    signals::catch(&signals::wanted(), &signalled).context("signals cannot be caught")?;
    runtime.spawn(async move {
        while !signalled.load(Ordering::Relaxed) {
            // A flag is all that a signal handler may set.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        stop.cancel();
    });
    Ok(())
}

/// The summary: a line or two, then the table of the reports.
pub(crate) fn print(summary: &Summary, color: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let took = i64::try_from(summary.took.as_nanos()).unwrap_or(i64::MAX);
    let outcomes = Outcome::ALL.iter().map(|outcome| (summary.count(*outcome), word(*outcome)));
    let outcomes: Vec<_> =
        outcomes.filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let outcomes = if outcomes.is_empty() { "none".to_owned() } else { outcomes.join(", ") };
    let (sessions, calls) =
        (units::several(summary.sessions, "session"), units::several(summary.calls(), "call"));
    let written = (|| {
        writeln!(out, "{sessions}, {calls} in {}: {outcomes}", units::duration(took))?;
        writeln!(
            out,
            "the server sent {} ({} of progress) and asked {}, {} answered",
            units::several(summary.server_notifications, "notification"),
            summary.progress,
            units::several(summary.server_requests, "question"),
            summary.responses,
        )?;
        let rows: Vec<_> = summary.rows.iter().map(row).collect();
        let how = report::Options { color, rows: usize::MAX, ..report::Options::default() };
        if !rows.is_empty() {
            writeln!(out)?;
        }
        report::text::latency(&rows, "as the clients saw it; highest p95 first", &how, out)
    })();
    Ok(written?)
}

/// The words that the reports have for it.
fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::ToolError => "tool_error",
        Outcome::Error => "error",
        Outcome::Cancelled => "cancelled",
        Outcome::HttpError => "http_error",
        Outcome::Unanswered => "unanswered",
    }
}

/// A row as the reports have it. Clients know no parts of a time.
fn row(row: &CallRow) -> LatencyRow {
    let subject = match &row.method {
        Some(method) => {
            Subject::Call { origin: Side::Client, method: Arc::clone(method), name: row.name.clone() }
        }
        None => Subject::Other,
    };
    let time =
        |of: fn(&traffic::Times) -> u64| row.times.as_ref().and_then(|times| i64::try_from(of(times)).ok());
    LatencyRow {
        key: LatencyKey { group: Group::Whole, subject },
        // The reports count cancelled behind errors in the same order: see `Status::ALL`.
        statuses: crate::ledger::Status::ALL.map(|status| row.count(outcome(status))),
        min_ns: time(|times| times.min_ns),
        p50_ns: time(|times| times.p50_ns),
        p90_ns: time(|times| times.p90_ns),
        p95_ns: time(|times| times.p95_ns),
        p99_ns: time(|times| times.p99_ns),
        max_ns: time(|times| times.max_ns),
        send_p50_ns: None,
        wait_p50_ns: None,
        receive_p50_ns: None,
    }
}

/// What a client calls a status.
fn outcome(status: crate::ledger::Status) -> Outcome {
    use crate::ledger::Status;
    match status {
        Status::Ok => Outcome::Ok,
        Status::ToolError => Outcome::ToolError,
        Status::Error => Outcome::Error,
        Status::Cancelled => Outcome::Cancelled,
        Status::HttpError => Outcome::HttpError,
        Status::Unanswered => Outcome::Unanswered,
    }
}

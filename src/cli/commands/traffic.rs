//! `mcpdump traffic`: runs MCP clients against a server and prints how long their calls took.

use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::base::{Side, Status, sanitize, units};
use crate::cli::arguments::screen::Color;
use crate::cli::arguments::traffic::Traffic;
use crate::cli::{messages, output, signals};
use crate::ledger::{CallGroup, Group, LatencyKey, LatencyRow};
use crate::report;
use crate::traffic::{self, CallRow, Summary};

/// How often the runtime checks for a signal.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);

/// Share of the requested rate from which on it counts as reached.
const REACHED: f64 = 0.9;

/// Shortest run whose rate says anything.
const MIN_RATED: Duration = Duration::from_secs(2);

/// Makes traffic until Ctrl-C, or as long as the arguments say, and prints a summary.
///
/// # Errors
/// The arguments are invalid, or no session could be opened.
pub(crate) fn run(arguments: &Traffic, color: Color) -> anyhow::Result<()> {
    let options = arguments.options().map_err(|error| sanitized(&error))?;
    // Clients mostly wait: one thread makes some thousand calls per second.
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the runtime cannot be started")?;
    let stop = CancellationToken::new();
    stop_on_signal(&runtime, stop.clone())?;
    if io::stderr().is_terminal() && options.duration.is_none() && options.calls.is_none() {
        messages::status("mcpdump: Ctrl-C stops");
    }
    let rate = options.rate;
    let summary = runtime.block_on(traffic::run(options, stop)).map_err(|error| sanitized(&error))?;
    // Do not wait for connections that hang.
    runtime.shutdown_background();
    print(&summary, rate, output::wants_color(color), &mut io::stdout().lock())?;
    if let Some(why) = &summary.ended {
        messages::status(&format!("mcpdump: some clients stopped early: {}", sanitize::clean(why)));
    }
    Ok(())
}

/// Converts an error without the credentials of its URL and without the server's control
/// characters.
fn sanitized(error: &traffic::Error) -> anyhow::Error {
    anyhow!(sanitize::clean(&error.to_string()))
}

/// Cancels `stop` on the first signal; the second one ends the process at once.
fn stop_on_signal(runtime: &Runtime, stop: CancellationToken) -> anyhow::Result<()> {
    let signalled = Arc::new(AtomicBool::new(false));
    signals::catch(&signals::termination_signals(), &signalled).context("signals cannot be caught")?;
    runtime.spawn(async move {
        // A signal handler can only set a flag.
        while !signalled.load(Ordering::Relaxed) {
            tokio::time::sleep(SIGNAL_INTERVAL).await;
        }
        stop.cancel();
    });
    Ok(())
}

/// Prints lines of totals and a latency table. `rate` is the rate that was asked for.
fn print(summary: &Summary, rate: f64, color: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let took = i64::try_from(summary.took.as_nanos()).unwrap_or(i64::MAX);
    let statuses = Status::ALL.iter().map(|status| (summary.count(*status), status.name()));
    let statuses: Vec<_> =
        statuses.filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let statuses = if statuses.is_empty() { "none".to_owned() } else { statuses.join(", ") };
    let sessions = units::several(summary.sessions, "session");
    let scripted = units::several(summary.scripted, "call");
    let others = summary.calls().saturating_sub(summary.scripted);
    let written = (|| -> io::Result<()> {
        writeln!(
            out,
            "{sessions}, {scripted} in {}, {others} more to open sessions, list and continue: {statuses}",
            units::duration(took)
        )?;
        let reached = summary.scripted as f64 / summary.took.as_secs_f64().max(f64::MIN_POSITIVE);
        if reached < rate * REACHED && summary.took >= MIN_RATED {
            writeln!(
                out,
                "{reached:.1} calls per second of {rate} asked for: more --clients make more calls at once"
            )?;
        }
        writeln!(
            out,
            "the server sent {} ({} of progress) and {}, {} answered",
            units::several(summary.server_notifications, "notification"),
            summary.progress,
            units::several(summary.server_requests, "request"),
            summary.responses,
        )?;
        let rows: Vec<_> = summary.rows.iter().map(row).collect();
        let options = report::Options { color, rows: usize::MAX, ..report::Options::default() };
        if !rows.is_empty() {
            writeln!(out)?;
        }
        report::text::latency(&rows, "as the clients measured it; highest p95 first", &options, out)
    })();
    Ok(written?)
}

/// Converts a row for the report's table. Clients do not measure send, wait and receive times.
fn row(row: &CallRow) -> LatencyRow {
    let subject = match &row.method {
        Some(method) => {
            CallGroup::Call { origin: Side::Client, method: Arc::clone(method), name: row.name.clone() }
        }
        None => CallGroup::Other,
    };
    let time =
        |of: fn(&traffic::Times) -> u64| row.times.as_ref().and_then(|times| i64::try_from(of(times)).ok());
    LatencyRow {
        key: LatencyKey { group: Group::Whole, subject },
        statuses: row.statuses,
        min_ns: time(|times| times.min_ns),
        p50_ns: time(|times| times.p50_ns),
        p90_ns: time(|times| times.p90_ns),
        p95_ns: time(|times| times.p95_ns),
        p99_ns: time(|times| times.p99_ns),
        max_ns: time(|times| times.max_ns),
        send_p50_ns: None,
        wait_p50_ns: None,
        receive_p50_ns: None,
        at_least_from: None,
        waits: 0,
        asked: 0,
        server_p50_ns: None,
        client_p50_ns: None,
    }
}

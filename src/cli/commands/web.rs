//! `mcpdump web`: the HTML report in a browser, while the capture goes on.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

use super::analysis;
use super::in_progress::Schedule;
use super::tally::{self, Tally};
use crate::base::fact::Fact;
use crate::cli::arguments::web::WebOptions;
use crate::cli::exit::Outcome;
use crate::cli::matching::Matching;
use crate::cli::progress_bar::ProgressBar;
use crate::cli::request::Request;
use crate::cli::setup::Setup;
use crate::cli::{configuration, messages, redaction, signals};
use crate::engine::Engine;
use crate::ledger::store::InProgress;
use crate::ledger::{Entry, Record};
use crate::report::{self, page};
use crate::web::{Changes, Listener, Render, Site, StaticFile};
use crate::why::Limits;

/// How long a page waits for what is in progress: the analysis looks it up between two packets, or
/// within a tenth of a second if there are none. A pipe may be silent for longer.
const IN_PROGRESS_WAIT: Duration = Duration::from_millis(250);

/// Interval at which the flag of the signals is read once everything was read.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(100);

/// Runs the command until Ctrl-C.
///
/// # Errors
/// The capture cannot be read, the filter is invalid, or the address cannot be listened on.
pub(crate) fn run(request: &Request, options: &WebOptions) -> anyhow::Result<Outcome> {
    let mut matching = Matching::new(request, None)?;
    let metrics_redactor = options.counted.redaction.redactor(request)?;
    // Its file cannot be read in the sandbox.
    let limits = configuration::read(None, Limits::parse)?;
    let stopped = Arc::new(AtomicBool::new(false));
    signals::catch(&signals::termination_signals(), &stopped).context("signals cannot be caught")?;
    let mut listener = None;
    let Setup { mut reader, mut output, slicer, matching_packets, .. } =
        Setup::open_with(request, None, || {
            listener = Some(Listener::bind(options.listen).context("--listen")?);
            Ok(())
        })?;
    let listener = listener.context("the server was not started")?;
    reader.mask_metrics(metrics_redactor);
    if matching_packets.is_some() {
        matching.plan_slice();
    }
    let report_options = tally::report_options(request, &reader, limits);
    let mut engine = Engine::new();
    matching.prepare(&mut engine);
    engine.emit_requests();
    // The page takes memory, too.
    engine.halve_memory();
    engine.halve_sessions();
    // Of a capture that goes on, what happens now matters more than how it began.
    let rows = if request.is_live() { page::Rows::latest } else { page::Rows::new };
    let tally = Tally::new(request, &options.counted, Some(rows), (&matching, &mut engine))?;
    let shared = Arc::new(Shared::new(tally, request.is_live()));
    let changes = Changes::default();
    let url = listener.url();
    listener.start(site(&shared, report_options, &changes))?;
    output.write(|out| writeln!(out, "{url}"))?;
    output.finish()?;
    messages::status("mcpdump: the page is for browsers on this machine; Ctrl-C ends it");

    let mut schedule = Schedule::new(request.is_live());
    let result = analysis::run_observed(&mut reader, engine, ProgressBar::start(false), |engine, entries| {
        if stopped.load(Ordering::Relaxed) && !request.is_live() {
            return Err(Stopped.into());
        }
        if !entries.is_empty() {
            shared.lock().tally.push(entries, &mut matching);
            changes.record();
        }
        let is_wanted = shared.is_wanted.load(Ordering::Relaxed);
        if schedule.is_due(is_wanted) {
            // What is asked for from now on is newer.
            shared.is_wanted.store(false, Ordering::Relaxed);
            let (in_progress, is_new) = schedule.look_up(engine);
            shared.set_in_progress(matching_entries(in_progress, &matching));
            if is_new {
                changes.record();
            }
        }
        Ok(())
    });
    let result = match result {
        Err(error) if error.is::<Stopped>() => Ok(()),
        result => result,
    };
    {
        let mut content = shared.lock();
        content.tally.finish(&mut matching);
        content.is_reading = false;
        redaction::report(content.tally.redactor());
    }
    shared.set_in_progress(Vec::new());
    changes.end();
    let result = result.and_then(|()| {
        analysis::write_matching_packets(request, &mut matching, &reader, slicer.as_ref(), matching_packets)
    });
    let outcome = reader.finish(result)?;
    while !stopped.load(Ordering::Relaxed) {
        thread::park_timeout(SIGNAL_INTERVAL);
    }
    Ok(outcome)
}

/// The user ended the command while files were read.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
struct Stopped;

/// What the analysis and the server share.
struct Shared {
    content: Mutex<Content>,
    /// Whether a page waits for what is in progress.
    is_wanted: AtomicBool,
    /// Signalled when that was looked up.
    looked_up: Condvar,
    /// Whether that is looked up at all: not for files that are read to their end.
    is_live: bool,
}

/// What the page shows: written by the analysis, read by the server.
struct Content {
    tally: Tally,
    /// What is in progress, as if it had ended.
    in_progress: Vec<Entry>,
    /// How often that was looked up.
    lookups: u64,
    is_reading: bool,
}

impl Shared {
    fn new(tally: Tally, is_live: bool) -> Self {
        let content = Content { tally, in_progress: Vec::new(), lookups: 0, is_reading: true };
        Self {
            content: Mutex::new(content),
            is_wanted: AtomicBool::new(false),
            looked_up: Condvar::new(),
            is_live,
        }
    }

    /// Locks the content. What a panic left is still what was counted.
    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_in_progress(&self, in_progress: Vec<Entry>) {
        let mut content = self.lock();
        content.in_progress = in_progress;
        content.lookups += 1;
        drop(content);
        self.looked_up.notify_all();
    }

    /// Locks the content once what is in progress is as new as the rest, or cannot be had.
    fn lock_current(&self) -> MutexGuard<'_, Content> {
        let content = self.lock();
        if !self.is_live || !content.is_reading {
            return content;
        }
        let before = content.lookups;
        self.is_wanted.store(true, Ordering::Relaxed);
        let is_old = |content: &mut Content| content.lookups == before;
        let waited = self.looked_up.wait_timeout_while(content, IN_PROGRESS_WAIT, is_old);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Returns what is served.
fn site(shared: &Arc<Shared>, options: report::Options, changes: &Changes) -> Site {
    let shared = Arc::clone(shared);
    let render: Render = Arc::new(move |version| {
        let content = shared.lock_current();
        let Content { tally, in_progress, is_reading, .. } = &*content;
        let served = page::Served { version, is_reading: *is_reading };
        let mut html = Vec::new();
        if let Some(rows) = tally.rows() {
            // A Vec takes everything.
            drop(page::write_served(served, &tally.snapshot_with(in_progress), rows, &options, &mut html));
        }
        html
    });
    let files =
        page::SERVED_FILES.map(|(name, media_type, content)| StaticFile { name, media_type, content });
    Site { files: files.to_vec(), policy: page::SERVED_POLICY, render, changes: changes.clone() }
}

/// Returns what matches of what is in progress.
fn matching_entries(in_progress: InProgress, matching: &Matching) -> Vec<Entry> {
    let InProgress { capture, connections, sessions, streams } = in_progress;
    let connections = connections.into_iter().map(|fact| Entry::Fact(Fact::Connection(Box::new(fact))));
    let sessions = sessions.into_iter().map(|session| Entry::Record(Record::Session(Box::new(session))));
    let streams = streams.into_iter().map(|stream| Entry::Record(Record::Stream(Box::new(stream))));
    let open = connections.chain(sessions).chain(streams).filter(|entry| matching.shows(entry));
    open.chain([Entry::Fact(Fact::Capture(Box::new(capture)))]).collect()
}

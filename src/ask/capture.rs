//! What is known of a capture, shared by the analysis, which adds to it, and the tools.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::kept::Kept;
use crate::base::Files;
use crate::ledger::store::{InProgress, Store};
use crate::ledger::{Entry, Ledger, Record};

/// How long a tool waits for files to be read to their end. Then it answers what is known.
const FILE_WAIT: Duration = Duration::from_secs(20);

/// How long a tool waits for what is in progress: the analysis looks it up between two packets.
const IN_PROGRESS_WAIT: Duration = Duration::from_millis(250);

/// Where packets come from.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Names of the files, or of the device.
    pub names: Vec<String>,
    /// Numbers the packets of several files.
    pub numbering: Files,
    /// Whether packets may still arrive: a device, a pipe, files that are followed.
    pub is_live: bool,
}

/// What is known of a capture. Clones share it.
#[derive(Clone, Debug)]
pub struct Capture {
    source: Arc<Source>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    known: Mutex<Known>,
    /// Signalled when reading ended, and when what is in progress was looked up.
    changed: Condvar,
    /// Whether a tool waits for what is in progress.
    is_wanted: AtomicBool,
}

/// What is known of a capture, behind the lock.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) kept: Kept,
    /// Totals of everything, also of what is no longer kept.
    ledger: Ledger,
    /// Sessions and streams that are in progress, for totals.
    in_progress: Vec<Entry>,
    /// How often that was looked up.
    lookups: u64,
    /// Why reading ended early; `None` if it did not.
    failure: Option<String>,
    is_reading: bool,
}

impl Known {
    /// Returns the totals so far.
    pub(super) fn ledger(&self) -> Ledger {
        let mut ledger = self.ledger.clone();
        self.in_progress.iter().for_each(|entry| ledger.push(entry));
        ledger
    }

    /// Whether packets are still read.
    pub(super) fn is_reading(&self) -> bool {
        self.is_reading
    }

    /// Why reading ended early; `None` if it did not.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }
}

impl Capture {
    /// Creates a capture of which nothing was read. What is kept of it takes about `memory` bytes.
    #[must_use]
    pub fn new(source: Source, memory: usize) -> Self {
        let known = Known {
            kept: Kept::new(memory, source.is_live),
            ledger: Ledger::new(None).with_files(source.numbering.clone()),
            in_progress: Vec::new(),
            lookups: 0,
            failure: None,
            is_reading: true,
        };
        let shared =
            Shared { known: Mutex::new(known), changed: Condvar::new(), is_wanted: AtomicBool::new(false) };
        Self { source: Arc::new(source), shared: Arc::new(shared) }
    }

    /// Calls `with` with the store, to give it files for what does not fit into memory. A capture
    /// that goes on has none: its oldest records are dropped.
    pub fn with_store(&self, with: impl FnOnce(&mut Store)) {
        with(self.lock().kept.store_mut());
    }

    /// Adds entries of the analysis, with payloads.
    pub fn push(&self, entries: impl IntoIterator<Item = Entry>) {
        let mut known = self.lock();
        for entry in entries {
            known.ledger.push(&entry);
            known.kept.push(entry);
        }
    }

    /// Whether a tool waits for what is in progress.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.shared.is_wanted.load(Ordering::Relaxed)
    }

    /// What is in progress is about to be looked up: what waits now is served by it.
    pub fn take_wanted(&self) {
        self.shared.is_wanted.store(false, Ordering::Relaxed);
    }

    /// Replaces what is in progress.
    pub fn set_in_progress(&self, in_progress: InProgress) {
        let mut known = self.lock();
        let sessions = in_progress.sessions.iter().cloned();
        let sessions = sessions.map(|session| Entry::Record(Record::Session(Box::new(session))));
        let streams = in_progress.streams.iter().cloned();
        let streams = streams.map(|stream| Entry::Record(Record::Stream(Box::new(stream))));
        known.in_progress = sessions.chain(streams).collect();
        known.kept.set_in_progress(in_progress);
        known.lookups += 1;
        drop(known);
        self.shared.changed.notify_all();
    }

    /// Everything was read, or reading ended early for a reason.
    pub fn finish(&self, failure: Option<String>) {
        let mut known = self.lock();
        known.in_progress = Vec::new();
        let capture = *known.kept.capture();
        known.kept.set_in_progress(InProgress { capture, ..InProgress::default() });
        known.failure = failure;
        known.is_reading = false;
        drop(known);
        self.shared.changed.notify_all();
    }

    /// Where the packets come from.
    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Locks what is known. What a panic left is still what was read.
    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until what is known is current: files are read to their end, of a capture that goes on
    /// what is in progress was looked up. Each wait has a limit.
    pub(super) fn wait_until_current(&self) {
        let known = self.lock();
        let before = known.lookups;
        if !known.is_reading {
            return;
        }
        let (limit, is_live) = match self.source.is_live {
            true => (IN_PROGRESS_WAIT, true),
            false => (FILE_WAIT, false),
        };
        self.shared.is_wanted.store(is_live, Ordering::Relaxed);
        let is_old = |known: &mut Known| known.is_reading && (!is_live || known.lookups == before);
        drop(self.shared.changed.wait_timeout_while(known, limit, is_old));
    }
}

//! The thread that sends.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::client::{Outcome, Requester};
use super::error::Error;
use super::options::{Options, Target};
use super::queue::{Batch, Queue, When};
use super::totals::Totals;
use crate::base::{sanitize, units};
use crate::export::Resource;
use crate::export::otlp::{Encodings, Piece, Sink, request};

/// At most one message about the same trouble in this time.
const MESSAGE_INTERVAL: Duration = Duration::from_secs(60);

/// Prints a message: what happened, to which URL.
pub type Report = Box<dyn Fn(&str) + Send>;

/// Sends telemetry on a thread of its own.
pub struct Sender {
    queue: Queue,
    options: Options,
    reload: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Puts messages into the queue. What is not sent anywhere is left out.
#[derive(Clone, Debug)]
pub struct Handle {
    queue: Queue,
    targets: Vec<Target>,
}

impl Sink for Handle {
    fn push(&mut self, piece: Piece) -> io::Result<()> {
        match self.targets.iter().any(|target| target.signal == piece.signal) {
            true => self.queue.push(piece),
            false => Ok(()),
        }
    }
}

impl Sender {
    /// Creates a sender that takes messages and does not send them yet.
    #[must_use]
    pub fn new(options: Options, when_full: When) -> Self {
        Self { queue: Queue::new(when_full), options, reload: Arc::default(), thread: None }
    }

    /// Starts the thread: once root is given up, and before the sandbox is entered. `report` gets
    /// messages about trouble.
    ///
    /// # Errors
    /// A certificate cannot be read, or the thread cannot be started.
    pub fn start(&mut self, resource: Resource, report: Report) -> Result<(), Error> {
        let work = Work {
            queue: self.queue.clone(),
            requester: Requester::new(&self.options)?,
            options: self.options.clone(),
            reload: Arc::clone(&self.reload),
            resource,
            report,
            closed_at: None,
            reported_at: None,
            is_in_trouble: false,
        };
        let thread = Builder::new().name("telemetry".to_owned()).spawn(move || work.run());
        let thread = thread.map_err(|error| Error(format!("no thread for telemetry: {error}")))?;
        self.thread = Some(thread);
        Ok(())
    }

    /// Returns what makes the thread read certificates anew and connect again, when it is set.
    #[must_use]
    pub fn reload(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.reload)
    }

    /// Returns a handle for the writer of messages.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { queue: self.queue.clone(), targets: self.options.targets.clone() }
    }

    /// Returns the encoding of the messages of each signal.
    #[must_use]
    pub fn encodings(&self) -> Encodings {
        let of = |signal| self.targets().iter().find(|target| target.signal == signal);
        Encodings::of(|signal| of(signal).map(|target| target.encoding).unwrap_or_default())
    }

    /// Returns where telemetry goes.
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        &self.options.targets
    }

    /// Returns what became of telemetry so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.queue.totals()
    }

    /// Waits until everything is sent or given up, and returns what became of it.
    #[must_use]
    pub fn finish(mut self) -> Totals {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread leaves what it did not send.
            drop(thread.join());
        }
        self.queue.end();
        self.queue.totals()
    }
}

/// What the thread works with.
struct Work {
    queue: Queue,
    requester: Requester,
    options: Options,
    reload: Arc<AtomicBool>,
    resource: Resource,
    report: Report,
    /// When the queue was seen to be closed.
    closed_at: Option<Instant>,
    /// When the last message was printed.
    reported_at: Option<Instant>,
    /// Whether the last request was not taken.
    is_in_trouble: bool,
}

impl Work {
    fn run(mut self) {
        while let Some(batch) = self.queue.take(self.options.patience) {
            let target = self.options.targets.iter().find(|target| target.signal == batch.signal).cloned();
            let Some(target) = target else { continue };
            self.reload();
            let is_taken = self.deliver(&target, &batch);
            // A file that cannot be sent is not read any further; a live capture goes on.
            let is_hopeless = self.queue.when_full() == When::Waits || self.is_past_last_words();
            if !is_taken && is_hopeless {
                break;
            }
        }
        self.queue.end();
    }

    /// Reads certificates anew and forgets connections, if that was asked for.
    fn reload(&mut self) {
        if self.reload.swap(false, Ordering::Relaxed) {
            match Requester::new(&self.options) {
                Ok(requester) => {
                    self.requester = requester;
                    (self.report)("telemetry: certificates read anew");
                }
                Err(error) => (self.report)(&format!("telemetry: goes on as before: {error}")),
            }
        }
    }

    /// Sends a batch until it is taken, refused or given up. Returns false if it was given up.
    fn deliver(&mut self, target: &Target, batch: &Batch) -> bool {
        let messages = batch.pieces.iter().map(|piece| piece.bytes.as_slice());
        let body = request(batch.signal, &self.resource, target.encoding, messages);
        let (first, longest) = self.options.backoff;
        let mut backoff = Backoff::new(first, longest);
        let (signal, count, began) = (batch.signal, batch.count(), now());
        loop {
            let left = self.time_left(began);
            match self.requester.send(target, &body, left) {
                Outcome::Taken(partial) => {
                    let rejected = partial.rejected.min(count);
                    self.queue.count(signal, count - rejected, |totals| &mut totals.sent);
                    self.queue.count(signal, rejected, |totals| &mut totals.rejected);
                    if rejected > 0 {
                        self.tell(
                            target,
                            &format!("{rejected} of {count} {} rejected: {}", signal.name(), partial.message),
                        );
                    } else if !partial.message.is_empty() {
                        self.tell(target, &format!("warning: {}", partial.message));
                    } else if std::mem::take(&mut self.is_in_trouble) {
                        self.reported_at = None;
                        self.tell(target, "takes telemetry again");
                        self.reported_at = None;
                    }
                    return true;
                }
                Outcome::Refused { why } => {
                    self.queue.count(signal, count, |totals| &mut totals.rejected);
                    self.tell(target, &format!("{count} {} refused: {why}", signal.name()));
                    return true;
                }
                Outcome::Later { why, after } => {
                    let wait = backoff.next(after);
                    self.is_in_trouble = true;
                    if wait >= self.time_left(began) {
                        self.queue.count(signal, count, |totals| &mut totals.failed);
                        self.reported_at = None;
                        self.tell(target, &format!("{count} {} given up: {why}", signal.name()));
                        return false;
                    }
                    let left = units::duration(nanoseconds(self.time_left(began)));
                    self.tell(target, &format!("{why}; trying again for {left}"));
                    self.pause(wait);
                    self.reload();
                }
            }
        }
    }

    /// How long a request that began then is still tried. After the end of a live capture that is
    /// less.
    fn time_left(&mut self, began: Instant) -> Duration {
        let left = self.options.retry_for.saturating_sub(began.elapsed());
        if self.queue.when_full() == When::Waits || !self.queue.is_closed() {
            return left;
        }
        let closed = *self.closed_at.get_or_insert_with(now);
        left.min(self.options.last_words.saturating_sub(closed.elapsed()))
    }

    fn is_past_last_words(&mut self) -> bool {
        self.closed_at.is_some_and(|closed| closed.elapsed() >= self.options.last_words / 2)
    }

    /// Waits before the next attempt. A live capture that ends meanwhile ends the wait.
    fn pause(&self, wait: Duration) {
        match self.queue.when_full() {
            When::Drops if !self.queue.is_closed() => self.queue.wait_closed(wait),
            When::Drops | When::Waits => std::thread::sleep(wait),
        }
    }

    /// Prints a message, unless there was one a short time ago. It may quote the collector.
    fn tell(&mut self, target: &Target, message: &str) {
        if self.reported_at.is_none_or(|at| at.elapsed() >= MESSAGE_INTERVAL) {
            self.reported_at = Some(now());
            (self.report)(&sanitize::escape(&format!("{}: {message}", target.name())));
        }
    }
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "requests are sent again after a time of the clock")]
fn now() -> Instant {
    Instant::now()
}

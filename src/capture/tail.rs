//! A file that grows: its bytes up to the end that it has now; then whether more can come.
//!
//! ```text
//!   |==== read ====|---- there since `since` ----|   not there yet, or not looked at
//!                  ^ position                    ^ known
//! ```

use std::fs;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::stop::Stop;

/// How long a file that lost its name is still looked at, since it grew last: who wrote it may have more to write (tcpdump
/// writes what it holds when it ends). Chosen.
const FAREWELL: Duration = Duration::from_secs(1);

/// Bytes at the start of a file by which it is known again when it grows: a header of pcap (24) and that of the first packet
/// (16), in which its time is.
const START: usize = 40;

/// What came of reading.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tailed {
    /// So many bytes.
    Bytes(usize),
    /// This is the end, for now.
    Later,
    /// Nothing more comes.
    Over,
}

/// A file that grows.
pub(super) struct Tail {
    file: fs::File,
    path: PathBuf,
    /// What the name stood for when the file was opened; `None` where the system does not tell.
    identity: Option<Identity>,
    /// Bytes that were read, as others see it too.
    count: Arc<AtomicU64>,
    position: u64,
    /// Its first bytes, as they were read: at most [`START`].
    start: Vec<u8>,
    /// How long the file was when it was looked at last, and when that was.
    known: u64,
    since: Instant,
    /// When its end was met last.
    silent: Option<Instant>,
    /// When it was seen to have lost its name, if it has not grown since.
    nameless: Option<Instant>,
    stop: Stop,
    /// The length is known for the last time.
    is_last: bool,
    ended: (Ended, usize),
}

impl Tail {
    /// Nothing read yet of `file`, which was opened as `path`. What is read is added to `count`; why it ends goes to the place
    /// of `ended`.
    pub(super) fn new(
        (file, path): (fs::File, PathBuf),
        count: Arc<AtomicU64>,
        stop: Stop,
        ended: (Ended, usize),
    ) -> Self {
        let identity = file.metadata().ok().and_then(|file| identity(&file));
        Self {
            file,
            path,
            identity,
            count,
            position: 0,
            start: Vec::new(),
            known: 0,
            since: now(),
            silent: None,
            nameless: None,
            stop,
            is_last: false,
            ended,
        }
    }

    /// When the bytes that were read last are known to have been there.
    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// When the end of the file was met last; `None` before that.
    pub(super) fn silent(&self) -> Option<Instant> {
        self.silent
    }

    /// Nothing more is read of it. Where more could come, it is said why that is so.
    pub(super) fn leave(&mut self) {
        if !self.is_last {
            self.end("is damaged, or was written anew");
        }
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// Those of the file.
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<Tailed> {
        loop {
            if self.position >= self.known
                && let Some(end) = self.look()?
            {
                return Ok(end);
            }
            let there = usize::try_from(self.known.saturating_sub(self.position)).unwrap_or(usize::MAX);
            let room = into.len().min(there);
            let read = self.file.read(into.get_mut(..room).unwrap_or_default())?;
            if read > 0 {
                let first = into.iter().take(read).take(START.saturating_sub(self.start.len()));
                self.start.extend(first);
                self.position += read as u64;
                self.count.fetch_add(read as u64, Ordering::Relaxed);
                return Ok(Tailed::Bytes(read));
            }
            // It became shorter since it was looked at.
            self.known = self.position;
        }
    }

    /// Looks how long the file is now. `None` where it has grown.
    fn look(&mut self) -> io::Result<Option<Tailed>> {
        if self.is_last {
            return Ok(Some(Tailed::Over));
        }
        // In this order: what was written before the stop is read.
        self.is_last = self.stop.is_told();
        let (len, now) = (self.file.metadata()?.len(), now());
        if len > self.position && !self.begins_as_before()? {
            self.end("was written anew");
            return Ok(Some(Tailed::Over));
        }
        if len > self.position {
            (self.known, self.since, self.nameless) = (len, now, None);
            return Ok(None);
        }
        self.silent = Some(now);
        if len < self.position {
            let was = self.position;
            self.end(&format!("became shorter while it was followed: {was} bytes were read, {len} are left"));
        } else if self.has_left(now) {
            let what =
                if self.path.exists() { "another file has its name now" } else { "was moved or removed" };
            self.end(&format!("{what}; it was read to its end"));
        }
        Ok(Some(if self.is_last { Tailed::Over } else { Tailed::Later }))
    }

    /// Whether the first bytes are still those that were read: else the file was cut and written anew, and what is behind
    /// the position is no continuation.
    fn begins_as_before(&mut self) -> io::Result<bool> {
        if self.start.is_empty() {
            return Ok(true);
        }
        let mut there = vec![0; self.start.len()];
        self.file.seek(SeekFrom::Start(0))?;
        let read = self.file.read_exact(&mut there);
        self.file.seek(SeekFrom::Start(self.position))?;
        match read {
            Ok(()) => Ok(there == self.start),
            // It became shorter since it was looked at.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether the file lost its name long enough ago. What cannot be looked at is taken to be there still.
    fn has_left(&mut self, now: Instant) -> bool {
        let is_there = match fs::metadata(&self.path) {
            Ok(named) => self.identity.is_none() || identity(&named) == self.identity,
            Err(error) => error.kind() != ErrorKind::NotFound,
        };
        if is_there {
            self.nameless = None;
            return false;
        }
        now.saturating_duration_since(*self.nameless.get_or_insert(now)) >= FAREWELL
    }

    fn end(&mut self, what: &str) {
        self.is_last = true;
        let (ended, index) = &self.ended;
        let name = self.path.display();
        ended.tell(*index, format!("{name}: {what}; what is written there from now on is not read"));
    }
}

/// What tells a file from every other one: its device and its number there.
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(file: &fs::Metadata) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    Some((file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> Option<Identity> {
    None
}

/// Tells which files are followed no longer, though nobody asked for that. Clones tell the same.
#[derive(Clone, Debug)]
pub struct Ended(Arc<[Why]>);

/// Why a file is followed no longer, in words for the operator.
#[derive(Debug, Default)]
struct Why {
    words: OnceLock<String>,
    is_told: AtomicBool,
}

impl Ended {
    /// Of this many files, none of which has ended.
    pub(super) fn new(files: usize) -> Self {
        Self((0..files).map(|_| Why::default()).collect())
    }

    /// What was not told by this before.
    #[must_use]
    pub fn news(&self) -> Vec<String> {
        let is_new = |why: &&Why| why.words.get().is_some() && !why.is_told.swap(true, Ordering::Relaxed);
        self.0.iter().filter(is_new).filter_map(|why| why.words.get()).cloned().collect()
    }

    /// All that there is to tell.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        self.0.iter().filter_map(|why| why.words.get()).cloned().collect()
    }

    /// The file of this index is followed no longer. Only the first reason is kept.
    pub(super) fn tell(&self, index: usize, words: String) {
        if let Some(why) = self.0.get(index) {
            why.words.get_or_init(|| words);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a file that grows is silent is what a clock says")]
pub(super) fn now() -> Instant {
    Instant::now()
}

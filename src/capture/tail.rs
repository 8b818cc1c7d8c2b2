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
const RENAME_GRACE: Duration = Duration::from_secs(1);

/// Bytes at the signature of a file by which it is known again when it grows: a header of pcap (24) and that of the first packet
/// (16), in which its time is.
const SIGNATURE_LEN: usize = 40;

/// What came of reading.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TailRead {
    /// So many bytes.
    Bytes(usize),
    /// This is the end, for now.
    Pending,
    /// Nothing more comes.
    End,
}

/// A file that grows.
pub(super) struct Tail {
    file: fs::File,
    path: PathBuf,
    /// What the name stood for when the file was opened; `None` where the system does not tell.
    identity: Option<FileIdentity>,
    /// Bytes that were read, as others see it too.
    count: Arc<AtomicU64>,
    position: u64,
    /// Its first bytes, as they were read: at most [`SIGNATURE_LEN`].
    signature: Vec<u8>,
    /// How long the file was when it was looked at last, and when that was.
    known_len: u64,
    seen_at: Instant,
    /// When its end was met last.
    end_seen_at: Option<Instant>,
    /// When it was seen to have lost its name, if it has not grown since.
    unnamed_since: Option<Instant>,
    stop: Stop,
    /// The length is known for the last time.
    is_last: bool,
    ended: (EndedFiles, usize),
}

impl Tail {
    /// Nothing read yet of `file`, which was opened as `path`. What is read is added to `count`; why it ends goes to the place
    /// of `ended`.
    pub(super) fn new(
        (file, path): (fs::File, PathBuf),
        count: Arc<AtomicU64>,
        stop: Stop,
        ended: (EndedFiles, usize),
    ) -> Self {
        let identity = file.metadata().ok().and_then(|file| file_identity(&file));
        Self {
            file,
            path,
            identity,
            count,
            position: 0,
            signature: Vec::new(),
            known_len: 0,
            seen_at: now(),
            end_seen_at: None,
            unnamed_since: None,
            stop,
            is_last: false,
            ended,
        }
    }

    /// When the bytes that were read last are known to have been there.
    pub(super) fn seen_at(&self) -> Instant {
        self.seen_at
    }

    /// When the end of the file was met last; `None` before that.
    pub(super) fn end_seen_at(&self) -> Option<Instant> {
        self.end_seen_at
    }

    /// Nothing more is read of it. Where more could come, it is said why that is so.
    pub(super) fn abandon(&mut self) {
        if !self.is_last {
            self.end_with("is damaged, or was written anew");
        }
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// Those of the file.
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<TailRead> {
        loop {
            if self.position >= self.known_len
                && let Some(end) = self.check_length()?
            {
                return Ok(end);
            }
            let there = usize::try_from(self.known_len.saturating_sub(self.position)).unwrap_or(usize::MAX);
            let room = into.len().min(there);
            let read = self.file.read(into.get_mut(..room).unwrap_or_default())?;
            if read > 0 {
                let first = into.iter().take(read).take(SIGNATURE_LEN.saturating_sub(self.signature.len()));
                self.signature.extend(first);
                self.position += read as u64;
                self.count.fetch_add(read as u64, Ordering::Relaxed);
                return Ok(TailRead::Bytes(read));
            }
            // It became shorter since it was looked at.
            self.known_len = self.position;
        }
    }

    /// Looks how long the file is now. `None` where it has grown.
    fn check_length(&mut self) -> io::Result<Option<TailRead>> {
        if self.is_last {
            return Ok(Some(TailRead::End));
        }
        // In this order: what was written before the stop is read.
        self.is_last = self.stop.is_set();
        let (len, now) = (self.file.metadata()?.len(), now());
        if len > self.position && !self.begins_as_before()? {
            self.end_with("was written anew");
            return Ok(Some(TailRead::End));
        }
        if len > self.position {
            (self.known_len, self.seen_at, self.unnamed_since) = (len, now, None);
            return Ok(None);
        }
        self.end_seen_at = Some(now);
        if len < self.position {
            let was = self.position;
            self.end_with(&format!(
                "became shorter while it was followed: {was} bytes were read, {len} are left"
            ));
        } else if self.has_lost_its_name(now) {
            let what =
                if self.path.exists() { "another file has its name now" } else { "was moved or removed" };
            self.end_with(&format!("{what}; it was read to its end"));
        }
        Ok(Some(if self.is_last { TailRead::End } else { TailRead::Pending }))
    }

    /// Whether the first bytes are still those that were read: else the file was cut and written anew, and what is behind
    /// the position is no continuation.
    fn begins_as_before(&mut self) -> io::Result<bool> {
        if self.signature.is_empty() {
            return Ok(true);
        }
        let mut there = vec![0; self.signature.len()];
        self.file.seek(SeekFrom::Start(0))?;
        let read = self.file.read_exact(&mut there);
        self.file.seek(SeekFrom::Start(self.position))?;
        match read {
            Ok(()) => Ok(there == self.signature),
            // It became shorter since it was looked at.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether the file lost its name long enough ago. What cannot be looked at is taken to be there still.
    fn has_lost_its_name(&mut self, now: Instant) -> bool {
        let is_there = match fs::metadata(&self.path) {
            Ok(named) => self.identity.is_none() || file_identity(&named) == self.identity,
            Err(error) => error.kind() != ErrorKind::NotFound,
        };
        if is_there {
            self.unnamed_since = None;
            return false;
        }
        now.saturating_duration_since(*self.unnamed_since.get_or_insert(now)) >= RENAME_GRACE
    }

    fn end_with(&mut self, what: &str) {
        self.is_last = true;
        let (ended, index) = &self.ended;
        let name = self.path.display();
        ended.set(*index, format!("{name}: {what}; what is written there from now on is not read"));
    }
}

/// What tells a file from every other one: its device and its number there.
type FileIdentity = (u64, u64);

#[cfg(unix)]
fn file_identity(file: &fs::Metadata) -> Option<FileIdentity> {
    use std::os::unix::fs::MetadataExt as _;
    Some((file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn file_identity(_: &fs::Metadata) -> Option<FileIdentity> {
    None
}

/// Tells which files are followed no longer, though nobody asked for that. Clones tell the same.
#[derive(Clone, Debug)]
pub struct EndedFiles(Arc<[EndReason]>);

/// EndReason a file is followed no longer, in text for the operator.
#[derive(Debug, Default)]
struct EndReason {
    text: OnceLock<String>,
    is_taken: AtomicBool,
}

impl EndedFiles {
    /// Of this many files, none of which has ended.
    pub(super) fn new(files: usize) -> Self {
        Self((0..files).map(|_| EndReason::default()).collect())
    }

    /// What was not told by this before.
    #[must_use]
    pub fn take_new(&self) -> Vec<String> {
        let is_new =
            |why: &&EndReason| why.text.get().is_some() && !why.is_taken.swap(true, Ordering::Relaxed);
        self.0.iter().filter(is_new).filter_map(|why| why.text.get()).cloned().collect()
    }

    /// All that there is to tell.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        self.0.iter().filter_map(|why| why.text.get()).cloned().collect()
    }

    /// The file of this index is followed no longer. Only the first reason is kept.
    pub(super) fn set(&self, index: usize, text: String) {
        if let Some(why) = self.0.get(index) {
            why.text.get_or_init(|| text);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a file that grows is end_seen_at is what a clock says"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

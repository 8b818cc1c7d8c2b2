//! Reads a growing file up to its current end, and reports whether more can follow.
//!
//! ```text
//!   |==== read ====|---- written by `seen_at` ----|   not written yet, or not checked
//!                  ^ position                     ^ known_len
//! ```

use std::fs;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::stop::Stop;

/// How long a file that was renamed or removed is still checked: its writer may flush more when it
/// ends, as tcpdump does. Chosen, not measured.
const RENAME_GRACE: Duration = Duration::from_secs(1);

/// Number of bytes at the start of a file that must not change: a pcap file header (24) and the
/// header of the first packet (16), which has its time.
const SIGNATURE_LEN: usize = 40;

/// Result of a read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TailRead {
    /// This many bytes.
    Bytes(usize),
    /// The current end; the file may grow.
    Pending,
    /// The final end.
    End,
}

/// A growing file.
pub(super) struct Tail {
    file: fs::File,
    path: PathBuf,
    /// Identity of the opened file; `None` if the system does not identify files.
    identity: Option<FileIdentity>,
    /// Bytes read, shared with [`Progress`](super::Progress).
    count: Arc<AtomicU64>,
    position: u64,
    /// First bytes of the file, at most [`SIGNATURE_LEN`].
    signature: Vec<u8>,
    /// Length at the last check in bytes, and the time of that check.
    known_len: u64,
    seen_at: Instant,
    /// When the end was last reached.
    end_seen_at: Option<Instant>,
    /// When its name was first missing or another file's, if the file has not grown since.
    unnamed_since: Option<Instant>,
    stop: Stop,
    /// The length is final.
    is_last: bool,
    ended: (EndedFiles, usize),
}

impl Tail {
    /// Creates a reader of `file`, which was opened as `path`. Bytes read are added to `count`. The
    /// reason why it ends is set in `ended`, for the file of this index.
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

    /// Time by which the latest bytes read were written.
    pub(super) fn seen_at(&self) -> Instant {
        self.seen_at
    }

    /// When the end of the file was last reached; `None` before that.
    pub(super) fn end_seen_at(&self) -> Option<Instant> {
        self.end_seen_at
    }

    /// Stops reading; if more could follow, sets a reason.
    pub(super) fn abandon(&mut self) {
        if !self.is_last {
            self.end_with("is damaged, or was rewritten");
        }
    }

    /// Reads bytes that are already written.
    ///
    /// # Errors
    /// The file cannot be read.
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
            // The file became shorter since the last check.
            self.known_len = self.position;
        }
    }

    /// Checks the length of the file. Returns `None` if it has grown.
    fn check_length(&mut self) -> io::Result<Option<TailRead>> {
        if self.is_last {
            return Ok(Some(TailRead::End));
        }
        // The stop is checked before the length, so that bytes written before the stop are read.
        self.is_last = self.stop.is_set();
        let (len, now) = (self.file.metadata()?.len(), now());
        if len > self.position && !self.begins_as_before()? {
            self.end_with("was rewritten");
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

    /// Whether the first bytes are unchanged. Otherwise the file was rewritten, and the bytes after
    /// the position do not continue those before it.
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
            // The file became shorter since the last check.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether the name has been gone for [`RENAME_GRACE`]. A name that cannot be checked counts as
    /// present.
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
        ended.set(*index, format!("{name}: {what}; it is no longer followed"));
    }
}

/// Device and inode number of a file.
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

/// Files that are no longer followed, with the reason of each. Clones share the list.
#[derive(Clone, Debug)]
pub struct EndedFiles(Arc<[EndReason]>);

/// Why a file is no longer followed, as a message for the user.
#[derive(Debug, Default)]
struct EndReason {
    text: OnceLock<String>,
    is_taken: AtomicBool,
}

impl EndedFiles {
    /// Creates a list for this many files.
    pub(super) fn new(files: usize) -> Self {
        Self((0..files).map(|_| EndReason::default()).collect())
    }

    /// Returns the reasons that no call returned before.
    #[must_use]
    pub fn take_new(&self) -> Vec<String> {
        let is_new =
            |why: &&EndReason| why.text.get().is_some() && !why.is_taken.swap(true, Ordering::Relaxed);
        self.0.iter().filter(is_new).filter_map(|why| why.text.get()).cloned().collect()
    }

    /// Returns all reasons.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        self.0.iter().filter_map(|why| why.text.get()).cloned().collect()
    }

    /// Sets the reason for the file of this index, unless it has one.
    pub(super) fn set(&self, index: usize, text: String) {
        if let Some(why) = self.0.get(index) {
            why.text.get_or_init(|| text);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the silence of a growing file is measured in wall time")]
pub(super) fn now() -> Instant {
    Instant::now()
}

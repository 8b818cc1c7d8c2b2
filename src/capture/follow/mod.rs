//! Follows files that are still being written.
//!
//! ```text
//!  file ─▶ tail ─▶ buffer ─▶ … ─▶ merge ─▶ Followed ─▶ Item
//!          up to the                       at the end: Item::Pending, a wait, another check
//!          current end
//! ```
//!
//! The length is polled rather than watched with inotify. Polling needs no dependency and no watch
//! that has to exist before the sandbox is entered, works the same on every system, and works on
//! NFS, where inotify misses writes of other hosts. A check costs three system calls, once per
//! `MAX_WAIT` in silence.
//!
//! Packet time does not advance while the file does not grow: a writer that buffers (tcpdump
//! without -U) may still write old packets, and following a file has to give the same results as
//! reading it later.

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::buffer::InputBuffer;
use super::file::CaptureFile;
use super::item::{Error, Item, Source};
use super::merge::Capture;
use super::open::{self, OpenOptions};
use super::progress::Progress;
use super::stop::Stop;
use super::tail::{Tail, now};
use crate::base::{Files, Findings};

pub use super::tail::EndedFiles;

/// Wait before the end of a file is checked again: at first, and at most. It doubles in between.
const FIRST_WAIT: Duration = Duration::from_millis(5);
const MAX_WAIT: Duration = Duration::from_millis(50);

/// When to stop following.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowLimits {
    /// Stop after this many packets; `None` for no limit.
    pub packets: Option<u64>,
    /// Stop after this time, with the packets written by then; `None` for no limit.
    pub duration: Option<Duration>,
}

/// Follows files as one capture, in time order as long as all of them grow. The other files wait
/// for a silent one for at most `MAX_MERGE_WAIT` of `merge`.
///
/// # Errors
/// A file cannot be opened, cannot grow (a pipe, compressed data) or is not a capture, or the
/// filter does not compile.
pub fn follow(paths: &[PathBuf], options: &OpenOptions, limits: FollowLimits) -> Result<Followed, Error> {
    let stop = Stop::default();
    let ended = EndedFiles::new(paths.len());
    let capture = open_tails(paths, options, &stop, &ended)?;
    Ok(Followed { capture, limits, until: None, wait: None, stop, ended })
}

/// Opens growing files as one capture. Headers are read as far as they are written.
///
/// # Errors
/// As [`open::open`], or one of them is not a regular file.
fn open_tails(
    paths: &[PathBuf],
    options: &OpenOptions,
    stop: &Stop,
    ended: &EndedFiles,
) -> Result<Capture, Error> {
    let mut progress = Progress::of_files();
    let mut files = Vec::with_capacity(paths.len());
    for (index, path) in paths.iter().enumerate() {
        let name = path.display().to_string();
        let (file, size) = open::open_path(path)?;
        if size.is_none() {
            return Err(Error(format!(
                "{name}: is not a regular file; omit --follow, it is read as it arrives anyway"
            )));
        }
        progress.add_file(size);
        let end_reason = (ended.clone(), index);
        let tail = Tail::new((file, path.clone()), progress.counter(), stop.clone(), end_reason);
        let mut file = CaptureFile::new(InputBuffer::growing(name, tail));
        file.begin()?;
        files.push(file);
    }
    Ok(open::finish(files, options, progress)?.following(ended.clone()))
}

/// Followed files, as a source.
pub struct Followed {
    capture: Capture,
    /// What remains of the limits.
    limits: FollowLimits,
    /// When the duration ends; `None` before the first item, and without a duration.
    until: Option<Instant>,
    /// Wait before the next check; `None` if more may be readable at once.
    wait: Option<Duration>,
    stop: Stop,
    ended: EndedFiles,
}

impl Followed {
    /// As [`Capture::numbering`].
    #[must_use]
    pub fn numbering(self, files: Files) -> Self {
        Self { capture: self.capture.numbering(files), ..self }
    }

    /// Returns a handle that ends the capture after the packets written until then.
    #[must_use]
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Returns a handle to the bytes read. The total is unknown after the end of the files was
    /// reached once.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.capture.progress()
    }

    /// Returns the list of files that are no longer followed.
    #[must_use]
    pub fn ended(&self) -> EndedFiles {
        self.ended.clone()
    }

    fn is_due(&mut self) -> bool {
        let Some(duration) = self.limits.duration else {
            return false;
        };
        let now = now();
        now >= *self.until.get_or_insert(now.checked_add(duration).unwrap_or(now))
    }
}

impl Source for Followed {
    /// Waits for at most `MAX_WAIT`, then yields [`Item::Pending`].
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, Error> {
        if self.limits.packets == Some(0) {
            return Ok(None);
        }
        if let Some(wait) = self.wait
            && !self.stop.is_set()
        {
            thread::sleep(wait);
        }
        if self.is_due() {
            self.stop.stop();
        }
        let item = self.capture.next(findings)?;
        self.wait = match (&item, self.wait) {
            (Some(Item::Pending), Some(wait)) => Some(MAX_WAIT.min(wait * 2)),
            (Some(Item::Pending), None) => Some(FIRST_WAIT),
            _ => None,
        };
        if let (Some(Item::Packet(_)), Some(left)) = (&item, &mut self.limits.packets) {
            *left -= 1;
        }
        Ok(item)
    }
}

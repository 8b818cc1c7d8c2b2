//! Files that are still being written, read as they grow.
//!
//! ```text
//!  file ─▶ tail ─▶ blocks ─▶ … ─▶ merge ─▶ Followed ─▶ Item
//!          to the end that the                at the end: Item::Pending, a wait, and another look
//!          file has now
//! ```
//!
//! The end is looked at again and again rather than watched with inotify: it takes no dependency and no watch that would have
//! to be made before the process shuts itself in, is the same on every system, and works on NFS, where inotify hears
//! nothing of other hosts. It costs three system calls some twenty times a second.
//!
//! No time passes while nothing comes: a writer that buffers (tcpdump without -U) may still write packets from long before, and
//! what is told of a file that was followed is to be what the saved file tells.

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
use crate::base::Findings;

pub use super::tail::EndedFiles;

/// How long the end of a file is left alone after it was found to be one: at first, and at most. It doubles in between, so
/// that a file that grows now is looked at often.
const FIRST_WAIT: Duration = Duration::from_millis(5);
const MAX_WAIT: Duration = Duration::from_millis(50);

/// For how long a capture is followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowLimits {
    /// It ends after this many packets; `None`: it does not.
    pub packets: Option<u64>,
    /// It ends this long after its start, with what is in the files by then; `None`: it does not.
    pub duration: Option<Duration>,
}

/// Follows files as one capture: in time order where all of them have packets. A file that stays silent is not waited for
/// longer than a tenth of a second.
///
/// # Errors
/// A file cannot be opened, is none that grows (a pipe, compressed data) or no capture, or the filter does not compile.
pub fn follow(paths: &[PathBuf], options: &OpenOptions, limits: FollowLimits) -> Result<Followed, Error> {
    let stop = Stop::default();
    let ended = EndedFiles::new(paths.len());
    let capture = open_tails(paths, options, &stop, &ended)?;
    Ok(Followed { capture, limits, until: None, wait: None, stop, ended })
}

/// Opens files that grow as one capture: each with its place in `ended`. Their headers are read as far as they are there.
///
/// # Errors
/// As [`open::open`], and one of them is no regular file.
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
                "{name}: is no regular file and comes as it comes: leave --follow out"
            )));
        }
        progress.add_file(size);
        let place = (ended.clone(), index);
        let tail = Tail::new((file, path.clone()), progress.counter(), stop.clone(), place);
        let mut file = CaptureFile::new(InputBuffer::growing(name, tail));
        file.begin()?;
        files.push(file);
    }
    Ok(open::finish(files, options, progress)?.following(ended.clone()))
}

/// Files that are followed.
pub struct Followed {
    capture: Capture,
    /// What is left of it.
    limits: FollowLimits,
    /// When it ends by itself; `None` before the first item is asked for, and where it does not.
    until: Option<Instant>,
    /// How long to wait before the next look; `None` where there may be more at once.
    wait: Option<Duration>,
    stop: Stop,
    ended: EndedFiles,
}

impl Followed {
    /// A handle that ends it: what is in the files at that moment is still handed out.
    #[must_use]
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// How much was read. The total is not known any more once the end of the files was met: they grow.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.capture.progress()
    }

    /// A handle that tells which files are followed no longer.
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
    /// Never waits for longer than 50 ms: then it yields [`Item::Pending`].
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, Error> {
        if self.limits.packets == Some(0) {
            return Ok(None);
        }
        if let Some(wait) = self.wait.filter(|_| !self.stop.is_set()) {
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

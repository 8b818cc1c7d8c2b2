//! File with the filters of earlier runs of the TUI. It is opened before the sandbox is entered and
//! stays open.
//!
//! One filter per line, newest last, no duplicates. The content is untrusted: lines that are not
//! plain text are ignored. Several processes share the file: each takes its lock, reads what others
//! added, and adds its own.

use std::collections::HashSet;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::user_dirs;
use crate::tui::{MAX_HISTORY, MAX_LINE_BYTES};

/// Bytes read from the end of the file: the largest size that this program writes.
const MAX_SIZE: u64 = (MAX_HISTORY * (MAX_LINE_BYTES + 1)) as u64;

/// The filters of earlier runs, and the file that new ones are added to.
#[derive(Debug, Default)]
pub(super) struct FilterHistory {
    /// The filters, newest last.
    pub(super) filters: Vec<String>,
    /// `None` if filters are not kept.
    pub(super) file: Option<HistoryFile>,
    /// Why filters are not kept; `None` if they are kept, or not requested.
    pub(super) warning: Option<String>,
}

impl FilterHistory {
    /// Opens the history of the user of the process: `user` if it became another one.
    pub(super) fn open(user: Option<&str>) -> Self {
        let Some(path) = path(user) else {
            return Self::default();
        };
        let opened = open(&path).and_then(|file| {
            let mut history = HistoryFile { file, pending: Vec::new() };
            let filters = history.read()?.filters;
            Ok((filters, history))
        });
        match opened {
            Ok((filters, history)) => Self { filters, file: Some(history), warning: None },
            Err(error) => {
                let warning = format!("cannot save the filter history ({}: {error})", path.display());
                Self { warning: Some(warning), ..Self::default() }
            }
        }
    }
}

/// The open file.
#[derive(Debug)]
pub(super) struct HistoryFile {
    file: File,
    /// Filters that are not written yet because another process held the lock; at most
    /// [`MAX_HISTORY`].
    pending: Vec<String>,
}

/// Content of the file.
struct Content {
    filters: Vec<String>,
    /// Whether the content is exactly what this program writes, so that a line can be appended.
    is_canonical: bool,
}

impl HistoryFile {
    /// Adds a filter as the newest one. If another process holds the lock, it is written with the
    /// next one or by [`Self::finish`].
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(super) fn add(&mut self, filter: &str) -> io::Result<()> {
        if !is_line(filter) {
            return Ok(());
        }
        self.pending.retain(|pending| pending != filter);
        self.pending.push(filter.to_owned());
        self.pending.drain(..self.pending.len().saturating_sub(MAX_HISTORY));
        match self.file.try_lock() {
            Ok(()) => {
                let written = self.merge();
                self.file.unlock()?;
                written
            }
            Err(TryLockError::WouldBlock) => Ok(()),
            // The file system has no locks.
            Err(TryLockError::Error(_)) => self.append(),
        }
    }

    /// Writes the pending filters, without lock if necessary: appending a line does no harm.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.pending.is_empty() { Ok(()) } else { self.append() }
    }

    /// Adds the pending filters to the content of the file. The caller holds the lock.
    fn merge(&mut self) -> io::Result<()> {
        let Content { mut filters, is_canonical } = self.read()?;
        let is_new = self.pending.iter().all(|pending| !filters.contains(pending));
        if is_canonical && is_new && filters.len() + self.pending.len() <= MAX_HISTORY {
            return self.append();
        }
        filters.retain(|filter| !self.pending.contains(filter));
        filters.append(&mut self.pending);
        filters.drain(..filters.len().saturating_sub(MAX_HISTORY));
        // They stay pending until they are written, so that a failed write is retried with the next
        // filter.
        self.pending = filters;
        self.file.set_len(0)?;
        self.file.write_all(lines(&self.pending).as_bytes())?;
        self.pending.clear();
        Ok(())
    }

    /// Appends the pending filters with one write, after ending an incomplete last line.
    fn append(&mut self) -> io::Result<()> {
        let end = if self.has_incomplete_line()? { "\n" } else { "" };
        self.file.write_all(format!("{end}{}", lines(&self.pending)).as_bytes())?;
        self.pending.clear();
        Ok(())
    }

    fn has_incomplete_line(&mut self) -> io::Result<bool> {
        if self.file.seek(SeekFrom::End(0))? == 0 {
            return Ok(false);
        }
        self.file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        self.file.read_exact(&mut last)?;
        Ok(last != *b"\n")
    }

    /// Reads the last [`MAX_SIZE`] bytes of the file.
    fn read(&mut self) -> io::Result<Content> {
        let length = self.file.seek(SeekFrom::End(0))?;
        let from = length.saturating_sub(MAX_SIZE);
        self.file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        (&self.file).take(MAX_SIZE).read_to_end(&mut bytes)?;
        // If the file is longer, the first line may be cut.
        let cut =
            if from == 0 { 0 } else { bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len()) };
        let mut seen = HashSet::new();
        let mut filters: Vec<String> = bytes
            .get(cut..)
            .unwrap_or_default()
            .rsplit(|byte| *byte == b'\n')
            .filter_map(|line| std::str::from_utf8(line).ok())
            .filter(|line| is_line(line) && seen.insert(*line))
            .take(MAX_HISTORY)
            .map(str::to_owned)
            .collect();
        filters.reverse();
        let is_canonical = from == 0 && lines(&filters).as_bytes() == bytes;
        Ok(Content { filters, is_canonical })
    }
}

/// Whether a text can be a line of the file.
fn is_line(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= MAX_LINE_BYTES && !text.contains(char::is_control)
}

fn lines(filters: &[String]) -> String {
    filters.iter().fold(String::new(), |text, filter| text + filter + "\n")
}

/// `$XDG_STATE_HOME/mcpdump/history`; `~/.local/state` if the variable is not set.
fn path(user: Option<&str>) -> Option<PathBuf> {
    Some(user_dirs::user_dir(user, "XDG_STATE_HOME", ".local/state")?.join("mcpdump").join("history"))
}

/// Opens or creates the file. Never blocks, even if the path names a pipe.
fn open(path: &Path) -> io::Result<File> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let mut make = DirBuilder::new();
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    private::prepare(directory, &mut make, &mut options)?;
    make.recursive(true).create(directory)?;
    let file = options.open(path)?;
    private::check(&file)?;
    Ok(file)
}

#[cfg(unix)]
mod private {
    use std::fs::{DirBuilder, File, OpenOptions, Permissions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
    use std::path::Path;

    use nix::fcntl::OFlag;
    use nix::unistd::Uid;

    /// Makes new files private. Root creates nothing in another user's home: the user could not
    /// replace the file.
    pub(super) fn prepare(
        directory: &Path,
        make: &mut DirBuilder,
        options: &mut OpenOptions,
    ) -> io::Result<()> {
        let existing = directory.ancestors().find_map(|directory| directory.metadata().ok());
        let user = Uid::effective();
        if user.is_root() && existing.is_some_and(|directory| directory.uid() != user.as_raw()) {
            return Err(io::Error::other("root does not write to another user's directory"));
        }
        make.mode(0o700);
        // Do not block on a pipe or a device, and do not acquire a controlling terminal.
        options.mode(0o600).custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits());
        Ok(())
    }

    /// Checks that it is a regular file of the user and makes it private.
    ///
    /// # Errors
    /// It is something else, or another user's.
    pub(super) fn check(file: &File) -> io::Result<()> {
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        if found.uid() != Uid::effective().as_raw() {
            return Err(io::Error::other("owned by another user"));
        }
        if found.mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        Ok(())
    }
}

#[cfg(not(unix))]
mod private {
    use std::fs::{DirBuilder, File, OpenOptions};
    use std::io;
    use std::path::Path;

    pub(super) fn prepare(_: &Path, _: &mut DirBuilder, _: &mut OpenOptions) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn check(file: &File) -> io::Result<()> {
        if file.metadata()?.is_file() { Ok(()) } else { Err(io::Error::other("not a regular file")) }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn history(path: &Path) -> HistoryFile {
        HistoryFile { file: open(path).unwrap(), pending: Vec::new() }
    }

    fn filters(path: &Path) -> Vec<String> {
        history(path).read().unwrap().filters
    }

    #[test]
    fn filters_are_kept_once_with_the_newest_last() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b/history");
        let mut one = history(&path);
        for filter in ["status:error", "dur>1s", "status:error", "  ", "no\u{1b}[31mcolour", "\u{e9}"] {
            one.add(filter).unwrap();
        }
        one.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "dur>1s\nstatus:error\n\u{e9}\n");
        assert_eq!(filters(&path), ["dur>1s", "status:error", "\u{e9}"]);
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mcpdump/history");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        drop(history(&path));
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        drop(history(&path));
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn two_processes_lose_no_filters() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history");
        let (mut one, mut other) = (history(&path), history(&path));
        one.add("a").unwrap();
        other.add("b").unwrap();
        one.add("c").unwrap();
        // One rewrites the file, the other appends to it.
        one.add("a").unwrap();
        other.add("d").unwrap();
        assert_eq!(filters(&path), ["b", "c", "a", "d"]);
        // While another process holds the lock, nothing blocks and nothing is lost.
        other.file.lock().unwrap();
        one.add("e").unwrap();
        assert_eq!(filters(&path), ["b", "c", "a", "d"]);
        other.file.unlock().unwrap();
        one.add("f").unwrap();
        assert_eq!(filters(&path), ["b", "c", "a", "d", "e", "f"]);
        other.file.lock().unwrap();
        one.add("g").unwrap();
        one.finish().unwrap();
        assert_eq!(filters(&path).last().unwrap(), "g");
    }

    #[test]
    fn concurrent_processes_lose_no_filters() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history");
        std::thread::scope(|scope| {
            for run in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    let mut history = history(path);
                    for number in 0..50 {
                        // Each text twice: half of the writes rewrite the file.
                        history.add(&format!("{run}-{}", number / 2)).unwrap();
                        history.add("all").unwrap();
                    }
                    history.file.lock().unwrap();
                    history.merge().unwrap();
                });
            }
        });
        let filters = filters(&path);
        for run in 0..4 {
            for number in 0..25 {
                assert!(filters.contains(&format!("{run}-{number}")), "{run}-{number} in {filters:?}");
            }
        }
        assert_eq!(filters.len(), 101, "each once");
    }

    #[test]
    fn untrusted_content_is_ignored() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history");
        let odd = b"good\n\x1b]0;title\x07\n\xff\xfe\n\n  \nlast without an end".as_slice();
        let long = [b"old\n", "x".repeat(MAX_LINE_BYTES + 1).as_bytes(), b"\n", odd].concat();
        fs::write(&path, long).unwrap();
        assert_eq!(filters(&path), ["old", "good", "last without an end"]);
        history(&path).add("new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old\ngood\nlast without an end\nnew\n");
        // Ten gigabytes of zeros and a line.
        let file = File::create(&path).unwrap();
        file.set_len(10 << 30).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"\nend\n").unwrap();
        assert_eq!(filters(&path), ["end"]);
        history(&path).add("new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "end\nnew\n");
        fs::write(&path, (0..MAX_HISTORY + 5).fold(String::new(), |text, n| text + &format!("{n}\n")))
            .unwrap();
        history(&path).add("new").unwrap();
        let filters = filters(&path);
        assert_eq!(
            (filters.len(), filters[0].as_str(), filters[MAX_HISTORY - 1].as_str()),
            (MAX_HISTORY, "6", "new")
        );
    }

    #[cfg(unix)]
    #[test]
    fn special_files_are_rejected_without_blocking() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(open(&path).unwrap_err().to_string().contains("not a regular file"));
        assert!(open(Path::new("/dev/null")).is_err());
        assert!(open(directory.path()).is_err(), "a directory");
        assert!(open(&path.join("below/a/pipe")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn root_creates_nothing_in_the_home_of_another_user() {
        if !nix::unistd::Uid::effective().is_root() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(directory.path(), Some(65_534), None).unwrap();
        let path = directory.path().join(".local/state/mcpdump/history");
        assert!(open(&path).unwrap_err().to_string().contains("another user's"));
        assert!(!directory.path().join(".local").exists());
    }
}

//! The filters of earlier runs: a file that is opened before the process shuts itself in, and written through what was opened
//! then.
//!
//! One filter a line, the newest last, each once. The file may hold anything: what is no line of text is left out, however
//! long it is. Several runs share it: whoever changes it holds its lock, reads what others added, and adds to that.

use std::collections::HashSet;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::cli::user_dirs as home;
use crate::tui::{MAX_HISTORY, MAX_LINE_BYTES};

/// Bytes of the file that are read at most, from its end: as much as it can have that this program wrote.
const MOST: u64 = (MAX_HISTORY * (MAX_LINE_BYTES + 1)) as u64;

/// What is there of earlier runs.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// The filters, the newest last.
    pub(super) filters: Vec<String>,
    /// What keeps more of them; `None` where nothing does.
    pub(super) history: Option<History>,
    /// Why nothing is kept; `None` where it is, or is not to be.
    pub(super) trouble: Option<String>,
}

impl Remembered {
    /// Opens the history of whoever the process is by now: of `user`, where it became another.
    pub(super) fn open(user: Option<&str>) -> Self {
        let Some(path) = path(user) else {
            return Self::default();
        };
        let opened = open(&path).and_then(|file| {
            let mut history = History { file, waiting: Vec::new() };
            let filters = history.read()?.filters;
            Ok((filters, history))
        });
        match opened {
            Ok((filters, history)) => Self { filters, history: Some(history), trouble: None },
            Err(error) => {
                let trouble = format!("filters are not kept beyond this run ({error}: {})", path.display());
                Self { trouble: Some(trouble), ..Self::default() }
            }
        }
    }
}

/// The file, open.
#[derive(Debug)]
pub(super) struct History {
    file: File,
    /// What is still to be written: somebody else held the lock. At most [`MAX_HISTORY`] texts.
    waiting: Vec<String>,
}

/// What a file holds.
struct Held {
    filters: Vec<String>,
    /// Whether it is as this program writes it, so that a line can be added.
    is_tidy: bool,
}

impl History {
    /// Adds a filter as the newest. Where another run holds the lock it is added with the next one, or at the end.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(super) fn add(&mut self, filter: &str) -> io::Result<()> {
        if !is_line(filter) {
            return Ok(());
        }
        self.waiting.retain(|waiting| waiting != filter);
        self.waiting.push(filter.to_owned());
        self.waiting.drain(..self.waiting.len().saturating_sub(MAX_HISTORY));
        match self.file.try_lock() {
            Ok(()) => {
                let written = self.merge();
                self.file.unlock()?;
                written
            }
            Err(TryLockError::WouldBlock) => Ok(()),
            // A file system without locks.
            Err(TryLockError::Error(_)) => self.append(),
        }
    }

    /// Writes what waits, locked or not: a line at the end harms nobody.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.waiting.is_empty() { Ok(()) } else { self.append() }
    }

    /// Adds what waits to what the file holds by now. The lock is held.
    fn merge(&mut self) -> io::Result<()> {
        let Held { mut filters, is_tidy } = self.read()?;
        let is_new = self.waiting.iter().all(|waiting| !filters.contains(waiting));
        if is_tidy && is_new && filters.len() + self.waiting.len() <= MAX_HISTORY {
            return self.append();
        }
        filters.retain(|filter| !self.waiting.contains(filter));
        filters.append(&mut self.waiting);
        filters.drain(..filters.len().saturating_sub(MAX_HISTORY));
        // Until it is written: what fails now is written with the next one.
        self.waiting = filters;
        self.file.set_len(0)?;
        self.file.write_all(lines(&self.waiting).as_bytes())?;
        self.waiting.clear();
        Ok(())
    }

    /// Adds what waits at the end, in one piece. A line that somebody left open is ended before it.
    fn append(&mut self) -> io::Result<()> {
        let end = if self.ends_open()? { "\n" } else { "" };
        self.file.write_all(format!("{end}{}", lines(&self.waiting)).as_bytes())?;
        self.waiting.clear();
        Ok(())
    }

    fn ends_open(&mut self) -> io::Result<bool> {
        if self.file.seek(SeekFrom::End(0))? == 0 {
            return Ok(false);
        }
        self.file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        self.file.read_exact(&mut last)?;
        Ok(last != *b"\n")
    }

    /// Reads the end of the file.
    fn read(&mut self) -> io::Result<Held> {
        let length = self.file.seek(SeekFrom::End(0))?;
        let from = length.saturating_sub(MOST);
        self.file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        (&self.file).take(MOST).read_to_end(&mut bytes)?;
        // Of a file that is too long the first line may be cut.
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
        let is_tidy = from == 0 && lines(&filters).as_bytes() == bytes;
        Ok(Held { filters, is_tidy })
    }
}

/// Whether a text can be a line: what is typed has no control characters.
fn is_line(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= MAX_LINE_BYTES && !text.contains(char::is_control)
}

fn lines(filters: &[String]) -> String {
    filters.iter().fold(String::new(), |text, filter| text + filter + "\n")
}

/// `$XDG_STATE_HOME/mcpdump/history`, below `~/.local/state` where that is not set.
fn path(user: Option<&str>) -> Option<PathBuf> {
    Some(home::folder(user, "XDG_STATE_HOME", ".local/state")?.join("mcpdump").join("history"))
}

/// Opens the file, made where it is missing. It is no reason to wait: what it names may be anything.
fn open(path: &Path) -> io::Result<File> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut make = DirBuilder::new();
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    private::prepare(folder, &mut make, &mut options)?;
    make.recursive(true).create(folder)?;
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

    /// What is made is for its owner alone. Root makes nothing in the home of another: a file there that is root's would
    /// be in that user's way.
    pub(super) fn prepare(folder: &Path, make: &mut DirBuilder, options: &mut OpenOptions) -> io::Result<()> {
        let there = folder.ancestors().find_map(|folder| folder.metadata().ok());
        let me = Uid::effective();
        if me.is_root() && there.is_some_and(|folder| folder.uid() != me.as_raw()) {
            return Err(io::Error::other("root's in another user's folder"));
        }
        make.mode(0o700);
        // A pipe or a device is not waited for, and no terminal becomes the process's.
        options.mode(0o600).custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits());
        Ok(())
    }

    /// Whether it is a file of one's own; it is for its owner alone from now on.
    pub(super) fn check(file: &File) -> io::Result<()> {
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        if found.uid() != Uid::effective().as_raw() {
            return Err(io::Error::other("it is another user's"));
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
        if file.metadata()?.is_file() { Ok(()) } else { Err(io::Error::other("it is no file")) }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn history(path: &Path) -> History {
        History { file: open(path).unwrap(), waiting: Vec::new() }
    }

    fn filters(path: &Path) -> Vec<String> {
        history(path).read().unwrap().filters
    }

    #[test]
    fn what_is_added_is_there_once_and_the_newest_is_last() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b/history");
        let mut one = history(&path);
        for filter in ["status:error", "dur>1s", "status:error", "  ", "no\u{1b}[31mcolour", "«é»"] {
            one.add(filter).unwrap();
        }
        one.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "dur>1s\nstatus:error\n«é»\n");
        assert_eq!(filters(&path), ["dur>1s", "status:error", "«é»"]);
    }

    #[cfg(unix)]
    #[test]
    fn it_is_for_its_owner_alone() {
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
    fn two_runs_lose_nothing_of_each_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history");
        let (mut one, mut other) = (history(&path), history(&path));
        one.add("a").unwrap();
        other.add("b").unwrap();
        one.add("c").unwrap();
        // Rewritten by one, appended to by the other.
        one.add("a").unwrap();
        other.add("d").unwrap();
        assert_eq!(filters(&path), ["b", "c", "a", "d"]);
        // While somebody holds the lock nothing is waited for, and nothing is lost.
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
    fn many_runs_at_once_lose_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history");
        std::thread::scope(|scope| {
            for run in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    let mut history = history(path);
                    for number in 0..50 {
                        // Each text twice: half of the writing is done in place.
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
    fn what_somebody_put_there_is_harmless() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history");
        let odd = b"good\n\x1b]0;title\x07\n\xff\xfe\n\n  \nlast without an end".as_slice();
        let long = [b"old\n", "x".repeat(MAX_LINE_BYTES + 1).as_bytes(), b"\n", odd].concat();
        fs::write(&path, long).unwrap();
        assert_eq!(filters(&path), ["old", "good", "last without an end"]);
        history(&path).add("new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old\ngood\nlast without an end\nnew\n");
        // Ten gigabytes of nothing, and a line.
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
    fn what_is_no_file_is_refused_without_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(open(&path).unwrap_err().to_string().contains("no file"));
        assert!(open(Path::new("/dev/null")).is_err());
        assert!(open(directory.path()).is_err(), "a folder");
        assert!(open(&path.join("below/a/pipe")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn root_makes_nothing_in_the_home_of_another() {
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

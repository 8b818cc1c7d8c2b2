//! Where a command writes: standard output or a file, buffered; flushed after each batch of a live
//! source.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::arguments::screen::Color;
use super::keep::KeepPlan;
use super::request::Request;
use crate::capture::save::Target;

/// Size of the buffer, in bytes. Larger ones make `export` no faster.
const BUFFER: usize = 64 << 10;

/// Output of a command.
pub(super) struct Output {
    writer: BufWriter<Box<dyn Write>>,
    /// Name for messages.
    name: String,
    /// Whether each batch is flushed at once.
    is_live: bool,
    /// Whether the output goes to a file.
    is_file: bool,
    /// The file, if one was named.
    file: Option<File>,
}

impl Output {
    /// Opens the file at `path`, or standard output for `None` and `-`. If packets go to standard
    /// output (`-w -`), standard error takes its place.
    ///
    /// # Errors
    /// The file cannot be written, or is one of the captures.
    pub(super) fn open(path: Option<&Path>, request: &Request) -> anyhow::Result<Self> {
        let keep = request.keep.as_ref();
        let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
            if keep.is_some_and(|keep| keep.target == Target::Stdout) {
                return Ok(Self {
                    is_live: true,
                    is_file: false,
                    file: None,
                    writer: BufWriter::with_capacity(BUFFER, Box::new(io::stderr())),
                    name: "standard error".to_owned(),
                });
            }
            let stdout = io::stdout().lock();
            return Ok(Self {
                is_live: stdout.is_terminal() || request.is_live(),
                is_file: is_redirected(&stdout),
                file: None,
                writer: BufWriter::with_capacity(BUFFER, Box::new(stdout)),
                name: "standard output".to_owned(),
            });
        };
        check_not_input(path, request)?;
        if keep.and_then(KeepPlan::path).is_some_and(|kept| kept == path || is_same(kept, path)) {
            anyhow::bail!("{}: packets are written to this file (-w): name another one", path.display());
        }
        let file = File::create(path).with_context(|| format!("{}: cannot be written", path.display()))?;
        Ok(Self {
            file: Some(file.try_clone()?),
            writer: BufWriter::with_capacity(BUFFER, Box::new(file)),
            name: path.display().to_string(),
            is_live: request.is_live(),
            is_file: true,
        })
    }

    /// Whether the output goes to a file, so that a progress bar does not disturb it. A program
    /// behind a pipe may write to the terminal.
    pub(super) fn is_file(&self) -> bool {
        self.is_file
    }

    /// Sets the name for messages.
    pub(super) fn set_name(&mut self, name: String) {
        self.name = name;
    }

    /// Returns a handle of the named file; `None` for standard output.
    ///
    /// # Errors
    /// The file cannot be duplicated.
    pub(super) fn file(&self) -> io::Result<Option<File>> {
        self.file.as_ref().map(File::try_clone).transpose()
    }

    /// Ends a batch of lines: flushes them if the source is live.
    ///
    /// # Errors
    /// The buffer cannot be written.
    pub(super) fn end_batch(&mut self) -> io::Result<()> {
        if self.is_live { self.writer.flush() } else { Ok(()) }
    }

    /// Calls `write` and adds the name of the output to its error.
    ///
    /// # Errors
    /// Those of `write`, as [`IncompleteOutput`].
    pub(super) fn write(&mut self, write: impl FnOnce(&mut Self) -> io::Result<()>) -> anyhow::Result<()> {
        write(self).map_err(|error| IncompleteOutput { name: self.name.clone(), error }.into())
    }

    /// Flushes the buffer. Dropping the output instead would ignore an error.
    ///
    /// # Errors
    /// The buffer cannot be written.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.write(|output| output.writer.flush())
    }
}

/// The output could not be written to its end: the disk is full, say.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {}; the output is incomplete", reason(error))]
pub(super) struct IncompleteOutput {
    /// Name of the output.
    name: String,
    #[source]
    error: io::Error,
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full".to_owned(),
        _ => format!("cannot be written: {error}"),
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Checks that `path` is none of the captures that are read.
///
/// # Errors
/// It is one of them.
pub(super) fn check_not_input(path: &Path, request: &Request) -> anyhow::Result<()> {
    if request.files().any(|file| is_same(file, path)) {
        anyhow::bail!("{}: this file is an input and would be overwritten: name another one", path.display());
    }
    Ok(())
}

/// Whether the output is coloured: by `--color`, or because it is a terminal and `NO_COLOR` is
/// unset or empty (<https://no-color.org>).
pub(super) fn is_colored(request: &Request, path: Option<&Path>) -> bool {
    let packets_to_stdout = request.keep.as_ref().is_some_and(|keep| keep.target == Target::Stdout);
    let to_stdout = path.is_none_or(|path| path.as_os_str() == "-") && !packets_to_stdout;
    request.color == Color::Always || (to_stdout && wants_color(request.color))
}

/// Whether standard output is coloured.
pub(super) fn wants_color(color: Color) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let is_dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
            !is_refused && !is_dumb && io::stdout().is_terminal()
        }
    }
}

/// Whether standard output goes to a file.
#[cfg(unix)]
fn is_redirected(stdout: &io::StdoutLock<'_>) -> bool {
    use std::os::fd::AsFd as _;
    let copy = stdout.as_fd().try_clone_to_owned().map(File::from);
    copy.and_then(|file| file.metadata()).is_ok_and(|file| file.is_file())
}

/// Whether standard output goes to a file: unknown on this system.
#[cfg(not(unix))]
fn is_redirected(_: &io::StdoutLock<'_>) -> bool {
    false
}

/// Whether two paths lead to the same file, also through links. A file that does not exist is
/// compared by its directory.
fn is_same(one: &Path, other: &Path) -> bool {
    let resolved = |path: &Path| -> Option<PathBuf> {
        std::fs::canonicalize(path).ok().or_else(|| {
            let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
            let directory = std::fs::canonicalize(directory.unwrap_or(Path::new("."))).ok()?;
            Some(directory.join(path.file_name()?))
        })
    };
    match (resolved(one), resolved(other)) {
        (Some(one), Some(other)) => one == other || is_linked(&one, &other),
        _ => false,
    }
}

/// Whether two names are hard links to one file.
#[cfg(unix)]
fn is_linked(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let number = |path: &Path| std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    number(one).is_some() && number(one) == number(other)
}

/// Whether two names are hard links to one file: unknown on this system.
#[cfg(not(unix))]
fn is_linked(_: &Path, _: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_same_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a");
        let hard = directory.path().join("b");
        let other = directory.path().join("c");
        std::fs::write(&file, "").unwrap();
        std::fs::write(&other, "").unwrap();
        std::fs::hard_link(&file, &hard).unwrap();
        assert!(is_same(&file, &directory.path().join(".").join("a")));
        assert!(cfg!(not(unix)) || is_same(&file, &hard));
        assert!(!is_same(&file, &other));
        let absent = directory.path().join("absent");
        assert!(!is_same(&file, &absent));
        assert!(is_same(&directory.path().join(".").join("absent"), &absent));
    }
}

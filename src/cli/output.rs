//! Where a command writes: standard output or a file, buffered, flushed as it goes where somebody waits for it.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::capture::save::Target;
use crate::cli::arguments::Color;
use crate::cli::keep::Keeping;
use crate::cli::request::Request;

/// The buffer, in bytes. Larger ones made no difference to `export`.
const BUFFER: usize = 64 << 10;

/// What a command writes to.
pub(super) struct Output {
    to: BufWriter<Box<dyn Write>>,
    /// Its name, for messages.
    name: String,
    /// Whether each batch is to be seen at once.
    live: bool,
    /// Whether it is a file: nobody reads along.
    file: bool,
}

impl Output {
    /// Standard output, or the file that is named; `-` is standard output too. Standard error where the packets go to
    /// standard output.
    ///
    /// # Errors
    /// The file cannot be written, or is one of the captures.
    pub(super) fn open(path: Option<&Path>, request: &Request) -> anyhow::Result<Self> {
        let keep = request.keep.as_ref();
        let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
            if keep.is_some_and(|keep| keep.target == Target::Stdout) {
                return Ok(Self {
                    live: true,
                    file: false,
                    to: BufWriter::with_capacity(BUFFER, Box::new(io::stderr())),
                    name: "standard error".to_owned(),
                });
            }
            let stdout = io::stdout().lock();
            return Ok(Self {
                live: stdout.is_terminal() || request.is_live(),
                file: is_redirected(&stdout),
                to: BufWriter::with_capacity(BUFFER, Box::new(stdout)),
                name: "standard output".to_owned(),
            });
        };
        refuse_capture(path, request)?;
        if keep.and_then(Keeping::path).is_some_and(|kept| kept == path || is_same(kept, path)) {
            anyhow::bail!("{}: packets are kept in it (-w): name another file", path.display());
        }
        let file = File::create(path).with_context(|| format!("{}: cannot be written", path.display()))?;
        Ok(Self {
            to: BufWriter::with_capacity(BUFFER, Box::new(file)),
            name: path.display().to_string(),
            live: request.is_live(),
            file: true,
        })
    }

    /// Whether it is a file, so that nothing is disturbed by a progress bar: a terminal shows the lines themselves, and
    /// what stands behind a pipe may write to the terminal too.
    pub(super) fn is_file(&self) -> bool {
        self.file
    }

    /// A batch was written: shows it where somebody may be waiting for it.
    ///
    /// # Errors
    /// What was written cannot be written out.
    pub(super) fn batch(&mut self) -> io::Result<()> {
        if self.live { self.to.flush() } else { Ok(()) }
    }

    /// Writes by a function, and names the output in its error.
    ///
    /// # Errors
    /// Those of the function.
    pub(super) fn write(&mut self, write: impl FnOnce(&mut Self) -> io::Result<()>) -> anyhow::Result<()> {
        match write(self) {
            Ok(()) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("{}: cannot be written", self.name)),
        }
    }

    /// Writes out what is left. Without it, an error at the end would be lost.
    ///
    /// # Errors
    /// What was written cannot be written out.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.write(|output| output.to.flush())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Refuses to write where one of the captures is.
///
/// # Errors
/// It is one of them.
pub(super) fn refuse_capture(path: &Path, request: &Request) -> anyhow::Result<()> {
    if request.files().any(|file| is_same(file, path)) {
        anyhow::bail!(
            "{}: is a capture that is to be read, and would be lost: name another file",
            path.display()
        );
    }
    Ok(())
}

/// Whether to colour what goes to the output: asked for, or wanted by a terminal that nobody told otherwise
/// (<https://no-color.org>: a variable that is set and not empty).
pub(super) fn is_colored(request: &Request, path: Option<&Path>) -> bool {
    let packets = request.keep.as_ref().is_some_and(|keep| keep.target == Target::Stdout);
    let to_stdout = path.is_none_or(|path| path.as_os_str() == "-") && !packets;
    request.color == Color::Always || (to_stdout && wants_color(request.color))
}

/// The same for standard output alone.
pub(super) fn wants_color(color: Color) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
            !refused && !dumb && io::stdout().is_terminal()
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

/// Whether standard output goes to a file: not known here.
#[cfg(not(unix))]
fn is_redirected(_: &io::StdoutLock<'_>) -> bool {
    false
}

/// Whether two paths lead to one file, by whatever names and links, or would if it were there.
fn is_same(one: &Path, other: &Path) -> bool {
    let resolved = |path: &Path| -> Option<PathBuf> {
        std::fs::canonicalize(path).ok().or_else(|| {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = std::fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
            Some(folder.join(path.file_name()?))
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

/// Whether two names are hard links to one file: not known here.
#[cfg(not(unix))]
fn is_linked(_: &Path, _: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_other_names() {
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

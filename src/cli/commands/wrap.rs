//! `mcpdump wrap`: runs a server on standard input and output, and records what passes.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use jiff::Zoned;

use crate::base::Timestamp;
use crate::capture::save::FileMetadata;
use crate::cli::arguments::wrap::Wrap;
use crate::cli::exit::Outcome;
use crate::cli::{clock, messages, signals, user_dirs};
use crate::wrap::{self, Addresses, Recorder};

/// Exit statuses of env(1) and shells: there is no such command, and it cannot be run.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// How long a message may take: the client may not read standard error.
const MESSAGE_WAIT: Duration = Duration::from_secs(1);

/// Names that are tried for a file, so that no file is overwritten.
const MAX_NAMES: u32 = 10_000;

/// Runs the server to its end.
///
/// # Errors
/// The file is standard output, which is the server's.
pub(crate) fn run(arguments: Wrap) -> anyhow::Result<Outcome> {
    let Wrap { write, command } = arguments;
    if write.as_ref().is_some_and(|path| path.as_os_str() == "-") {
        anyhow::bail!("-w -: standard output is the server's: name a file");
    }
    let process = std::process::id();
    let shown = wrap::masked(&command);
    let start = || {
        let now = clock::now();
        let plan = Plan { is_announced: write.is_none(), write, name: file_name(&command, process, now) };
        let metadata = FileMetadata {
            system: std::env::consts::OS.to_owned(),
            hardware: std::env::consts::ARCH.to_owned(),
            application: concat!("mcpdump ", env!("CARGO_PKG_VERSION")).to_owned(),
            device: "stdio".to_owned(),
            description: shown.clone(),
            comment: format!("standard input and output of: {shown}"),
            ..FileMetadata::default()
        };
        let addresses = Addresses::new(process, &shown, now);
        Recorder::start(Box::new(move || plan.open()), metadata, addresses, Box::new(warn))
    };
    let (ended, is_written) = match wrap::run(&command, &signals::forwarded(), start) {
        Ok(ended) => ended,
        Err(error) => {
            let program = command.first().map(|program| program.display().to_string()).unwrap_or_default();
            messages::error(&format!("{program}: cannot be run: {error}"));
            let is_missing = error.kind() == io::ErrorKind::NotFound;
            return Ok(Outcome::Ended(if is_missing { NOT_FOUND } else { NOT_EXECUTABLE }));
        }
    };
    if !is_written {
        warn("the disk does not answer: the last packets are not recorded");
    }
    Ok(Outcome::Ended(ended.status()))
}

fn warn(message: &str) {
    let message = message.to_owned();
    print(move || messages::error(&message));
}

/// Prints a message on a thread of its own, and waits for it no longer than [`MESSAGE_WAIT`].
fn print(message: impl FnOnce() + Send + 'static) {
    let (done, printed) = mpsc::channel();
    let thread = thread::Builder::new().name("message".into()).spawn(move || {
        message();
        // The wait may be over.
        let _ = done.send(());
    });
    if thread.is_ok() {
        // A message that nobody reads is lost.
        let _ = printed.recv_timeout(MESSAGE_WAIT);
    }
}

/// The name of a file: server, local time, process id.
fn file_name(command: &[OsString], process: u32, now: Timestamp) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(now.0)).unwrap_or_default();
    let time = Zoned::new(time, jiff::tz::TimeZone::system());
    format!("{}-{}-{process}.pcapng", wrap::short_name(command), time.strftime("%Y%m%d-%H%M%S"))
}

/// Where the packets go.
struct Plan {
    /// `-w`.
    write: Option<PathBuf>,
    /// The name of a file in a directory.
    name: String,
    /// Whether the name is printed.
    is_announced: bool,
}

impl Plan {
    /// Opens the file, which did not exist, and returns its name.
    fn open(self) -> io::Result<(File, String)> {
        let path = match self.write {
            Some(path) if path.is_dir() => path.join(&self.name),
            Some(path) => path,
            None => default_directory()?.join(&self.name),
        };
        let (file, path) = create(&path)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        if self.is_announced {
            let line = format!("mcpdump: recording to {}", path.display());
            print(move || messages::status(&line));
        }
        Ok((file, path.display().to_string()))
    }
}

/// The directory of files whose name is not given, created if it does not exist.
fn default_directory() -> io::Result<PathBuf> {
    let Some(state) = user_dirs::user_dir(None, "XDG_STATE_HOME", ".local/state") else {
        return Ok(std::env::temp_dir());
    };
    let directory = state.join("mcpdump");
    // What passes may be confidential.
    DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(|error| {
        io::Error::new(error.kind(), format!("{}: {error}; name a file with -w", directory.display()))
    })?;
    Ok(directory)
}

/// Creates a file under this name, with a number if one exists. What is no regular file (a pipe) is
/// opened.
fn create(path: &Path) -> io::Result<(File, PathBuf)> {
    let mut options = OpenOptions::new();
    options.append(true).mode(0o600);
    if path.metadata().is_ok_and(|there| !there.is_file()) {
        return Ok((options.open(path)?, path.to_owned()));
    }
    options.create_new(true);
    for number in 1..MAX_NAMES {
        let candidate = numbered(path, number);
        match options.open(&candidate) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            file => return Ok((file?, candidate)),
        }
    }
    Err(io::Error::from(io::ErrorKind::AlreadyExists))
}

/// `capture.pcapng`, `capture-2.pcapng`…
fn numbered(path: &Path, number: u32) -> PathBuf {
    if number == 1 {
        return path.to_owned();
    }
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_private_and_overwrite_none() {
        use std::os::unix::fs::PermissionsExt as _;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w.pcapng");
        let names = [(); 3].map(|()| {
            let (file, path) = create(&path).unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            path.file_name().unwrap().to_string_lossy().into_owned()
        });
        assert_eq!(names, ["w.pcapng", "w-2.pcapng", "w-3.pcapng"]);
        assert_eq!(numbered("a/w".as_ref(), 2), Path::new("a/w-2"));
        assert_eq!(create("/dev/null".as_ref()).unwrap().1, Path::new("/dev/null"));
    }

    #[test]
    fn files_are_named_after_server_and_time() {
        let name =
            file_name(&["npx".into(), "@scope/server".into()], 7, Timestamp(1_795_337_355_000_000_000));
        assert!(name.starts_with("server-2026112") && name.ends_with("-7.pcapng"), "{name}");
    }
}

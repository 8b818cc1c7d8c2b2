//! Reads key logs (RFC 9850) beside a capture, as items of it: whole at first, then as they grow.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::item::{Error, Item};
use super::tail::now;

/// Secrets type of a key log in a secrets block (pcapng section 4.7).
const TLS_KEY_LOG: u32 = 0x544c_534b;

/// Bytes of a key log that one item has, about.
const CHUNK: usize = 1 << 20;

/// Longest line that is waited for, in bytes. The lines of a key log have some hundreds.
const MAX_LINE: usize = 64 << 10;

/// How often a growing key log is read. Its lines are written before the first record that needs
/// them is sent.
const INTERVAL: Duration = Duration::from_millis(10);

/// Key logs, in the order of the command line.
#[derive(Debug)]
pub struct KeyLogs {
    logs: Vec<Log>,
    /// One that does not exist yet.
    awaited: Option<Awaited>,
    /// Whether programs may still write to them.
    is_growing: bool,
    /// When they were last read to their end; `None` before the first time.
    read_at: Option<Instant>,
}

/// A key log that does not exist yet.
#[derive(Debug)]
struct Awaited {
    name: String,
    /// Receives it, once.
    file: Receiver<File>,
}

#[derive(Debug)]
struct Log {
    name: String,
    file: File,
    position: u64,
    /// The beginning of a line whose end is not written yet.
    rest: Vec<u8>,
}

impl KeyLogs {
    /// Opens key logs. If they are read as they grow, missing ones are created, readable by the
    /// owner only: the program that will write to them may not run yet.
    ///
    /// # Errors
    /// One of them cannot be opened or created.
    pub fn open(paths: &[PathBuf], is_growing: bool) -> Result<Self, Error> {
        let logs = paths.iter().map(|path| {
            let failed = |error: io::Error| Error(format!("{}: {}", path.display(), remedy(&error)));
            let file = open(path, is_growing).map_err(failed)?;
            Ok(Log { name: path.display().to_string(), file, position: 0, rest: Vec::new() })
        });
        Ok(Self { logs: logs.collect::<Result<_, Error>>()?, awaited: None, is_growing, read_at: None })
    }

    /// Reads a key log that does not exist yet, as it grows, once it is received. `name` is for
    /// messages.
    #[must_use]
    pub fn awaiting(name: String, file: Receiver<File>) -> Self {
        Self { logs: Vec::new(), awaited: Some(Awaited { name, file }), is_growing: true, read_at: None }
    }

    /// Reads a key log that is open already, as it grows. `name` is for messages.
    #[must_use]
    pub fn of_file(name: String, file: File) -> Self {
        let log = Log { name, file, position: 0, rest: Vec::new() };
        Self { logs: vec![log], awaited: None, is_growing: true, read_at: None }
    }

    /// Returns the next lines; `None` if there are none now. `is_last` is true at the end of the
    /// capture.
    ///
    /// # Errors
    /// A key log cannot be read.
    pub fn next(&mut self, is_last: bool) -> Result<Option<Item>, Error> {
        if let Some(read_at) = self.read_at {
            let is_due = is_last || now().saturating_duration_since(read_at) >= INTERVAL;
            if !self.is_growing || !is_due {
                return Ok(None);
            }
        }
        if let Some(Awaited { name, file }) = &self.awaited
            && let Ok(file) = file.try_recv()
        {
            self.logs.push(Log { name: name.clone(), file, position: 0, rest: Vec::new() });
            self.awaited = None;
        }
        let is_final = is_last || !self.is_growing;
        for log in &mut self.logs {
            let lines = log
                .lines(is_final)
                .map_err(|error| Error(format!("{}: the key log cannot be read: {error}", log.name)))?;
            if !lines.is_empty() {
                return Ok(Some(Item::Secrets { kind: TLS_KEY_LOG, data: Bytes::from(lines) }));
            }
        }
        self.read_at = Some(now());
        Ok(None)
    }
}

impl Log {
    /// Reads the next whole lines; the last one needs no line end if the log is `final`. Empty if
    /// there are none.
    fn lines(&mut self, is_final: bool) -> io::Result<Vec<u8>> {
        if self.file.metadata().is_ok_and(|file| file.is_file() && file.len() < self.position) {
            // It was written anew.
            self.position = self.file.seek(SeekFrom::Start(0))?;
            self.rest.clear();
        }
        loop {
            let mut lines = std::mem::take(&mut self.rest);
            let read = (&mut self.file).take(CHUNK as u64).read_to_end(&mut lines)?;
            self.position += read as u64;
            if read == 0 && is_final {
                return Ok(lines);
            }
            let end = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            self.rest = lines.split_off(end);
            if self.rest.len() > MAX_LINE {
                // Not a key log: its beginning is reported as a line that is none.
                lines.append(&mut self.rest);
            }
            if read == 0 || !lines.is_empty() {
                return Ok(lines);
            }
        }
    }
}

fn open(path: &Path, is_growing: bool) -> io::Result<File> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    match File::open(path) {
        Err(error) if is_growing && error.kind() == io::ErrorKind::NotFound => create(path),
        result => result,
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn remedy(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such key log; check the path".into(),
        io::ErrorKind::PermissionDenied => "no permission to read the key log; ask its owner".into(),
        io::ErrorKind::IsADirectory => "is a directory; name a key log".into(),
        _ => format!("the key log cannot be opened: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn text(item: Option<Item>) -> String {
        match item {
            Some(Item::Secrets { kind: TLS_KEY_LOG, data }) => String::from_utf8(data.to_vec()).unwrap(),
            None => String::new(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_complete_key_log_needs_no_final_newline() {
        let dir = tempfile::tempdir().unwrap();
        let paths = ["a", "b"].map(|name| dir.path().join(name));
        std::fs::write(&paths[0], "one\ntwo").unwrap();
        std::fs::write(&paths[1], "three").unwrap();
        let mut logs = KeyLogs::open(&paths, false).unwrap();
        let got: Vec<_> =
            std::iter::from_fn(|| logs.next(false).unwrap()).map(|item| text(Some(item))).collect();
        assert_eq!(got.concat(), "one\ntwothree");
        assert_eq!(got.len(), 3, "a line is whole in its item");
        assert_eq!(text(logs.next(true).unwrap()), "");
    }

    #[test]
    fn lines_are_read_when_they_are_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        let mut logs = KeyLogs::open(std::slice::from_ref(&path), true).unwrap();
        assert_eq!(text(logs.next(false).unwrap()), "", "the file is created, and empty");
        let mut writer = File::options().append(true).open(&path).unwrap();
        // At the end of the capture everything is read, whatever the interval.
        for (written, want) in [("on", ""), ("e\ntw", "one\n"), ("o\n", "two\n")] {
            writer.write_all(written.as_bytes()).unwrap();
            logs.read_at = None;
            assert_eq!(text(logs.next(false).unwrap()), want);
        }
        writer.write_all(b"three").unwrap();
        assert_eq!(text(logs.next(true).unwrap()), "three");
        std::fs::write(&path, "new\n").unwrap();
        assert_eq!(text(logs.next(true).unwrap()), "new\n", "a log that was written anew is read anew");
    }

    #[test]
    fn a_key_log_is_read_once_it_exists() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        let (sender, receiver) = std::sync::mpsc::channel();
        let mut logs = KeyLogs::awaiting("keys".to_owned(), receiver);
        assert_eq!(text(logs.next(false).unwrap()), "");
        std::fs::write(&path, "one\n").unwrap();
        sender.send(File::open(&path).unwrap()).unwrap();
        drop(sender);
        logs.read_at = None;
        assert_eq!(text(logs.next(false).unwrap()), "one\n");
        assert_eq!(text(logs.next(true).unwrap()), "");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_log_that_is_created_is_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        let _logs = KeyLogs::open(std::slice::from_ref(&path), true).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let missing = KeyLogs::open(&[dir.path().join("other")], false).unwrap_err();
        assert!(missing.to_string().ends_with("other: no such key log; check the path"), "{missing}");
    }
}

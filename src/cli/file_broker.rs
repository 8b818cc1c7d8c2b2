//! Creates files for a process in the sandbox: a thread that is started before the sandbox is
//! entered, enters one of its own that allows the working directory, and does nothing else. It
//! creates new files there only, and never overwrites one.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::thread::Builder;

use super::sandbox::{self, Allowed};

/// Names that are tried if files of the same second exist.
const MAX_ATTEMPTS: u32 = 100;

/// A request: the name without extension, the extension, and where the file goes.
type Request = (String, &'static str, Sender<io::Result<(String, File)>>);

/// Asks the thread.
#[derive(Clone, Debug)]
pub(super) struct FileBroker {
    requests: Sender<Request>,
}

impl FileBroker {
    /// Starts the thread. It ends with the last handle. If `is_unconfined`, it enters no sandbox.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn start(is_unconfined: bool) -> io::Result<Self> {
        let (requests, receiver) = channel::<Request>();
        let work = move || {
            // The process warns when it enters its own sandbox and cannot.
            let directory = Some(Path::new("."));
            let allowed = Allowed { everything: is_unconfined, directory, ..Allowed::default() };
            let _ = sandbox::enter(allowed);
            for (stem, extension, answer) in receiver {
                // The requester may have given up.
                drop(answer.send(create(&stem, extension)));
            }
        };
        Builder::new().name("files".to_owned()).spawn(work)?;
        Ok(Self { requests })
    }

    /// Creates a new file `STEM.EXTENSION`, or `STEM-2.EXTENSION` and so on if there is one.
    /// Returns its name, too.
    ///
    /// # Errors
    /// The file cannot be created in the working directory.
    pub(super) fn create(&self, stem: &str, extension: &'static str) -> io::Result<(String, File)> {
        let (answer, file) = channel();
        let ended = || io::Error::other("the thread that creates files has ended");
        self.requests.send((stem.to_owned(), extension, answer)).map_err(|_| ended())?;
        file.recv().map_err(|_| ended())?
    }
}

fn create(stem: &str, extension: &str) -> io::Result<(String, File)> {
    if !stem.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') || stem.is_empty() {
        return Err(io::ErrorKind::InvalidFilename.into());
    }
    let mut number = 1;
    loop {
        let more = if number > 1 { format!("-{number}") } else { String::new() };
        let name = format!("{stem}{more}.{extension}");
        match OpenOptions::new().write(true).create_new(true).open(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MAX_ATTEMPTS => {
                number += 1;
            }
            opened => return opened.map(|file| (name, file)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_directory_is_refused() {
        let broker = FileBroker::start(false).unwrap();
        for name in ["", "../a", "a/b", ".hidden", "a b"] {
            let error = broker.create(name, "md").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidFilename, "{name}");
        }
    }
}

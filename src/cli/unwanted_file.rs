//! Removes the file of an output that turned out to be empty. The sandbox allows no removal, so a
//! thread that is started before it is entered knows the one file that it may remove.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::thread::Builder;

/// What the thread is asked: to remove this file. It answers whether it did.
type Request = (File, Sender<io::Result<()>>);

/// Asks the thread.
#[derive(Debug)]
pub(super) struct UnwantedFile {
    requests: Sender<Request>,
}

impl UnwantedFile {
    /// Starts the thread for the file at `path`. It ends with this handle.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn start(path: &Path) -> io::Result<Self> {
        let (requests, receiver) = channel::<Request>();
        let path = path.to_owned();
        let work = move || {
            for (file, answer) in receiver {
                // The requester may have given up.
                drop(answer.send(remove(&path, &file)));
            }
        };
        Builder::new().name("remove".to_owned()).spawn(work)?;
        Ok(Self { requests })
    }

    /// Removes the file, if it still is the one that is open as `file`.
    ///
    /// # Errors
    /// It cannot be removed.
    pub(super) fn remove(&self, file: File) -> io::Result<()> {
        let (answer, removed) = channel();
        let ended = || io::Error::other("the thread that removes the file has ended");
        self.requests.send((file, answer)).map_err(|_| ended())?;
        removed.recv().map_err(|_| ended())?
    }
}

/// Removes the file at `path` if it is a regular file, and the open one.
fn remove(path: &Path, file: &File) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if !found.is_file() || !is_same(&found, &file.metadata()?) {
        return Err(io::Error::other("another file has taken its name"));
    }
    fs::remove_file(path)
}

#[cfg(unix)]
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    one.len() == other.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_open_file_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("slice.pcapng");
        let file = File::create(&path).unwrap();
        let unwanted = UnwantedFile::start(&path).unwrap();
        fs::rename(&path, directory.path().join("kept")).unwrap();
        fs::write(&path, "another").unwrap();
        assert!(unwanted.remove(file.try_clone().unwrap()).is_err());
        assert!(path.exists());
        fs::rename(directory.path().join("kept"), &path).unwrap();
        unwanted.remove(file).unwrap();
        assert!(!path.exists());
    }
}

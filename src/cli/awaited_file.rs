//! Opens a file once it exists, for a process in the sandbox: a thread that is started before the
//! sandbox is entered, enters one of its own that allows reading in the directory of the file, and
//! does nothing else.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, sleep};
use std::time::Duration;

use super::sandbox::{self, Allowed};

/// How often the file is looked for.
const INTERVAL: Duration = Duration::from_millis(20);

/// Starts the thread. The file is received once it exists. The thread ends then, or with the
/// process. If `is_unconfined`, it enters no sandbox.
///
/// # Errors
/// The thread cannot be started.
pub(super) fn open(path: PathBuf, is_unconfined: bool) -> io::Result<Receiver<File>> {
    let (sender, receiver) = sync_channel(1);
    Builder::new().name("key log".to_owned()).spawn(move || watch(&path, is_unconfined, &sender))?;
    Ok(receiver)
}

fn watch(path: &Path, is_unconfined: bool, sender: &SyncSender<File>) {
    // Its directory may not exist yet, either.
    let existing = path.ancestors().skip(1).find(|directory| directory.is_dir());
    // The process warns when it enters its own sandbox and cannot.
    let allowed = Allowed { everything: is_unconfined, readable: existing, ..Allowed::default() };
    let _ = sandbox::enter(allowed);
    loop {
        if let Ok(file) = File::open(path) {
            // Without a receiver nobody wants it any more.
            drop(sender.send(file));
            return;
        }
        sleep(INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_received_once_it_exists() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("later").join("keys");
        let receiver = open(path.clone(), false).unwrap();
        assert!(receiver.try_recv().is_err());
        std::fs::create_dir(directory.path().join("later")).unwrap();
        std::fs::write(&path, "x").unwrap();
        let file = receiver.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 1);
    }
}

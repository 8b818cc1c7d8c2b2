//! Passing bytes on: from a pipe to a pipe, and a copy to the recorder.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::conversation::MAX_SEGMENT;

/// How a pump ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// The writer closed its end.
    Eof,
    /// The reader closed its end: what was read last did not arrive.
    NoReader,
}

/// A step of a pump.
#[derive(Clone, Copy, Debug)]
pub(super) enum Passing<'a> {
    /// These bytes were read.
    Read(&'a [u8]),
    /// They were written: this many.
    Written(usize),
}

/// What a pump is doing, for another thread.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Whether it waits for the writer and everything that was written has passed, or it stopped.
    is_idle: AtomicBool,
    /// Bytes that the reader took.
    written: AtomicU64,
}

impl Progress {
    #[cfg(test)]
    pub(super) fn of(is_idle: bool, written: u64) -> Self {
        Self { is_idle: AtomicBool::new(is_idle), written: AtomicU64::new(written) }
    }

    /// Returns whether the pump waits for the writer and everything that was written has passed, or
    /// it stopped.
    pub(super) fn is_idle(&self) -> bool {
        self.is_idle.load(Ordering::SeqCst)
    }

    /// Returns the number of bytes that the reader took.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }
}

/// Passes bytes from one file to another until one of them is closed. `seen` gets what was read
/// before it is passed on, and the number of bytes once they were taken.
pub(super) fn pump(
    (from, to): (&mut File, &mut File),
    progress: &Progress,
    seen: impl FnMut(Passing<'_>),
) -> Stopped {
    let stopped = pass((from, to), progress, seen);
    progress.is_idle.store(true, Ordering::SeqCst);
    stopped
}

fn pass(
    (from, to): (&mut File, &mut File),
    progress: &Progress,
    mut seen: impl FnMut(Passing<'_>),
) -> Stopped {
    // What one segment holds: a larger piece would be two.
    let mut buffer = vec![0; MAX_SEGMENT];
    loop {
        progress.is_idle.store(!has_input(from), Ordering::SeqCst);
        let read = from.read(&mut buffer);
        progress.is_idle.store(false, Ordering::SeqCst);
        let len = match read {
            Ok(0) => return Stopped::Eof,
            Ok(len) => len,
            Err(error) if is_passing(&error, from, PollFlags::POLLIN) => continue,
            // A terminal that was closed (EIO).
            Err(_) => return Stopped::Eof,
        };
        let bytes = buffer.get(..len).unwrap_or_default();
        seen(Passing::Read(bytes));
        if !write(bytes, to, &progress.written) {
            return Stopped::NoReader;
        }
        seen(Passing::Written(len));
    }
}

/// Whether a read returns at once.
fn has_input(file: &File) -> bool {
    let ready = poll(&mut [PollFd::new(file.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO);
    ready.is_ok_and(|files| files > 0)
}

/// Writes everything, and adds to `written`. Returns whether it was taken.
fn write(mut bytes: &[u8], to: &mut File, written: &AtomicU64) -> bool {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return false,
            Ok(len) => {
                written.fetch_add(len as u64, Ordering::SeqCst);
                bytes = bytes.get(len..).unwrap_or_default();
            }
            Err(error) if is_passing(&error, to, PollFlags::POLLOUT) => {}
            Err(_) => return false,
        }
    }
    true
}

/// Whether an operation is to be tried again. Waits until it is possible if the file does not wait
/// by itself: another process that shares its description may have set that (a terminal, above
/// all).
fn is_passing(error: &io::Error, file: &File, events: PollFlags) -> bool {
    match error.kind() {
        io::ErrorKind::Interrupted => true,
        io::ErrorKind::WouldBlock => {
            let waited = poll(&mut [PollFd::new(file.as_fd(), events)], PollTimeout::NONE);
            matches!(waited, Ok(_) | Err(nix::Error::EINTR))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipe() -> (File, File) {
        let (reader, writer) = io::pipe().unwrap();
        (File::from(std::os::fd::OwnedFd::from(reader)), File::from(std::os::fd::OwnedFd::from(writer)))
    }

    #[test]
    fn bytes_pass_until_the_writer_closes() {
        let ((mut from, mut writer), (mut reader, mut to)) = (pipe(), pipe());
        writer.write_all(b"{\"a\":\n1}").unwrap();
        drop(writer);
        let (mut read, mut written) = (Vec::new(), 0);
        let progress = Progress::default();
        let stopped = pump((&mut from, &mut to), &progress, |step| match step {
            Passing::Read(bytes) => read.extend_from_slice(bytes),
            Passing::Written(len) => written += len,
        });
        drop(to);
        let mut arrived = Vec::new();
        reader.read_to_end(&mut arrived).unwrap();
        assert_eq!((stopped, written, progress.written()), (Stopped::Eof, 8, 8));
        assert_eq!((&arrived[..], &read[..]), (&b"{\"a\":\n1}"[..], &b"{\"a\":\n1}"[..]));
    }

    /// A pump is idle once everything has passed, and not while it holds bytes.
    #[test]
    fn a_pump_is_idle_when_it_holds_nothing() {
        let ((mut from, mut writer), (mut reader, mut to)) = (pipe(), pipe());
        let progress = std::sync::Arc::new(Progress::default());
        let seen = std::sync::Arc::clone(&progress);
        let pump = std::thread::spawn(move || {
            pump((&mut from, &mut to), &seen, |_| assert!(!seen.is_idle()));
        });
        writer.write_all(b"abc").unwrap();
        let mut arrived = [0; 3];
        reader.read_exact(&mut arrived).unwrap();
        while !progress.is_idle() {
            std::thread::yield_now();
        }
        assert_eq!(progress.written(), 3);
        drop(writer);
        pump.join().unwrap();
        assert!(progress.is_idle(), "also when it stopped");
    }

    #[test]
    fn a_reader_that_is_gone_stops_the_pump() {
        let ((mut from, mut writer), (reader, mut to)) = (pipe(), pipe());
        drop(reader);
        writer.write_all(b"x").unwrap();
        let mut written = 0;
        let stopped = pump((&mut from, &mut to), &Progress::default(), |step| {
            if let Passing::Written(len) = step {
                written += len;
            }
        });
        assert_eq!((stopped, written), (Stopped::NoReader, 0));
    }
}

//! Passing bytes on: from a pipe to a pipe, and a copy to whoever records them.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;

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

/// Passes bytes from one file to another until one of them is closed. `seen` gets what was read
/// before it is passed on, and the number of bytes once they were taken.
pub(super) fn pump(from: &mut File, to: &mut File, mut seen: impl FnMut(Passing<'_>)) -> Stopped {
    // What one segment holds: a larger piece would be two.
    let mut buffer = vec![0; MAX_SEGMENT];
    loop {
        let len = match from.read(&mut buffer) {
            Ok(0) => return Stopped::Eof,
            Ok(len) => len,
            Err(error) if is_passing(&error, from, PollFlags::POLLIN) => continue,
            // A terminal that was closed (EIO).
            Err(_) => return Stopped::Eof,
        };
        let bytes = buffer.get(..len).unwrap_or_default();
        seen(Passing::Read(bytes));
        if !write(bytes, to) {
            return Stopped::NoReader;
        }
        seen(Passing::Written(len));
    }
}

/// Writes everything. Returns whether it was taken.
fn write(mut bytes: &[u8], to: &mut File) -> bool {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return false,
            Ok(len) => bytes = bytes.get(len..).unwrap_or_default(),
            Err(error) if is_passing(&error, to, PollFlags::POLLOUT) => {}
            Err(_) => return false,
        }
    }
    true
}

/// Whether an operation is to be tried again. Waits until it is possible if the file does not wait
/// by itself: whoever shares its description may have set that (a terminal, above all).
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
        let stopped = pump(&mut from, &mut to, |step| match step {
            Passing::Read(bytes) => read.extend_from_slice(bytes),
            Passing::Written(len) => written += len,
        });
        drop(to);
        let mut arrived = Vec::new();
        reader.read_to_end(&mut arrived).unwrap();
        assert_eq!((stopped, written), (Stopped::Eof, 8));
        assert_eq!((&arrived[..], &read[..]), (&b"{\"a\":\n1}"[..], &b"{\"a\":\n1}"[..]));
    }

    #[test]
    fn a_reader_that_is_gone_stops_the_pump() {
        let ((mut from, mut writer), (reader, mut to)) = (pipe(), pipe());
        drop(reader);
        writer.write_all(b"x").unwrap();
        let mut written = 0;
        let stopped = pump(&mut from, &mut to, |step| {
            if let Passing::Written(len) = step {
                written += len;
            }
        });
        assert_eq!((stopped, written), (Stopped::NoReader, 0));
    }
}

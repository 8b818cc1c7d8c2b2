//! The connections that each file holds, and their numbers there (`tcp.stream`).
//!
//! Wireshark numbers the connections of a file in the order of their first packets in it. A
//! connection that goes on in the next file has a number in either.

use std::collections::BTreeMap;

use crate::base::limits;

/// The connections of all files.
#[derive(Debug)]
pub(super) struct Streams {
    files: Vec<StreamsOfFile>,
    /// Runs of all files.
    runs: usize,
    /// The last connection that was added, and its file.
    latest: Option<(usize, u32)>,
    /// Whether there was no room for a connection: later ones are left out, too.
    is_full: bool,
}

/// The connections of a file. New connections have ascending numbers in the capture, too, so a file
/// has one run of them, and one for each connection that began in an earlier file.
#[derive(Debug, Default)]
struct StreamsOfFile {
    /// Number of the next connection.
    next: u32,
    /// First connection of the last run.
    last: u32,
    /// First connection of each run, its number in the file, and the length of the run.
    runs: BTreeMap<u32, (u32, u32)>,
}

impl Streams {
    pub(super) fn new(files: usize) -> Self {
        let files = std::iter::repeat_with(StreamsOfFile::default).take(files).collect();
        Self { files, runs: 0, latest: None, is_full: false }
    }

    /// A file holds a packet of a connection. Returns false once, when there is no room.
    pub(super) fn add(&mut self, file: usize, stream: u32) -> bool {
        if self.is_full || self.latest.replace((file, stream)) == Some((file, stream)) {
            return true;
        }
        let Some(of) = self.files.get_mut(file) else { return true };
        if of.number(stream).is_some() {
            return true;
        }
        if let Some((_, length)) = of.runs.get_mut(&of.last)
            && of.last.checked_add(*length) == Some(stream)
        {
            *length += 1;
        } else if self.runs < limits::MAX_FILE_STREAM_RUNS {
            of.runs.insert(stream, (of.next, 1));
            of.last = stream;
            self.runs += 1;
        } else {
            // The numbers of later ones depend on it.
            self.is_full = true;
            return false;
        }
        of.next = of.next.saturating_add(1);
        true
    }

    /// Returns the number of a connection in a file; `None` if it has no packet in it.
    pub(super) fn number(&self, file: usize, stream: u32) -> Option<u32> {
        self.files.get(file)?.number(stream)
    }
}

impl StreamsOfFile {
    fn number(&self, stream: u32) -> Option<u32> {
        let (first, (number, length)) = self.runs.range(..=stream).next_back()?;
        let offset = stream - first;
        (offset < *length).then(|| number + offset)
    }
}

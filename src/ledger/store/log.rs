//! An append-only log of bytes, read by offset. Its older part moves from memory to an unnamed
//! temporary file.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// Size of a chunk in bytes. A longer append has a chunk of its own.
const CHUNK: usize = 1 << 20;

/// An append-only log.
///
/// ```text
///   0 ················ in the file ················ │ chunk │ chunk │ chunk (open) │ end
///                                                  └───────── memory ─────────────┘
/// ```
///
/// One append is in one chunk. While the chunks hold more than `memory` bytes, the oldest moves to
/// the file. If the file cannot be written, that chunk is lost, and reading it fails.
#[derive(Debug)]
pub(super) struct Log {
    memory: usize,
    chunks: VecDeque<Chunk>,
    held: usize,
    file: Option<File>,
    /// The empty file to use, opened before the sandbox was entered: none can be opened in it.
    spare: Option<File>,
    /// Why the file cannot be written. From then on, chunks that leave memory are lost.
    failed: Option<io::ErrorKind>,
    /// Length of the file: the bytes before this offset are in it.
    spilled: u64,
}

#[derive(Debug)]
struct Chunk {
    start: u64,
    bytes: Vec<u8>,
}

impl Chunk {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl Log {
    /// Creates an empty log that keeps up to `memory` bytes, and at least the newest chunk, in
    /// memory.
    pub(super) fn new(memory: usize) -> Self {
        Self { memory, chunks: VecDeque::new(), held: 0, file: None, spare: None, failed: None, spilled: 0 }
    }

    /// Uses this empty file instead of creating a temporary one.
    pub(super) fn spill_into(&mut self, file: File) {
        self.spare = Some(file);
    }

    /// Keeps up to `memory` bytes in memory from now on.
    pub(super) fn set_memory(&mut self, memory: usize) {
        self.memory = memory;
    }

    /// Appends the parts back to back and returns the offset of the first.
    pub(super) fn append(&mut self, parts: &[&[u8]]) -> u64 {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let end = self.chunks.back().map_or(0, Chunk::end);
        let fits = |chunk: &mut Chunk| chunk.bytes.capacity() - chunk.bytes.len() >= len;
        if !self.chunks.back_mut().is_some_and(fits) {
            let bytes = Vec::with_capacity(len.max(CHUNK));
            self.held += bytes.capacity();
            self.chunks.push_back(Chunk { start: end, bytes });
            while self.held > self.memory && self.chunks.len() > 1 {
                self.spill();
            }
        }
        if let Some(chunk) = self.chunks.back_mut() {
            for part in parts {
                chunk.bytes.extend_from_slice(part);
            }
        }
        end
    }

    /// Reads `len` bytes at `offset`.
    ///
    /// # Errors
    /// The range is beyond the end, the bytes were lost ([`Log::failed`]), or the file cannot be
    /// read.
    pub(super) fn read(&mut self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let after = self.chunks.partition_point(|chunk| chunk.start <= offset);
        let chunk = after.checked_sub(1).and_then(|index| self.chunks.get(index));
        if let Some(chunk) = chunk {
            let from = usize::try_from(offset - chunk.start).map_err(io::Error::other)?;
            let bytes = from.checked_add(len).and_then(|to| chunk.bytes.get(from..to));
            return bytes.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into());
        }
        let file = self.file.as_mut().filter(|_| offset.saturating_add(len as u64) <= self.spilled);
        let file =
            file.ok_or_else(|| io::Error::from(self.failed.unwrap_or(io::ErrorKind::UnexpectedEof)))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = vec![0; len];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Why bytes that left memory were lost; `None` if none were.
    pub(super) fn failed(&self) -> Option<io::ErrorKind> {
        self.failed
    }

    /// Moves the oldest chunk to the file.
    fn spill(&mut self) {
        let Some(chunk) = self.chunks.pop_front() else { return };
        self.held -= chunk.bytes.capacity();
        if self.failed.is_some() {
            return;
        }
        match self.write(&chunk) {
            Ok(()) => self.spilled = chunk.end(),
            Err(error) => self.failed = Some(error.kind()),
        }
    }

    fn write(&mut self, chunk: &Chunk) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            empty => empty.insert(self.spare.take().map_or_else(tempfile::tempfile, Ok)?),
        };
        file.seek(SeekFrom::Start(chunk.start))?;
        file.write_all(&chunk.bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn appended_bytes_are_read_back(
            pieces in proptest::collection::vec((0_usize..400_000, any::<u8>()), 1..40),
            memory in 0_usize..(4 << 20),
        ) {
            let mut log = Log::new(memory);
            let mut want = Vec::new();
            for (len, fill) in pieces {
                let (head, body) = ([fill, 1, 2], vec![fill; len]);
                let offset = log.append(&[&head, &body]);
                prop_assert_eq!(offset, want.iter().map(|(_, len, _): &(u64, usize, u8)| *len as u64).sum::<u64>());
                want.push((offset, len + 3, fill));
                prop_assert!(log.held <= memory.max(CHUNK) + CHUNK);
            }
            for (offset, len, fill) in want.into_iter().rev() {
                let bytes = log.read(offset, len).unwrap();
                prop_assert_eq!(&bytes[..3], &[fill, 1, 2]);
                prop_assert!(bytes[3..].iter().all(|byte| *byte == fill));
            }
            let end = log.append(&[]);
            prop_assert!(log.read(end, 1).is_err());
        }
    }

    #[test]
    fn a_given_file_is_used() {
        let file = tempfile::tempfile().unwrap();
        let same = file.try_clone().unwrap();
        let mut log = Log::new(0);
        log.spill_into(file);
        let first = log.append(&[&[1; CHUNK]]);
        log.append(&[&[2; CHUNK]]);
        assert_eq!(same.metadata().unwrap().len(), CHUNK as u64);
        assert_eq!(log.read(first, 2).unwrap(), [1, 1]);
    }

    #[test]
    fn bytes_that_could_not_be_spilled_are_lost_and_the_rest_is_kept() {
        let mut log = Log::new(0);
        log.failed = Some(io::ErrorKind::StorageFull);
        let first = log.append(&[&[1; CHUNK]]);
        let second = log.append(&[&[2; CHUNK]]);
        assert_eq!(log.read(first, 1).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(log.read(second, 2).unwrap(), [2, 2]);
        assert_eq!(log.failed(), Some(io::ErrorKind::StorageFull));
    }
}

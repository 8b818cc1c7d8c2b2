//! Bytes in, in the order in which they come; the same bytes out by their offset. What does not fit into memory lies in
//! a temporary file that has no name.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// Bytes of a chunk. One that is longer has what was appended at once.
const CHUNK: usize = 1 << 20;

/// An append-only log.
///
/// ```text
///   0 ················ in the file ················ │ chunk │ chunk │ chunk (open) │ end
///                                                  └───────── memory ─────────────┘
/// ```
///
/// What is appended at once lies in one chunk. When the chunks hold more than `memory` bytes, the oldest go to the
/// file; where that cannot be written they are gone, and reading them says so.
#[derive(Debug)]
pub(super) struct Log {
    memory: usize,
    chunks: VecDeque<Chunk>,
    held: usize,
    file: Option<File>,
    /// An empty file that was opened before: a program that shut itself in can make none.
    spare: Option<File>,
    /// Why the file cannot be written. From then on what leaves memory is gone.
    failed: Option<io::ErrorKind>,
    /// Bytes from the start that lie in the file.
    filed: u64,
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
    /// An empty log that keeps up to `memory` bytes, and at least the newest chunk, in memory.
    pub(super) fn new(memory: usize) -> Self {
        Self { memory, chunks: VecDeque::new(), held: 0, file: None, spare: None, failed: None, filed: 0 }
    }

    /// From now on what does not fit into memory goes to this file, which is empty, instead of one of its own making.
    pub(super) fn spill_into(&mut self, file: File) {
        self.spare = Some(file);
    }

    /// Appends the parts as one piece, and says at which offset.
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
            parts.iter().for_each(|part| chunk.bytes.extend_from_slice(part));
        }
        end
    }

    /// Reads `len` bytes at `offset`.
    ///
    /// # Errors
    /// They are beyond the end, could not be kept ([`Log::failed`]), or the file cannot be read.
    pub(super) fn read(&mut self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let after = self.chunks.partition_point(|chunk| chunk.start <= offset);
        let chunk = after.checked_sub(1).and_then(|index| self.chunks.get(index));
        if let Some(chunk) = chunk {
            let from = usize::try_from(offset - chunk.start).map_err(io::Error::other)?;
            let bytes = from.checked_add(len).and_then(|to| chunk.bytes.get(from..to));
            return bytes.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into());
        }
        let file = self.file.as_mut().filter(|_| offset.saturating_add(len as u64) <= self.filed);
        let file =
            file.ok_or_else(|| io::Error::from(self.failed.unwrap_or(io::ErrorKind::UnexpectedEof)))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = vec![0; len];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Why what left memory could not be kept; `None` where all was.
    pub(super) fn failed(&self) -> Option<io::ErrorKind> {
        self.failed
    }

    /// The oldest chunk goes to the file.
    fn spill(&mut self) {
        let Some(chunk) = self.chunks.pop_front() else { return };
        self.held -= chunk.bytes.capacity();
        if self.failed.is_some() {
            return;
        }
        match self.write(&chunk) {
            Ok(()) => self.filed = chunk.end(),
            Err(error) => self.failed = Some(error.kind()),
        }
    }

    fn write(&mut self, chunk: &Chunk) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.spare.take().map_or_else(tempfile::tempfile, Ok)?),
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
        fn what_was_appended_is_read(
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
    fn a_file_that_was_opened_before_is_used() {
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
    fn what_could_not_be_filed_is_gone_and_the_rest_is_there() {
        let mut log = Log::new(0);
        log.failed = Some(io::ErrorKind::StorageFull);
        let first = log.append(&[&[1; CHUNK]]);
        let second = log.append(&[&[2; CHUNK]]);
        assert_eq!(log.read(first, 1).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(log.read(second, 2).unwrap(), [2, 2]);
        assert_eq!(log.failed(), Some(io::ErrorKind::StorageFull));
    }
}

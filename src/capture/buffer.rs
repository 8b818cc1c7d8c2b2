//! Buffered bytes of one input: read in large blocks, handed out as shared slices of them.
//!
//! ```text
//!   block:   |-- taken (pinned by existing slices) --|==== filled ====|...... free ......|
//!                                                    ^ offset
//! ```
//!
//! A record that does not fit into the rest of a block moves to the next block; only the bytes read
//! so far are copied. Short reads (pipes) are parsed at once and copy nothing. A block that a read
//! filled to its end is filled again once no slice of it exists, without being cleared.

use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;

use super::block::Block;
use super::decompress::Decompressor;
use super::file_findings::FileFindings;
use super::item::Error;
use super::tail::{Tail, TailRead};
use crate::base::Code;

/// Size of a block in bytes. 256 KiB, 512 KiB and 1 MiB measured equal within noise, 4 MiB slower.
const BLOCK_SIZE: usize = 256 << 10;

/// Size of the first block of an input in bytes. A rotated capture has many files open at once,
/// each with only its first packet read: a small first block makes them cheap.
const FIRST_BLOCK_SIZE: usize = 64 << 10;

/// Free bytes below which a new block is begun: a shorter read is not worth its system call.
const MIN_FREE: usize = 512;

/// Result of [`InputBuffer::refill`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refill {
    /// Bytes were added.
    Bytes,
    /// No bytes now; the input may grow.
    Pending,
    /// The input has ended.
    End,
}

/// Result of one read, before damage is turned into findings.
#[derive(Debug, PartialEq, Eq)]
enum ReadOutcome {
    /// Bytes were added.
    Bytes,
    /// No bytes now; the input may grow.
    Pending,
    /// The input has ended.
    End,
    /// The compressed data ends without its end mark.
    Truncated,
    /// The compressed data is damaged: the decoder's message.
    Corrupt(String),
}

/// An input and its current block.
pub(super) struct InputBuffer {
    /// Findings about the input, not drained yet.
    pub(super) findings: FileFindings,
    source: ByteSource,
    block: Block,
    offset: u64,
}

/// Source of the bytes.
enum ByteSource {
    /// An input that ends; may be compressed.
    Compressible(Decompressor),
    /// A file that grows.
    Tail(Box<Tail>),
    /// Reading has stopped.
    Closed,
}

impl InputBuffer {
    /// Creates a buffer over `raw`, called `name` in messages. Bytes read are added to `count`.
    pub(super) fn new(name: String, raw: Box<dyn Read + Send>, count: Arc<AtomicU64>) -> Self {
        Self::with_source(name, ByteSource::Compressible(Decompressor::new(raw, count)))
    }

    /// Creates a buffer over a growing file, called `name` in messages.
    pub(super) fn growing(name: String, tail: Tail) -> Self {
        Self::with_source(name, ByteSource::Tail(Box::new(tail)))
    }

    fn with_source(name: String, source: ByteSource) -> Self {
        Self { findings: FileFindings::new(name), source, block: Block::default(), offset: 0 }
    }

    /// The growing file; `None` for any other input.
    pub(super) fn tail(&self) -> Option<&Tail> {
        match &self.source {
            ByteSource::Tail(tail) => Some(tail),
            ByteSource::Compressible(_) | ByteSource::Closed => None,
        }
    }

    /// Bytes read and not taken yet.
    pub(super) fn bytes(&self) -> &[u8] {
        self.block.bytes()
    }

    /// Offset of [`InputBuffer::bytes`] in the decompressed input, in bytes.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Name of the compression, as in `"gzip"`; `None` if the input is not compressed.
    pub(super) fn compression(&self) -> Option<&'static str> {
        match &self.source {
            ByteSource::Compressible(decompressor) => decompressor.compression,
            ByteSource::Tail(_) | ByteSource::Closed => None,
        }
    }

    /// Stops reading before the end of the input. A growing file reports that to the user.
    pub(super) fn abandon(&mut self) {
        if let ByteSource::Tail(tail) = &mut self.source {
            tail.abandon();
        }
    }

    /// Releases the block and the input.
    pub(super) fn close(&mut self) {
        self.source = ByteSource::Closed;
        self.block = Block::default();
    }

    /// Takes the first `len` bytes, or all if fewer were read, as a slice of the block.
    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Bytes {
        let taken = self.block.take(len);
        self.offset += taken.len() as u64;
        taken
    }

    /// Takes `len` bytes behind the first `skipped` ones, and drops those. At least as many were
    /// read.
    #[inline]
    pub(super) fn take_behind(&mut self, skipped: usize, len: usize) -> Bytes {
        self.offset += (skipped + len) as u64;
        self.block.take_behind(skipped, len)
    }

    /// Reads once, for a record at the front that needs at least `need` bytes. An end in the
    /// middle of a record, and damaged compressed data, add a finding.
    ///
    /// # Errors
    /// The input cannot be read.
    pub(super) fn refill(&mut self, need: usize) -> Result<Refill, Error> {
        let outcome = self.read_once(need)?;
        self.findings.is_compressed = self.compression().is_some();
        let (have, with) = (self.bytes().len(), self.compression().unwrap_or_default());
        let (code, what) = match outcome {
            ReadOutcome::Bytes => return Ok(Refill::Bytes),
            ReadOutcome::Pending => return Ok(Refill::Pending),
            ReadOutcome::End if have == 0 => return Ok(Refill::End),
            ReadOutcome::End => (
                Code::CaptureTruncated,
                format!("the file ends in the middle: {have} bytes are there of {need} or more"),
            ),
            ReadOutcome::Truncated => (
                Code::CaptureTruncated,
                format!("the {with} data ends before its end mark, {have} bytes later"),
            ),
            ReadOutcome::Corrupt(why) => (
                Code::CaptureBadBlock,
                format!("the {with} data is damaged {have} bytes later ({why}); the rest is not read"),
            ),
        };
        self.findings.add(code, self.offset, &what);
        Ok(Refill::End)
    }

    /// Adds a finding: the record at the front is damaged and its end is unknown.
    pub(super) fn note_damage(&mut self, what: &str) {
        let what = format!("{what}; the rest of the file is not read");
        self.findings.add(Code::CaptureBadBlock, self.offset, &what);
    }

    fn read_once(&mut self, need: usize) -> Result<ReadOutcome, Error> {
        let have = self.bytes().len();
        if self.block.free().len() < need.saturating_sub(have).max(MIN_FREE) {
            self.make_room(need);
        }
        loop {
            match self.source.read(self.block.free()) {
                Ok(TailRead::End) => return Ok(ReadOutcome::End),
                Ok(TailRead::Pending) => return Ok(ReadOutcome::Pending),
                Ok(TailRead::Bytes(n)) => {
                    self.block.fill(n);
                    return Ok(ReadOutcome::Bytes);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if self.source.is_damage() => {
                    return Ok(match error.kind() {
                        ErrorKind::UnexpectedEof => ReadOutcome::Truncated,
                        _ => ReadOutcome::Corrupt(error.to_string()),
                    });
                }
                Err(error) => {
                    let at = self.offset + have as u64;
                    return Err(Error(format!(
                        "{}: cannot be read at offset {at}: {error}",
                        self.findings.name
                    )));
                }
            }
        }
    }

    /// Begins a new block; the old one is reused if no slice of it exists.
    ///
    /// A block at most doubles, whatever length a record claims: only a long file makes a long
    /// block.
    fn make_room(&mut self, need: usize) {
        let have = self.bytes().len();
        let usual = if self.offset == 0 && have == 0 { FIRST_BLOCK_SIZE } else { BLOCK_SIZE };
        self.block.renew(need.min(have * 2).max(usual).max(have + MIN_FREE));
    }
}

impl ByteSource {
    /// Reads into `into`, which is not empty.
    fn read(&mut self, into: &mut [u8]) -> io::Result<TailRead> {
        match self {
            Self::Compressible(decompressor) => {
                let read = decompressor.read(into)?;
                Ok(if read == 0 { TailRead::End } else { TailRead::Bytes(read) })
            }
            Self::Tail(tail) => tail.read(into),
            Self::Closed => Ok(TailRead::End),
        }
    }

    /// Whether the last read error was caused by damaged compressed data.
    fn is_damage(&self) -> bool {
        match self {
            Self::Compressible(decompressor) => decompressor.is_damage(),
            Self::Tail(_) | Self::Closed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::samples::OneByte;

    fn blocks(data: &[u8], one_by_one: bool) -> InputBuffer {
        let reader: Box<dyn Read + Send> = if one_by_one {
            Box::new(OneByte(io::Cursor::new(data.to_vec())))
        } else {
            Box::new(io::Cursor::new(data.to_vec()))
        };
        InputBuffer::new("test".into(), reader, Arc::default())
    }

    #[test]
    fn taken_bytes_equal_the_input() {
        let data: Vec<u8> = (0..3_000_000u32).map(|i| (i / 7) as u8).collect();
        for size in [1usize, 700, 65_537, 1_500_000] {
            let mut blocks = blocks(&data, false);
            let mut got = Vec::new();
            loop {
                while blocks.bytes().len() < size {
                    if blocks.read_once(size).unwrap() != ReadOutcome::Bytes {
                        break;
                    }
                }
                let piece = blocks.take(size);
                if piece.is_empty() {
                    break;
                }
                got.extend_from_slice(&piece);
            }
            assert!(got == data, "size {size}");
            assert_eq!(blocks.offset(), 3_000_000);
        }
    }

    #[test]
    fn short_reads_copy_nothing() {
        let mut blocks = blocks(&[7; 600], true);
        assert_eq!(blocks.read_once(600).unwrap(), ReadOutcome::Bytes);
        let at = blocks.bytes().as_ptr();
        while blocks.bytes().len() < 600 {
            assert_eq!(blocks.read_once(600).unwrap(), ReadOutcome::Bytes);
        }
        assert_eq!(blocks.bytes().as_ptr(), at);
        assert_eq!(blocks.read_once(601).unwrap(), ReadOutcome::End);
    }

    #[test]
    fn a_claimed_length_is_not_reserved() {
        let mut blocks = blocks(&[7; 600], false);
        while blocks.read_once(1 << 30).unwrap() == ReadOutcome::Bytes {}
        assert_eq!(blocks.bytes().len(), 600);
        assert!(blocks.block.size() <= 2 * BLOCK_SIZE);
    }
}

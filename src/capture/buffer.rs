//! The bytes of one input: read in large blocks, handed out as shared slices of them.
//!
//! ```text
//!   block:   |-- taken (pinned by whoever holds a slice) --|==== filled ====|...... free ......|
//!                                                          ^ offset
//! ```
//!
//! A record that a block has no room for moves to the next one: only its part that was read is copied. A read that
//! gives little (a pipe) is looked at at once and copies nothing.

use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::{Bytes, BytesMut};

use super::decompress::Decompressor;
use super::file_findings::FileFindings;
use super::item::Error;
use super::tail::{Tail, TailRead};
use crate::base::Code;

/// Size of a block, in bytes. 256 KiB, 512 KiB and 1 MiB were measured to be equal within noise, 4 MiB slower.
const BLOCK_SIZE: usize = 256 << 10;

/// Size of the first block of an input: of the many files of a rotated capture only the first packets are looked at
/// until their turn comes.
const FIRST_BLOCK_SIZE: usize = 64 << 10;

/// Free bytes below which a block is given up: a read of less is not worth its system call.
const MIN_FREE: usize = 512;

/// Whether there is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refill {
    /// There are more bytes than before.
    Bytes,
    /// Not now: the input may grow.
    Pending,
    /// Nothing more can come.
    End,
}

/// What came of a read.
#[derive(Debug, PartialEq, Eq)]
enum ReadOutcome {
    /// There are more bytes than before.
    Bytes,
    /// There are none now.
    Pending,
    /// The input has ended.
    End,
    /// The compressed input ends before its own end.
    Truncated,
    /// The compressed input is damaged; the decoder's words.
    Corrupt(String),
}

/// An input and its block.
pub(super) struct InputBuffer {
    /// What was noticed about the input.
    pub(super) findings: FileFindings,
    source: ByteSource,
    block: BytesMut,
    filled: usize,
    offset: u64,
}

/// Where the bytes come from.
enum ByteSource {
    /// An input that ends, and may be compressed.
    Compressible(Decompressor),
    /// A file that grows.
    Tail(Box<Tail>),
    /// Nothing, any more.
    Closed,
}

impl InputBuffer {
    /// Nothing read yet of `raw`, which messages call `name`; what is read of it is added to `count`.
    pub(super) fn new(name: String, raw: Box<dyn Read + Send>, count: Arc<AtomicU64>) -> Self {
        Self::with_source(name, ByteSource::Compressible(Decompressor::new(raw, count)))
    }

    /// Nothing read yet of a file that grows, which messages call `name`.
    pub(super) fn growing(name: String, tail: Tail) -> Self {
        Self::with_source(name, ByteSource::Tail(Box::new(tail)))
    }

    fn with_source(name: String, source: ByteSource) -> Self {
        Self { findings: FileFindings::new(name), source, block: BytesMut::new(), filled: 0, offset: 0 }
    }

    /// The file that grows; `None` where it is another input.
    pub(super) fn tail(&self) -> Option<&Tail> {
        match &self.source {
            ByteSource::Tail(tail) => Some(tail),
            ByteSource::Compressible(_) | ByteSource::Closed => None,
        }
    }

    /// What was read and not taken.
    pub(super) fn bytes(&self) -> &[u8] {
        self.block.get(..self.filled).unwrap_or_default()
    }

    /// Where [`InputBuffer::bytes`] begins, in bytes from the start of the (decompressed) input.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// How the input is compressed: `"gzip"`; `None` where it is not.
    pub(super) fn compression(&self) -> Option<&'static str> {
        match &self.source {
            ByteSource::Compressible(decompressor) => decompressor.compression,
            ByteSource::Tail(_) | ByteSource::Closed => None,
        }
    }

    /// Nothing more of it can be understood. Of a file that grows the operator is told, where that is not its end.
    pub(super) fn abandon(&mut self) {
        if let ByteSource::Tail(tail) = &mut self.source {
            tail.abandon();
        }
    }

    /// Lets go of the block and the input: nothing more is read.
    pub(super) fn close(&mut self) {
        self.source = ByteSource::Closed;
        self.block = BytesMut::new();
        self.filled = 0;
    }

    /// Takes the first `len` bytes (all, where fewer were read) as a slice of the block.
    pub(super) fn take(&mut self, len: usize) -> Bytes {
        let len = len.min(self.filled);
        self.filled -= len;
        self.offset += len as u64;
        self.block.split_to(len).freeze()
    }

    /// Reads once, for a record at the front that has `need` bytes, as far as that is known. Where nothing more can come:
    /// if that is in the middle of a record, or the fault of compressed data, it is noted.
    ///
    /// # Errors
    /// The input cannot be read.
    pub(super) fn refill(&mut self, need: usize) -> Result<Refill, Error> {
        let outcome = self.read_once(need)?;
        self.findings.is_compressed = self.compression().is_some();
        let (have, with) = (self.filled, self.compression().unwrap_or_default());
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

    /// Notes that the record at the front is damaged and where it ends is not known.
    pub(super) fn note_damage(&mut self, what: &str) {
        let what = format!("{what}; the rest of the file is not read");
        self.findings.add(Code::CaptureBadBlock, self.offset, &what);
    }

    fn read_once(&mut self, need: usize) -> Result<ReadOutcome, Error> {
        if self.block.len() < need || self.block.len() - self.filled < MIN_FREE {
            self.make_room(need);
        }
        loop {
            let free = self.block.get_mut(self.filled..).unwrap_or_default();
            match self.source.read(free) {
                Ok(TailRead::End) => return Ok(ReadOutcome::End),
                Ok(TailRead::Pending) => return Ok(ReadOutcome::Pending),
                Ok(TailRead::Bytes(n)) => {
                    self.filled += n;
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
                    let at = self.offset + self.filled as u64;
                    return Err(Error(format!(
                        "{}: cannot be read at offset {at}: {error}",
                        self.findings.name
                    )));
                }
            }
        }
    }

    /// Makes room. Where nobody holds a slice of the old block it is used again.
    ///
    /// What a record claims to need is never reserved at once: a block at most doubles, so it takes a long file to
    /// make a long block.
    fn make_room(&mut self, need: usize) {
        let usual = if self.offset == 0 && self.filled == 0 { FIRST_BLOCK_SIZE } else { BLOCK_SIZE };
        let size = need.min(self.filled * 2).max(usual).max(self.filled + MIN_FREE);
        self.block.truncate(self.filled);
        self.block.reserve(size - self.filled);
        self.block.resize(size, 0);
    }
}

impl ByteSource {
    /// Reads into a buffer that has room.
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

    /// Whether an error that reading gave is the fault of the compressed data.
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
    fn what_is_taken_is_what_was_read() {
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
    fn a_pipe_copies_nothing() {
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
    fn a_claimed_length_reserves_nothing() {
        let mut blocks = blocks(&[7; 600], false);
        while blocks.read_once(1 << 30).unwrap() == ReadOutcome::Bytes {}
        assert_eq!(blocks.bytes().len(), 600);
        assert!(blocks.block.capacity() <= 2 * BLOCK_SIZE);
    }
}

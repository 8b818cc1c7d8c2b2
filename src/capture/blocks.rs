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

use super::decode::Decoded;
use super::item::Error;
use super::log::Log;
use super::tail::{Tail, Tailed};
use crate::base::Code;

/// Size of a block, in bytes. 256 KiB, 512 KiB and 1 MiB were measured to be equal within noise, 4 MiB slower.
const BLOCK: usize = 256 << 10;

/// Size of the first block of an input: of the many files of a rotated capture only the first packets are looked at
/// until their turn comes.
const FIRST_BLOCK: usize = 64 << 10;

/// Free bytes below which a block is given up: a read of less is not worth its system call.
const LEAST_FREE: usize = 512;

/// Whether there is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum More {
    /// There are more bytes than before.
    Bytes,
    /// Not now: the input may grow.
    Later,
    /// Nothing more can come.
    End,
}

/// What came of a read.
#[derive(Debug, PartialEq, Eq)]
enum Fill {
    /// There are more bytes than before.
    More,
    /// There are none now.
    Later,
    /// The input has ended.
    End,
    /// The compressed input ends before its own end.
    Cut,
    /// The compressed input is damaged; the decoder's words.
    Broken(String),
}

/// An input and its block.
pub(super) struct Blocks {
    /// What was noticed about the input.
    pub(super) log: Log,
    source: Supply,
    block: BytesMut,
    filled: usize,
    offset: u64,
}

/// Where the bytes come from.
enum Supply {
    /// An input that ends, and may be compressed.
    Decoded(Decoded),
    /// A file that grows.
    Tail(Box<Tail>),
    /// Nothing, any more.
    Closed,
}

impl Blocks {
    /// Nothing read yet of `raw`, which messages call `name`; what is read of it is added to `count`.
    pub(super) fn new(name: String, raw: Box<dyn Read + Send>, count: Arc<AtomicU64>) -> Self {
        Self::of(name, Supply::Decoded(Decoded::new(raw, count)))
    }

    /// Nothing read yet of a file that grows, which messages call `name`.
    pub(super) fn growing(name: String, tail: Tail) -> Self {
        Self::of(name, Supply::Tail(Box::new(tail)))
    }

    fn of(name: String, source: Supply) -> Self {
        Self { log: Log::new(name), source, block: BytesMut::new(), filled: 0, offset: 0 }
    }

    /// The file that grows; `None` where it is another input.
    pub(super) fn tail(&self) -> Option<&Tail> {
        match &self.source {
            Supply::Tail(tail) => Some(tail),
            Supply::Decoded(_) | Supply::Closed => None,
        }
    }

    /// What was read and not taken.
    pub(super) fn bytes(&self) -> &[u8] {
        self.block.get(..self.filled).unwrap_or_default()
    }

    /// Where [`Blocks::bytes`] begins, in bytes from the start of the (decompressed) input.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// How the input is compressed: `"gzip"`; `None` where it is not.
    pub(super) fn compression(&self) -> Option<&'static str> {
        match &self.source {
            Supply::Decoded(decoded) => decoded.compression,
            Supply::Tail(_) | Supply::Closed => None,
        }
    }

    /// Nothing more of it can be understood. Of a file that grows the operator is told, where that is not its end.
    pub(super) fn leave(&mut self) {
        if let Supply::Tail(tail) = &mut self.source {
            tail.leave();
        }
    }

    /// Lets go of the block and the input: nothing more is read.
    pub(super) fn close(&mut self) {
        self.source = Supply::Closed;
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
    pub(super) fn more(&mut self, need: usize) -> Result<More, Error> {
        let fill = self.fill(need)?;
        self.log.compressed = self.compression().is_some();
        let (have, with) = (self.filled, self.compression().unwrap_or_default());
        let (code, what) = match fill {
            Fill::More => return Ok(More::Bytes),
            Fill::Later => return Ok(More::Later),
            Fill::End if have == 0 => return Ok(More::End),
            Fill::End => (
                Code::CaptureTruncated,
                format!("the file ends in the middle: {have} bytes are there of {need} or more"),
            ),
            Fill::Cut => (
                Code::CaptureTruncated,
                format!("the {with} data ends before its end mark, {have} bytes later"),
            ),
            Fill::Broken(why) => (
                Code::CaptureBadBlock,
                format!("the {with} data is damaged {have} bytes later ({why}); the rest is not read"),
            ),
        };
        self.log.note(code, self.offset, &what);
        Ok(More::End)
    }

    /// Notes that the record at the front is damaged and where it ends is not known.
    pub(super) fn give_up(&mut self, what: &str) {
        let what = format!("{what}; the rest of the file is not read");
        self.log.note(Code::CaptureBadBlock, self.offset, &what);
    }

    fn fill(&mut self, need: usize) -> Result<Fill, Error> {
        if self.block.len() < need || self.block.len() - self.filled < LEAST_FREE {
            self.renew(need);
        }
        loop {
            let free = self.block.get_mut(self.filled..).unwrap_or_default();
            match self.source.read(free) {
                Ok(Tailed::Over) => return Ok(Fill::End),
                Ok(Tailed::Later) => return Ok(Fill::Later),
                Ok(Tailed::Bytes(n)) => {
                    self.filled += n;
                    return Ok(Fill::More);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if self.source.is_damage() => {
                    return Ok(match error.kind() {
                        ErrorKind::UnexpectedEof => Fill::Cut,
                        _ => Fill::Broken(error.to_string()),
                    });
                }
                Err(error) => {
                    let at = self.offset + self.filled as u64;
                    return Err(Error(format!("{}: cannot be read at offset {at}: {error}", self.log.name)));
                }
            }
        }
    }

    /// Makes room. Where nobody holds a slice of the old block it is used again.
    ///
    /// What a record claims to need is never reserved at once: a block at most doubles, so it takes a long file to
    /// make a long block.
    fn renew(&mut self, need: usize) {
        let usual = if self.offset == 0 && self.filled == 0 { FIRST_BLOCK } else { BLOCK };
        let size = need.min(self.filled * 2).max(usual).max(self.filled + LEAST_FREE);
        self.block.truncate(self.filled);
        self.block.reserve(size - self.filled);
        self.block.resize(size, 0);
    }
}

impl Supply {
    /// Reads into a buffer that has room.
    fn read(&mut self, into: &mut [u8]) -> io::Result<Tailed> {
        match self {
            Self::Decoded(decoded) => {
                let read = decoded.read(into)?;
                Ok(if read == 0 { Tailed::Over } else { Tailed::Bytes(read) })
            }
            Self::Tail(tail) => tail.read(into),
            Self::Closed => Ok(Tailed::Over),
        }
    }

    /// Whether an error that reading gave is the fault of the compressed data.
    fn is_damage(&self) -> bool {
        match self {
            Self::Decoded(decoded) => decoded.is_damage(),
            Self::Tail(_) | Self::Closed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::samples::OneByte;

    fn blocks(data: &[u8], one_by_one: bool) -> Blocks {
        let reader: Box<dyn Read + Send> = if one_by_one {
            Box::new(OneByte(io::Cursor::new(data.to_vec())))
        } else {
            Box::new(io::Cursor::new(data.to_vec()))
        };
        Blocks::new("test".into(), reader, Arc::default())
    }

    #[test]
    fn what_is_taken_is_what_was_read() {
        let data: Vec<u8> = (0..3_000_000u32).map(|i| (i / 7) as u8).collect();
        for size in [1usize, 700, 65_537, 1_500_000] {
            let mut blocks = blocks(&data, false);
            let mut got = Vec::new();
            loop {
                while blocks.bytes().len() < size {
                    if blocks.fill(size).unwrap() != Fill::More {
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
        assert_eq!(blocks.fill(600).unwrap(), Fill::More);
        let at = blocks.bytes().as_ptr();
        while blocks.bytes().len() < 600 {
            assert_eq!(blocks.fill(600).unwrap(), Fill::More);
        }
        assert_eq!(blocks.bytes().as_ptr(), at);
        assert_eq!(blocks.fill(601).unwrap(), Fill::End);
    }

    #[test]
    fn a_claimed_length_reserves_nothing() {
        let mut blocks = blocks(&[7; 600], false);
        while blocks.fill(1 << 30).unwrap() == Fill::More {}
        assert_eq!(blocks.bytes().len(), 600);
        assert!(blocks.block.capacity() <= 2 * BLOCK);
    }
}

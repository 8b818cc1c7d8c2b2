//! Storage for packed exchanges: byte strings by offset, and indexes by number.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use super::varint::Decoder;

/// Byte strings of any length, stored back to back and found by their offset. The oldest may be in
/// a temporary file.
///
/// ```text
///   block │ block │ block ┊ block │ block │ block (open)
///   └────── file ────────┘ └───────── memory ──────────┘
/// ```
///
/// Blocks are never moved or enlarged, so the memory in use exceeds the bytes stored by less than
/// one block, plus what is left free at the end of each.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// The latest blocks.
    blocks: VecDeque<Vec<u8>>,
    /// Where the blocks before them are in the file, in order.
    spilled: Vec<Place>,
    /// `None` if there is none, or if it could not be written: then all blocks stay in memory.
    file: Option<File>,
    /// Where the last of them ends.
    end: u64,
    /// Blocks that were read back, the latest first.
    cache: RefCell<VecDeque<(usize, Vec<u8>)>>,
}

/// Where a block is in the file.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: u64,
    len: usize,
}

/// Size of a block in bytes. A longer string has a block of its own.
const BLOCK: usize = 1 << 16;

/// Blocks of the file that are kept in memory after they were read: 2 MiB.
const CACHED: usize = 32;

/// Offset of a string in [`Blocks`]: its block times [`BLOCK`] plus the offset in the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockOffset(u64);

impl BlockOffset {
    /// The offset of no string.
    pub(super) const NONE: Self = Self(u64::MAX);
}

impl Blocks {
    /// Moves blocks to this empty file that do not fit into memory.
    pub(super) fn spill_into(&mut self, file: File) {
        self.file = Some(file);
    }

    /// Appends a string, which is not empty, and returns its offset. `memory` is that of blocks
    /// beyond which the oldest move to the file.
    pub(super) fn push(&mut self, bytes: &[u8], memory: usize) -> BlockOffset {
        // A string begins within the first BLOCK bytes of its block, even if it is longer.
        let fits = |block: &Vec<u8>| block.len() < BLOCK && block.capacity() - block.len() >= bytes.len();
        if !self.blocks.back().is_some_and(fits) {
            while self.blocks.len() * BLOCK > memory && self.spill().is_ok() {}
            self.blocks.push_back(Vec::with_capacity(bytes.len().max(BLOCK)));
        }
        let block = (self.spilled.len() + self.blocks.len()).saturating_sub(1) as u64;
        let Some(last) = self.blocks.back_mut() else { return BlockOffset::NONE };
        let offset = BlockOffset(block * BLOCK as u64 + last.len() as u64);
        last.extend_from_slice(bytes);
        offset
    }

    /// Returns the memory of the blocks, in bytes; longer strings count as one block.
    pub(super) fn memory(&self) -> usize {
        (self.blocks.len() + self.spilled.len().min(CACHED)) * BLOCK
    }

    /// Decodes from the start of the string at `offset`; `None` if there is none, if it cannot be
    /// read back, or if `decode` returns it. The end of the string is not known here.
    pub(super) fn decode<T>(
        &self,
        offset: BlockOffset,
        decode: impl FnOnce(Decoder<'_>) -> Option<T>,
    ) -> Option<T> {
        let (block, at) =
            (usize::try_from(offset.0 / BLOCK as u64).ok()?, (offset.0 % BLOCK as u64) as usize);
        if let Some(in_memory) = block.checked_sub(self.spilled.len()) {
            return decode(Decoder(self.blocks.get(in_memory)?.get(at..)?));
        }
        let mut cache = self.cache.borrow_mut();
        match cache.iter().position(|(cached, _)| *cached == block) {
            Some(0) => {}
            Some(position) => {
                let found = cache.remove(position)?;
                cache.push_front(found);
            }
            None => {
                let bytes = self.read(*self.spilled.get(block)?)?;
                cache.truncate(CACHED - 1);
                cache.push_front((block, bytes));
            }
        }
        decode(Decoder(cache.front()?.1.get(at..)?))
    }

    /// Moves the oldest block to the file.
    fn spill(&mut self) -> io::Result<()> {
        let (Some(file), Some(oldest)) = (&mut self.file, self.blocks.front()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let written = file.seek(SeekFrom::Start(self.end)).and_then(|_| file.write_all(oldest));
        if written.is_err() && self.spilled.is_empty() {
            self.file = None;
        }
        written?;
        self.spilled.push(Place { at: self.end, len: oldest.len() });
        self.end += oldest.len() as u64;
        self.blocks.pop_front();
        Ok(())
    }

    fn read(&self, place: Place) -> Option<Vec<u8>> {
        let mut file = self.file.as_ref()?;
        let mut bytes = vec![0; place.len];
        file.seek(SeekFrom::Start(place.at)).ok()?;
        io::Read::read_exact(&mut file, &mut bytes).ok()?;
        Some(bytes)
    }
}

/// Maps numbers to indexes. Consecutive numbers cost 4 bytes each.
#[derive(Debug, Default)]
pub(super) struct NumberIndex {
    /// [`PAGE`] entries each, by number / `PAGE`: the index plus one, or 0 if the number has none.
    pages: std::collections::HashMap<u64, Box<[u32; PAGE]>, foldhash::fast::RandomState>,
}

/// Entries of a page.
const PAGE: usize = 1024;

impl NumberIndex {
    /// The index of a number.
    pub(super) fn get(&self, number: u64) -> Option<u32> {
        let page = self.pages.get(&(number / PAGE as u64))?;
        page.get((number % PAGE as u64) as usize)?.checked_sub(1)
    }

    /// Sets the index of a number. Returns `false` if the index does not fit into 32 bits.
    pub(super) fn set(&mut self, number: u64, index: usize) -> bool {
        let Some(stored) = u32::try_from(index).ok().and_then(|index| index.checked_add(1)) else {
            return false;
        };
        let page = self.pages.entry(number / PAGE as u64).or_insert_with(|| Box::new([0; PAGE]));
        if let Some(entry) = page.get_mut((number % PAGE as u64) as usize) {
            *entry = stored;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn strings_are_found_by_offset(
            lens in prop::collection::vec(1_usize..90_000, 1..60),
            memory in 0_usize..2_000_000,
            has_file: bool,
        ) {
            let mut blocks = Blocks::default();
            if has_file {
                blocks.spill_into(tempfile::tempfile().unwrap());
            }
            let push = |len: &usize| blocks.push(&vec![*len as u8; *len], memory);
            let offsets: Vec<BlockOffset> = lens.iter().map(push).collect();
            prop_assert!(!has_file || blocks.blocks.len() <= memory / BLOCK + 1);
            for (offset, len) in offsets.into_iter().zip(lens).rev() {
                let is_whole = |Decoder(bytes): Decoder<'_>| {
                    Some(bytes.len() >= len && bytes[..len].iter().all(|byte| *byte == len as u8))
                };
                prop_assert_eq!(blocks.decode(offset, is_whole), Some(true));
            }
            prop_assert!(blocks.decode(BlockOffset::NONE, |_| Some(())).is_none());
        }

        #[test]
        fn a_number_has_its_latest_index(numbers in prop::collection::vec((0_u64..5000, 0_usize..9000), 1..300)) {
            let (mut index, mut oracle) = (NumberIndex::default(), std::collections::HashMap::new());
            for (number, at) in numbers {
                prop_assert!(index.set(number, at));
                oracle.insert(number, at as u32);
            }
            for number in 0..5000 {
                prop_assert_eq!(index.get(number), oracle.get(&number).copied());
            }
        }
    }

    /// A full disk: everything stays in memory.
    #[test]
    fn blocks_that_cannot_be_written_stay_in_memory() {
        let mut blocks = Blocks::default();
        blocks.spill_into(File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap());
        let offsets: Vec<_> = (0..9).map(|byte| blocks.push(&[byte; BLOCK], 0)).collect();
        for (byte, offset) in (0..9).zip(offsets) {
            assert_eq!(blocks.decode(offset, |Decoder(bytes)| bytes.first().copied()), Some(byte));
        }
    }

    #[test]
    fn numbers_and_indexes_at_the_limits() {
        assert_eq!(NumberIndex::default().get(u64::MAX), None);
        assert!(!NumberIndex::default().set(1, u32::MAX as usize));
    }
}

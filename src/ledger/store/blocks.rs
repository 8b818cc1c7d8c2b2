//! Storage for packed exchanges: byte strings by offset, and indexes by number.

use super::varint::Decoder;

/// Byte strings of any length, stored back to back and found by their offset.
///
/// Blocks are never moved or enlarged, so the memory in use exceeds the bytes stored by less than
/// one block, plus what is left free at the end of each.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    blocks: Vec<Vec<u8>>,
}

/// Size of a block in bytes. A longer string has a block of its own.
const BLOCK: usize = 1 << 16;

/// Offset of a string in [`Blocks`]: its block times [`BLOCK`] plus the offset in the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockOffset(u64);

impl BlockOffset {
    /// The offset of no string.
    pub(super) const NONE: Self = Self(u64::MAX);
}

impl Blocks {
    /// Appends a string, which is not empty, and returns its offset.
    pub(super) fn push(&mut self, bytes: &[u8]) -> BlockOffset {
        // A string begins within the first BLOCK bytes of its block, even if it is longer.
        let fits = |block: &Vec<u8>| block.len() < BLOCK && block.capacity() - block.len() >= bytes.len();
        if !self.blocks.last().is_some_and(fits) {
            self.blocks.push(Vec::with_capacity(bytes.len().max(BLOCK)));
        }
        let block = self.blocks.len().saturating_sub(1) as u64;
        let Some(last) = self.blocks.last_mut() else { return BlockOffset::NONE };
        let offset = BlockOffset(block * BLOCK as u64 + last.len() as u64);
        last.extend_from_slice(bytes);
        offset
    }

    /// Returns the memory of the blocks, in bytes; longer strings count as one block.
    pub(super) fn memory(&self) -> usize {
        self.blocks.len() * BLOCK
    }

    /// Decodes from the start of the string at `offset`; `None` if there is none. The end of the
    /// string is not known here.
    pub(super) fn get(&self, offset: BlockOffset) -> Option<Decoder<'_>> {
        let block = self.blocks.get(usize::try_from(offset.0 / BLOCK as u64).ok()?)?;
        block.get((offset.0 % BLOCK as u64) as usize..).map(Decoder)
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
        fn strings_are_found_by_offset(lens in prop::collection::vec(1_usize..90_000, 1..60)) {
            let mut blocks = Blocks::default();
            let offsets: Vec<BlockOffset> = lens.iter().map(|len| blocks.push(&vec![*len as u8; *len])).collect();
            for (offset, len) in offsets.into_iter().zip(lens) {
                let bytes = blocks.get(offset).unwrap().0;
                prop_assert!(bytes.len() >= len && bytes[..len].iter().all(|byte| *byte == len as u8));
            }
            prop_assert!(blocks.get(BlockOffset::NONE).is_none());
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

    #[test]
    fn numbers_and_indexes_at_the_limits() {
        assert_eq!(NumberIndex::default().get(u64::MAX), None);
        assert!(!NumberIndex::default().set(1, u32::MAX as usize));
    }
}

//! The memory that an input is read into.

use bytes::{Buf as _, Bytes, BytesMut};

/// A block of memory: bytes that were read and not taken yet, then free space.
pub(super) enum Block {
    /// It has free space. The bytes before `filled` were read; those that were taken are split off.
    Open { memory: BytesMut, filled: usize },
    /// It was filled to its end. The bytes before `taken` were taken.
    Full { memory: Bytes, taken: usize },
}

impl Default for Block {
    fn default() -> Self {
        Self::Open { memory: BytesMut::new(), filled: 0 }
    }
}

impl Block {
    /// Bytes read and not taken yet.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Open { memory, filled } => memory.get(..*filled),
            Self::Full { memory, taken } => memory.get(*taken..),
        }
        .unwrap_or_default()
    }

    /// The free space after [`Block::bytes`].
    pub(super) fn free(&mut self) -> &mut [u8] {
        match self {
            Self::Open { memory, filled } => memory.get_mut(*filled..).unwrap_or_default(),
            Self::Full { .. } => &mut [],
        }
    }

    /// Takes the first `len` bytes, or all if fewer were read.
    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Bytes {
        match self {
            Self::Open { memory, filled } => {
                let len = len.min(*filled);
                *filled -= len;
                memory.split_to(len).freeze()
            }
            Self::Full { memory, taken } => {
                let from = *taken;
                *taken = from.saturating_add(len).min(memory.len());
                memory.slice(from..*taken)
            }
        }
    }

    /// Takes `len` bytes behind the first `skipped` ones, and drops those.
    #[inline]
    pub(super) fn take_behind(&mut self, skipped: usize, len: usize) -> Bytes {
        match self {
            Self::Open { .. } => {
                let mut bytes = self.take(skipped.saturating_add(len));
                bytes.advance(skipped.min(bytes.len()));
                bytes
            }
            Self::Full { memory, taken } => {
                let from = (*taken + skipped).min(memory.len());
                *taken = (from + len).min(memory.len());
                memory.slice(from..*taken)
            }
        }
    }

    /// Adds the first `len` bytes of the free space to [`Block::bytes`].
    pub(super) fn fill(&mut self, len: usize) {
        if let Self::Open { memory, filled } = self {
            *filled += len;
            if *filled == memory.len() {
                *self = Self::Full { memory: std::mem::take(memory).freeze(), taken: 0 };
            }
        }
    }

    /// Moves the bytes that are not taken to the front of `size` bytes of memory, and makes the
    /// rest free space. Reuses the memory if no slice of it exists; of a full block it is not
    /// cleared.
    pub(super) fn renew(&mut self, size: usize) {
        let (mut memory, filled) = match std::mem::take(self) {
            Self::Open { mut memory, filled } => {
                memory.truncate(filled);
                memory.reserve(size - filled);
                (memory, filled)
            }
            Self::Full { memory, taken } => {
                let filled = memory.len() - taken;
                let memory = memory.try_into_mut().map_or_else(
                    |shared| {
                        let mut memory = BytesMut::with_capacity(size);
                        memory.extend_from_slice(shared.get(taken..).unwrap_or_default());
                        memory
                    },
                    |mut memory| {
                        memory.copy_within(taken.., 0);
                        memory
                    },
                );
                (memory, filled)
            }
        };
        memory.resize(size, 0);
        *self = Self::Open { memory, filled };
    }

    /// Size of the memory in bytes.
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Open { memory, .. } => memory.capacity(),
            Self::Full { memory, .. } => memory.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(data: &[u8]) -> Block {
        let mut block = Block::default();
        block.renew(data.len());
        block.free().copy_from_slice(data);
        block.fill(data.len());
        block
    }

    #[test]
    fn a_full_block_is_filled_again_once_its_slices_are_gone() {
        let mut block = filled(b"abcdef");
        let at = block.bytes().as_ptr();
        drop(block.take(4));
        block.renew(6);
        assert_eq!((block.bytes(), block.bytes().as_ptr()), (&b"ef"[..], at));
        assert_eq!(block.free().len(), 4);
    }

    #[test]
    fn a_slice_keeps_its_bytes() {
        let mut block = filled(b"abcdef");
        let slice = block.take(4);
        block.renew(8);
        block.free().fill(b'x');
        block.fill(6);
        assert_eq!((&slice[..], block.bytes()), (&b"abcd"[..], &b"efxxxxxx"[..]));
        assert_eq!(block.take(100).len(), 8);
        assert!(block.bytes().is_empty() && block.free().is_empty());
    }

    #[test]
    fn a_part_of_the_free_space_leaves_the_block_open() {
        let mut block = Block::default();
        block.renew(10);
        block.free()[..3].copy_from_slice(b"abc");
        block.fill(3);
        assert_eq!(&block.take(2)[..], b"ab");
        assert_eq!(block.bytes(), b"c");
        assert_eq!(block.free().len(), 7);
        block.renew(20);
        assert_eq!(block.bytes(), b"c");
        assert_eq!(block.free().len(), 19);
    }
}

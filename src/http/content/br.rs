//! brotli (RFC 7932).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brotli_decompressor::{
    Allocator, BrotliDecompressStream, BrotliResult, BrotliState, SliceWrapper, SliceWrapperMut,
};

use super::error::damaged;
use super::step::Step;

/// brotli (RFC 7932), without its large-window extension.
pub(super) struct Brotli {
    state: BrotliState<Memory, Memory, Memory>,
    memory: Memory,
    pub(super) ended: bool,
}

impl Brotli {
    pub(super) fn new() -> Self {
        let memory = Memory::default();
        let state = BrotliState::new_strict(memory.clone(), memory.clone(), memory.clone());
        Self { state, memory, ended: false }
    }

    /// What the decoder allocated, in bytes. Its window grows with the content, up to 16 MiB.
    pub(super) fn allocated(&self) -> usize {
        size_of::<Self>() + self.memory.allocated.load(Ordering::Relaxed)
    }

    pub(super) fn step(&mut self, input: &[u8], chunk: &mut [u8]) -> Step {
        if self.ended {
            return Step::read(input.len());
        }
        let (mut left, mut read, mut room, mut written, mut total) = (input.len(), 0, chunk.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut read,
            input,
            &mut room,
            &mut written,
            chunk,
            &mut total,
            &mut self.state,
        );
        self.ended = matches!(result, BrotliResult::ResultSuccess);
        let error = matches!(result, BrotliResult::ResultFailure)
            .then(|| damaged("br", format!("{:?}", self.state.error_code)));
        Step { read, written, error }
    }
}

/// The allocator of one decoder: counts what the decoder holds.
#[derive(Clone, Debug, Default)]
struct Memory {
    /// In bytes. Shared by its clones and the cells; atomic only because a layer may change
    /// threads.
    allocated: Arc<AtomicUsize>,
}

/// Memory that the decoder holds.
struct Cells<T> {
    cells: Box<[T]>,
    memory: Memory,
}

impl<T: Clone + Default> Allocator<T> for Memory {
    type AllocatedMemory = Cells<T>;

    fn alloc_cell(&mut self, len: usize) -> Cells<T> {
        let cells = vec![T::default(); len].into_boxed_slice();
        self.allocated.fetch_add(size_of_val(&*cells), Ordering::Relaxed);
        Cells { cells, memory: self.clone() }
    }

    fn free_cell(&mut self, _cells: Cells<T>) {}
}

impl<T> Drop for Cells<T> {
    fn drop(&mut self) {
        self.memory.allocated.fetch_sub(size_of_val(&*self.cells), Ordering::Relaxed);
    }
}

/// No memory: what the decoder holds before it needs some.
impl<T> Default for Cells<T> {
    fn default() -> Self {
        Self { cells: Box::default(), memory: Memory::default() }
    }
}

impl<T> SliceWrapper<T> for Cells<T> {
    fn slice(&self) -> &[T] {
        &self.cells
    }
}

impl<T> SliceWrapperMut<T> for Cells<T> {
    fn slice_mut(&mut self) -> &mut [T] {
        &mut self.cells
    }
}

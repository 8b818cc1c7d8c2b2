//! brotli (RFC 7932).

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::error::damaged;
use super::step::Step;

/// brotli (RFC 7932), without its large-window extension.
pub(super) struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    pub(super) ended: bool,
}

impl Brotli {
    pub(super) fn new() -> Self {
        let alloc = StandardAlloc::default;
        Self { state: BrotliState::new_strict(alloc(), alloc(), alloc()), ended: false }
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

//! One step of a decoder.

use super::error::ContentError;

/// Result of one step of a decoder: bytes read, bytes written to the chunk, and its error.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) read: usize,
    pub(super) written: usize,
    pub(super) error: Option<ContentError>,
}

impl Step {
    pub(super) fn read(read: usize) -> Self {
        Self { read, ..Self::default() }
    }

    pub(super) fn failed(error: ContentError) -> Self {
        Self { error: Some(error), ..Self::default() }
    }
}

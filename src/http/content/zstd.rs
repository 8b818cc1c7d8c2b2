//! zstd (RFC 8878), frame by frame.

use ::zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, get_error_name};

use super::error::{ContentError, ZSTD_WINDOW_LOG, damaged};
use super::step::Step;

/// zstd (RFC 8878): any number of frames.
pub(super) struct Zstd {
    decoder: DCtx<'static>,
    /// At the end of a frame.
    pub(super) ended: bool,
}

impl Zstd {
    /// `None` if there is not enough memory.
    pub(super) fn new() -> Option<Self> {
        let mut decoder = DCtx::try_create()?;
        decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG)).ok()?;
        Some(Self { decoder, ended: false })
    }

    /// What the decoder allocated, in bytes. Its window is that of the frame, up to 8 MiB.
    pub(super) fn allocated(&self) -> usize {
        self.decoder.sizeof()
    }

    pub(super) fn step(&mut self, input: &[u8], chunk: &mut [u8]) -> Step {
        if input.is_empty() && self.ended {
            // Another call would begin a frame.
            return Step::default();
        }
        let (mut from, mut to) = (InBuffer::around(input), OutBuffer::around(chunk));
        let error = match self.decoder.decompress_stream(&mut to, &mut from) {
            Ok(left) => {
                self.ended = left == 0;
                None
            }
            Err(error) => {
                let what = get_error_name(error);
                let window = what.contains("too much memory");
                let coding = "zstd";
                Some(if window { ContentError::Window { coding } } else { damaged(coding, what) })
            }
        };
        Step { read: from.pos(), written: to.pos(), error }
    }
}

//! zstd (RFC 8878), frame by frame.

use ::zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use super::error::{ContentError, ZSTD_WINDOW_LOG, damaged};
use super::step::Step;

/// zstd (RFC 8878): any number of frames.
pub(super) struct Zstd {
    decoder: Decoder<'static>,
    /// At the end of a frame.
    pub(super) ended: bool,
}

impl Zstd {
    /// `None` if there is not enough memory.
    pub(super) fn new() -> Option<Self> {
        let mut decoder = Decoder::new().ok()?;
        decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG)).ok()?;
        Some(Self { decoder, ended: false })
    }

    pub(super) fn step(&mut self, input: &[u8], chunk: &mut [u8]) -> Step {
        if input.is_empty() && self.ended {
            // Another call would begin a frame.
            return Step::default();
        }
        let (mut from, mut to) = (InBuffer::around(input), OutBuffer::around(chunk));
        let result = self.decoder.run(&mut from, &mut to);
        let error = match result {
            Ok(left) => {
                self.ended = left == 0;
                None
            }
            Err(error) => {
                let what = error.to_string();
                let window = what.contains("too much memory");
                let coding = "zstd";
                Some(if window { ContentError::Window { coding } } else { damaged(coding, what) })
            }
        };
        Step { read: from.pos(), written: to.pos(), error }
    }
}

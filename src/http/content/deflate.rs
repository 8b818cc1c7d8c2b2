//! deflate, with or without its zlib header.

use flate2::{Decompress, FlushDecompress, Status};

use super::error::damaged;
use super::step::Step;

/// deflate: a zlib stream (RFC 1950), as RFC 9110 demands, or raw deflate data (RFC 1951), which
/// some servers send and browsers accept. The first two bytes decide.
#[derive(Default)]
pub(super) enum Deflate {
    #[default]
    Start,
    /// The first byte may be that of a zlib header.
    Second(u8),
    Data(Box<Decompress>),
    Ended,
}

impl Deflate {
    pub(super) fn step(&mut self, input: &[u8], chunk: &mut [u8]) -> Step {
        match self {
            Self::Start => match input.first() {
                None => Step::default(),
                // A raw block whose low bits are 8 would be a stored block with padding that is
                // not 0, which no encoder writes.
                Some(first) if first & 0x0f == 8 && first >> 4 <= 7 => {
                    *self = Self::Second(*first);
                    Step::read(1)
                }
                Some(_) => {
                    *self = Self::Data(Box::new(Decompress::new(false)));
                    Step::default()
                }
            },
            Self::Second(first) => {
                let (first, Some(second)) = (*first, input.first()) else {
                    return Step::default();
                };
                let zlib = u16::from_be_bytes([first, *second]).is_multiple_of(31);
                let mut data = Decompress::new(zlib);
                let (step, _) = inflate("deflate", &mut data, &[first], chunk);
                *self = Self::Data(Box::new(data));
                Step { read: 0, ..step }
            }
            Self::Data(data) => {
                let (step, status) = inflate("deflate", data, input, chunk);
                if status == Status::StreamEnd {
                    *self = Self::Ended;
                }
                step
            }
            Self::Ended => Step::read(input.len()),
        }
    }
}

pub(super) fn inflate(
    coding: &'static str,
    data: &mut Decompress,
    input: &[u8],
    chunk: &mut [u8],
) -> (Step, Status) {
    let before = (data.total_in(), data.total_out());
    let result = data.decompress(input, chunk, FlushDecompress::None);
    let mut step = Step {
        read: (data.total_in() - before.0) as usize,
        written: (data.total_out() - before.1) as usize,
        error: None,
    };
    let status = result.unwrap_or_else(|error| {
        step.error = Some(damaged(coding, error.to_string()));
        Status::BufError
    });
    (step, status)
}

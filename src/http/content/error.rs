//! Why decoding stopped.

use thiserror::Error;

use crate::base::Code;

/// The largest zstd window, as a power of two: 8 MiB, what RFC 9659 section 3 allows the content
/// coding. zstd itself would take 128 MiB, for each of many connections.
pub const ZSTD_WINDOW_LOG: u32 = 23;

/// Why decoding stopped. What came out before stays true.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ContentError {
    /// The coded bytes contradict the coding.
    #[error("{coding}: {what}")]
    Damaged {
        /// The name of the coding.
        coding: &'static str,
        /// What is wrong, in the decoder's words.
        what: Box<str>,
    },
    /// The content grows beyond `limits::MAX_RATIO`.
    #[error("{coding}: {coded} bytes became more than {decoded}")]
    Bomb {
        /// The name of the coding.
        coding: &'static str,
        /// Bytes read of the body.
        coded: u64,
        /// Bytes that came out of them.
        decoded: u64,
    },
    /// The coding asks for more memory than a decoder is given ([`ZSTD_WINDOW_LOG`]).
    #[error("{coding}: needs a window that is larger than {} bytes", 1u64 << ZSTD_WINDOW_LOG)]
    Window {
        /// The name of the coding.
        coding: &'static str,
    },
}

impl ContentError {
    /// The code of the finding that the error becomes.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Damaged { .. } => Code::HttpContentBad,
            Self::Bomb { .. } | Self::Window { .. } => Code::HttpContentLimit,
        }
    }
}

/// Returns the error for coded bytes that contradict their coding.
pub(super) fn damaged(coding: &'static str, what: impl Into<Box<str>>) -> ContentError {
    let what = what.into();
    ContentError::Damaged { coding, what }
}

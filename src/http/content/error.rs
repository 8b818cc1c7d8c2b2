//! Errors of content decoding.

use thiserror::Error;

use crate::base::Code;

/// The largest zstd window, as a power of two: 8 MiB, the limit of the content coding (RFC 9659
/// section 3). The zstd library allows 128 MiB, too much for each of many connections.
pub const ZSTD_WINDOW_LOG: u32 = 23;

/// Why decoding stopped. Output before the error is valid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ContentError {
    /// The bytes violate the format of the coding.
    #[error("{coding}: {what}")]
    Damaged {
        /// The name of the coding.
        coding: &'static str,
        /// The decoder's message.
        what: Box<str>,
    },
    /// The content grows beyond `limits::MAX_RATIO`.
    #[error("{coding}: {coded} bytes became more than {decoded}")]
    Bomb {
        /// The name of the coding.
        coding: &'static str,
        /// Bytes read of the body.
        coded: u64,
        /// Bytes decoded from them.
        decoded: u64,
    },
    /// The body needs a larger window than is allowed ([`ZSTD_WINDOW_LOG`]).
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

/// Returns the error for bytes that violate the format of their coding.
pub(super) fn damaged(coding: &'static str, what: impl Into<Box<str>>) -> ContentError {
    let what = what.into();
    ContentError::Damaged { coding, what }
}

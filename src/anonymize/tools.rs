//! What all connections share: the replacements, and the count of what could not be replaced.

use super::addresses::Addresses;
use super::key::Key;
use super::words::Words;

/// Payload that cannot be replaced by text of the same length. It is cut off from its packets, as a
/// snapshot length does, so that nobody is blamed for what is not there; or it becomes zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cleared {
    /// Records of TLS. They become zeros: nobody reads them without secrets anyway.
    Tls,
    /// HTTP/2: heads are compressed with a table that both ends share.
    Http2,
    /// Bodies with a content coding.
    Coded,
    /// Bodies and messages that are no text.
    Binary,
    /// What is not HTTP.
    Unknown,
    /// Bytes that were sent again long after the first time. They become zeros.
    Late,
}

impl Cleared {
    /// All reasons.
    pub const ALL: [Self; 6] = [Self::Tls, Self::Http2, Self::Coded, Self::Binary, Self::Unknown, Self::Late];

    /// Returns whether the payload is cut off.
    #[must_use]
    pub fn is_cut(self) -> bool {
        !matches!(self, Self::Tls | Self::Late)
    }

    /// Returns the words for the payload.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tls => "of TLS records",
            Self::Http2 => "of HTTP/2",
            Self::Coded => "of compressed bodies",
            Self::Binary => "of content that is no text",
            Self::Unknown => "of other protocols",
            Self::Late => "sent again long after the first time",
        }
    }
}

/// What all connections share.
#[derive(Debug)]
pub(super) struct Tools {
    pub(super) words: Words,
    pub(super) addresses: Addresses,
    /// Bytes that were not replaced, by [`Cleared`].
    cleared: [u64; Cleared::ALL.len()],
}

impl Tools {
    pub(super) fn new(key: &Key) -> Self {
        Self {
            words: Words::new(key.clone()),
            addresses: Addresses::new(key.clone()),
            cleared: [0; Cleared::ALL.len()],
        }
    }

    /// Counts bytes that were not replaced.
    pub(super) fn cleared(&mut self, why: Cleared, bytes: u64) {
        for (of, count) in Cleared::ALL.iter().zip(&mut self.cleared) {
            if *of == why {
                *count += bytes;
            }
        }
    }

    /// Returns the bytes that were not replaced.
    pub(super) fn all_cleared(&self) -> impl Iterator<Item = (Cleared, u64)> {
        Cleared::ALL.into_iter().zip(self.cleared)
    }
}

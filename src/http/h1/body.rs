//! The framing of a body, and how much of it was read.

/// Framing of a body according to the head alone (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// This many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
    /// Not given: no body for a request, everything up to the close for a response.
    Unsaid,
    /// Not determinable: contradicting lengths, or an unknown transfer coding.
    Unknown,
}

/// The body that is being read, or the last one.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// Its `Content-Length`; `None` if it is not delimited by one, or if no message was read yet.
    pub(super) length: Option<u64>,
    /// Bytes read of it.
    pub(super) read: u64,
    /// The client waits for a 100 before it sends the body.
    pub(super) expects_continue: bool,
}

impl Body {
    /// Returns how much of it came, in words.
    pub(super) fn came(&self) -> String {
        match self.length {
            Some(length) => format!("{} of {length} bytes of the body came", self.read),
            None => format!("{} bytes of the body came and no last chunk", self.read),
        }
    }
}

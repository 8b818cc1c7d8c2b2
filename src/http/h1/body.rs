//! How much of a body was read.

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

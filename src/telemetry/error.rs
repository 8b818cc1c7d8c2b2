//! What is wrong with an option.

/// An option or a variable is wrong. Values of headers are not in the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);

//! What is to be explained.

/// What is to be explained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Question {
    /// What matches: the exchange if it is one, else the worst of them.
    #[default]
    Worst,
    /// An exchange, by its `n`.
    Exchange(u64),
    /// A session, by its number in the capture.
    Session(u32),
}

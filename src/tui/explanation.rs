//! Stories of exchanges that need packets which are not stored.

use crate::why::{Collector, Story};

/// The story of an exchange, or why its packets cannot be read.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The exchange's `n`.
    pub n: u64,
    /// The story.
    pub told: Result<Story, String>,
}

/// The story of an exchange before the packets of its connections were read.
#[derive(Clone, Debug)]
pub struct Unexplained {
    /// The exchange's `n`.
    pub n: u64,
    /// What the story is compared with; it takes the packets of [`Collector::connections`].
    pub collector: Collector,
}

impl PartialEq for Unexplained {
    /// Whether it is about the same exchange.
    fn eq(&self, other: &Self) -> bool {
        self.n == other.n
    }
}

impl Eq for Unexplained {}

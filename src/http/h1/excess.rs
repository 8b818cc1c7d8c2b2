//! Bytes behind the end of a body.

use crate::base::{Origin, units};

/// Bytes behind the end of a body that begin no message.
#[derive(Debug)]
pub(super) struct Excess {
    /// Offset of the first one in the direction.
    pub(super) from: u64,
    /// The packet with the first one.
    pub(super) at: Origin,
    /// The length of the body before them.
    pub(super) length: u64,
}

impl Excess {
    /// Describes the bytes; `until` is the offset behind them, `None` if it is not known.
    pub(super) fn detail(&self, until: Option<u64>) -> String {
        let Self { from, length, .. } = self;
        match until {
            Some(until) => {
                let more = units::several(until.saturating_sub(*from), "byte");
                format!("the body goes on {more} past its length of {length}")
            }
            None => format!("the body goes on past its length of {length}"),
        }
    }
}

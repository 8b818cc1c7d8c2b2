//! The exchanges that have been open for long.

use crate::ledger::Exchange;
use crate::tui::model::Model;
use crate::tui::views::format;

/// Hanging exchanges that are counted, at most: each is read for each frame.
pub(super) const MAX_COUNTED: usize = 1000;

/// Time after which an open exchange counts as hanging, in nanoseconds of capture time.
const HANGING_NS: i64 = 1_000_000_000;

/// The exchanges that have been open for longer than [`HANGING_NS`].
#[derive(Debug, Default)]
pub(super) struct Hanging {
    /// Their number, up to [`MAX_COUNTED`].
    pub(super) count: usize,
    /// The oldest, and how long it has been open in nanoseconds.
    pub(super) oldest: Option<(i64, Exchange)>,
}

impl Hanging {
    /// Counts the open exchanges that nobody gave up on.
    pub(super) fn of(model: &Model) -> Self {
        let mut open = hanging(model).filter(|(_, exchange)| exchange.cause.is_none());
        let oldest = open.next();
        Self { count: usize::from(oldest.is_some()) + open.count(), oldest }
    }
}

/// Returns the open exchanges, the oldest first, with how long each has been open in nanoseconds.
fn open(model: &Model) -> impl Iterator<Item = (i64, Exchange)> {
    let now = model.now();
    let open = model.pending().iter().filter_map(|n| model.store().exchange(model.store().find(*n)?));
    open.map(move |exchange| (format::pending_ns(&exchange, now), exchange))
}

/// Returns those of the first [`MAX_COUNTED`] open exchanges that hang. A subscription does not: it
/// is meant to stay open.
fn hanging(model: &Model) -> impl Iterator<Item = (i64, Exchange)> {
    let hangs = |(since, exchange): &(i64, Exchange)| *since >= HANGING_NS && !exchange.is_subscription();
    open(model).take(MAX_COUNTED).filter(hangs)
}

/// Returns the `most` oldest exchanges that hang, with how long each has been open in nanoseconds.
pub(super) fn oldest(model: &Model, most: usize) -> impl Iterator<Item = (i64, Exchange)> {
    hanging(model).take(most)
}

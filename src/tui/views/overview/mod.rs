//! The overview: totals, rates and errors over time, hanging and slowest exchanges, capture
//! quality.

mod hanging;
mod head;
mod rows;
mod view;

pub(super) use view::Overview;

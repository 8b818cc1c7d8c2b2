//! Exchanges counted by time and by duration: what the heat map and the histograms show.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use crate::base::limits;
use crate::ledger::{CallGroup, Exchange, Status};

/// Limits between the classes of durations, in nanoseconds: four in each decade from 1 µs to
/// 1000 s. Class 0 is below the first, the last class is beyond the last.
#[rustfmt::skip] // A decade is a line.
pub(super) const BOUNDS: [i64; 37] = [
    1_000, 1_778, 3_162, 5_623,
    10_000, 17_780, 31_620, 56_230,
    100_000, 177_800, 316_200, 562_300,
    1_000_000, 1_778_000, 3_162_000, 5_623_000,
    10_000_000, 17_780_000, 31_620_000, 56_230_000,
    100_000_000, 177_800_000, 316_200_000, 562_300_000,
    1_000_000_000, 1_778_000_000, 3_162_000_000, 5_623_000_000,
    10_000_000_000, 17_780_000_000, 31_620_000_000, 56_230_000_000,
    100_000_000_000, 177_800_000_000, 316_200_000_000, 562_300_000_000,
    1_000_000_000_000,
];

/// Classes of durations.
pub(super) const CLASSES: usize = BOUNDS.len() + 1;

/// Classes of a decade.
pub(super) const PER_DECADE: usize = 4;

/// The most columns of the heat map. As the width doubles, there are at least half as many.
const MAX_COLUMNS: i64 = 120;

/// Width of a column at first, in nanoseconds.
const FIRST_WIDTH: i64 = 1_000;

/// Returns the class of a duration in nanoseconds.
pub(super) fn class(ns: i64) -> usize {
    BOUNDS.partition_point(|bound| *bound <= ns)
}

/// Counts of durations by class.
pub(super) type Classes = [u32; CLASSES];

/// The exchanges that began in a span of time.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Answered exchanges by the class of their duration.
    pub(super) answered: Classes,
    /// Exchanges that failed, or that were cancelled.
    pub(super) failed: u32,
}

impl Column {
    const EMPTY: Self = Self { answered: [0; CLASSES], failed: 0 };

    fn add(&mut self, other: &Self) {
        add(&mut self.answered, &other.answered);
        self.failed = self.failed.saturating_add(other.failed);
    }
}

fn add(classes: &mut Classes, others: &Classes) {
    for (count, other) in classes.iter_mut().zip(others) {
        *count = count.saturating_add(*other);
    }
}

/// Counts of all exchanges. At most [`MAX_COLUMNS`] columns of one width, which doubles as the
/// capture gets longer, and a histogram for each method and tool.
#[derive(Debug)]
pub(super) struct Grid {
    /// Width of a column in nanoseconds.
    width: i64,
    /// By the number of the column: its start divided by the width.
    columns: BTreeMap<i64, Column>,
    /// Never iterated: its order is random.
    calls: HashMap<CallGroup, Classes, RandomState>,
}

impl Default for Grid {
    fn default() -> Self {
        Self { width: FIRST_WIDTH, columns: BTreeMap::new(), calls: HashMap::default() }
    }
}

impl Grid {
    /// Counts an exchange. `has_room` tells whether the texts of another method and tool, of this
    /// length in bytes, may be kept.
    pub(super) fn record(&mut self, exchange: &Exchange, has_room: impl FnOnce(usize) -> bool) {
        let class = exchange.latency_ns().map(class);
        let column = exchange.request.span.start.time.0.div_euclid(self.width);
        let column = self.columns.entry(column).or_insert(Column::EMPTY);
        column.failed = column.failed.saturating_add(has_failed(exchange).into());
        if let Some(count) = class.and_then(|class| column.answered.get_mut(class)) {
            *count = count.saturating_add(1);
        }
        while self.span() > MAX_COLUMNS {
            self.double();
        }
        let Some(class) = class else { return };
        let subject = subject_of(exchange);
        if !self.calls.contains_key(&subject) {
            let texts = exchange.method.len() + exchange.name.as_ref().map_or(0, |name| name.len());
            if self.calls.len() >= limits::MAX_TABLE_ROWS || !has_room(texts) {
                return;
            }
        }
        let classes = self.calls.entry(subject).or_insert([0; CLASSES]);
        if let Some(count) = classes.get_mut(class) {
            *count = count.saturating_add(1);
        }
    }

    /// Takes back an exchange that was recorded: it counts on another leg of a proxy.
    pub(super) fn forget(&mut self, exchange: &Exchange) {
        let class = exchange.latency_ns().map(class);
        let column = exchange.request.span.start.time.0.div_euclid(self.width);
        if let Some(column) = self.columns.get_mut(&column) {
            column.failed = column.failed.saturating_sub(has_failed(exchange).into());
            if let Some(count) = class.and_then(|class| column.answered.get_mut(class)) {
                *count = count.saturating_sub(1);
            }
        }
        let subject = subject_of(exchange);
        if let Some(count) =
            class.and_then(|class| self.calls.get_mut(&subject).and_then(|classes| classes.get_mut(class)))
        {
            *count = count.saturating_sub(1);
        }
    }

    /// From the first to the last column, both included.
    fn span(&self) -> i64 {
        match (self.columns.first_key_value(), self.columns.last_key_value()) {
            (Some((first, _)), Some((last, _))) => last.saturating_sub(*first).saturating_add(1),
            _ => 0,
        }
    }

    fn double(&mut self) {
        self.width = self.width.saturating_mul(2);
        for (number, column) in std::mem::take(&mut self.columns) {
            self.columns.entry(number.div_euclid(2)).or_insert(Column::EMPTY).add(&column);
        }
    }

    /// Width of a column in nanoseconds.
    pub(super) fn width(&self) -> i64 {
        self.width
    }

    /// Returns the columns that hold exchanges, each with its distance from the first.
    pub(super) fn columns(&self) -> impl Iterator<Item = (i64, &Column)> {
        let first = self.columns.first_key_value().map_or(0, |(first, _)| *first);
        self.columns.iter().map(move |(number, column)| (number - first, column))
    }

    /// Returns the number of columns, empty ones included. A few exchanges do not fill the map.
    pub(super) fn columns_count(&self) -> i64 {
        self.span().max(MAX_COLUMNS / 2)
    }

    /// Start of the first column, in nanoseconds since the epoch; 0 if there are none.
    pub(super) fn start(&self) -> i64 {
        self.columns.first_key_value().map_or(0, |(first, _)| first.saturating_mul(self.width))
    }

    /// Returns the durations of a method and tool; `None` if none was answered, or if they were not
    /// counted apart.
    pub(super) fn of(&self, subject: &CallGroup) -> Option<&Classes> {
        self.calls.get(subject)
    }

    /// Returns the first and the last class that a chart has to show: whole decades. `None` if no
    /// exchange was answered.
    pub(super) fn shown(&self) -> Option<(usize, usize)> {
        let mut all = [0; CLASSES];
        self.columns.values().for_each(|column| add(&mut all, &column.answered));
        let first = all.iter().position(|count| *count > 0)?;
        let last = all.iter().rposition(|count| *count > 0)?;
        // Class 1 begins at the first bound, a decade. What is below the first or beyond the last
        // is shown in the first or the last decade.
        let decade = |class: usize| (class.clamp(1, CLASSES - 2) - 1) / PER_DECADE;
        Some((decade(first) * PER_DECADE + 1, decade(last) * PER_DECADE + PER_DECADE))
    }
}

fn subject_of(exchange: &Exchange) -> CallGroup {
    CallGroup::Call { origin: exchange.origin, method: exchange.method.clone(), name: exchange.name.clone() }
}

/// Whether an exchange failed or was cancelled.
pub(super) fn has_failed(exchange: &Exchange) -> bool {
    exchange.is_failure() || exchange.status == Status::Cancelled && !exchange.is_ended_subscription()
}

/// Returns the labels of the limits between the decades of these classes, the lowest first.
pub(super) fn labels(first: usize, last: usize) -> impl DoubleEndedIterator<Item = i64> {
    let bounds = BOUNDS.iter().enumerate().map(|(at, bound)| (at + 1, *bound));
    let decades = bounds.filter(move |(class, _)| {
        (first..=last + 1).contains(class) && (class - 1).is_multiple_of(PER_DECADE)
    });
    decades.map(|(_, bound)| bound).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::ledger::sample;

    #[test]
    fn classes_are_four_in_a_decade() {
        assert_eq!(BOUNDS[..5], [1000, 1778, 3162, 5623, 10_000]);
        assert_eq!(BOUNDS[36], 1_000_000_000_000);
        assert_eq!([class(-1), class(999), class(1000), class(1778)], [0, 0, 1, 2]);
        assert_eq!(class(i64::MAX), CLASSES - 1);
        assert_eq!(labels(13, 16).collect::<Vec<_>>(), [1_000_000, 10_000_000]);
    }

    fn at(ns: i64, total: i64) -> Exchange {
        let mut exchange = sample::exchange(1, "ping", None, 0);
        exchange.request.span.start.time = Timestamp(ns);
        let response = exchange.response.as_mut().unwrap();
        response.span.end.time = Timestamp(ns.saturating_add(total));
        exchange
    }

    /// Whatever the times are, in whatever order: no exchange is lost, and columns are few.
    #[test]
    fn columns_stay_few() {
        for times in [vec![0, 1], vec![5, -5, 1 << 40], vec![i64::MIN, i64::MAX, 0], (0..5000).collect()] {
            let mut grid = Grid::default();
            for time in &times {
                grid.record(&at(*time, 1_000_000), |_| true);
            }
            let count: u32 = grid.columns().map(|(_, column)| column.answered.iter().sum::<u32>()).sum();
            assert_eq!(count as usize, times.len());
            assert!(grid.span() <= MAX_COLUMNS, "{}", grid.columns_count());
            assert!(grid.columns().all(|(at, _)| (0..MAX_COLUMNS).contains(&at)));
        }
    }

    #[test]
    fn charts_show_whole_decades() {
        let mut grid = Grid::default();
        assert_eq!(grid.shown(), None);
        grid.record(&at(0, 2_000_000), |_| true);
        assert_eq!(grid.shown(), Some((13, 16)));
        grid.record(&at(0, 0), |_| true);
        grid.record(&at(0, i64::MAX), |_| true);
        assert_eq!(grid.shown(), Some((1, 36)));
    }

    /// Also if all are below the first limit, or beyond the last.
    #[test]
    fn durations_of_any_class_are_shown() {
        let duration =
            |class: usize| class.checked_sub(1).and_then(|at| BOUNDS.get(at)).copied().unwrap_or(0);
        for (a, b) in (0..CLASSES).flat_map(|a| (a..CLASSES).map(move |b| (a, b))) {
            let mut grid = Grid::default();
            for class in [a, b] {
                grid.record(&at(0, duration(class)), |_| true);
            }
            let (first, last) = grid.shown().unwrap();
            assert!(first <= last && last < CLASSES - 1, "{first} to {last}");
            assert_eq!((last + 1 - first) % PER_DECADE, 0);
            let is_shown = |class: usize| (first..=last).contains(&class.clamp(1, CLASSES - 2));
            assert!(is_shown(a) && is_shown(b), "{a} and {b} in {first} to {last}");
        }
    }
}

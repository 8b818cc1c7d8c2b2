//! Histogram and heat map of a method and tool, folded to the lines and columns of the screen.

use std::ops::Range;

use crate::base::Timestamp;
use crate::tui::heat_map::{HeatMap, HeatMaps, LatencyCount, STEPS, step_start};

/// Steps of the scale that a line may combine: a tenth, a fifth, a half or all of a power of ten,
/// or everything.
const STEPS_PER_LINE: [usize; 5] = [1, 2, 5, 10, STEPS];

/// A line of the histogram and of the heat map.
#[derive(Clone, Debug, Default)]
pub(super) struct Bucket {
    /// All exchanges of the bucket.
    pub(super) total: LatencyCount,
    /// Exchanges per column.
    pub(super) columns: Vec<LatencyCount>,
}

/// Histogram and heat map with a fixed number of lines and columns.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    /// Steps per line.
    steps_per_line: usize,
    /// Lowest line, counted from the bottom of the scale.
    lowest: usize,
    /// From the lowest line up.
    buckets: Vec<Bucket>,
    /// First time range of the first column, and time ranges per column.
    first_range: i64,
    ranges_per_column: i64,
}

impl Grid {
    /// Builds a grid of at most `lines` by `columns`, at least one by one; `None` if nothing was
    /// counted.
    pub(super) fn of(heat_maps: &HeatMaps, heat: &HeatMap, lines: usize, columns: usize) -> Option<Self> {
        let (first, last) = heat_maps.range()?;
        let low = heat.cells().map(|(_, step, _)| step).min()?;
        let high = heat.cells().map(|(_, step, _)| step).max()?;
        let fits =
            |steps_per_line: &usize| line_of(high, *steps_per_line) - line_of(low, *steps_per_line) < lines;
        let steps_per_line = STEPS_PER_LINE.into_iter().find(fits).unwrap_or(STEPS);
        let lowest = line_of(low, steps_per_line);
        let stretches = last - first + 1;
        let ranges_per_column = (stretches + columns.max(1) as i64 - 1) / columns.max(1) as i64;
        let count = usize::try_from((stretches + ranges_per_column - 1) / ranges_per_column).unwrap_or(1);
        let empty = Bucket { total: LatencyCount::default(), columns: vec![LatencyCount::default(); count] };
        let mut buckets = vec![empty; line_of(high, steps_per_line) - lowest + 1];
        for (stretch, step, more) in heat.cells() {
            let Some(bucket) = buckets.get_mut(line_of(step, steps_per_line) - lowest) else { continue };
            add(&mut bucket.total, more);
            let column = usize::try_from((stretch - first) / ranges_per_column).unwrap_or(0);
            if let Some(cell) = bucket.columns.get_mut(column) {
                add(cell, more);
            }
        }
        Some(Self { steps_per_line, lowest, buckets, first_range: first, ranges_per_column })
    }

    /// Returns the lines of the scale with their buckets, the lowest first.
    pub(super) fn buckets(&self) -> impl DoubleEndedIterator<Item = (usize, &Bucket)> {
        self.buckets.iter().enumerate().map(|(at, bucket)| (at + self.lowest, bucket))
    }

    /// Returns the bucket of a line of the scale; `None` if the grid does not have that line.
    pub(super) fn bucket(&self, line: usize) -> Option<&Bucket> {
        self.buckets.get(line.checked_sub(self.lowest)?)
    }

    /// Returns the lines of the scale that the grid has.
    pub(super) fn lines(&self) -> Range<usize> {
        self.lowest..self.lowest + self.buckets.len()
    }

    /// Returns the line of a step, or the nearest line.
    pub(super) fn line_of(&self, step: usize) -> usize {
        let last = self.lines().end.saturating_sub(1);
        line_of(step, self.steps_per_line).clamp(self.lowest, last)
    }

    /// Returns the first step of a line.
    pub(super) fn step(&self, line: usize) -> usize {
        line.checked_sub(1).map_or(0, |before| 1 + before * self.steps_per_line)
    }

    /// Returns the limits of a line in nanoseconds, the upper one exclusive; `None` if unlimited.
    pub(super) fn latencies(&self, line: usize) -> (Option<i64>, Option<i64>) {
        let starts =
            |line: usize| Some(self.step(line)).filter(|step| (1..STEPS).contains(step)).map(step_start);
        (starts(line), starts(line + 1))
    }

    /// Returns the number of columns.
    pub(super) fn columns(&self) -> usize {
        self.buckets.first().map_or(0, |bucket| bucket.columns.len())
    }

    /// Returns the column of a time, or the nearest column.
    pub(super) fn column_of(&self, heat_maps: &HeatMaps, time: Timestamp) -> usize {
        let at = (heat_maps.column_of(time) - self.first_range).div_euclid(self.ranges_per_column);
        usize::try_from(at).unwrap_or(0).min(self.columns().saturating_sub(1))
    }

    /// Returns when a column begins and ends.
    pub(super) fn times(&self, heat_maps: &HeatMaps, column: usize) -> (Timestamp, Timestamp) {
        let at = self.first_range + column as i64 * self.ranges_per_column;
        (heat_maps.start(at), heat_maps.start(at + self.ranges_per_column))
    }

    /// Returns the highest exchange count of a bucket and of a cell.
    pub(super) fn maxima(&self) -> (u64, u64) {
        let line = self.buckets.iter().map(|bucket| bucket.total.all).max().unwrap_or(0);
        let cells = self.buckets.iter().flat_map(|bucket| &bucket.columns);
        (line, cells.map(|cell| cell.all).max().unwrap_or(0))
    }
}

/// Returns the number of lines that show every step on its own.
pub(super) fn line_count(heat: &HeatMap) -> usize {
    let steps = || heat.cells().map(|(_, step, _)| step);
    steps().max().zip(steps().min()).map_or(1, |(high, low)| high - low + 1)
}

/// Returns the line of a step. Latencies below 1 µs have a line of their own.
fn line_of(step: usize, steps_per_line: usize) -> usize {
    step.checked_sub(1).map_or(0, |beyond| 1 + beyond / steps_per_line)
}

fn add(to: &mut LatencyCount, more: LatencyCount) {
    to.all += more.all;
    to.failed += more.failed;
    to.waited += more.waited;
}

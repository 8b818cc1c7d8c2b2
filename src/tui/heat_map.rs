//! Latencies over time, for each method and tool: counts by step of a logarithmic scale and by
//! column of time.

use std::collections::HashMap;

use crate::base::{Timestamp, limits};
use crate::ledger::{CallGroup, Exchange};

/// The starts of the steps within a power of ten, in hundredths: the preferred numbers of ISO 3,
/// R10. Ten to a power of ten, each about a quarter above the one before, and short to write.
const PREFERRED: [i64; 10] = [100, 125, 160, 200, 250, 315, 400, 500, 630, 800];

/// The start of the second step, in nanoseconds. No packet clock resolves anything shorter.
const SHORTEST: i64 = 1_000;

/// The number of powers of ten above [`SHORTEST`] that are divided into steps. The last step begins
/// at 10,000 s.
const POWERS: usize = 10;

/// The number of steps of the scale: one below [`SHORTEST`], ten for each power of ten, one for all
/// beyond.
pub(super) const STEPS: usize = POWERS * PREFERRED.len() + 2;

/// The largest number of columns of time: more than a screen has. A heat map keeps 24 bytes for
/// each step and column that has an exchange, 600 KB at most.
const MAX_COLUMNS: i64 = 256;

/// The width of a column at first, in nanoseconds. It doubles as the capture grows.
const MIN_WIDTH: i64 = 1_000_000;

/// The largest number of heat maps. Methods and tools beyond it have none.
const MAX_HEAT_MAPS: usize = limits::MAX_TABLE_ROWS;

/// The largest number of cells of all heat maps: 8 MB. Beyond it columns become wider, down to
/// [`MIN_COLUMNS`]; then exchanges that would need another cell are not counted.
const MAX_CELLS: usize = 1 << 18;

/// The number of columns below which they do not become wider for the sake of memory.
const MIN_COLUMNS: i64 = 32;

/// Returns the start of a step, in nanoseconds; 0 for the first, which holds everything below 1 µs.
pub(super) fn step_start(step: usize) -> i64 {
    let Some(at) = step.checked_sub(1) else { return 0 };
    let (power, part) = (at / PREFERRED.len(), at % PREFERRED.len());
    let scale = 10_i64.pow(u32::try_from(power).unwrap_or(0).min(POWERS as u32));
    PREFERRED.get(part).copied().unwrap_or(100).saturating_mul(SHORTEST / 100).saturating_mul(scale)
}

/// Returns the step of a latency in nanoseconds.
pub(super) fn step_of(ns: i64) -> usize {
    if ns < SHORTEST {
        return 0;
    }
    let power = (ns / SHORTEST).ilog10() as usize;
    let first = 1 + power * PREFERRED.len();
    let reached = (first..first + PREFERRED.len()).take_while(|step| step_start(*step) <= ns).count();
    (first + reached.max(1) - 1).min(STEPS - 1)
}

/// The heat maps of all methods and tools, over the same columns of time.
#[derive(Clone, Debug)]
pub(super) struct HeatMaps {
    /// The width of a column, in nanoseconds.
    width: i64,
    /// The first and the last column that has an exchange; `None` before the first exchange.
    /// Columns are counted from the epoch.
    range: Option<(i64, i64)>,
    heat_maps: HashMap<CallGroup, HeatMap, foldhash::fast::RandomState>,
    /// Number of cells of all heat maps.
    cells: usize,
}

/// The latencies of one method and tool over time.
#[derive(Clone, Debug, Default)]
pub(super) struct HeatMap {
    /// In order of column, then step.
    cells: Vec<Cell>,
}

/// The exchanges of one step in one column of time.
#[derive(Clone, Copy, Debug)]
struct Cell {
    /// The column times [`KEY_STEPS`], plus the step.
    key: i64,
    all: u32,
    failed: u32,
    waited: u32,
}

impl Cell {
    /// Adds the counts of another cell.
    fn add(&mut self, other: Self) {
        self.all = self.all.saturating_add(other.all);
        self.failed = self.failed.saturating_add(other.failed);
        self.waited = self.waited.saturating_add(other.waited);
    }
}

/// The number of keys for each column; not below [`STEPS`].
const KEY_STEPS: i64 = 128;

/// The number of exchanges in a cell of a heat map or in a step of a histogram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LatencyCount {
    /// Exchanges: answered ones, and those that waited without an answer.
    pub(super) all: u64,
    /// Those that were answered with an error.
    pub(super) failed: u64,
    /// Those that waited without an answer: an answer would have taken longer.
    pub(super) waited: u64,
}

impl Default for HeatMaps {
    fn default() -> Self {
        Self { width: MIN_WIDTH, range: None, heat_maps: HashMap::default(), cells: 0 }
    }
}

impl HeatMaps {
    /// Returns the heat map of a method and tool; `None` if no exchange of it was answered or
    /// waited for an answer, or beyond [`MAX_HEAT_MAPS`].
    #[must_use]
    pub(super) fn get(&self, subject: &CallGroup) -> Option<&HeatMap> {
        self.heat_maps.get(subject)
    }

    /// Returns the first and the last column that has an exchange; `None` before the first
    /// exchange.
    #[must_use]
    pub(super) fn range(&self) -> Option<(i64, i64)> {
        self.range
    }

    /// Returns the start of a column.
    #[must_use]
    pub(super) fn start(&self, column: i64) -> Timestamp {
        Timestamp(column.saturating_mul(self.width))
    }

    /// Returns the column of a time.
    #[must_use]
    pub(super) fn column_of(&self, time: Timestamp) -> i64 {
        time.0.div_euclid(self.width)
    }

    /// Records an exchange that is over, if it was answered or waited for an answer.
    pub(super) fn record(&mut self, exchange: &Exchange) {
        let waited = exchange.unanswered_ns();
        let Some(total) = waited.or_else(|| exchange.latency_ns()) else { return };
        let subject = CallGroup::Call {
            origin: exchange.origin,
            method: exchange.method.clone(),
            name: exchange.name.clone(),
        };
        if self.heat_maps.len() >= MAX_HEAT_MAPS && !self.heat_maps.contains_key(&subject) {
            return;
        }
        let time = exchange.request.span.start.time;
        loop {
            let column = self.column_of(time);
            let (first, last) =
                self.range.map_or((column, column), |(first, last)| (first.min(column), last.max(column)));
            let is_full = self.cells >= MAX_CELLS && last - first >= MIN_COLUMNS;
            if last - first < MAX_COLUMNS && !is_full {
                self.range = Some((first, last));
                break;
            }
            self.widen();
        }
        let (column, step) = (self.column_of(time), step_of(total));
        let is_failed = waited.is_none() && exchange.is_failure();
        let one = LatencyCount { all: 1, failed: is_failed.into(), waited: waited.is_some().into() };
        let may_grow = self.cells < MAX_CELLS;
        let has_grown = self.heat_maps.entry(subject).or_default().record(column, step, one, may_grow);
        self.cells += usize::from(has_grown);
    }

    /// Doubles the width: two columns become one.
    fn widen(&mut self) {
        self.width = self.width.saturating_mul(2);
        self.range = self.range.map(|(first, last)| (first.div_euclid(2), last.div_euclid(2)));
        self.heat_maps.values_mut().for_each(HeatMap::widen);
        self.cells = self.heat_maps.values().map(|heat_map| heat_map.cells.len()).sum();
    }
}

impl HeatMap {
    /// Returns the cells that have an exchange: column, step and count.
    pub(super) fn cells(&self) -> impl Iterator<Item = (i64, usize, LatencyCount)> {
        self.cells.iter().map(|cell| {
            let step = usize::try_from(cell.key.rem_euclid(KEY_STEPS)).unwrap_or(0);
            let (all, failed, waited) = (cell.all.into(), cell.failed.into(), cell.waited.into());
            let count = LatencyCount { all, failed, waited };
            (cell.key.div_euclid(KEY_STEPS), step, count)
        })
    }

    /// Returns whether a cell was added, which happens only if it `may_grow`.
    fn record(&mut self, column: i64, step: usize, one: LatencyCount, may_grow: bool) -> bool {
        let key = column * KEY_STEPS + step as i64;
        // Most exchanges belong to the last cell or behind it.
        let at = match self.cells.last() {
            Some(last) if last.key < key => Err(self.cells.len()),
            _ => self.cells.binary_search_by_key(&key, |cell| cell.key),
        };
        // One exchange: each count is 0 or 1.
        let cell = Cell { key, all: one.all as u32, failed: one.failed as u32, waited: one.waited as u32 };
        match at {
            Ok(at) => {
                if let Some(known) = self.cells.get_mut(at) {
                    known.add(cell);
                }
            }
            Err(at) if may_grow => self.cells.insert(at, cell),
            Err(_) => {}
        }
        at.is_err() && may_grow
    }

    fn widen(&mut self) {
        for cell in &mut self.cells {
            let (column, step) = (cell.key.div_euclid(KEY_STEPS), cell.key.rem_euclid(KEY_STEPS));
            cell.key = column.div_euclid(2) * KEY_STEPS + step;
        }
        self.cells.sort_by_key(|cell| cell.key);
        self.cells.dedup_by(|next, kept| {
            let is_same = next.key == kept.key;
            if is_same {
                kept.add(*next);
            }
            is_same
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::sample;

    #[test]
    fn steps_begin_at_preferred_numbers() {
        let starts: Vec<i64> = (0..13).map(step_start).collect();
        assert_eq!(starts, [0, 1000, 1250, 1600, 2000, 2500, 3150, 4000, 5000, 6300, 8000, 10_000, 12_500]);
        assert_eq!(step_start(STEPS - 1), 10_000 * 1_000_000_000);
        assert_eq!((step_of(-5), step_of(999), step_of(1000), step_of(i64::MAX)), (0, 0, 1, STEPS - 1));
    }

    proptest! {
        #[test]
        fn latency_is_within_its_step(ns in 0i64..20_000_000_000_000) {
            let step = step_of(ns);
            prop_assert!(step_start(step) <= ns);
            prop_assert!(step + 1 == STEPS || ns < step_start(step + 1), "{ns} {step}");
        }

        #[test]
        fn no_exchange_is_lost(numbers in prop::collection::vec((1u64..1_000_000, 0i64..90_000_000_000), 1..300)) {
            let mut heat_maps = HeatMaps::default();
            for (n, total) in &numbers {
                heat_maps.record(&sample::exchange(*n, "ping", None, *total));
            }
            let (first, last) = heat_maps.range().unwrap();
            prop_assert!(last - first < MAX_COLUMNS);
            let heat = heat_maps.heat_maps.values().next().unwrap();
            for (n, total) in &numbers {
                let exchange = sample::exchange(*n, "ping", None, *total);
                let at = (heat_maps.column_of(exchange.request.span.start.time), step_of(*total));
                prop_assert!(heat.cells().any(|(column, step, _)| (column, step) == at));
            }
            let keys: Vec<(i64, usize)> = heat.cells().map(|(column, step, _)| (column, step)).collect();
            prop_assert!(keys.is_sorted() && keys.iter().all(|(at, _)| (first..=last).contains(at)));
            prop_assert_eq!(heat.cells().map(|(.., count)| count.all as usize).sum::<usize>(), numbers.len());
        }
    }
}

//! Latencies over time, per method and tool: counts by step of a logarithmic scale and by stretch of time, kept while
//! exchanges come.

use std::collections::HashMap;

use crate::base::Timestamp;
use crate::ledger::{Exchange, Status, Subject};

/// Where steps begin within a power of ten, in hundredths: the preferred numbers of ISO 3, R10. Ten to a power of ten,
/// each about a quarter above the one before, and short to write.
const PREFERRED: [i64; 10] = [100, 125, 160, 200, 250, 315, 400, 500, 630, 800];

/// Where the second step begins, in nanoseconds: what is faster no packet clock tells apart.
const FASTEST: i64 = 1_000;

/// Powers of ten above [`FASTEST`] that are cut in steps: the last step begins at 10000 s.
const POWERS: usize = 10;

/// Steps of the scale: one below [`FASTEST`], ten for each power of ten, one for all beyond.
pub(super) const STEPS: usize = POWERS * PREFERRED.len() + 2;

/// Stretches of time at most: more than a screen has columns. A row keeps a count for each step and stretch that has
/// any exchange, 16 bytes: no more than it has exchanges, and 400 KB at most.
const STRETCHES: i64 = 256;

/// The width that stretches begin with, in nanoseconds; it doubles as the capture grows. Whole milliseconds.
const NARROWEST: i64 = 1_000_000;

/// FilteredExchanges at most, as in the ledger's table: what is beyond has no heat map.
const MAX_ROWS: usize = crate::base::limits::MAX_TABLE_ROWS;

/// Where a step begins, in nanoseconds; 0 for the first, which has all below 1 µs.
pub(super) fn step_start(step: usize) -> i64 {
    let Some(at) = step.checked_sub(1) else { return 0 };
    let (power, part) = (at / PREFERRED.len(), at % PREFERRED.len());
    let scale = 10_i64.pow(u32::try_from(power).unwrap_or(0).min(POWERS as u32));
    PREFERRED.get(part).copied().unwrap_or(100).saturating_mul(FASTEST / 100).saturating_mul(scale)
}

/// The step in which a latency lies.
pub(super) fn step_of(ns: i64) -> usize {
    if ns < FASTEST {
        return 0;
    }
    let power = (ns / FASTEST).ilog10() as usize;
    let first = 1 + power * PREFERRED.len();
    let beyond = (first..first + PREFERRED.len()).take_while(|step| step_start(*step) <= ns).count();
    (first + beyond.max(1) - 1).min(STEPS - 1)
}

/// The counts of every method and tool, over the same stretches of time.
#[derive(Clone, Debug)]
pub struct HeatMaps {
    width: i64,
    /// The first and the last stretch that has any exchange; `None` before the first.
    range: Option<(i64, i64)>,
    rows: HashMap<Subject, HeatMap, foldhash::fast::RandomState>,
}

/// The counts of one method and tool.
#[derive(Clone, Debug, Default)]
pub struct HeatMap {
    /// By stretch and step, in this order.
    cells: Vec<Counts>,
}

/// Exchanges of one step in one stretch of time.
#[derive(Clone, Copy, Debug)]
struct Counts {
    /// The stretch times [`SHIFT`], and the step.
    key: i64,
    all: u32,
    failed: u32,
}

/// More than there are steps.
const SHIFT: i64 = 128;

/// Counts of a cell: of a heat map, or of a histogram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Answered exchanges.
    pub all: u64,
    /// Those of them that were answered with an error.
    pub failed: u64,
}

impl Default for HeatMaps {
    fn default() -> Self {
        Self { width: NARROWEST, range: None, rows: HashMap::default() }
    }
}

impl HeatMaps {
    /// The counts of a method and tool; `None` where no exchange of it was answered, or beyond 10000 of them.
    #[must_use]
    pub fn of(&self, subject: &Subject) -> Option<&HeatMap> {
        self.rows.get(subject)
    }

    /// The first and the last stretch of time that has any exchange; `None` before the first exchange.
    #[must_use]
    pub fn range(&self) -> Option<(i64, i64)> {
        self.range
    }

    /// The width of a stretch, in nanoseconds.
    #[must_use]
    pub fn width_ns(&self) -> i64 {
        self.width
    }

    /// When a stretch begins.
    #[must_use]
    pub fn start(&self, stretch: i64) -> Timestamp {
        Timestamp(stretch.saturating_mul(self.width))
    }

    /// The stretch in which a time lies.
    #[must_use]
    pub fn stretch(&self, time: Timestamp) -> i64 {
        time.0.div_euclid(self.width)
    }

    pub(super) fn count(&mut self, exchange: &Exchange) {
        let Some(total) = exchange.total_ns().filter(|_| exchange.status.is_answered()) else { return };
        let subject = Subject::Call {
            origin: exchange.origin,
            method: exchange.method.clone(),
            name: exchange.name.clone(),
        };
        if self.rows.len() >= MAX_ROWS && !self.rows.contains_key(&subject) {
            return;
        }
        let time = exchange.request.span.start.time;
        loop {
            let at = self.stretch(time);
            let (first, last) = self.range.map_or((at, at), |(first, last)| (first.min(at), last.max(at)));
            if last - first < STRETCHES {
                self.range = Some((first, last));
                break;
            }
            self.widen();
        }
        let stretch = self.stretch(time);
        self.rows.entry(subject).or_default().count(stretch, step_of(total), exchange.status != Status::Ok);
    }

    /// Makes one stretch of two.
    fn widen(&mut self) {
        self.width = self.width.saturating_mul(2);
        self.range = self.range.map(|(first, last)| (first.div_euclid(2), last.div_euclid(2)));
        self.rows.values_mut().for_each(HeatMap::widen);
    }
}

impl HeatMap {
    /// Every count: its stretch, its step and what it is.
    pub(super) fn cells(&self) -> impl Iterator<Item = (i64, usize, Count)> {
        self.cells.iter().map(|cell| {
            let step = usize::try_from(cell.key.rem_euclid(SHIFT)).unwrap_or(0);
            let count = Count { all: cell.all.into(), failed: cell.failed.into() };
            (cell.key.div_euclid(SHIFT), step, count)
        })
    }

    fn count(&mut self, stretch: i64, step: usize, failed: bool) {
        let key = stretch * SHIFT + step as i64;
        // What comes is mostly the latest.
        let at = match self.cells.last() {
            Some(last) if last.key < key => Err(self.cells.len()),
            _ => self.cells.binary_search_by_key(&key, |cell| cell.key),
        };
        match at {
            Ok(at) => {
                if let Some(cell) = self.cells.get_mut(at) {
                    cell.all = cell.all.saturating_add(1);
                    cell.failed = cell.failed.saturating_add(failed.into());
                }
            }
            Err(at) => self.cells.insert(at, Counts { key, all: 1, failed: failed.into() }),
        }
    }

    fn widen(&mut self) {
        for cell in &mut self.cells {
            let (stretch, step) = (cell.key.div_euclid(SHIFT), cell.key.rem_euclid(SHIFT));
            cell.key = stretch.div_euclid(2) * SHIFT + step;
        }
        self.cells.sort_by_key(|cell| cell.key);
        self.cells.dedup_by(|more, kept| {
            let is_same = more.key == kept.key;
            if is_same {
                kept.all = kept.all.saturating_add(more.all);
                kept.failed = kept.failed.saturating_add(more.failed);
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
    fn steps_are_preferred_numbers() {
        let starts: Vec<i64> = (0..13).map(step_start).collect();
        assert_eq!(starts, [0, 1000, 1250, 1600, 2000, 2500, 3150, 4000, 5000, 6300, 8000, 10_000, 12_500]);
        assert_eq!(step_start(STEPS - 1), 10_000 * 1_000_000_000);
        assert_eq!((step_of(-5), step_of(999), step_of(1000), step_of(i64::MAX)), (0, 0, 1, STEPS - 1));
    }

    proptest! {
        #[test]
        fn a_latency_lies_in_its_step(ns in 0i64..20_000_000_000_000) {
            let step = step_of(ns);
            prop_assert!(step_start(step) <= ns);
            prop_assert!(step + 1 == STEPS || ns < step_start(step + 1), "{ns} {step}");
        }

        #[test]
        fn no_exchange_is_lost(numbers in prop::collection::vec((1u64..1_000_000, 0i64..90_000_000_000), 1..300)) {
            let mut heat_maps = HeatMaps::default();
            for (n, total) in &numbers {
                heat_maps.count(&sample::exchange(*n, "ping", None, *total));
            }
            let (first, last) = heat_maps.range().unwrap();
            prop_assert!(last - first < STRETCHES);
            let heat = heat_maps.rows.values().next().unwrap();
            for (n, total) in &numbers {
                let exchange = sample::exchange(*n, "ping", None, *total);
                let at = (heat_maps.stretch(exchange.request.span.start.time), step_of(*total));
                prop_assert!(heat.cells().any(|(stretch, step, _)| (stretch, step) == at));
            }
            let keys: Vec<(i64, usize)> = heat.cells().map(|(stretch, step, _)| (stretch, step)).collect();
            prop_assert!(keys.is_sorted() && keys.iter().all(|(at, _)| (first..=last).contains(at)));
            prop_assert_eq!(heat.cells().map(|(.., count)| count.all as usize).sum::<usize>(), numbers.len());
        }
    }
}

//! When packet time is announced: a matter of the packets alone, whoever asks how often.
//!
//! ```text
//!  packet        TICK apart, for FINE                COARSE apart, for ALL             packet
//!  ──┬──|──|──|──|──|──|──|──|──|──|──|──|───────|───────|───────|───────|┄┄┄┄┄┄┄┄┄┄┄┄┄┄┬──
//! ```
//!
//! All that waits for a time waits for less than FINE, but for silent connections and sessions,
//! which wait for less than ALL. Behind that nothing is left to be told, so that years without a
//! packet cost no more than a day.

use crate::base::{Timestamp, limits};

/// How long after a packet time is announced every [`limits::TICK`], in nanoseconds.
const FINE: i64 = 30_000_000_000;

/// How far apart times are announced after that, in nanoseconds. A multiple of the tick.
const COARSE: i64 = 60_000_000_000;

/// How long after a packet times are announced at all, in nanoseconds.
const ALL: i64 = limits::CONNECTION_IDLE + 2 * COARSE;

/// The times at which packet time is announced.
#[derive(Debug, Default)]
pub(super) struct Grid {
    /// The time of the latest packet, floored to the grid, and of the latest announcement; `None`
    /// before the first packet.
    state: Option<(i64, i64)>,
}

impl Grid {
    /// A packet at `time`, after everything until then was announced.
    pub(super) fn start(&mut self, time: Timestamp) {
        let floor = time.0.div_euclid(limits::TICK).saturating_mul(limits::TICK);
        let told = self.state.map_or(floor, |(_, told)| told.max(floor));
        // A packet from before the latest announcement (a clock that was set back, several
        // interfaces) starts nothing.
        let packet = self.state.map_or(floor, |(packet, _)| packet.max(floor));
        self.state = Some((packet, told));
    }

    /// The next time that is to be announced where it is `until`; `None` where there is none.
    pub(super) fn next(&mut self, until: Timestamp) -> Option<Timestamp> {
        let (packet, told) = self.state?;
        let step = if told.saturating_sub(packet) < FINE { limits::TICK } else { COARSE };
        let next = told.checked_add(step)?;
        if next > until.0 || next.saturating_sub(packet) > ALL {
            return None;
        }
        self.state = Some((packet, next));
        Some(Timestamp(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(grid: &mut Grid, until: i64) -> Vec<i64> {
        std::iter::from_fn(|| grid.next(Timestamp(until))).map(|time| time.0).collect()
    }

    #[test]
    fn times_are_those_of_the_clock_and_end() {
        let mut grid = Grid::default();
        assert!(all(&mut grid, i64::MAX).is_empty(), "nothing before the first packet");
        grid.start(Timestamp(130_000_000));
        assert!(all(&mut grid, 149_999_999).is_empty());
        assert_eq!(all(&mut grid, 200_000_000), [150_000_000, 200_000_000]);
        let rest = all(&mut grid, i64::MAX);
        assert_eq!(rest.len() as i64, FINE / limits::TICK - 2 + (ALL - FINE) / COARSE);
        grid.start(Timestamp(i64::MAX));
        assert!(all(&mut grid, i64::MAX).is_empty());
    }

    proptest::proptest! {
        /// Asked in between or not, the same times are told before the same packets.
        #[test]
        fn asking_changes_nothing(steps in proptest::collection::vec((-1_000_000_000i64..100_000_000_000, 0usize..5), 1..20)) {
            let (mut asked, mut alone, mut time) = (Grid::default(), Grid::default(), 0);
            for (step, times) in steps {
                let mut told = Vec::new();
                for part in 0..times as i64 {
                    told.extend(all(&mut asked, time + step / 5 * part));
                }
                time += step;
                told.extend(all(&mut asked, time));
                proptest::prop_assert_eq!(told, all(&mut alone, time));
                asked.start(Timestamp(time));
                alone.start(Timestamp(time));
            }
        }
    }
}

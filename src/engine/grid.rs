//! The times of ticks. They depend on the packets alone, not on how often the caller asks.
//!
//! ```text
//!  packet        TICK apart, for FINE                COARSE apart, for ALL             packet
//!  ──┬──|──|──|──|──|──|──|──|──|──|──|──|───────|───────|───────|───────|┄┄┄┄┄┄┄┄┄┄┄┄┄┄┬──
//! ```
//!
//! Everything that waits for a time waits for less than `FINE`, except silent connections and
//! sessions, which wait for less than `ALL`. After that nothing waits, so a silence of years costs
//! no more than one of a day.

use crate::base::{Timestamp, limits};

/// How long after a packet ticks are [`limits::TICK`] apart, in nanoseconds.
const FINE: i64 = 30_000_000_000;

/// Interval of ticks after that, in nanoseconds. A multiple of [`limits::TICK`].
const COARSE: i64 = 60_000_000_000;

/// How long after a packet there are ticks at all, in nanoseconds.
const ALL: i64 = limits::CONNECTION_IDLE + 2 * COARSE;

/// The times of ticks.
#[derive(Debug, Default)]
pub(super) struct Grid {
    /// The time of the latest packet, floored to the grid, and of the latest announcement; `None`
    /// before the first packet.
    state: Option<(i64, i64)>,
}

impl Grid {
    /// Returns whether a packet at this time changes nothing: no tick is due before it, and
    /// [`Grid::start`] has no effect. So it is with nearly every packet: it comes within a tick of
    /// the one before it.
    #[inline]
    pub(super) fn includes(&self, time: Timestamp) -> bool {
        self.state.is_some_and(|(packet, announced)| {
            announced >= packet && (packet..packet.saturating_add(limits::TICK)).contains(&time.0)
        })
    }

    /// Takes the time of a packet. All ticks before it were taken from [`Grid::next`].
    pub(super) fn start(&mut self, time: Timestamp) {
        let floor = time.0.div_euclid(limits::TICK).saturating_mul(limits::TICK);
        let announced = self.state.map_or(floor, |(_, announced)| announced.max(floor));
        // A packet from before the latest announcement (a clock that was set back, several
        // interfaces) starts nothing.
        let packet = self.state.map_or(floor, |(packet, _)| packet.max(floor));
        self.state = Some((packet, announced));
    }

    /// Returns the next tick up to `until`; `None` if there is none.
    pub(super) fn next(&mut self, until: Timestamp) -> Option<Timestamp> {
        let (packet, next) = self.peek(until)?;
        self.state = Some((packet, next));
        Some(Timestamp(next))
    }

    /// Whether there is a tick up to `until`.
    pub(super) fn is_due(&self, until: Timestamp) -> bool {
        self.peek(until).is_some()
    }

    /// Returns the state with the next tick up to `until`.
    fn peek(&self, until: Timestamp) -> Option<(i64, i64)> {
        let (packet, announced) = self.state?;
        let step = if announced.saturating_sub(packet) < FINE { limits::TICK } else { COARSE };
        let next = announced.checked_add(step)?;
        if next > until.0 || next.saturating_sub(packet) > ALL {
            return None;
        }
        Some((packet, next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(grid: &mut Grid, until: i64) -> Vec<i64> {
        std::iter::from_fn(|| grid.next(Timestamp(until))).map(|time| time.0).collect()
    }

    #[test]
    fn ticks_are_multiples_of_the_interval_and_end() {
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
        #[test]
        fn a_packet_that_is_included_changes_nothing(steps in proptest::collection::vec(
            -1_000_000_000i64..60_000_000_000, 1..20)) {
            let (mut grid, mut time) = (Grid::default(), 0);
            for step in steps {
                time += step / 100;
                if grid.includes(Timestamp(time)) {
                    let before = grid.state;
                    proptest::prop_assert!(!grid.is_due(Timestamp(time)));
                    grid.start(Timestamp(time));
                    proptest::prop_assert_eq!(grid.state, before);
                }
                all(&mut grid, time + step);
                grid.start(Timestamp(time));
            }
        }

        /// However often it is asked, the same ticks come before the same packets.
        #[test]
        fn asking_more_often_changes_nothing(steps in proptest::collection::vec((-1_000_000_000i64..100_000_000_000, 0usize..5), 1..20)) {
            let (mut asked, mut alone, mut time) = (Grid::default(), Grid::default(), 0);
            for (step, times) in steps {
                let mut announced = Vec::new();
                for part in 0..times as i64 {
                    announced.extend(all(&mut asked, time + step / 5 * part));
                }
                time += step;
                announced.extend(all(&mut asked, time));
                proptest::prop_assert_eq!(announced, all(&mut alone, time));
                asked.start(Timestamp(time));
                alone.start(Timestamp(time));
            }
        }
    }
}

//! What the time stamps of a pcapng interface mean: ticks in, nanoseconds since 1970 out.

/// The resolution and the offset of an interface's time stamps (`if_tsresol`, `if_tsoffset`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InterfaceClock {
    tick: TickLength,
    /// Seconds that are added.
    offset: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TickLength {
    /// A tick is this many nanoseconds.
    Nanoseconds(u64),
    /// A nanosecond has this many ticks.
    PerNanosecond(u64),
    /// A second has two to this power of ticks.
    Binary(u32),
    /// So many ticks a second that 64 bits of them are less than a nanosecond.
    BelowNanosecond,
}

/// Microseconds since 1970: what holds where an interface says nothing.
impl Default for InterfaceClock {
    fn default() -> Self {
        Self::new(6, 0)
    }
}

impl InterfaceClock {
    /// The clock of an `if_tsresol` byte (a power of ten, or with the highest bit of two) and an `if_tsoffset`.
    pub(super) fn new(resolution: u8, offset: i64) -> Self {
        let power = u32::from(resolution & 0x7f);
        let tick = match (resolution & 0x80 != 0, power) {
            (true, _) => TickLength::Binary(power),
            (false, 0..=9) => TickLength::Nanoseconds(10u64.pow(9 - power)),
            (false, 10..=28) => TickLength::PerNanosecond(10u64.pow(power - 9)),
            (false, _) => TickLength::BelowNanosecond,
        };
        Self { tick, offset }
    }

    /// The time of `ticks`, in nanoseconds since 1970, rounded down.
    pub(super) fn ns(self, ticks: u64) -> i128 {
        let ns = match self.tick {
            TickLength::Nanoseconds(ns) => i128::from(ticks) * i128::from(ns),
            TickLength::PerNanosecond(ticks_per_ns) => i128::from(ticks / ticks_per_ns),
            // Below 2^94; at most 127 bits are shifted out.
            TickLength::Binary(power) => (i128::from(ticks) * SECOND) >> power,
            TickLength::BelowNanosecond => 0,
        };
        ns + i128::from(self.offset) * SECOND
    }
}

const SECOND: i128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resolution() {
        for (resolution, ticks, ns) in [
            (0, 3, 3_000_000_000),
            (3, 1_500, 1_500_000_000),
            (6, 1_500_000, 1_500_000_000),
            (9, 1_500_000_001, 1_500_000_001),
            (12, 1_500_000_001_999, 1_500_000_001),
            (28, u64::MAX, 1),
            (29, u64::MAX, 0),
            (0x7f, u64::MAX, 0),
            (0x80, 3, 3_000_000_000),
            (0x94, 3 << 19, 1_500_000_000),
            (0x94, 1, 953),
            (0xff, u64::MAX, 0),
        ] {
            assert_eq!(InterfaceClock::new(resolution, 0).ns(ticks), ns, "{resolution:#x}");
        }
    }

    #[test]
    fn offsets_and_extremes() {
        assert_eq!(InterfaceClock::new(3, -2).ns(1_500), -500_000_000);
        assert_eq!(InterfaceClock::new(0, 1 << 40).ns(1), ((1i128 << 40) + 1) * SECOND);
        for resolution in 0..=255 {
            for offset in [i64::MIN, 0, i64::MAX] {
                let _ = InterfaceClock::new(resolution, offset).ns(u64::MAX);
            }
        }
    }
}

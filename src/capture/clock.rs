//! Converts time stamps of a pcapng interface from ticks to nanoseconds since the epoch.

/// Resolution and offset of an interface's time stamps (`if_tsresol`, `if_tsoffset`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InterfaceClock {
    tick: TickLength,
    /// Added to every time, in seconds.
    offset: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TickLength {
    /// Nanoseconds per tick.
    Nanoseconds(u64),
    /// Ticks per nanosecond.
    PerNanosecond(u64),
    /// Ticks per second, as a power of two.
    Binary(u32),
    /// Ticks so short that 2^64 of them are less than a nanosecond.
    BelowNanosecond,
}

/// Microseconds since the epoch: the default of the format.
impl Default for InterfaceClock {
    fn default() -> Self {
        Self::new(6, 0)
    }
}

impl InterfaceClock {
    /// Decodes an `if_tsresol` byte (a power of ten; of two if the highest bit is set). `offset` is
    /// `if_tsoffset`, in seconds.
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

    /// Returns the time of `ticks` in nanoseconds since the epoch, rounded down.
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

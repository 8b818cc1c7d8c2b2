//! Plays a saved capture at its original speed, as if it were live.
//!
//! The first packet is yielded at once, every other with its original delay to the first. Meanwhile
//! [`Item::Time`] reports the packet time, so that a call never blocks for longer than
//! `MAX_STEP`. The caller supplies the clock.

use std::time::Duration;

use super::item::{Error, Item, Source};
use crate::base::{Findings, Timestamp};

/// Longest wait before [`Item::Time`]. A live capture yields one at least every 100 ms.
const MAX_STEP: Duration = Duration::from_millis(50);

/// A monotonic clock that can sleep.
pub trait Clock {
    /// Returns the time since a fixed moment.
    fn now(&mut self) -> Duration;

    /// Sleeps for at least `time`.
    fn sleep(&mut self, time: Duration);
}

/// A source played at its original speed.
#[derive(Debug)]
pub struct Playback<S, C> {
    source: S,
    clock: C,
    /// Next item, which is not due yet.
    held: Option<Item>,
    /// Time of the first packet, and the clock when it was yielded.
    started: Option<(Timestamp, Duration)>,
    is_ended: bool,
}

impl<S: Source, C: Clock> Playback<S, C> {
    /// Plays `source` by `clock`.
    #[must_use]
    pub fn new(source: S, clock: C) -> Self {
        Self { source, clock, held: None, started: None, is_ended: false }
    }

    /// Time since the first packet was yielded; zero before that.
    pub fn played(&mut self) -> Duration {
        let now = self.clock.now();
        self.started.map_or(Duration::ZERO, |(_, at)| now.saturating_sub(at))
    }

    /// Ends the playback: the next call returns `None`.
    pub fn end(&mut self) {
        self.is_ended = true;
    }

    /// Time until the item is due; zero for items without a time.
    fn wait(&mut self, item: &Item) -> Duration {
        let Some(time) = time_of(item) else {
            return Duration::ZERO;
        };
        let now = self.clock.now();
        let (first, at) = *self.started.get_or_insert((time, now));
        // Packets with earlier times than the first are due at once.
        let due = at.saturating_add(Duration::from_nanos(u64::try_from(time.since(first)).unwrap_or(0)));
        due.saturating_sub(now)
    }

    /// Present packet time.
    fn time(&mut self) -> Option<Timestamp> {
        let played = i64::try_from(self.played().as_nanos()).unwrap_or(i64::MAX);
        self.started.map(|(first, _)| first.plus(played))
    }
}

impl<S: Source, C: Clock> Source for Playback<S, C> {
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, Error> {
        let item = match self.held.take() {
            _ if self.is_ended => None,
            Some(item) => Some(item),
            None => self.source.next(findings)?,
        };
        let Some(item) = item else {
            self.is_ended = true;
            return Ok(None);
        };
        let wait = self.wait(&item);
        self.clock.sleep(wait.min(MAX_STEP));
        if wait <= MAX_STEP {
            return Ok(Some(item));
        }
        // A sleep may last too long: never report a time after the next item.
        let now = self.time().into_iter().chain(time_of(&item)).min();
        self.held = Some(item);
        Ok(now.map(Item::Time))
    }
}

/// Time of an item; `None` for secrets, losses and [`Item::Pending`].
fn time_of(item: &Item) -> Option<Timestamp> {
    match item {
        Item::Packet(packet) => Some(packet.origin.time),
        Item::Time(time) => Some(*time),
        Item::Secrets { .. } | Item::Lost { .. } | Item::Pending => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::base::Origin;
    use crate::capture::{LinkType, Packet};

    /// A source of packets with these times.
    struct List(VecDeque<i64>, u64);

    impl Source for List {
        fn next(&mut self, _findings: &mut Findings) -> Result<Option<Item>, Error> {
            self.1 += 1;
            Ok(self.0.pop_front().map(|time| {
                let (origin, link_type) = (Origin::new(self.1, time), LinkType(1));
                Item::Packet(Packet { origin, link_type, interface: 0, data: Bytes::new(), original_len: 0 })
            }))
        }
    }

    /// A clock that advances only by sleeping; each sleep lasts a little too long.
    #[derive(Default)]
    struct Fake {
        now: Duration,
        over: Duration,
    }

    impl Clock for Fake {
        fn now(&mut self) -> Duration {
            self.now
        }

        fn sleep(&mut self, time: Duration) {
            self.now += time + if time.is_zero() { Duration::ZERO } else { self.over };
        }
    }

    /// Items, each with the clock when it was yielded.
    fn play(times: &[i64], over: Duration) -> Vec<(Duration, Item)> {
        let clock = Fake { now: Duration::from_secs(77), over };
        let mut playback = Playback::new(List(VecDeque::from_iter(times.iter().copied()), 0), clock);
        let mut out = Vec::new();
        while let Some(item) = playback.next(&mut Findings::default()).unwrap() {
            out.push((playback.clock.now - Duration::from_secs(77), item));
        }
        out
    }

    fn packets(out: &[(Duration, Item)]) -> Vec<(Duration, i64)> {
        let packet = |(at, item): &(Duration, Item)| match item {
            Item::Packet(packet) => Some((*at, packet.origin.time.0)),
            _ => None,
        };
        out.iter().filter_map(packet).collect()
    }

    proptest! {
        #[test]
        fn packets_keep_order_and_are_not_early(
            gaps in proptest::collection::vec(-1_000_000i64..400_000_000, 1..20),
            over in 0u64..5_000_000,
        ) {
            let times: Vec<i64> = gaps.iter().scan(1_795_337_355_000_000_000, |time, gap| {
                *time += gap;
                Some(*time)
            }).collect();
            let out = play(&times, Duration::from_nanos(over));
            let packets = packets(&out);
            prop_assert_eq!(packets.iter().map(|(_, time)| *time).collect::<Vec<_>>(), times.clone());
            for (at, time) in &packets {
                let due = Duration::from_nanos(u64::try_from(time - times[0]).unwrap_or(0));
                prop_assert!(*at >= due, "not too early");
            }
            // Late by at most the excess of all sleeps.
            let (last, due) = (packets.last().unwrap().0, (times.iter().max().unwrap() - times[0]).max(0));
            let late = Duration::from_nanos(over * (out.len() as u64 + 1));
            prop_assert!(last <= Duration::from_nanos(due as u64) + late);
            // No packet is from before a reported time, unless the capture itself goes back in
            // time.
            let mut reported = i64::MIN;
            for (_, item) in &out {
                match item {
                    Item::Time(time) => reported = reported.max(time.0),
                    Item::Packet(packet) if packet.origin.time.0 >= times[0] => {
                        let goes_back = packets.iter().any(|(_, time)| *time > packet.origin.time.0);
                        prop_assert!(goes_back || packet.origin.time.0 >= reported);
                    }
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn silence_yields_times() {
        let out = play(&[0, 1_000_000_000], Duration::ZERO);
        let times = out.iter().filter(|(_, item)| matches!(item, Item::Time(_))).count();
        assert_eq!(times, 19, "every 50 ms of a second");
        assert_eq!(packets(&out), [(Duration::ZERO, 0), (Duration::from_secs(1), 1_000_000_000)]);
    }

    #[test]
    fn end_ends_the_playback() {
        let mut playback = Playback::new(List(VecDeque::from([0, 1, 2]), 0), Fake::default());
        assert!(playback.next(&mut Findings::default()).unwrap().is_some());
        playback.end();
        assert!(playback.next(&mut Findings::default()).unwrap().is_none());
    }
}

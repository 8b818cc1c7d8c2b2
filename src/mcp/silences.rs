//! The order in which sessions fell silent.

use std::collections::VecDeque;

use super::handle::SessionIndex;
use super::session_list::SessionList;

/// Sessions that are quiet, in the order in which they fell silent.
#[derive(Debug, Default)]
pub(super) struct Silences {
    /// The number of each silence and its session, the first silence first. Sessions that became
    /// active again, or were evicted, may be in it.
    list: VecDeque<(u64, SessionIndex)>,
    /// Number of silences so far.
    count: u64,
}

impl Silences {
    /// A session falls silent. Returns the number of its silence.
    pub(super) fn begin(&mut self, index: SessionIndex) -> u64 {
        self.count += 1;
        self.list.push_back((self.count, index));
        self.count
    }

    /// Returns the session that fell silent first; `None` if none is quiet.
    pub(super) fn first(&mut self, sessions: &SessionList) -> Option<SessionIndex> {
        while let Some((silence, index)) = self.list.front().copied() {
            if sessions.is_silent(index, silence) {
                return Some(index);
            }
            self.list.pop_front();
        }
        None
    }

    /// The memory that they take, in bytes.
    pub(super) fn allocated(&self) -> usize {
        self.list.len() * size_of::<(u64, SessionIndex)>()
    }

    /// Removes silences that are over once they are the larger part.
    pub(super) fn trim(&mut self, sessions: &SessionList) {
        if self.list.len() > 2 * sessions.len() {
            self.list.retain(|(silence, index)| sessions.is_silent(*index, *silence));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::session_key::SessionKey;
    use super::super::session_table::Sessions;
    use super::super::sighting::Sighting;
    use super::*;
    use crate::base::{Origin, Peers, Timestamp, limits};

    const SECOND: i64 = 1_000_000_000;

    fn use_session(sessions: &mut Sessions, number: u64, at: Origin) -> SessionIndex {
        let (client, server) = ("10.0.0.1:5000".parse().unwrap(), "10.0.0.2:80".parse().unwrap());
        let peers = Peers { tcp_stream: 0, client, server, via: None };
        let (id, path) = (Arc::from(format!("session-with-the-number-{number:032}")), Arc::from("/mcp"));
        let seen = Sighting { peers, path: Some(&path), at, messages: number };
        let index = sessions.find_or_create(SessionKey::of_id(server, &path, &id), Some(id), seen);
        sessions.wake(index, at.time);
        sessions.get_mut(index).unwrap().extend(at, at);
        index
    }

    /// The first session is used all the time; the others fall silent, the second comes back.
    fn sessions() -> (Sessions, Vec<SessionIndex>) {
        let mut sessions = Sessions::default();
        let mut all = Vec::new();
        for number in 0..5 {
            let at = Origin::new(number + 1, number.cast_signed() * 60 * SECOND);
            use_session(&mut sessions, 0, at);
            all.push(use_session(&mut sessions, number, at));
            sessions.tick(at.time);
        }
        let at = Origin::new(6, 300 * SECOND);
        use_session(&mut sessions, 0, at);
        use_session(&mut sessions, 1, at);
        sessions.tick(Timestamp(301 * SECOND));
        (sessions, all)
    }

    #[test]
    fn the_session_that_fell_silent_first_is_evicted_first() {
        let (mut sessions, all) = sessions();
        let mut order = Vec::new();
        while let Some(index) = sessions.least_needed() {
            order.push(index);
            sessions.evict(index);
        }
        // Those that are active come last, the oldest first.
        assert_eq!(order, [all[2], all[3], all[4], all[0], all[1]]);
    }

    #[test]
    fn a_session_is_forgotten_after_a_day() {
        let (mut sessions, _) = sessions();
        let taken = |sessions: &mut Sessions, now: i64| {
            let now = Timestamp(now);
            sessions.tick(now);
            let taken = std::iter::from_fn(|| sessions.take_idle(0, now));
            taken.map(|record| record.session.number).collect::<Vec<_>>()
        };
        let third = 120 * SECOND;
        assert!(taken(&mut sessions, third + limits::SESSION_IDLE - 1).is_empty());
        assert_eq!(taken(&mut sessions, third + limits::SESSION_IDLE), [3]);
        assert_eq!(taken(&mut sessions, 10 * limits::SESSION_IDLE), [4, 5, 2, 1]);
        assert!(sessions.records().is_empty() && sessions.allocated() == 0);
    }

    /// Sessions that fall silent and come back, while another one stays silent.
    #[test]
    fn sessions_that_poll_take_no_memory() {
        let (mut sessions, mut most) = (Sessions::default(), 0);
        for round in 0..1_000_u64 {
            let at = Origin::new(round + 1, round.cast_signed() * 60 * SECOND);
            for number in [0, 1, 2].into_iter().filter(|number| *number > 0 || round == 0) {
                use_session(&mut sessions, number, at);
            }
            sessions.tick(at.time.plus(59 * SECOND));
            if round == 10 {
                most = sessions.allocated();
            }
            assert!(round < 10 || sessions.allocated() <= most + 200, "{most}, {}", sessions.allocated());
        }
        assert_eq!(sessions.take_idle(3, Timestamp(i64::MAX)).map(|record| record.session.number), None);
    }

    #[test]
    fn silences_that_are_over_take_no_memory() {
        let (mut silences, sessions) = (Silences::default(), SessionList::default());
        for number in 0..1_000 {
            silences.begin(SessionIndex(number));
            silences.trim(&sessions);
        }
        assert!(silences.list.is_empty() && silences.list.capacity() <= 8);
    }
}

//! The sessions by index, with the memory that they take.

use super::handle::SessionIndex;
use super::record::Session;
use super::session::SessionState;
use super::session_slot::Slot;
use crate::base::{Account, Degraded, Tally};

/// All sessions by index. An index is never reused; the slots of evicted sessions at the front are,
/// once they are half of all.
#[derive(Debug, Default)]
pub(super) struct SessionList {
    entries: Vec<Entry>,
    /// Number of slots that were removed at the front: the index of the first one in `entries`.
    removed: usize,
    /// Number of evicted sessions at the front of `entries`.
    evicted: usize,
    /// Memory of all sessions.
    memory: Tally,
}

#[derive(Debug)]
struct Entry {
    slot: Slot,
    /// The memory that the session accounts for.
    account: Account,
}

impl SessionList {
    /// The index that the next session gets.
    pub(super) fn next(&self) -> SessionIndex {
        SessionIndex::of_position(self.removed + self.entries.len())
    }

    /// Adds a session, which has the index [`next`](Self::next).
    pub(super) fn push(&mut self, session: Box<SessionState>) {
        self.entries.push(Entry { slot: Slot::Active(session), account: Account::default() });
    }

    /// The session in as much detail as is kept; `None` if it was evicted and its slot removed.
    pub(super) fn get(&self, index: SessionIndex) -> Option<&Slot> {
        Some(&self.entries.get(self.position(index)?)?.slot)
    }

    /// As [`get`](Self::get).
    pub(super) fn get_mut(&mut self, index: SessionIndex) -> Option<&mut Slot> {
        let position = self.position(index)?;
        Some(&mut self.entries.get_mut(position)?.slot)
    }

    /// The session, and all others beside it; `None` if it is quiet or evicted.
    pub(super) fn split(&mut self, index: SessionIndex) -> Option<(&mut SessionState, OtherSessions<'_>)> {
        let position = self.position(index)?;
        let (before, rest) = self.entries.split_at_mut_checked(position)?;
        let (entry, after) = rest.split_first_mut()?;
        Some((entry.slot.active_mut()?, OtherSessions { before, after, removed: self.removed }))
    }

    /// Number of sessions, without those at the front that were evicted.
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.evicted
    }

    /// The oldest session that was not evicted.
    pub(super) fn oldest(&self) -> Option<SessionIndex> {
        (self.len() > 0).then(|| SessionIndex::of_position(self.removed + self.evicted))
    }

    /// Removes what is kept of a session and returns it; `None` if it was evicted before.
    pub(super) fn evict(&mut self, index: SessionIndex) -> Option<Slot> {
        let position = self.position(index)?;
        let entry = self.entries.get_mut(position)?;
        let slot = std::mem::replace(&mut entry.slot, Slot::Evicted);
        self.memory.close(&mut entry.account);
        while self.entries.get(self.evicted).is_some_and(|entry| matches!(entry.slot, Slot::Evicted)) {
            self.evicted += 1;
        }
        if self.evicted > self.entries.len() / 2 {
            self.entries.drain(..self.evicted);
            self.removed += std::mem::take(&mut self.evicted);
        }
        (!matches!(slot, Slot::Evicted)).then_some(slot)
    }

    /// Counts the memory of a session, which may have changed.
    pub(super) fn charge(&mut self, index: SessionIndex) {
        let Some(position) = self.position(index) else { return };
        if let Some(entry) = self.entries.get_mut(position) {
            self.memory.charge(&mut entry.account, entry.slot.allocated());
        }
    }

    /// Memory of all sessions, in bytes.
    pub(super) fn allocated(&self) -> usize {
        self.memory.held()
    }

    /// The records of all sessions that were not evicted, in the order of their numbers.
    pub(super) fn records(&self) -> impl Iterator<Item = &Session> {
        self.entries.iter().filter_map(|entry| entry.slot.record())
    }

    /// Removes all sessions and returns their records, in the order of their numbers.
    pub(super) fn take_records(&mut self) -> impl Iterator<Item = Session> {
        let entries = std::mem::take(&mut self.entries);
        self.removed += entries.len();
        self.evicted = 0;
        self.memory = Tally::default();
        entries.into_iter().filter_map(|entry| Some(entry.slot.into_parts()?.0))
    }

    fn position(&self, index: SessionIndex) -> Option<usize> {
        index.position().checked_sub(self.removed)
    }
}

/// Every session but one, which is borrowed on its own: see [`SessionList::split`].
#[derive(Debug)]
pub(super) struct OtherSessions<'a> {
    before: &'a mut [Entry],
    after: &'a mut [Entry],
    /// The index of the first one in `before`.
    removed: usize,
}

impl OtherSessions<'_> {
    /// The session; `None` if it is quiet, evicted, or the one that was split off.
    pub(super) fn get_mut(&mut self, index: SessionIndex) -> Option<&mut SessionState> {
        let position = index.position().checked_sub(self.removed)?;
        let entry = match position.checked_sub(self.before.len()) {
            None => self.before.get_mut(position),
            Some(behind) => self.after.get_mut(behind.checked_sub(1)?),
        };
        entry?.slot.active_mut()
    }

    /// The record of a session, and why anything of it may be missing, also if it is quiet.
    pub(super) fn record(&self, index: SessionIndex) -> Option<(&Session, Degraded)> {
        let position = index.position().checked_sub(self.removed)?;
        let entry = match position.checked_sub(self.before.len()) {
            None => self.before.get(position),
            Some(behind) => self.after.get(behind.checked_sub(1)?),
        };
        entry?.slot.record_and_missing()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Origin;
    use crate::mcp::record::{SessionRef, Transport};

    fn add(list: &mut SessionList) -> SessionIndex {
        let (index, address) = (list.next(), "127.0.0.1:1".parse().unwrap());
        let session = SessionRef {
            number: index.0 + 1,
            id: None,
            transport: Transport::HttpSse,
            server: address,
            path: None,
            client: address,
            via: None,
            behind: None,
            server_name: None,
            client_name: None,
        };
        let at = Origin::new(1, 0);
        list.push(Box::new(SessionState::new(index, session, at)));
        list.charge(index);
        index
    }

    /// The numbers of the sessions that are left.
    fn numbers(list: &SessionList) -> Vec<u32> {
        list.records().map(|record| record.session.number).collect()
    }

    #[test]
    fn an_index_stays_that_of_its_session() {
        let mut list = SessionList::default();
        let all: Vec<_> = (0..10).map(|_| add(&mut list)).collect();
        for index in &all[..7] {
            assert!(list.evict(*index).is_some());
            assert!(list.evict(*index).is_none() && list.get(*index).and_then(Slot::record).is_none());
        }
        assert_eq!((numbers(&list), list.oldest(), list.len()), (vec![8, 9, 10], Some(all[7]), 3));
        let (session, mut others) = list.split(all[8]).unwrap();
        assert_eq!(session.reference().number, 9);
        assert_eq!(others.get_mut(all[9]).unwrap().reference().number, 10);
        assert_eq!(others.record(all[7]).unwrap().0.session.number, 8);
        assert!(others.get_mut(all[8]).is_none() && others.record(all[6]).is_none());
        assert_eq!(add(&mut list), SessionIndex(10));
    }

    #[test]
    fn evicted_sessions_take_no_memory() {
        let mut list = SessionList::default();
        add(&mut list);
        let one = list.allocated();
        for _ in 0..1_000 {
            add(&mut list);
            list.evict(list.oldest().unwrap());
        }
        assert_eq!((list.len(), list.allocated()), (1, one));
        assert!(list.entries.capacity() <= 8, "{}", list.entries.capacity());
        // One in the middle leaves its slot until those before it are evicted.
        let all: Vec<_> = (0..3).map(|_| add(&mut list)).collect();
        list.evict(all[0]);
        assert_eq!(list.len(), 4);
        list.evict(list.oldest().unwrap());
        assert_eq!((list.len(), list.oldest()), (2, Some(all[1])));
    }
}

//! The sessions by index, with the memory that they take.

use super::handle::SessionIndex;
use super::record::Session;
use super::session::SessionState;
use super::session_slot::Slot;
use crate::base::{Account, Degraded, Tally};

/// All sessions by index. An index is never reused; the slots of evicted sessions are removed once
/// they are more than half of all, so a session that stays open does not keep those behind it.
#[derive(Debug, Default)]
pub(super) struct SessionList {
    /// In the order of their indices, of which some may be missing.
    entries: Vec<Entry>,
    /// Number of sessions that were ever added: the index of the next one.
    added: usize,
    /// Number of evicted sessions in `entries`, and of those of them at its front.
    evicted: usize,
    front: usize,
    /// Memory of all sessions.
    memory: Tally,
}

#[derive(Debug)]
struct Entry {
    index: SessionIndex,
    slot: Slot,
    /// The memory that the session accounts for.
    account: Account,
}

impl SessionList {
    /// The index that the next session gets.
    pub(super) fn next(&self) -> SessionIndex {
        SessionIndex::of_position(self.added)
    }

    /// Adds a session, which has the index [`next`](Self::next).
    pub(super) fn push(&mut self, session: Box<SessionState>) {
        let index = self.next();
        self.added += 1;
        self.entries.push(Entry { index, slot: Slot::Active(session), account: Account::default() });
    }

    /// The session in as much detail as is kept; `None` if it was evicted and its slot removed.
    pub(super) fn get(&self, index: SessionIndex) -> Option<&Slot> {
        Some(&self.entries.get(position(&self.entries, index)?)?.slot)
    }

    /// As [`get`](Self::get).
    pub(super) fn get_mut(&mut self, index: SessionIndex) -> Option<&mut Slot> {
        let position = position(&self.entries, index)?;
        Some(&mut self.entries.get_mut(position)?.slot)
    }

    /// The session, and all others beside it; `None` if it is quiet or evicted.
    pub(super) fn split(&mut self, index: SessionIndex) -> Option<(&mut SessionState, OtherSessions<'_>)> {
        let position = position(&self.entries, index)?;
        let (before, rest) = self.entries.split_at_mut_checked(position)?;
        let (entry, after) = rest.split_first_mut()?;
        Some((entry.slot.active_mut()?, OtherSessions { before, after }))
    }

    /// Number of sessions that were not evicted.
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.evicted
    }

    /// The oldest session that was not evicted.
    pub(super) fn oldest(&self) -> Option<SessionIndex> {
        Some(self.entries.get(self.front)?.index)
    }

    /// Removes what is kept of a session and returns it; `None` if it was evicted before.
    pub(super) fn evict(&mut self, index: SessionIndex) -> Option<Slot> {
        let position = position(&self.entries, index)?;
        let entry = self.entries.get_mut(position)?;
        if matches!(entry.slot, Slot::Evicted) {
            return None;
        }
        let slot = std::mem::replace(&mut entry.slot, Slot::Evicted);
        self.memory.close(&mut entry.account);
        self.evicted += 1;
        while self.entries.get(self.front).is_some_and(Entry::is_evicted) {
            self.front += 1;
        }
        if self.evicted > self.entries.len() / 2 {
            self.entries.retain(|entry| !entry.is_evicted());
            (self.evicted, self.front) = (0, 0);
        }
        Some(slot)
    }

    /// Whether the session is quiet, and this is the number of its silence.
    pub(super) fn is_silent(&self, index: SessionIndex, silence: u64) -> bool {
        matches!(self.get(index), Some(Slot::Quiet(quiet)) if quiet.silence == silence)
    }

    /// Counts the memory of a session, which may have changed.
    pub(super) fn charge(&mut self, index: SessionIndex) {
        let Some(position) = position(&self.entries, index) else { return };
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
        (self.evicted, self.front) = (0, 0);
        self.memory = Tally::default();
        entries.into_iter().filter_map(|entry| Some(entry.slot.into_parts()?.0))
    }
}

impl Entry {
    fn is_evicted(&self) -> bool {
        matches!(self.slot, Slot::Evicted)
    }
}

/// Returns where the session is in `entries`, `None` if its slot was removed. Without evicted
/// sessions in between it is as far from the first one as their indices are.
fn position(entries: &[Entry], index: SessionIndex) -> Option<usize> {
    let expected = index.position().checked_sub(entries.first()?.index.position())?;
    if entries.get(expected).is_some_and(|entry| entry.index == index) {
        return Some(expected);
    }
    entries.binary_search_by_key(&index, |entry| entry.index).ok()
}

/// Every session but one, which is borrowed on its own: see [`SessionList::split`].
#[derive(Debug)]
pub(super) struct OtherSessions<'a> {
    before: &'a mut [Entry],
    after: &'a mut [Entry],
}

impl OtherSessions<'_> {
    /// The session; `None` if it is quiet, evicted, or the one that was split off.
    pub(super) fn get_mut(&mut self, index: SessionIndex) -> Option<&mut SessionState> {
        let is_before = self.after.first().is_none_or(|first| index < first.index);
        let list = if is_before { &mut *self.before } else { &mut *self.after };
        let position = position(list, index)?;
        list.get_mut(position)?.slot.active_mut()
    }

    /// The record of a session, and why anything of it may be missing, also if it is quiet.
    pub(super) fn record(&self, index: SessionIndex) -> Option<(&Session, Degraded)> {
        let is_before = self.after.first().is_none_or(|first| index < first.index);
        let list = if is_before { &*self.before } else { &*self.after };
        list.get(position(list, index)?)?.slot.record_and_missing()
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
    }

    /// A session that is open for days does not keep the slots of those that came and went.
    #[test]
    fn evicted_sessions_behind_an_open_one_take_no_memory() {
        let mut list = SessionList::default();
        let held = add(&mut list);
        let one = list.allocated();
        let mut latest = held;
        for _ in 0..1_000 {
            latest = add(&mut list);
            assert_eq!((list.len(), list.oldest()), (2, Some(held)));
            assert!(list.evict(latest).is_some());
        }
        assert_eq!((list.len(), list.allocated(), numbers(&list)), (1, one, vec![1]));
        assert!(list.entries.capacity() <= 8, "{}", list.entries.capacity());
        assert!(list.evict(latest).is_none(), "its slot is gone");
        let next = add(&mut list);
        assert_eq!((next, numbers(&list)), (SessionIndex(1001), vec![1, 1002]));
        let (_, mut others) = list.split(next).unwrap();
        assert!(others.get_mut(held).is_some() && others.record(latest).is_none());
        let (_, mut others) = list.split(held).unwrap();
        assert!(others.get_mut(next).is_some() && others.get_mut(latest).is_none());
    }
}

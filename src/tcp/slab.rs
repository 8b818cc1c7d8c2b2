//! The connections by slot, and in the order of their last packet: all steps take constant time.

use super::connection::Connection;

/// No entry.
const NONE: u32 = u32::MAX;

/// A list through the entries of a [`Slab`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// Connections that are not over, the one silent longest first.
    Open,
    /// Connections that are over and wait for late packets, the one that was over first first.
    Over,
}

/// Connections by slot.
#[derive(Debug, Default)]
pub(super) struct Slab {
    entries: Vec<Entry>,
    free: Vec<u32>,
    open: Ends,
    over: Ends,
    len: usize,
}

#[derive(Debug)]
struct Entry {
    connection: Option<Box<Connection>>,
    list: List,
    previous: u32,
    next: u32,
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    front: u32,
    back: u32,
}

impl Default for Ends {
    fn default() -> Self {
        Self { front: NONE, back: NONE }
    }
}

impl Slab {
    /// How many connections there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The slot that the next connection gets.
    pub(super) fn next_slot(&self) -> u32 {
        self.free.last().copied().unwrap_or(self.entries.len() as u32)
    }

    /// Puts a connection into [`Slab::next_slot`], at the back of the open ones.
    pub(super) fn insert(&mut self, connection: Connection) -> u32 {
        let entry =
            Entry { connection: Some(Box::new(connection)), list: List::Open, previous: NONE, next: NONE };
        let slot = self.next_slot();
        if let Some(place) = self.entries.get_mut(slot as usize) {
            *place = entry;
            self.free.pop();
        } else {
            self.entries.push(entry);
        }
        self.len += 1;
        self.link(slot, List::Open);
        slot
    }

    /// Takes a connection out.
    pub(super) fn remove(&mut self, slot: u32) -> Option<Box<Connection>> {
        let connection = self.entries.get_mut(slot as usize)?.connection.take()?;
        self.unlink(slot);
        self.free.push(slot);
        self.len -= 1;
        Some(connection)
    }

    /// The connection of a slot.
    pub(super) fn get(&self, slot: u32) -> Option<&Connection> {
        self.entries.get(slot as usize)?.connection.as_deref()
    }

    /// The connection of a slot, and the list that it is in.
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<(&mut Connection, List)> {
        let entry = self.entries.get_mut(slot as usize)?;
        Some((entry.connection.as_deref_mut()?, entry.list))
    }

    /// All connections, by slot.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.entries.iter().filter_map(|entry| entry.connection.as_deref())
    }

    /// The first slot of a list.
    pub(super) fn front(&self, list: List) -> Option<u32> {
        let front = match list {
            List::Open => self.open.front,
            List::Over => self.over.front,
        };
        (front != NONE).then_some(front)
    }

    /// Moves a connection to the back of a list.
    pub(super) fn move_to(&mut self, slot: u32, list: List) {
        if self.ends(list).back != slot {
            self.unlink(slot);
            self.link(slot, list);
        }
    }

    fn ends(&mut self, list: List) -> &mut Ends {
        match list {
            List::Open => &mut self.open,
            List::Over => &mut self.over,
        }
    }

    fn link(&mut self, slot: u32, list: List) {
        let back = std::mem::replace(&mut self.ends(list).back, slot);
        if let Some(entry) = self.entries.get_mut(slot as usize) {
            entry.list = list;
            entry.previous = back;
            entry.next = NONE;
        }
        match self.entries.get_mut(back as usize) {
            Some(before) => before.next = slot,
            None => self.ends(list).front = slot,
        }
    }

    fn unlink(&mut self, slot: u32) {
        let Some(entry) = self.entries.get(slot as usize) else {
            return;
        };
        let (list, previous, next) = (entry.list, entry.previous, entry.next);
        match self.entries.get_mut(previous as usize) {
            Some(before) => before.next = next,
            None => self.ends(list).front = next,
        }
        match self.entries.get_mut(next as usize) {
            Some(after) => after.previous = previous,
            None => self.ends(list).back = previous,
        }
    }
}

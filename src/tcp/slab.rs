//! A table of values by slot, each in one of several lists: all operations take constant time.

/// Marks the end of a list.
const NONE: u32 = u32::MAX;

/// Values by slot. `L` is the number of lists; a value is in one list at a time.
#[derive(Debug)]
pub(super) struct Slab<T, const L: usize> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
    lists: [Ends; L],
    len: usize,
}

#[derive(Debug)]
struct Entry<T> {
    value: Option<T>,
    list: usize,
    previous: u32,
    next: u32,
}

/// First and last slot of a list.
#[derive(Clone, Copy, Debug)]
struct Ends {
    front: u32,
    back: u32,
}

impl<T, const L: usize> Default for Slab<T, L> {
    fn default() -> Self {
        let lists = [Ends { front: NONE, back: NONE }; L];
        Self { entries: Vec::new(), free: Vec::new(), lists, len: 0 }
    }
}

impl<T, const L: usize> Slab<T, L> {
    /// Returns the number of values.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns the slot that the next value gets.
    pub(super) fn next_slot(&self) -> u32 {
        self.free.last().copied().unwrap_or(self.entries.len() as u32)
    }

    /// Puts a value into [`Slab::next_slot`], at the back of a list.
    pub(super) fn insert(&mut self, value: T, list: usize) -> u32 {
        let entry = Entry { value: Some(value), list, previous: NONE, next: NONE };
        let slot = self.next_slot();
        if let Some(free) = self.entries.get_mut(slot as usize) {
            *free = entry;
            self.free.pop();
        } else {
            self.entries.push(entry);
        }
        self.len += 1;
        self.link(slot, list);
        slot
    }

    /// Removes a value; `None` if the slot is free.
    pub(super) fn remove(&mut self, slot: u32) -> Option<T> {
        let value = self.entries.get_mut(slot as usize)?.value.take()?;
        self.unlink(slot);
        self.free.push(slot);
        self.len -= 1;
        Some(value)
    }

    /// Returns the value of a slot; `None` if the slot is free.
    pub(super) fn get(&self, slot: u32) -> Option<&T> {
        self.entries.get(slot as usize)?.value.as_ref()
    }

    /// Returns the value of a slot and the list that it is in; `None` if the slot is free.
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<(&mut T, usize)> {
        let entry = self.entries.get_mut(slot as usize)?;
        Some((entry.value.as_mut()?, entry.list))
    }

    /// Returns all values, by slot.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().filter_map(|entry| entry.value.as_ref())
    }

    /// Returns the first slot of a list; `None` if the list is empty.
    pub(super) fn front(&self, list: usize) -> Option<u32> {
        self.lists.get(list).map(|ends| ends.front).filter(|front| *front != NONE)
    }

    /// Moves a value to the back of a list.
    pub(super) fn move_to(&mut self, slot: u32, list: usize) {
        if self.lists.get(list).is_some_and(|ends| ends.back != slot) {
            self.unlink(slot);
            self.link(slot, list);
        }
    }

    fn link(&mut self, slot: u32, list: usize) {
        let Some(ends) = self.lists.get_mut(list) else { return };
        let back = std::mem::replace(&mut ends.back, slot);
        match self.entries.get_mut(back as usize) {
            Some(before) => before.next = slot,
            None => ends.front = slot,
        }
        if let Some(entry) = self.entries.get_mut(slot as usize) {
            entry.list = list;
            entry.previous = back;
            entry.next = NONE;
        }
    }

    fn unlink(&mut self, slot: u32) {
        let Some(entry) = self.entries.get(slot as usize) else { return };
        let (list, previous, next) = (entry.list, entry.previous, entry.next);
        let Some(ends) = self.lists.get_mut(list) else { return };
        match self.entries.get_mut(previous as usize) {
            Some(before) => before.next = next,
            None => ends.front = next,
        }
        match self.entries.get_mut(next as usize) {
            Some(after) => after.previous = previous,
            None => ends.back = previous,
        }
    }
}

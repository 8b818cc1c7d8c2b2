//! Open exchanges by request id or by progress token.

use std::collections::hash_map::{Entry, HashMap};

use super::numbers::Numbers;
use crate::base::{Side, limits};
use crate::rpc::Id;

/// Exchange numbers by the id (or the progress token) of their request.
///
/// Several open requests may have one id: in a session without an id the requests of several
/// clients meet, and a faulty client reuses ids.
#[derive(Debug, Default)]
pub(super) struct RequestIndex {
    by_id: HashMap<Id, Numbers, foldhash::fast::RandomState>,
    /// Number of exchanges.
    len: usize,
}

impl RequestIndex {
    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The number of exchanges.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The open exchanges with this id, oldest first; `None` if there are none.
    pub(super) fn get(&self, id: &Id) -> Option<&Numbers> {
        self.by_id.get(id)
    }

    pub(super) fn insert(&mut self, id: Id, n: u64) {
        match self.by_id.entry(id) {
            Entry::Occupied(mut entry) => entry.get_mut().push(n),
            Entry::Vacant(entry) => drop(entry.insert(Numbers::One(n))),
        }
        self.len += 1;
    }

    pub(super) fn remove(&mut self, id: &Id, n: u64) {
        let Some((id, mut numbers)) = self.by_id.remove_entry(id) else { return };
        if numbers.remove(n) {
            self.len -= 1;
        }
        if !numbers.is_empty() {
            self.by_id.insert(id, numbers);
        } else if self.by_id.capacity() > 16 * (self.by_id.len() + 16) {
            // Walking a map takes as long as it was large.
            self.by_id.shrink_to(4 * self.by_id.len());
        }
    }

    /// The exchanges whose id a program may have changed to `answered`, in no particular order.
    /// Only the type is compared if many are open.
    pub(super) fn changed_to<'a>(&'a self, answered: &'a Id) -> impl Iterator<Item = u64> + 'a {
        let retyped = answered.retyped().filter(|_| self.by_id.len() > limits::MAX_ALIKE);
        let retyped = retyped.and_then(|id| self.by_id.get(&id)).into_iter();
        let few = if self.by_id.len() > limits::MAX_ALIKE { 0 } else { limits::MAX_ALIKE };
        let alike = self.by_id.iter().take(few).filter(|(id, _)| id.is_changed_to(answered));
        retyped.chain(alike.map(|(_, numbers)| numbers)).flatten().copied()
    }

    /// Every exchange, in no particular order; none if there are more than [`limits::MAX_ALIKE`].
    pub(super) fn few(&self) -> impl Iterator<Item = u64> + '_ {
        self.numbers().take(if self.len > limits::MAX_ALIKE { 0 } else { self.len })
    }

    /// Every exchange, oldest first.
    pub(super) fn sorted(&self) -> Vec<u64> {
        let mut numbers: Vec<u64> = self.numbers().collect();
        numbers.sort_unstable();
        numbers
    }

    /// Every exchange, in no particular order.
    fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        self.by_id.values().flatten().copied()
    }
}

/// One value for the client and one for the server.
#[derive(Debug, Default)]
pub(super) struct PerSide<T> {
    client: T,
    server: T,
}

impl<T> PerSide<T> {
    /// The sum of a number of both.
    pub(super) fn sum(&self, number: impl Fn(&T) -> usize) -> usize {
        number(&self.client) + number(&self.server)
    }

    pub(super) fn get(&self, side: Side) -> &T {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    pub(super) fn get_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}

//! Open exchanges by request id or by progress token.

use std::collections::{HashMap, VecDeque};

use crate::base::{Side, limits};
use crate::rpc::Id;

/// Exchange numbers by the id (or the progress token) of their request.
///
/// Several open requests may have one id: in a session without an id the requests of several
/// clients meet, and a faulty client reuses ids. Each list is in ascending order.
#[derive(Debug, Default)]
pub(super) struct RequestIndex {
    by_id: HashMap<Id, VecDeque<u64>, foldhash::fast::RandomState>,
}

impl RequestIndex {
    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(super) fn contains(&self, id: &Id) -> bool {
        self.by_id.contains_key(id)
    }

    /// The open exchanges with this id, oldest first; `None` if there are none.
    pub(super) fn get(&self, id: &Id) -> Option<&VecDeque<u64>> {
        self.by_id.get(id)
    }

    pub(super) fn insert(&mut self, id: Id, n: u64) {
        self.by_id.entry(id).or_default().push_back(n);
    }

    pub(super) fn remove(&mut self, id: &Id, n: u64) {
        let Some(list) = self.by_id.get_mut(id) else { return };
        if list.front() == Some(&n) {
            list.pop_front();
        } else if let Ok(at) = list.binary_search(&n) {
            list.remove(at);
        }
        if list.is_empty() {
            self.by_id.remove(id);
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

    /// Every exchange, in no particular order.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
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

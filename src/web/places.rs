//! The connections that are served at one time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::AbortHandle;

/// Whether a connection has been answered: whoever sent the request knows the path of the page.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(Arc<AtomicBool>);

impl Known {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Connections, the oldest first.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    taken: Vec<(AbortHandle, Known)>,
}

impl Places {
    /// Creates an empty list of at most `most` connections.
    pub(super) fn new(most: usize) -> Self {
        Self { most, taken: Vec::with_capacity(most) }
    }

    /// Returns whether one more can be served. If there is no other room, the oldest connection
    /// ends that was never answered: strangers do not keep out who knows the path.
    pub(super) fn make_room(&mut self) -> bool {
        self.taken.retain(|(task, _)| !task.is_finished());
        if self.taken.len() < self.most {
            return true;
        }
        let Some(at) = self.taken.iter().position(|(_, known)| !known.is_set()) else { return false };
        self.taken.remove(at).0.abort();
        true
    }

    /// Adds a connection for which there is room.
    pub(super) fn add(&mut self, task: AbortHandle, known: Known) {
        self.taken.push((task, known));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn strangers_leave_first() {
        let mut places = Places::new(3);
        let mut tasks = Vec::new();
        for is_known in [true, false, true] {
            assert!(places.make_room());
            let (task, known) = (tokio::spawn(std::future::pending::<()>()), Known::default());
            if is_known {
                known.set();
            }
            places.add(task.abort_handle(), known);
            tasks.push(task);
        }
        assert!(places.make_room());
        assert!(tasks.remove(1).await.is_err_and(|error| error.is_cancelled()));
        let known = Known::default();
        known.set();
        places.add(tokio::spawn(std::future::pending::<()>()).abort_handle(), known);
        // Those that are known stay.
        assert!(!places.make_room() && tasks.iter().all(|task| !task.is_finished()));
        tasks[0].abort();
        assert!((&mut tasks[0]).await.is_err());
        assert!(places.make_room());
    }
}

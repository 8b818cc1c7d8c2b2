//! Sources of stories: a snapshot in the binary, or the Hacker News API. Both are read-only and
//! provide lists of ids and items by id.

mod cache;
mod error;
mod list;
mod live;
mod options;
mod snapshot;

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};

use self::{live::Live, snapshot::Snapshot};
use super::item::Item;
use crate::serve::reporter::Reporter;

pub use error::StoriesError;
pub(super) use list::List;
pub use options::{LiveOptions, StoriesOptions};

/// A source of stories; clones share it.
#[derive(Debug, Clone)]
pub struct Stories(Source);

#[derive(Debug, Clone)]
enum Source {
    Snapshot(Arc<Snapshot>),
    Live(Arc<Live>),
}

impl Stories {
    /// Opens the source without using the network.
    ///
    /// # Errors
    /// An invalid base URL, or no HTTP client can be created.
    pub fn open(options: &StoriesOptions) -> Result<Self, StoriesError> {
        match options {
            StoriesOptions::Snapshot => Self::snapshot(),
            StoriesOptions::Live(options) => Self::live(options),
        }
    }

    /// Opens the snapshot in the binary.
    ///
    /// # Errors
    /// The build has an invalid snapshot.
    pub fn snapshot() -> Result<Self, StoriesError> {
        Ok(Self(Source::Snapshot(Arc::new(Snapshot::embedded()?))))
    }

    /// Opens the Hacker News API.
    ///
    /// # Errors
    /// An invalid base URL, or no HTTP client can be created.
    pub fn live(options: &LiveOptions) -> Result<Self, StoriesError> {
        Ok(Self(Source::Live(Arc::new(Live::new(options)?))))
    }

    /// Reports to `reporter` when the network fails, and when it works again.
    #[must_use]
    pub fn reporting_to(self, reporter: Reporter) -> Self {
        if let Source::Live(live) = &self.0 {
            live.report_to(reporter);
        }
        self
    }

    /// Asks for the first list, so that a network that fails is reported.
    pub(in crate::serve) async fn check(&self) {
        // A failure was reported.
        drop(self.ids(List::Top).await);
    }

    /// Whether the stories come from the network.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.0, Source::Live(_))
    }

    /// Returns the ids of a list, best rank first.
    pub(super) async fn ids(&self, list: List) -> Result<Arc<[u64]>, StoriesError> {
        match &self.0 {
            Source::Snapshot(snapshot) => Ok(snapshot.ids(list)),
            Source::Live(live) => live.ids(list).await,
        }
    }

    /// Returns an item; `None` if there is none with this id.
    pub(super) async fn item(&self, id: u64) -> Result<Option<Arc<Item>>, StoriesError> {
        match &self.0 {
            Source::Snapshot(snapshot) => Ok(snapshot.item(id)),
            Source::Live(live) => live.item(id).await,
        }
    }

    /// Returns the items of `ids` in order, without unknown ones. Stops at the first failure.
    pub(super) async fn items(&self, ids: &[u64]) -> Result<Vec<Arc<Item>>, StoriesError> {
        let found = stream::iter(ids.to_vec()).map(|id| self.item(id)).buffered(self.concurrency());
        found.try_filter_map(async |item| Ok(item)).try_collect().await
    }

    /// Returns the limit of concurrent requests.
    fn concurrency(&self) -> usize {
        match &self.0 {
            Source::Snapshot(_) => 1,
            Source::Live(live) => live.concurrency(),
        }
    }
}

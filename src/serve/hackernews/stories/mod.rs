//! Sources of stories: a snapshot in the binary, or the Hacker News API. Both are read-only and
//! provide lists of ids and items by id.

mod cache;
mod live;
mod snapshot;

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, TryStreamExt, stream};

use self::{live::Live, snapshot::Snapshot};
use super::item::Item;

/// A list of the API, `/v0/<name>.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum List {
    Top,
    New,
    Best,
}

impl List {
    pub(super) const ALL: [Self; 3] = [Self::Top, Self::New, Self::Best];

    /// Returns its name in the API and in the tools' `type` argument.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Top => "topstories",
            Self::New => "newstories",
            Self::Best => "beststories",
        }
    }

    /// Returns its title.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Top => "Top stories",
            Self::New => "Newest stories",
            Self::Best => "Best stories",
        }
    }

    /// Returns the list with this name, if any.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.name() == name)
    }
}

/// Source of stories.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StoriesOptions {
    /// The snapshot in the binary: no network, always the same.
    #[default]
    Snapshot,
    /// The Hacker News API or a compatible server.
    Live(LiveOptions),
}

/// Access to the Hacker News API (<https://github.com/HackerNews/API>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveOptions {
    /// URL below which `topstories.json` and `item/<id>.json` are, without a trailing slash.
    pub base_url: String,
    /// Time limit of a request, from connecting to the last byte of the response.
    pub timeout: Duration,
    /// Most concurrent requests over all clients; at least 1.
    pub concurrency: usize,
    /// Lifetime of cached answers.
    pub cache_age: Duration,
    /// Size of the cache in bytes.
    pub cache_bytes: usize,
}

impl Default for LiveOptions {
    /// The public API, 10 s, 16 concurrent requests, a cache of 16 MiB with a lifetime of one
    /// minute.
    fn default() -> Self {
        Self {
            base_url: "https://hacker-news.firebaseio.com/v0".to_owned(),
            timeout: Duration::from_secs(10),
            concurrency: 16,
            cache_age: Duration::from_secs(60),
            cache_bytes: 16 << 20,
        }
    }
}

/// Why stories are unavailable. URLs are given as paths: a base URL may contain a password.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoriesError {
    /// The embedded snapshot is invalid, which is a fault of the build.
    #[error("the embedded snapshot of Hacker News cannot be read: {0}")]
    Snapshot(String),
    /// Invalid base URL.
    #[error("the address of the Hacker News API cannot be used: {0}")]
    BaseUrl(String),
    /// The HTTP client cannot be created (for instance without root certificates).
    #[error("no HTTP client for the Hacker News API: {0}")]
    Client(String),
    /// No response, or an incomplete one.
    #[error("the Hacker News API failed: GET {path}: {reason}")]
    Failed {
        /// Path of the request, relative to the base URL.
        path: String,
        /// The error and its causes.
        reason: String,
    },
    /// The response exceeds the size limit.
    #[error("the Hacker News API failed: GET {path}: the response has more than {limit} bytes")]
    TooLarge {
        /// Path of the request, relative to the base URL.
        path: String,
        /// Size limit in bytes.
        limit: usize,
    },
}

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

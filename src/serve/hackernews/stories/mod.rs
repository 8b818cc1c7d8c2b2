//! Where stories come from: a snapshot in the binary, or the Hacker News API.
//!
//! Either gives lists of ids and items by id; neither is ever written to.

mod cache;
mod live;
mod snapshot;

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, TryStreamExt, stream};

use self::{live::Live, snapshot::Snapshot};
use super::item::Item;

/// A ranking of the API, `/v0/<name>.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum List {
    Top,
    New,
    Best,
}

impl List {
    pub(super) const ALL: [Self; 3] = [Self::Top, Self::New, Self::Best];

    /// Its name in the API and in the tools' `type`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Top => "topstories",
            Self::New => "newstories",
            Self::Best => "beststories",
        }
    }

    /// What it holds, in a few words.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Top => "Top stories",
            Self::New => "Newest stories",
            Self::Best => "Best stories",
        }
    }

    /// The list of that name; `None` where there is none.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.name() == name)
    }
}

/// Which source of stories to use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StoriesOptions {
    /// The snapshot in the binary: no network, always the same.
    #[default]
    Snapshot,
    /// The Hacker News API, or a server that speaks like it.
    Live(LiveOptions),
}

/// How the Hacker News API is asked (<https://github.com/HackerNews/API>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveOptions {
    /// Where `topstories.json` and `item/<id>.json` are, without a slash at the end.
    pub base_url: String,
    /// How long one request may take, from the connection to the last byte of the response.
    pub timeout: Duration,
    /// How many requests may be under way at once, over all clients; at least 1.
    pub concurrency: usize,
    /// How long an answer is used again.
    pub cache_age: Duration,
    /// How many bytes of answers are kept.
    pub cache_bytes: usize,
}

impl Default for LiveOptions {
    /// The public API, 10 s, 16 requests at once, answers used for a minute, 16 MiB of them.
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

/// Why there are no stories. Addresses in it are paths: a base URL may hold a password.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoriesError {
    /// The embedded snapshot cannot be read: the program was built with a broken one.
    #[error("the embedded snapshot of Hacker News cannot be read: {0}")]
    Snapshot(String),
    /// The address of the API cannot be used.
    #[error("the address of the Hacker News API cannot be used: {0}")]
    BaseUrl(String),
    /// The HTTP client cannot be made (no root certificates, for instance).
    #[error("no HTTP client for the Hacker News API: {0}")]
    Client(String),
    /// No response, or not all of it.
    #[error("the Hacker News API failed: GET {path}: {reason}")]
    Failed {
        /// What was asked for, relative to the base URL.
        path: String,
        /// The reason and what caused it.
        reason: String,
    },
    /// A response that is too large to be what was asked for.
    #[error("the Hacker News API failed: GET {path}: the response has more than {limit} bytes")]
    TooLarge {
        /// What was asked for, relative to the base URL.
        path: String,
        /// The largest size that is read, in bytes.
        limit: usize,
    },
}

/// A source of stories; a clone is the same source.
#[derive(Debug, Clone)]
pub struct Stories(Source);

#[derive(Debug, Clone)]
enum Source {
    Snapshot(Arc<Snapshot>),
    Live(Arc<Live>),
}

impl Stories {
    /// The source that `options` name. Nothing is asked of the network yet.
    ///
    /// # Errors
    /// A base URL that is none, or no HTTP client.
    pub fn open(options: &StoriesOptions) -> Result<Self, StoriesError> {
        match options {
            StoriesOptions::Snapshot => Self::snapshot(),
            StoriesOptions::Live(options) => Self::live(options),
        }
    }

    /// The stories of the snapshot in the binary.
    ///
    /// # Errors
    /// Only where the program was built with a broken snapshot.
    pub fn snapshot() -> Result<Self, StoriesError> {
        Ok(Self(Source::Snapshot(Arc::new(Snapshot::embedded()?))))
    }

    /// The stories of the Hacker News API.
    ///
    /// # Errors
    /// A base URL that is none, or no HTTP client.
    pub fn live(options: &LiveOptions) -> Result<Self, StoriesError> {
        Ok(Self(Source::Live(Arc::new(Live::new(options)?))))
    }

    /// Whether they come from the network.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.0, Source::Live(_))
    }

    /// The ids of a list, best rank first.
    pub(super) async fn ids(&self, list: List) -> Result<Arc<[u64]>, StoriesError> {
        match &self.0 {
            Source::Snapshot(snapshot) => Ok(snapshot.ids(list)),
            Source::Live(live) => live.ids(list).await,
        }
    }

    /// An item; `None` where there is none of that id.
    pub(super) async fn item(&self, id: u64) -> Result<Option<Arc<Item>>, StoriesError> {
        match &self.0 {
            Source::Snapshot(snapshot) => Ok(snapshot.item(id)),
            Source::Live(live) => live.item(id).await,
        }
    }

    /// The items of `ids` in their order, without those that do not exist. The first failure ends it.
    pub(super) async fn items(&self, ids: &[u64]) -> Result<Vec<Arc<Item>>, StoriesError> {
        let found = stream::iter(ids.to_vec()).map(|id| self.item(id)).buffered(self.width());
        found.try_filter_map(async |item| Ok(item)).try_collect().await
    }

    /// How many items are asked for at once.
    fn width(&self) -> usize {
        match &self.0 {
            Source::Snapshot(_) => 1,
            Source::Live(live) => live.width(),
        }
    }
}

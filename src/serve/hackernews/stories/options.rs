//! Where stories come from.

use std::time::Duration;

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

//! The Hacker News API over HTTP. Every request has a timeout and a size limit, few run at once,
//! and answers are cached.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Instant,
};

use reqwest::{Client, Response, Url, redirect};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::super::item::Item;
use super::{List, LiveOptions, StoriesError, cache::Cache};
use crate::base::with_causes;
use crate::serve::reporter::{Problem, Reporter};

/// Most ids of a list. The API returns at most 500, about 5 kB.
const MAX_IDS: usize = 500;
/// Largest list in bytes: 500 ids of twenty digits, with room for white space.
const MAX_LIST_BYTES: usize = 64 << 10;
/// Largest item in bytes. The longest texts on Hacker News, and the ids of the comments of the
/// largest stories, take tens of kB each.
const MAX_ITEM_BYTES: usize = 512 << 10;

/// The API at one base URL.
#[derive(Debug)]
pub(super) struct Live {
    client: Client,
    base: String,
    permits: Semaphore,
    width: usize,
    lists: Mutex<Cache<List, Arc<[u64]>>>,
    /// `None` is cached too, so that unknown ids are not requested again.
    items: Mutex<Cache<u64, Option<Arc<Item>>>>,
    failing: Problem,
    /// Set once, before the first request.
    reporter: OnceLock<Reporter>,
}

impl Live {
    /// Creates the client without using the network.
    pub(super) fn new(options: &LiveOptions) -> Result<Self, StoriesError> {
        let url = Url::parse(&options.base_url).map_err(|error| StoriesError::BaseUrl(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(StoriesError::BaseUrl("not an http or https URL".to_owned()));
        }
        // Fails if the process already installed a provider; that one is used then.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .timeout(options.timeout)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("mcpdump/", env!("CARGO_PKG_VERSION")));
        if is_here(&url) {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| StoriesError::Client(reason(error)))?;
        let width = options.concurrency.clamp(1, Semaphore::MAX_PERMITS);
        Ok(Self {
            client,
            base: options.base_url.trim_end_matches('/').to_owned(),
            permits: Semaphore::new(width),
            width,
            lists: Mutex::new(Cache::new(options.cache_age, options.cache_bytes)),
            items: Mutex::new(Cache::new(options.cache_age, options.cache_bytes)),
            failing: Problem::default(),
            reporter: OnceLock::new(),
        })
    }

    /// Reports to `reporter` when requests fail, and when they succeed again. Only the first call
    /// counts.
    pub(super) fn report_to(&self, reporter: Reporter) {
        self.reporter.get_or_init(|| reporter);
    }

    /// Returns the limit of concurrent requests.
    pub(super) fn concurrency(&self) -> usize {
        self.width
    }

    /// Returns the ids of a list, best rank first.
    pub(super) async fn ids(&self, list: List) -> Result<Arc<[u64]>, StoriesError> {
        let cached = lock(&self.lists).get(&list, now());
        if let Some(ids) = cached {
            return Ok(ids);
        }
        let path = format!("{}.json", list.name());
        let body = self.get(&path, MAX_LIST_BYTES).await?;
        let ids: Vec<u64> = parse(&path, &body)?;
        let ids: Arc<[u64]> = ids.into_iter().take(MAX_IDS).collect();
        lock(&self.lists).put(list, Arc::clone(&ids), body.len(), now());
        Ok(ids)
    }

    /// Returns an item; `None` if the API has none with this id.
    pub(super) async fn item(&self, id: u64) -> Result<Option<Arc<Item>>, StoriesError> {
        let cached = lock(&self.items).get(&id, now());
        if let Some(item) = cached {
            return Ok(item);
        }
        let path = format!("item/{id}.json");
        let body = self.get(&path, MAX_ITEM_BYTES).await?;
        let item = match parse(&path, &body)? {
            Value::Null => None,
            value => Some(Arc::new(own_item(&path, id, value)?)),
        };
        lock(&self.items).put(id, item.clone(), body.len(), now());
        Ok(item)
    }

    /// Returns the body of a 200 response of at most `limit` bytes; reports whether that works.
    async fn get(&self, path: &str, limit: usize) -> Result<Vec<u8>, StoriesError> {
        let got = self.request(path, limit).await;
        if let Some(reporter) = self.reporter.get() {
            self.failing.set(got.is_err(), reporter, || match &got {
                Err(error) => format!("{error}; clients get this error until it works again"),
                Ok(_) => "the Hacker News API works again".to_owned(),
            });
        }
        got
    }

    async fn request(&self, path: &str, limit: usize) -> Result<Vec<u8>, StoriesError> {
        let failed = |reason: String| StoriesError::Failed { path: path.to_owned(), reason };
        // The semaphore is never closed, so this cannot fail.
        let _permit = self.permits.acquire().await.map_err(|error| failed(error.to_string()))?;
        let sent = self.client.get(format!("{}/{path}", self.base)).send().await;
        let response = sent.map_err(|error| failed(reason(error)))?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(failed(format!("HTTP status {}", response.status())));
        }
        match body_of(response, limit).await {
            Ok(Some(body)) => Ok(body),
            Ok(None) => Err(StoriesError::TooLarge { path: path.to_owned(), limit }),
            Err(error) => Err(failed(reason(error))),
        }
    }
}

/// Whether the server is on this machine, where no proxy is used.
fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Returns the whole body; `None` once it exceeds `limit`.
async fn body_of(mut response: Response, limit: usize) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

fn parse<T: serde::de::DeserializeOwned>(path: &str, body: &[u8]) -> Result<T, StoriesError> {
    serde_json::from_slice(body).map_err(|error| StoriesError::Failed {
        path: path.to_owned(),
        reason: format!("unexpected response: {error}"),
    })
}

fn own_item(path: &str, id: u64, value: Value) -> Result<Item, StoriesError> {
    let item = Item::new(value).filter(|item| item.id() == id);
    item.ok_or_else(|| StoriesError::Failed {
        path: path.to_owned(),
        reason: "the response is not an item with this id".to_owned(),
    })
}

/// Returns the error and its causes on one line, without the URL: a base URL may contain a
/// password.
fn reason(error: reqwest::Error) -> String {
    with_causes(&error.without_url())
}

#[expect(clippy::disallowed_methods, reason = "the cache expires in real time")]
fn now() -> Instant {
    Instant::now()
}

/// Locks, ignoring poisoning: a panic cannot leave a cache inconsistent.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

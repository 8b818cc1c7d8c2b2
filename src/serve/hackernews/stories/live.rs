//! The Hacker News API over HTTP: every request has a deadline and a size, few run at once, and answers are
//! used again for a while.

use std::{
    error::Error as _,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use reqwest::{Client, Response, Url, redirect};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::super::item::Item;
use super::{List, LiveOptions, StoriesError, cache::Cache};

/// The API gives at most 500 ids of a list, some 5 kB; a list of more is cut.
const MAX_IDS: usize = 500;
/// A list of 500 ids of twenty digits, with room for white space.
const MAX_LIST_BYTES: usize = 64 << 10;
/// The longest texts on Hacker News are some tens of kB, and the ids of the kids of the largest stories as much.
const MAX_ITEM_BYTES: usize = 512 << 10;

/// The API behind one base URL.
#[derive(Debug)]
pub(super) struct Live {
    client: Client,
    base: String,
    permits: Semaphore,
    width: usize,
    lists: Mutex<Cache<List, Arc<[u64]>>>,
    /// `None` is kept too: an id that was never given out is not asked for again and again.
    items: Mutex<Cache<u64, Option<Arc<Item>>>>,
}

impl Live {
    /// Asks nothing of the network yet.
    pub(super) fn new(options: &LiveOptions) -> Result<Self, StoriesError> {
        let url = Url::parse(&options.base_url).map_err(|error| StoriesError::BaseUrl(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(StoriesError::BaseUrl("it is no http or https URL".to_owned()));
        }
        // Somebody else in the process may have installed one already, which is as good.
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
        })
    }

    /// How many requests may be under way at once.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The ids of a list, best rank first.
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

    /// An item; `None` where the API has none of that id.
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

    /// The body of a 200 response, if it has at most `limit` bytes.
    async fn get(&self, path: &str, limit: usize) -> Result<Vec<u8>, StoriesError> {
        let failed = |reason: String| StoriesError::Failed { path: path.to_owned(), reason };
        // Never closed, so this waits and does not fail.
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

/// Whether a server is on this machine, which no proxy (from the environment) can reach for us.
fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The whole body; `None` as soon as it is longer than `limit`.
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
        reason: format!("the response is not what the API gives: {error}"),
    })
}

fn own_item(path: &str, id: u64, value: Value) -> Result<Item, StoriesError> {
    let item = Item::new(value).filter(|item| item.id() == id);
    item.ok_or_else(|| StoriesError::Failed {
        path: path.to_owned(),
        reason: "the response is no item of that id".to_owned(),
    })
}

/// The error and its causes in one line, without the URL: a base URL may hold a password.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[expect(
    clippy::disallowed_methods,
    reason = "the age of an answer is time that passes here, not in packets"
)]
fn now() -> Instant {
    Instant::now()
}

/// A lock that survives a panic elsewhere: the caches hold no promise that a panic could break.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

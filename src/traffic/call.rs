//! A finished call, as observers and the summary receive it.

use std::sync::Arc;
use std::time::Duration;

use crate::base::Status;

/// A request of a client and its outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Number of the client, from 0.
    pub client: usize,
    /// Number of the session in this run, from 0.
    pub session: u64,
    /// Request id.
    pub id: serde_json::Value,
    /// Method.
    pub method: Arc<str>,
    /// Tool or prompt; `None` for methods without one.
    pub name: Option<Arc<str>>,
    /// Status. [`Status::Cancelled`] includes calls given up after [`super::Options::timeout`].
    pub status: Status,
    /// Time from sending the request to its response, or until the client stopped waiting.
    pub took: Duration,
}

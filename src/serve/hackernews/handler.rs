//! What a call needs: the stories, a key, and the pace.

use std::{sync::Arc, time::Duration};

use rmcp::model::RequestStateCodec;

use super::stories::Stories;

/// Default duration of a step of `digest`: long enough to watch its progress and to cancel it.
const STEP: Duration = Duration::from_millis(250);

/// Handler of the Hacker News server (`hackernews-server` 1.0.0). Clones share stories and keys, as
/// the handlers of one server must.
#[derive(Debug, Clone)]
pub struct Hackernews {
    pub(super) stories: Stories,
    /// Seals the `requestState` that clients carry to a retry (MCP 2026-07-28).
    pub(super) codec: Arc<RequestStateCodec>,
    /// Duration of a step of `digest`.
    pub(super) step: Duration,
}

impl Hackernews {
    /// Creates a handler. Its request states are valid for its clones only.
    pub fn new(stories: Stories) -> Self {
        let key: [u8; RequestStateCodec::MIN_KEY_LENGTH] = rand::random();
        Self { stories, codec: Arc::new(RequestStateCodec::new_unchecked(key)), step: STEP }
    }

    /// Sets the duration of a step of `digest`.
    #[must_use]
    pub fn with_step(self, step: Duration) -> Self {
        Self { step, ..self }
    }
}

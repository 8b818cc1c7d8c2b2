//! What is served.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;

use super::changes::Changes;

/// How long a page is current enough for everybody who asks. Making one takes some milliseconds, in
/// which the analysis waits.
const FRESH: Duration = Duration::from_millis(500);

/// Makes the page, of the version of [`Changes`] that it read before.
pub type Render = Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>;

/// A file beside the page.
#[derive(Clone, Copy, Debug)]
pub struct StaticFile {
    /// Its name, which is the last part of its path.
    pub name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its content.
    pub content: &'static str,
}

/// A page, the files beside it, and its policy.
#[derive(Clone)]
pub struct Site {
    /// The files that the page refers to.
    pub files: Vec<StaticFile>,
    /// The value of `Content-Security-Policy`.
    pub policy: &'static str,
    /// Makes the page.
    pub render: Render,
    /// Whether there is something new.
    pub changes: Changes,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("files", &self.files).finish_non_exhaustive()
    }
}

/// The page as it was made last.
#[derive(Debug)]
pub(super) struct Cache {
    site: Site,
    last: Mutex<Option<Made>>,
}

#[derive(Clone, Debug)]
struct Made {
    version: u64,
    at: Instant,
    page: Bytes,
}

impl Cache {
    pub(super) fn new(site: Site) -> Self {
        Self { site, last: Mutex::default() }
    }

    pub(super) fn site(&self) -> &Site {
        &self.site
    }

    /// Returns the page: the last one if nothing changed since, or if it is [`FRESH`].
    pub(super) fn page(&self) -> Bytes {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.site.changes.current();
        let is_good =
            |made: &&Made| made.version == current.version || (!current.is_over && made.at.elapsed() < FRESH);
        if let Some(made) = last.as_ref().filter(is_good) {
            return made.page.clone();
        }
        let page = Bytes::from((self.site.render)(current.version));
        *last = Some(Made { version: current.version, at: now(), page: page.clone() });
        page
    }
}

#[expect(clippy::disallowed_methods, reason = "pages are made for a reader, not for the analysis")]
fn now() -> Instant {
    Instant::now()
}

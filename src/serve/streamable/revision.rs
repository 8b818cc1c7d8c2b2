//! Tells requests of revisions without sessions apart.

use axum::http::HeaderMap;

/// First revision without sessions. Revisions are dates and compare as text.
const STATELESS: &str = "2026-07-28";

/// Whether a request names a revision without sessions in the header of 2026-07-28.
pub(super) fn is_stateless(headers: &HeaderMap) -> bool {
    headers.get("mcp-protocol-version").is_some_and(|version| version.as_bytes() >= STATELESS.as_bytes())
}

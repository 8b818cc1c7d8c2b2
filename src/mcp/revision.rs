//! Revisions of MCP.

/// The only revision with JSON-RPC batches.
pub(super) const BATCHES: &str = "2025-03-26";

/// The first revision without session ids and without `initialize`.
const STATELESS: &str = "2026-07-28";

/// The revisions of MCP; the first one was published before the transport of HTTP was.
const ALL: [&str; 6] = ["2024-10-07", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", STATELESS];

/// Whether MCP has this revision, or may have it: one that is newer than all that are known here.
pub(super) fn is_known(version: &str) -> bool {
    ALL.contains(&version) || is_stateless(version)
}

/// Whether a revision has no session ids. Revisions are dates, so they compare as text.
#[inline]
pub(crate) fn is_stateless(version: &str) -> bool {
    // Of one length, so that they are compared as numbers.
    let date: Option<&[u8; STATELESS.len()]> = version.as_bytes().try_into().ok();
    date.is_some_and(|date| {
        date.as_slice() >= STATELESS.as_bytes() && date.first().is_some_and(u8::is_ascii_digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dates_from_2026_07_28_on_are_stateless() {
        assert!(is_stateless("2026-07-28"));
        assert!(is_stateless("2027-01-01"));
        assert!(!is_stateless("2025-11-25"));
        assert!(!is_stateless("DRAFT-2026"));
        assert!(!is_stateless(""));
        assert!(is_known("2025-03-26") && is_known("2027-01-01"));
        assert!(!is_known("2025-01-01") && !is_known("DRAFT-2026") && !is_known(""));
    }
}

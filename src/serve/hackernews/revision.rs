//! The revisions of MCP that the handler tells apart.

use rmcp::{RoleServer, model::ProtocolVersion, service::RequestContext};

/// Revision of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Revision {
    /// 2024-11-05, and clients that name no revision: the oldest forms are understood by all.
    V2024_11_05,
    /// Adds annotations of tools and messages of progress.
    V2025_03_26,
    /// Adds titles and elicitation.
    V2025_06_18,
    /// Wrong arguments are errors of the tool (SEP-1303).
    V2025_11_25,
    /// No requests from the server; `input_required` instead.
    V2026_07_28,
}

impl Revision {
    /// Returns the revision that the request names, else the session's.
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Self {
        let version = context.protocol_version();
        // Revisions are dates and compare as text. An unknown one is treated like the last one
        // before it.
        match version.as_ref().map_or("", ProtocolVersion::as_str) {
            version if version >= "2026-07-28" => Self::V2026_07_28,
            version if version >= "2025-11-25" => Self::V2025_11_25,
            version if version >= "2025-06-18" => Self::V2025_06_18,
            version if version >= "2025-03-26" => Self::V2025_03_26,
            _ => Self::V2024_11_05,
        }
    }
}

//! The revision of a request.

use rmcp::RoleServer;
use rmcp::model::ProtocolVersion;
use rmcp::service::RequestContext;

/// Whether a request is of 2026-07-28 or later, which have no sessions. Revisions compare as text.
pub(super) fn is_stateless(cx: &RequestContext<RoleServer>) -> bool {
    cx.protocol_version().is_some_and(|revision| revision.as_str() >= ProtocolVersion::V_2026_07_28.as_str())
}

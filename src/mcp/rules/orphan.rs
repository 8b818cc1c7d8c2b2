//! Rules for responses without a captured request.

use super::super::held_responses::HeldResponse;
use super::rule::{FindingContext, Moment, Violation, id_text, violation};
use crate::base::{Code, Degraded};

/// A response without a request.
pub(in crate::mcp) struct Orphan<'a> {
    /// Number of the session.
    pub(in crate::mcp) session: u32,
    pub(in crate::mcp) response: &'a HeldResponse,
    /// Why its request may be missing.
    pub(in crate::mcp) missing: Degraded,
    /// Number of responses of the session that have the id 0 and no request, up to this one; 0 if
    /// this one is not counted.
    pub(in crate::mcp) zero_ids: u32,
}

impl Moment for Orphan<'_> {
    fn subject(&self) -> FindingContext {
        let HeldResponse { carrier, span, .. } = self.response;
        FindingContext { at: span.end, tcp_stream: carrier.0, session: Some(self.session), exchange: None }
    }
}

pub(super) fn request_is_not_captured(orphan: &Orphan<'_>) -> Option<Violation> {
    if orphan.missing.is_none() {
        return None;
    }
    let reasons: Vec<_> = orphan.missing.names().collect();
    let id = id_text(orphan.response.envelope.id.as_ref());
    violation(Code::McpRequestUnseen, format!("{id}: {}", reasons.join(", ")))
}

pub(super) fn response_is_unknown(orphan: &Orphan<'_>) -> Option<Violation> {
    if orphan.missing.any() {
        return None;
    }
    violation(Code::McpUnknownResponse, id_text(orphan.response.envelope.id.as_ref()))
}

/// Reported once for each session, at the second such response.
pub(super) fn ids_are_always_zero(orphan: &Orphan<'_>) -> Option<Violation> {
    if orphan.zero_ids != 2 {
        return None;
    }
    violation(Code::McpIdZeroAlways, "responses with the id 0 to requests with other ids")
}

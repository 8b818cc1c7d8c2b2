//! The rule for lists of a server's tools, prompts and resources.

use super::super::definitions::Changes;
use super::super::record::Exchange;
use super::exchange::of_exchange;
use super::rule::{FindingContext, Moment, Violation, violation};
use crate::base::{Code, Origin};

/// Names that a finding lists of each kind of change.
const LISTED: usize = 5;

/// A list that differs from earlier ones of the same server.
pub(in crate::mcp) struct ChangedListing<'a> {
    pub(in crate::mcp) exchange: &'a Exchange,
    pub(in crate::mcp) at: Origin,
    /// `tools`, `prompts`, `resources` or `resourceTemplates`.
    pub(in crate::mcp) kind: &'static str,
    pub(in crate::mcp) changes: &'a Changes,
}

impl Moment for ChangedListing<'_> {
    fn subject(&self) -> FindingContext {
        of_exchange(self.exchange, self.at)
    }
}

/// The model acts on definitions that it, or the user, has read: a new text under an approved name
/// is worth a look, whoever changed it.
pub(super) fn definitions_changed(listing: &ChangedListing<'_>) -> Option<Violation> {
    let changes = listing.changes;
    let changed: Vec<String> = changes
        .changed
        .iter()
        .map(|(name, packet)| format!("{name} (before in packet {})", packet.mention()))
        .collect();
    let names = |names: &[Box<str>]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    let parts = [("changed", changed), ("new", names(&changes.added)), ("gone", names(&changes.removed))];
    let parts = parts.into_iter().filter(|(_, names)| !names.is_empty());
    let text: Vec<String> = parts.map(|(what, names)| format!("{what}: {}", listed(&names))).collect();
    violation(Code::McpDefinitionsChanged, format!("{}: {}", listing.kind, text.join("; ")))
}

fn listed(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(LISTED).map(String::as_str).collect();
    let more = names.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

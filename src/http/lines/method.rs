//! The methods of MCP, as far as they tell that a line is a message of MCP, and who sent it.

use crate::base::Side;

/// Methods and their beginnings, and the side that sends them; `None` if both do.
const METHODS: [(&str, Option<Side>); 27] = [
    ("initialize", Some(Side::Client)),
    ("ping", None),
    ("tools/", Some(Side::Client)),
    ("prompts/", Some(Side::Client)),
    ("resources/", Some(Side::Client)),
    ("completion/", Some(Side::Client)),
    ("logging/", Some(Side::Client)),
    ("server/", Some(Side::Client)),
    ("subscriptions/", Some(Side::Client)),
    ("tasks/", None),
    ("sampling/", Some(Side::Server)),
    ("elicitation/", Some(Side::Server)),
    ("roots/", Some(Side::Server)),
    ("notifications/initialized", Some(Side::Client)),
    ("notifications/roots/", Some(Side::Client)),
    ("notifications/message", Some(Side::Server)),
    ("notifications/tools/", Some(Side::Server)),
    ("notifications/prompts/", Some(Side::Server)),
    ("notifications/resources/", Some(Side::Server)),
    ("notifications/elicitation/", Some(Side::Server)),
    ("notifications/subscriptions/", Some(Side::Server)),
    ("notifications/tasks/", None),
    ("notifications/cancelled", None),
    ("notifications/progress", None),
    ("notifications/stderr", Some(Side::Server)),
    ("notifications/", None),
    ("extensions/", None),
];

/// Length of the longest text of [`METHODS`], in bytes.
pub(super) const MAX_METHOD: usize = 28;

/// Returns the side that sends a method, `Some(None)` if both do; `None` for a method that is not
/// one of MCP. `name` is its text, or at least [`MAX_METHOD`] bytes of it.
pub(super) fn sender(name: &[u8]) -> Option<Option<Side>> {
    let is_it = |(known, _): &&(&str, Option<Side>)| {
        if known.ends_with('/') { name.starts_with(known.as_bytes()) } else { name == known.as_bytes() }
    };
    METHODS.iter().find(is_it).map(|(_, side)| *side)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_have_a_sender() {
        for (name, side) in [
            ("initialize", Some(Some(Side::Client))),
            ("tools/call", Some(Some(Side::Client))),
            ("sampling/createMessage", Some(Some(Side::Server))),
            ("ping", Some(None)),
            ("notifications/cancelled", Some(None)),
            ("notifications/tools/list_changed", Some(Some(Side::Server))),
            ("notifications/x", Some(None)),
            ("mining.subscribe", None),
            ("initialized", None),
            ("textDocument/hover", None),
            ("", None),
        ] {
            assert_eq!(sender(name.as_bytes()), side, "{name}");
        }
        assert!(METHODS.iter().all(|(name, _)| name.len() <= MAX_METHOD));
    }
}

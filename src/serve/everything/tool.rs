//! The definition of a tool without arguments.

use rmcp::model::Tool;
use rmcp::object;

/// Returns a tool without arguments.
pub(super) fn plain(name: &'static str, description: &'static str) -> Tool {
    Tool::new(name, description, object!({"type": "object", "properties": {}}))
}

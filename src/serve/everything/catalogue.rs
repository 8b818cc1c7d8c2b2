//! All tools that `--everything` adds, in a fixed order, for `tools/list`.

use rmcp::model::Tool;
use rmcp::object;

use super::{ask, content, during, rounds, tasks, watch};

/// Returns the tools of all kinds.
pub(super) fn tools() -> Vec<Tool> {
    [content::tools(), during::tools(), ask::tools(), rounds::tools(), tasks::tools(), watch::tools()]
        .concat()
}

/// Returns a tool without arguments.
pub(super) fn plain(name: &'static str, description: &'static str) -> Tool {
    Tool::new(name, description, object!({"type": "object", "properties": {}}))
}

//! Every tool that `--everything` adds, as `tools/list` shows them.
//! In: what each kind of tool says of its own. Out: one list, in a fixed order.

use rmcp::model::Tool;
use rmcp::object;

use super::{ask, content, during, rounds, tasks, watch};

/// The tools of all kinds.
pub(super) fn tools() -> Vec<Tool> {
    [content::tools(), during::tools(), ask::tools(), rounds::tools(), tasks::tools(), watch::tools()]
        .concat()
}

/// A tool without arguments.
pub(super) fn plain(name: &'static str, description: &'static str) -> Tool {
    Tool::new(name, description, object!({"type": "object", "properties": {}}))
}

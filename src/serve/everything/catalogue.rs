//! All tools that `--everything` adds, in a fixed order, for `tools/list`.

use rmcp::model::Tool;

use super::{ask, content, during, rounds, tasks, watch};

/// Returns the tools of all kinds.
pub(super) fn tools() -> Vec<Tool> {
    [content::tools(), during::tools(), ask::tools(), rounds::tools(), tasks::tools(), watch::tools()]
        .concat()
}

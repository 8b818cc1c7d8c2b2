//! What a server has: its tools, resources and prompts, as far as they are wanted for a script.

use std::collections::BTreeSet;
use std::time::Duration;

use rmcp::model::{
    ListResourceTemplatesResult, PaginatedRequestParams, Prompt, ProtocolVersion, ServerCapabilities, Tool,
};
use rmcp::service::{Peer, RoleClient, ServiceError};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::options::Tools;

/// Pages of a list that are asked for: a server might have a next page for ever.
const MAX_PAGES: usize = 10;

/// Entries of a list that are kept.
const MAX_ENTRIES: usize = 500;

/// What `mcpdump serve` calls itself, and tools that no other server of that name has.
const OUR_NAME: &str = "hackernews-server";
const OUR_TOOLS: [&str; 3] = ["ask-reader", "digest", "search-hackernews"];

/// What can be asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Catalogue {
    /// The tools that may be called.
    pub(super) tools: Vec<CallableTool>,
    pub(super) resources: Vec<String>,
    pub(super) templates: Vec<String>,
    pub(super) prompts: Vec<Asked>,
    /// The lists that the server has.
    pub(super) lists: Vec<List>,
    pub(super) has_completion: bool,
    /// Until 2025-11-25: 2026-07-28 has no ping.
    pub(super) has_ping: bool,
    /// Whether the server is `mcpdump serve`.
    pub(super) is_ours: bool,
}

/// A tool, and what its arguments look like.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CallableTool {
    pub(super) name: String,
    /// A JSON schema of an object.
    pub(super) schema: Value,
}

/// A prompt, with its arguments and whether they are required.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) name: String,
    pub(super) arguments: Vec<(String, bool)>,
}

/// A list that servers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Tools,
    Resources,
    Templates,
    Prompts,
}

impl Catalogue {
    /// Asks the server, and waits for each page with `patience`. A list that is not answered, or with an error, counts as empty: that is the meter's matter.
    pub(super) async fn discover(peer: &Peer<RoleClient>, wanted: &Tools, patience: Duration) -> Self {
        let Some(server) = peer.peer_info() else {
            return Self::default();
        };
        let ServerCapabilities { tools, resources, prompts, completions, .. } = &server.capabilities;
        let mut found = Self {
            has_completion: completions.is_some(),
            has_ping: server.protocol_version < ProtocolVersion::V_2026_07_28,
            ..Self::default()
        };
        if tools.is_some() {
            found.lists.push(List::Tools);
            let tools =
                pages(|page| peer.list_tools(page), |list| (list.tools, list.next_cursor), patience).await;
            let is_named = server.server_info.as_ref().is_some_and(|info| info.name == OUR_NAME);
            found.is_ours =
                is_named && OUR_TOOLS.iter().all(|ours| tools.iter().any(|tool| tool.name == *ours));
            found.tools = tools
                .into_iter()
                .filter(|tool| may_call(tool, wanted, found.is_ours))
                .map(callable)
                .collect();
        }
        if resources.is_some() {
            found.lists.extend([List::Resources, List::Templates]);
            let list =
                pages(|page| peer.list_resources(page), |list| (list.resources, list.next_cursor), patience);
            found.resources = list.await.into_iter().map(|resource| resource.uri).collect();
            let split = |list: ListResourceTemplatesResult| (list.resource_templates, list.next_cursor);
            let list = pages(|page| peer.list_resource_templates(page), split, patience);
            found.templates = list.await.into_iter().map(|template| template.uri_template).collect();
        }
        if prompts.is_some() {
            found.lists.push(List::Prompts);
            let list =
                pages(|page| peer.list_prompts(page), |list| (list.prompts, list.next_cursor), patience);
            found.prompts = list.await.into_iter().map(asked).collect();
        }
        found
    }

    /// Numbers at the end of resource URIs: what an argument `id` may be.
    pub(super) fn ids(&self) -> Vec<u64> {
        let number = |uri: &String| uri.rsplit('/').next().and_then(|last| last.parse().ok());
        let ids: BTreeSet<u64> = self.resources.iter().filter_map(number).collect();
        ids.into_iter().collect()
    }
}

/// All pages of a list, up to the caps, each waited for with patience. `split` takes a page apart: its entries, and where the next one is.
async fn pages<R, T, F>(
    ask: impl Fn(Option<PaginatedRequestParams>) -> F,
    split: impl Fn(R) -> (Vec<T>, Option<String>),
    patience: Duration,
) -> Vec<T>
where
    F: Future<Output = Result<R, ServiceError>>,
{
    let mut entries = Vec::new();
    let mut cursor = None;
    for _ in 0..MAX_PAGES {
        let page = cursor.take().map(|cursor| PaginatedRequestParams::default().with_cursor(Some(cursor)));
        // The meter has counted what failed or did not come.
        let Ok(Ok(list)) = timeout(patience, ask(page)).await else {
            break;
        };
        let (mut more, next) = split(list);
        entries.append(&mut more);
        entries.truncate(MAX_ENTRIES);
        cursor = next;
        if cursor.is_none() || entries.len() == MAX_ENTRIES {
            break;
        }
    }
    entries
}

/// Annotations are hints of the server: one that lies about what it does has only itself to blame.
fn may_call(tool: &Tool, wanted: &Tools, is_ours: bool) -> bool {
    let only_reads = tool.annotations.as_ref().is_some_and(|hints| hints.read_only_hint == Some(true));
    match wanted {
        Tools::All => true,
        Tools::Safe => is_ours || only_reads,
        Tools::ReadOnly(named) => only_reads || named.contains(tool.name.as_ref()),
    }
}

fn callable(tool: Tool) -> CallableTool {
    let members: Map<String, Value> = (*tool.input_schema).clone();
    CallableTool { name: tool.name.into_owned(), schema: Value::Object(members) }
}

fn asked(prompt: Prompt) -> Asked {
    let arguments = prompt.arguments.unwrap_or_default();
    let arguments = arguments.into_iter().map(|argument| (argument.name, argument.required == Some(true)));
    Asked { name: prompt.name, arguments: arguments.collect() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rmcp::model::ToolAnnotations;

    use super::*;

    #[test]
    fn tools_of_others_are_called_with_their_leave() {
        let tool = |name: &'static str, reads: Option<bool>| {
            let mut tool = Tool::new(name, "", Arc::new(Map::new()));
            tool.annotations = reads.map(|reads| ToolAnnotations::new().read_only(reads));
            tool
        };
        let named = Tools::ReadOnly(BTreeSet::from(["write".to_owned()]));
        for (tool, wanted, is_ours, may) in [
            (tool("look", Some(true)), &Tools::Safe, false, true),
            (tool("write", Some(false)), &Tools::Safe, false, false),
            (tool("write", None), &Tools::Safe, false, false),
            (tool("write", None), &Tools::Safe, true, true),
            (tool("write", None), &named, false, true),
            (tool("erase", None), &named, false, false),
            (tool("look", Some(true)), &named, false, true),
            (tool("erase", None), &Tools::All, false, true),
        ] {
            assert_eq!(may_call(&tool, wanted, is_ours), may, "{} {wanted:?} {is_ours}", tool.name);
        }
    }
}

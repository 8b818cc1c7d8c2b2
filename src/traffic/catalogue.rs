//! The tools, resources and prompts of a server that a script may use.

use std::collections::BTreeSet;
use std::time::Duration;

use rmcp::model::{
    ListResourceTemplatesResult, PaginatedRequestParams, Prompt, ProtocolVersion, ServerCapabilities, Tool,
};
use rmcp::service::{Peer, RoleClient, ServiceError};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::options::Tools;

/// Most pages of a list: a server might always name a next page.
const MAX_PAGES: usize = 10;

/// Most entries of a list.
const MAX_ENTRIES: usize = 500;

/// Name of `mcpdump serve`, and tools that no other server of that name has.
const MCPDUMP_NAME: &str = "hackernews-server";
const MCPDUMP_TOOLS: [&str; 3] = ["ask-reader", "digest", "search-hackernews"];

/// What a client may request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Catalogue {
    /// Tools that may be called.
    pub(super) tools: Vec<CallableTool>,
    pub(super) resources: Vec<String>,
    pub(super) templates: Vec<String>,
    pub(super) prompts: Vec<PromptInfo>,
    /// Lists that the server supports.
    pub(super) lists: Vec<List>,
    pub(super) has_completion: bool,
    /// Whether the revision has `ping`: removed in 2026-07-28.
    pub(super) has_ping: bool,
    /// Whether the server is `mcpdump serve`.
    pub(super) is_mcpdump: bool,
}

/// A tool and the schema of its arguments.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CallableTool {
    pub(super) name: String,
    /// JSON schema of an object.
    pub(super) schema: Value,
}

/// A prompt, its arguments, and whether each is required.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PromptInfo {
    pub(super) name: String,
    pub(super) arguments: Vec<(String, bool)>,
}

/// A list that a server may support.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Tools,
    Resources,
    Templates,
    Prompts,
}

impl Catalogue {
    /// Requests the lists of the server, with a time limit for each page. A list that fails counts
    /// as empty; the meter counts the failure.
    pub(super) async fn discover(peer: &Peer<RoleClient>, wanted: &Tools, time_limit: Duration) -> Self {
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
                pages(|page| peer.list_tools(page), |list| (list.tools, list.next_cursor), time_limit).await;
            let is_named = server.server_info.as_ref().is_some_and(|info| info.name == MCPDUMP_NAME);
            found.is_mcpdump =
                is_named && MCPDUMP_TOOLS.iter().all(|ours| tools.iter().any(|tool| tool.name == *ours));
            found.tools = tools
                .into_iter()
                .filter(|tool| may_call(tool, wanted, found.is_mcpdump))
                .map(callable)
                .collect();
        }
        if resources.is_some() {
            found.lists.extend([List::Resources, List::Templates]);
            let list = pages(
                |page| peer.list_resources(page),
                |list| (list.resources, list.next_cursor),
                time_limit,
            );
            found.resources = list.await.into_iter().map(|resource| resource.uri).collect();
            let split = |list: ListResourceTemplatesResult| (list.resource_templates, list.next_cursor);
            let list = pages(|page| peer.list_resource_templates(page), split, time_limit);
            found.templates = list.await.into_iter().map(|template| template.uri_template).collect();
        }
        if prompts.is_some() {
            found.lists.push(List::Prompts);
            let list =
                pages(|page| peer.list_prompts(page), |list| (list.prompts, list.next_cursor), time_limit);
            found.prompts = list.await.into_iter().map(prompt_info).collect();
        }
        found
    }

    /// Returns the numbers at the end of resource URIs, used as values for arguments named `id`.
    pub(super) fn ids(&self) -> Vec<u64> {
        let number = |uri: &String| uri.rsplit('/').next().and_then(|last| last.parse().ok());
        let ids: BTreeSet<u64> = self.resources.iter().filter_map(number).collect();
        ids.into_iter().collect()
    }
}

/// Requests all pages of a list, up to the caps. `split` returns the entries of a page and the
/// cursor of the next.
async fn pages<R, T, F>(
    ask: impl Fn(Option<PaginatedRequestParams>) -> F,
    split: impl Fn(R) -> (Vec<T>, Option<String>),
    time_limit: Duration,
) -> Vec<T>
where
    F: Future<Output = Result<R, ServiceError>>,
{
    let mut entries = Vec::new();
    let mut cursor = None;
    for _ in 0..MAX_PAGES {
        let page = cursor.take().map(|cursor| PaginatedRequestParams::default().with_cursor(Some(cursor)));
        // The meter has counted the failure.
        let Ok(Ok(list)) = timeout(time_limit, ask(page)).await else {
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

/// Whether a tool may be called. Relies on the annotations of the server.
fn may_call(tool: &Tool, wanted: &Tools, is_mcpdump: bool) -> bool {
    let only_reads = tool.annotations.as_ref().is_some_and(|hints| hints.read_only_hint == Some(true));
    match wanted {
        Tools::All => true,
        Tools::Safe => is_mcpdump || only_reads,
        Tools::ReadOnly(named) => only_reads || named.contains(tool.name.as_ref()),
    }
}

fn callable(tool: Tool) -> CallableTool {
    let members: Map<String, Value> = (*tool.input_schema).clone();
    CallableTool { name: tool.name.into_owned(), schema: Value::Object(members) }
}

fn prompt_info(prompt: Prompt) -> PromptInfo {
    let arguments = prompt.arguments.unwrap_or_default();
    let arguments = arguments.into_iter().map(|argument| (argument.name, argument.required == Some(true)));
    PromptInfo { name: prompt.name, arguments: arguments.collect() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rmcp::model::ToolAnnotations;

    use super::*;

    #[test]
    fn only_permitted_tools_are_called() {
        let tool = |name: &'static str, reads: Option<bool>| {
            let mut tool = Tool::new(name, "", Arc::new(Map::new()));
            tool.annotations = reads.map(|reads| ToolAnnotations::new().read_only(reads));
            tool
        };
        let named = Tools::ReadOnly(BTreeSet::from(["write".to_owned()]));
        for (tool, wanted, is_mcpdump, may) in [
            (tool("look", Some(true)), &Tools::Safe, false, true),
            (tool("write", Some(false)), &Tools::Safe, false, false),
            (tool("write", None), &Tools::Safe, false, false),
            (tool("write", None), &Tools::Safe, true, true),
            (tool("write", None), &named, false, true),
            (tool("erase", None), &named, false, false),
            (tool("look", Some(true)), &named, false, true),
            (tool("erase", None), &Tools::All, false, true),
        ] {
            assert_eq!(may_call(&tool, wanted, is_mcpdump), may, "{} {wanted:?} {is_mcpdump}", tool.name);
        }
    }
}

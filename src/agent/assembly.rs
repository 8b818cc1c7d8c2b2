//! Makes a timeline of calls of models and MCP calls.

use std::sync::Arc;

use super::links::Links;
use super::timeline::{McpCall, ModelCall, Run, Timeline};
use super::{join, runs, views};

/// Makes a timeline of all calls of a capture, in any order.
pub(super) fn assemble(mut calls: Vec<ModelCall>, mut mcp: Vec<McpCall>) -> Timeline {
    calls.sort_by_key(|call| (call.request.start.time, call.number));
    mcp.sort_by_key(|call| (call.request.start.time, call.n));
    let mcp: Vec<_> = mcp.into_iter().map(Arc::new).collect();
    let before = calls.len();
    let mut is_behind = views::behind_proxies(&calls).into_iter();
    calls.retain(|_| !is_behind.next().unwrap_or_default());
    let behind_proxies = (before - calls.len()) as u64;
    let links = Links::find(&calls);
    let numbers: Vec<u64> = calls.iter().map(|call| call.number).collect();
    for (index, call) in calls.iter_mut().enumerate() {
        for (at, tool) in call.tools.iter_mut().enumerate() {
            tool.answered_in = links.answer((index, at)).and_then(|(by, _)| numbers.get(by).copied());
        }
    }
    join::join(&mut calls, &mcp, &links);
    let mut runs = runs::group(calls, &links);
    let unasked = unasked(&runs, mcp);
    runs.retain(|run| {
        let joined = run.calls.iter().flat_map(|call| &call.tools).flat_map(|tool| tool.join.calls());
        run.calls.iter().any(|call| call.is_chosen) || joined.into_iter().any(|call| call.is_chosen)
    });
    Timeline { runs, unasked, behind_proxies, ..Timeline::default() }
}

/// The MCP calls that no tool call names.
fn unasked(runs: &[Run], mut mcp: Vec<Arc<McpCall>>) -> Vec<Arc<McpCall>> {
    let tools = runs.iter().flat_map(|run| &run.calls).flat_map(|call| &call.tools);
    let mut asked: Vec<u64> = tools.flat_map(|tool| tool.join.calls()).map(|call| call.n).collect();
    asked.sort_unstable();
    mcp.retain(|call| call.is_chosen && asked.binary_search(&call.n).is_err());
    mcp
}

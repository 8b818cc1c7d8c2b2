//! Makes a timeline of calls of models and MCP calls.

use std::sync::Arc;

use super::join::Open;
use super::links::Links;
use super::timeline::{Join, McpCall, ModelCall, Run, Timeline};
use super::{join, runs, views};
use crate::base::Degraded;

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
    let open = join::join(&mut calls, &mcp, &links);
    let mut runs = runs::group(calls, &links);
    let (unasked, perhaps_asked) = unasked(&runs, mcp, &open);
    runs.retain(|run| {
        let joined = run.calls.iter().flat_map(|call| &call.tools).flat_map(|tool| tool.join.calls());
        run.calls.iter().any(|call| call.is_chosen) || joined.into_iter().any(|call| call.is_chosen)
    });
    let candidates_left_out = shorten(&mut runs);
    let missing = if open.is_limit_reached { Degraded::NOT_READ } else { Degraded::NONE };
    Timeline {
        runs,
        unasked,
        perhaps_asked,
        candidates_left_out,
        behind_proxies,
        missing,
        ..Timeline::default()
    }
}

/// Returns the MCP calls that no tool call names, and how many others a tool call may have made.
fn unasked(runs: &[Run], mut mcp: Vec<Arc<McpCall>>, open: &Open) -> (Vec<Arc<McpCall>>, u64) {
    let tools = runs.iter().flat_map(|run| &run.calls).flat_map(|call| &call.tools);
    let mut asked: Vec<u64> = tools.flat_map(|tool| tool.join.calls()).map(|call| call.n).collect();
    asked.sort_unstable();
    let (mut is_perhaps_asked, mut perhaps_asked) = (open.is_perhaps_asked.iter(), 0);
    mcp.retain(|call| {
        let is_perhaps_asked = is_perhaps_asked.next().copied().unwrap_or_default();
        if !call.is_chosen || asked.binary_search(&call.n).is_ok() {
            return false;
        }
        perhaps_asked += u64::from(is_perhaps_asked);
        !is_perhaps_asked
    });
    (mcp, perhaps_asked)
}

/// Drops candidates beyond what a timeline lists, and returns their number. Of a tool call all are
/// listed, or none.
fn shorten(runs: &mut [Run]) -> u64 {
    let (mut left, mut left_out) = (Timeline::MAX_LISTED, 0);
    let calls = runs.iter_mut().flat_map(|run| &mut run.calls);
    for tool in calls.flat_map(|call| &mut call.tools) {
        if let Join::Ambiguous(candidates) | Join::NotCompared(_, candidates) = &mut tool.join {
            match left.checked_sub(candidates.len()) {
                Some(rest) => left = rest,
                None => left_out += std::mem::take(candidates).len() as u64,
            }
        }
    }
    left_out
}

//! Finds the MCP calls that tool calls of models became.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::links::{Links, ToolRef};
use super::names::{self, Fit};
use super::results::{self, Likeness};
use super::timeline::{AskedTool, Evidence, Join, McpCall, ModelCall};
use crate::base::{Degraded, Timestamp};

/// How long after a tool call an MCP call may start whose result does not come back, in
/// nanoseconds.
const UNANSWERED_WAIT: i64 = 60_000_000_000;

/// The most MCP calls with the arguments of a tool call that are looked at.
const MAX_LOOKED_AT: usize = 256;

/// Candidates of a tool call.
#[derive(Debug, Default)]
struct Candidates {
    tool: ToolRef,
    /// Whether the result came back.
    is_answered: bool,
    /// The indexes of MCP calls with their likeness.
    found: Vec<(usize, Likeness)>,
    /// Those whose server the prefix of the name does not name: they are joined by their result
    /// alone.
    unnamed: HashSet<usize, RandomState>,
    /// Whether there are more than are listed.
    are_more: bool,
}

impl Candidates {
    fn of(&self, likeness: Likeness) -> impl Iterator<Item = usize> {
        self.found.iter().filter(move |(_, it)| *it == likeness).map(|(call, _)| *call)
    }

    /// The only candidate whose result is the one that the model was given.
    fn proven(&self) -> Option<usize> {
        let mut same = self.of(Likeness::Same);
        match (same.next(), same.next(), self.are_more) {
            (Some(call), None, false) => Some(call),
            _ => None,
        }
    }
}

/// Joins each tool call. `mcp` is in the order of the requests.
pub(super) fn join(calls: &mut [ModelCall], mcp: &[Arc<McpCall>], links: &Links) {
    let mut all = candidates(calls, mcp, links);
    let mut joins = settle_by_results(&mut all, mcp);
    settle_by_arguments(&all, mcp, &mut joins);
    for ((call, tool), join) in joins {
        if let Some(tool) = calls.get_mut(call).and_then(|call| call.tools.get_mut(tool)) {
            tool.join = join;
        }
    }
}

/// Joins tool calls to the MCP calls whose result the model was given, and takes these from the
/// candidates of all others.
fn settle_by_results(all: &mut Vec<Candidates>, mcp: &[Arc<McpCall>]) -> Vec<(ToolRef, Join)> {
    // How many tool calls were given the result of an MCP call.
    let mut given = vec![0_u32; mcp.len()];
    for call in all.iter().flat_map(|candidates| candidates.of(Likeness::Same)) {
        given.get_mut(call).into_iter().for_each(|count| *count += 1);
    }
    let proven = |candidates: &Candidates| {
        candidates.proven().filter(|call| given.get(*call).is_some_and(|count| *count == 1))
    };
    let mut joins = Vec::new();
    let mut taken: HashSet<usize, RandomState> = HashSet::default();
    all.retain(|candidates| {
        let Some((index, call)) = proven(candidates).and_then(|call| Some((call, mcp.get(call)?))) else {
            return true;
        };
        taken.insert(index);
        joins.push((candidates.tool, Join::Joined(Arc::clone(call), Evidence::Result)));
        false
    });
    for candidates in all {
        candidates.found.retain(|(call, _)| !taken.contains(call));
    }
    joins
}

/// Joins the rest, where only one MCP call can be meant and no other tool call can have made it.
fn settle_by_arguments(all: &[Candidates], mcp: &[Arc<McpCall>], joins: &mut Vec<(ToolRef, Join)>) {
    // How many tool calls may have made an MCP call.
    let mut claims = vec![0_u32; mcp.len()];
    for (call, likeness) in all.iter().flat_map(|candidates| &candidates.found) {
        if *likeness != Likeness::Different {
            claims.get_mut(*call).into_iter().for_each(|count| *count += 1);
        }
    }
    for candidates in all {
        let listed: Vec<_> =
            candidates.found.iter().filter_map(|(call, _)| mcp.get(*call)).map(Arc::clone).collect();
        let join = match &*candidates.found {
            [] if candidates.are_more => Join::Ambiguous(listed),
            [] => continue,
            // What another tool call became.
            [(index, Likeness::Different)] if claims.get(*index) != Some(&0) => continue,
            [(index, likeness)]
                if !candidates.are_more
                    && (*likeness == Likeness::Different || claims.get(*index) == Some(&1)) =>
            {
                let Some(call) = mcp.get(*index).map(Arc::clone) else { continue };
                match likeness {
                    _ if !candidates.is_answered => Join::Unconfirmed(call),
                    Likeness::Unknown if candidates.unnamed.contains(index) => Join::Unconfirmed(call),
                    Likeness::Same => Join::Joined(call, Evidence::Result),
                    Likeness::Unknown => Join::Joined(call, Evidence::Arguments),
                    Likeness::Different => Join::Unconfirmed(call),
                }
            }
            _ => Join::Ambiguous(listed),
        };
        joins.push((candidates.tool, join));
    }
}

/// Finds the candidates of each tool call.
fn candidates(calls: &[ModelCall], mcp: &[Arc<McpCall>], links: &Links) -> Vec<Candidates> {
    let mut by_arguments: HashMap<u64, Vec<usize>, RandomState> = HashMap::default();
    for (index, call) in mcp.iter().enumerate() {
        if let Some(arguments) = call.arguments {
            by_arguments.entry(arguments.key()).or_default().push(index);
        }
    }
    let mut all = Vec::new();
    for (index, call) in calls.iter().enumerate() {
        for (at, tool) in call.tools.iter().enumerate() {
            let answer = links.answer((index, at)).and_then(|(by, result)| {
                let by = calls.get(by)?;
                Some((by.request.start.time, &by.results.get(result)?.given))
            });
            let until = answer.map_or(tool.at.time.plus(UNANSWERED_WAIT), |(time, _)| time);
            let Some(alike) = tool.parsed.and_then(|arguments| by_arguments.get(&arguments.key())) else {
                continue;
            };
            let mut candidates =
                Candidates { tool: (index, at), is_answered: answer.is_some(), ..Candidates::default() };
            let mut fits = Vec::new();
            let from = alike.partition_point(|of| starts(mcp, *of) < tool.at.time);
            for (looked_at, &of) in alike.iter().skip(from).enumerate() {
                let Some(other) = mcp.get(of).filter(|other| other.request.start.time <= until) else {
                    break;
                };
                candidates.are_more =
                    looked_at >= MAX_LOOKED_AT || candidates.found.len() > Join::MAX_CANDIDATES;
                if candidates.are_more {
                    break;
                }
                let Some(fit) = fits_tool(tool, other) else { continue };
                let likeness = match (answer, &other.answered) {
                    (Some((_, given)), Some(answered)) => results::compare(given, answered),
                    _ => Likeness::Unknown,
                };
                if is_elsewhere(call.client.ip(), other.client.ip()) && likeness != Likeness::Same
                    || other.degraded.contains(Degraded::TIME_BACK)
                {
                    continue;
                }
                candidates.found.push((of, likeness));
                if fit == Fit::Prefixed {
                    candidates.unnamed.insert(of);
                }
                fits.push((fit, other.server_name.is_some()));
            }
            keep_best(&mut candidates.found, &fits);
            if candidates.of(Likeness::Same).next().is_some() {
                candidates.found.retain(|(_, likeness)| *likeness == Likeness::Same);
            }
            candidates.found.truncate(Join::MAX_CANDIDATES);
            all.push(candidates);
        }
    }
    all
}

fn starts(mcp: &[Arc<McpCall>], index: usize) -> Timestamp {
    mcp.get(index).map_or(Timestamp(i64::MAX), |call| call.request.start.time)
}

/// If the prefix of the name says which server is meant, those of other servers are none.
fn keep_best(found: &mut Vec<(usize, Likeness)>, fits: &[(Fit, bool)]) {
    if fits.iter().any(|(fit, _)| *fit == Fit::Server) {
        let mut is_kept = fits.iter().map(|(fit, is_known)| *fit != Fit::Prefixed || !is_known);
        found.retain(|_| is_kept.next().unwrap_or(true));
    }
}

fn fits_tool(tool: &AskedTool, call: &McpCall) -> Option<Fit> {
    let path = call.server.path.as_deref().unwrap_or_default();
    let names: Vec<&str> = call.server_name.as_deref().into_iter().chain(path.split('/')).collect();
    names::fit(&tool.name, &call.name, &names)
}

/// Whether two clients are on different machines, as far as their addresses tell. An agent calls
/// servers on its own machine from a loopback address.
fn is_elsewhere(a: IpAddr, b: IpAddr) -> bool {
    let [a, b] = [a, b].map(|ip| ip.to_canonical());
    a != b && !a.is_loopback() && !b.is_loopback() && a.is_ipv4() == b.is_ipv4()
}

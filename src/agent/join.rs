//! Finds the MCP calls that tool calls of models became.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::links::{Links, ToolRef};
use super::names::{AskedName, Fit, ToolName};
use super::results::{self, Given, Likeness};
use super::timeline::{AskedTool, Evidence, Join, McpCall, ModelCall, NotCompared};
use crate::base::{Degraded, Timestamp};

/// How long after a tool call an MCP call may start whose result does not come back, in
/// nanoseconds.
const UNANSWERED_WAIT: i64 = 60_000_000_000;

/// The most MCP calls with the arguments of a tool call that are looked at.
const MAX_LOOKED_AT: usize = 256;

/// The most comparisons of tool calls with MCP calls in a capture: some seconds.
const MAX_COMPARISONS: usize = 1 << 19;

/// A tool call, and when its MCP call may have started.
#[derive(Clone, Copy, Debug)]
struct Asked<'a> {
    of: ToolRef,
    call: &'a ModelCall,
    tool: &'a AskedTool,
    /// The result that the model was given; `None` if it did not come back.
    given: Option<&'a Given>,
    until: Timestamp,
}

/// The MCP calls of a capture, in the order of the requests, and what is compared of them.
#[derive(Debug)]
struct McpCalls<'a> {
    all: &'a [Arc<McpCall>],
    names: Vec<ToolName>,
    /// Comparisons that are left.
    left: usize,
    /// Keys of arguments for which not every candidate is known or listed. Never iterated.
    many: HashSet<u64, RandomState>,
    /// For each whether a tool call may have made it that cannot be compared with it.
    is_perhaps_asked: Vec<bool>,
}

/// What the joins leave open.
#[derive(Debug)]
pub(super) struct Open {
    /// For each MCP call whether a tool call may have made it that was not compared with it.
    pub(super) is_perhaps_asked: Vec<bool>,
    /// Whether the limit of comparisons was reached.
    pub(super) is_limit_reached: bool,
}

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

impl<'a> McpCalls<'a> {
    fn new(all: &'a [Arc<McpCall>]) -> Self {
        Self {
            all,
            names: all.iter().map(|call| tool_name(call)).collect(),
            left: MAX_COMPARISONS,
            many: HashSet::default(),
            is_perhaps_asked: vec![false; all.len()],
        }
    }

    /// Takes one comparison; false if none is left.
    fn take(&mut self) -> bool {
        let left = self.left.checked_sub(1);
        self.left = left.unwrap_or_default();
        left.is_some()
    }

    fn fit(&self, name: &AskedName, index: usize) -> Option<Fit> {
        self.names.get(index).and_then(|tool| name.fit(tool))
    }

    fn open(self) -> Open {
        let mut is_perhaps_asked = self.is_perhaps_asked;
        for (is_perhaps, call) in is_perhaps_asked.iter_mut().zip(self.all) {
            *is_perhaps |= call.arguments.is_some_and(|arguments| self.many.contains(&arguments.key()));
        }
        Open { is_perhaps_asked, is_limit_reached: self.left == 0 }
    }
}

/// Joins each tool call. `mcp` is in the order of the requests.
pub(super) fn join(calls: &mut [ModelCall], mcp: &[Arc<McpCall>], links: &Links) -> Open {
    let mut servers = McpCalls::new(mcp);
    let mut all = candidates(calls, links, &mut servers);
    let mut joins = settle_by_results(&mut all, mcp);
    settle_by_arguments(&all, mcp, &mut joins);
    assign(calls, joins);
    let rest = not_compared(calls, links, &mut servers);
    assign(calls, rest);
    servers.open()
}

fn assign(calls: &mut [ModelCall], joins: Vec<(ToolRef, Join)>) {
    for ((call, tool), join) in joins {
        if let Some(tool) = calls.get_mut(call).and_then(|call| call.tools.get_mut(tool)) {
            tool.join = join;
        }
    }
}

/// Returns every tool call.
fn asked<'a>(calls: &'a [ModelCall], links: &'a Links) -> impl Iterator<Item = Asked<'a>> {
    calls.iter().enumerate().flat_map(move |(index, call)| {
        call.tools.iter().enumerate().map(move |(at, tool)| {
            let answer = links.answer((index, at)).and_then(|(by, result)| {
                let by = calls.get(by)?;
                Some((by.request.start.time, &by.results.get(result)?.given))
            });
            let until = answer.map_or(tool.at.time.plus(UNANSWERED_WAIT), |(time, _)| time);
            Asked { of: (index, at), call, tool, given: answer.map(|(_, given)| given), until }
        })
    })
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
            [] if candidates.are_more => Join::NotCompared(NotCompared::TooMany, listed),
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

/// Finds the candidates of each tool call whose arguments are known.
fn candidates(calls: &[ModelCall], links: &Links, servers: &mut McpCalls<'_>) -> Vec<Candidates> {
    let mcp = servers.all;
    let mut by_arguments: HashMap<u64, Vec<usize>, RandomState> = HashMap::default();
    for (index, call) in mcp.iter().enumerate() {
        if let Some(arguments) = call.arguments {
            by_arguments.entry(arguments.key()).or_default().push(index);
        }
    }
    let mut all = Vec::new();
    for Asked { of, call, tool, given, until } in asked(calls, links) {
        let Ok(arguments) = tool.parsed else { continue };
        let Some(alike) = by_arguments.get(&arguments.key()) else { continue };
        let mut candidates = Candidates { tool: of, is_answered: given.is_some(), ..Candidates::default() };
        let name = AskedName::new(&tool.name);
        let mut fits = Vec::new();
        let from = alike.partition_point(|of| starts(mcp, *of) < tool.at.time);
        for (looked_at, &of) in alike.iter().skip(from).enumerate() {
            let Some(other) = mcp.get(of).filter(|other| other.request.start.time <= until) else {
                break;
            };
            candidates.are_more = looked_at >= MAX_LOOKED_AT
                || candidates.found.len() > Join::MAX_CANDIDATES
                || !servers.take();
            if candidates.are_more {
                servers.many.insert(arguments.key());
                break;
            }
            let Some(fit) = servers.fit(&name, of) else { continue };
            if other.degraded.contains(Degraded::TIME_BACK) {
                continue;
            }
            let likeness = match (given, &other.answered) {
                (Some(given), Some(answered)) => results::compare(given, answered),
                _ => Likeness::Unknown,
            };
            if is_elsewhere(call.client.ip(), other.client.ip()) && likeness != Likeness::Same {
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
        if candidates.found.len() > Join::MAX_CANDIDATES {
            servers.many.insert(arguments.key());
            candidates.found.truncate(Join::MAX_CANDIDATES);
        }
        all.push(candidates);
    }
    all
}

/// Finds tool calls without an MCP call that may have one: an MCP call has their name at the right
/// time, and the arguments of one of the two are not known.
fn not_compared(calls: &[ModelCall], links: &Links, servers: &mut McpCalls<'_>) -> Vec<(ToolRef, Join)> {
    let mcp = servers.all;
    let joins = calls.iter().flat_map(|call| &call.tools).map(|tool| &tool.join);
    let joined = joins.filter_map(|join| match join {
        Join::Joined(call, _) => Some(call.n),
        _ => None,
    });
    let joined: HashSet<u64, RandomState> = joined.collect();
    let of = |is_meant: fn(&McpCall) -> bool| -> Vec<usize> {
        let calls = mcp.iter().enumerate();
        calls
            .filter(|(_, call)| !joined.contains(&call.n) && is_meant(call))
            .map(|(index, _)| index)
            .collect()
    };
    let (free, unread) = (of(|_| true), of(|call| call.arguments.is_none()));
    let mut rest = Vec::new();
    for Asked { of, call, tool, until, .. } in asked(calls, links) {
        if !matches!(tool.join, Join::None) {
            continue;
        }
        let (mut why, among) = match tool.parsed {
            Ok(_) => (NotCompared::McpArguments, &unread),
            Err(why) => (why, &free),
        };
        let name = AskedName::new(&tool.name);
        let (mut found, mut fits) = (Vec::new(), Vec::new());
        let from = among.partition_point(|of| starts(mcp, *of) < tool.at.time);
        for &index in among.iter().skip(from) {
            let Some(other) = mcp.get(index).filter(|other| other.request.start.time <= until) else {
                break;
            };
            if !servers.take() {
                // No MCP call from here on was compared with all tool calls.
                servers.is_perhaps_asked.fill(true);
                why = NotCompared::TooMany;
                break;
            }
            let Some(fit) = servers.fit(&name, index) else { continue };
            if !is_elsewhere(call.client.ip(), other.client.ip())
                && !other.degraded.contains(Degraded::TIME_BACK)
            {
                found.push(index);
                fits.push((fit, other.server_name.is_some()));
            }
        }
        keep_best(&mut found, &fits);
        for &index in &found {
            servers.is_perhaps_asked.get_mut(index).into_iter().for_each(|is_perhaps| *is_perhaps = true);
        }
        found.truncate(Join::MAX_CANDIDATES);
        if !found.is_empty() || why == NotCompared::TooMany {
            let listed = found.iter().filter_map(|index| mcp.get(*index)).map(Arc::clone).collect();
            rest.push((of, Join::NotCompared(why, listed)));
        }
    }
    rest
}

fn starts(mcp: &[Arc<McpCall>], index: usize) -> Timestamp {
    mcp.get(index).map_or(Timestamp(i64::MAX), |call| call.request.start.time)
}

/// If the prefix of the name says which server is meant, those of other servers are none.
fn keep_best<T>(found: &mut Vec<T>, fits: &[(Fit, bool)]) {
    if fits.iter().any(|(fit, _)| *fit == Fit::Server) {
        let mut is_kept = fits.iter().map(|(fit, is_known)| *fit != Fit::Prefixed || !is_known);
        found.retain(|_| is_kept.next().unwrap_or(true));
    }
}

fn tool_name(call: &McpCall) -> ToolName {
    let path = call.server.path.as_deref().unwrap_or_default();
    ToolName::new(&call.name, call.server_name.as_deref().into_iter().chain(path.split('/')))
}

/// Whether two clients are on different machines, as far as their addresses tell. An agent calls
/// servers on its own machine from a loopback address.
fn is_elsewhere(a: IpAddr, b: IpAddr) -> bool {
    let [a, b] = [a, b].map(|ip| ip.to_canonical());
    a != b && !a.is_loopback() && !b.is_loopback() && a.is_ipv4() == b.is_ipv4()
}

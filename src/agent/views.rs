//! Calls of a model that were captured on both legs of a proxy.

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use super::timeline::ModelCall;

/// The most calls that bring or make the same id and are compared.
const MAX_COMPARED: usize = 16;

/// Returns for each call whether it is another view of one of the others: the leg behind a proxy.
///
/// The two legs have the same ids of tools, which models make up anew for each call. The proxy is
/// the server of one and the client of the other, and one is open while the other is.
pub(super) fn behind_proxies(calls: &[ModelCall]) -> Vec<bool> {
    let mut by_id: HashMap<&str, Vec<usize>, RandomState> = HashMap::default();
    for (index, call) in calls.iter().enumerate() {
        if let Some(id) = first_id(call) {
            by_id.entry(id).or_default().push(index);
        }
    }
    let mut is_behind = vec![false; calls.len()];
    for (index, call) in calls.iter().enumerate() {
        let Some(alike) = first_id(call).and_then(|id| by_id.get(id)) else { continue };
        let mut others = alike.iter().take(MAX_COMPARED).filter_map(|other| calls.get(*other));
        if others.any(|other| is_around(other, call))
            && let Some(is_behind) = is_behind.get_mut(index)
        {
            *is_behind = true;
        }
    }
    is_behind
}

/// The first id of a tool that the model asked for, else the last one whose result it was given.
fn first_id(call: &ModelCall) -> Option<&str> {
    let asked = call.tools.iter().find_map(|tool| tool.id.as_deref());
    asked.or_else(|| call.results.iter().rev().find_map(|result| result.id.as_deref()))
}

fn is_around(front: &ModelCall, back: &ModelCall) -> bool {
    front.server != back.server
        && is_from(back.client.ip(), front.server.ip())
        && front.request.start.time < back.request.start.time
        && front.end.is_none_or(|end| end.time >= back.until())
        && ids(front).eq(ids(back))
}

/// Whether a client is the machine of a server, as far as their addresses tell. On one machine both
/// are loopback addresses. Otherwise the client sent the same request to two servers.
fn is_from(client: IpAddr, server: IpAddr) -> bool {
    let [client, server] = [client, server].map(|ip| ip.to_canonical());
    client == server || client.is_loopback() && server.is_loopback()
}

/// The ids of the tools that the model asked for, and of the results that it was given.
fn ids(call: &ModelCall) -> impl Iterator<Item = &str> {
    let asked = call.tools.iter().filter_map(|tool| tool.id.as_deref());
    asked.chain(call.results.iter().filter_map(|result| result.id.as_deref()))
}

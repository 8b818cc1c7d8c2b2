//! Tools of two servers with one name: a model that is given both calls either.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::base::{Code, Finding, Origin, text};
use crate::ledger::{Exchange, Offer, ServerRef};

/// Names of tools that are kept.
const MAX_TOOLS: usize = 50_000;

/// Servers that are kept, and their clients.
const MAX_SERVERS: usize = 2000;

/// The tools of servers by name.
#[derive(Debug, Default)]
pub(super) struct Shadowing {
    /// The name that each server gives itself.
    names: BTreeMap<ServerRef, Arc<str>>,
    /// Which client uses which server.
    used: HashSet<(IpAddr, ServerRef), RandomState>,
    clients: BTreeMap<ServerRef, Vec<IpAddr>>,
    /// The server that offered a tool first, and the tool's name there, by hash of the name without
    /// what is easily overlooked.
    tools: HashMap<u64, (ServerRef, Box<str>), RandomState>,
    told: HashSet<(ServerRef, ServerRef), RandomState>,
}

impl Shadowing {
    /// Takes an exchange: who uses which server.
    pub(super) fn exchange(&mut self, exchange: &Exchange) {
        let server = exchange.session.identity();
        if self.names.len() >= MAX_SERVERS && !self.names.contains_key(&server) {
            return;
        }
        if let Some(name) = &exchange.session.server_name
            && self.names.get(&server) != Some(name)
        {
            self.names.insert(server.clone(), Arc::clone(name));
        }
        if self.used.len() < MAX_SERVERS && self.used.insert((exchange.client.ip(), server.clone())) {
            self.clients.entry(server).or_default().push(exchange.client.ip());
        }
    }

    /// Takes what a server lists, and where.
    pub(super) fn offer(&mut self, offer: &Offer, at: Origin) -> Vec<Finding> {
        let mut findings = Vec::new();
        if offer.kind != "tools" || offer.is_other_view || !self.names.contains_key(&offer.server) {
            return findings;
        }
        for (name, _) in &offer.definitions {
            let key = text::hash(&skeleton(name));
            let Some((first, other)) = self.tools.get(&key) else {
                if self.tools.len() < MAX_TOOLS {
                    self.tools.insert(key, (offer.server.clone(), name.clone()));
                }
                continue;
            };
            if *first == offer.server || !self.share_a_client(first, &offer.server) {
                continue;
            }
            let pair = (first.clone(), offer.server.clone());
            if self.told.len() < MAX_SERVERS && self.told.insert(pair) {
                let same = if other == name { String::new() } else { format!(", as {other}") };
                findings.push(Finding {
                    code: Code::SecurityShadowedTool,
                    at: Some(at),
                    tcp_stream: None,
                    session: None,
                    exchange: None,
                    count: 1,
                    detail: format!("{} offers {name}, which {first} offers, too{same}", offer.server),
                });
            }
        }
        findings
    }

    /// Whether two addresses are those of different servers, by what they call themselves.
    pub(super) fn are_different(&self, one: SocketAddr, other: SocketAddr) -> bool {
        let names = |address| {
            let all = self.names.iter();
            all.filter(move |(server, _)| server.address == address).map(|(_, name)| name)
        };
        names(one).next().is_some()
            && names(other).next().is_some()
            && !names(one).any(|name| names(other).any(|other| name == other))
    }

    /// Whether two servers are different ones, by what they call themselves, that one client uses.
    pub(super) fn share_a_client(&self, one: &ServerRef, other: &ServerRef) -> bool {
        // Replicas, and the legs of a proxy, have one name.
        let are_different = match (self.names.get(one), self.names.get(other)) {
            (Some(one), Some(other)) => one != other,
            _ => false,
        };
        let clients = self.clients.get(one).into_iter().flatten();
        are_different && clients.into_iter().any(|client| self.used.contains(&(*client, other.clone())))
    }
}

/// A name without what is easily overlooked: case, separators, letters that look like others.
fn skeleton(name: &str) -> String {
    let seen = name.chars().filter(|c| !matches!(c, '-' | '_' | '.' | ' ')).flat_map(char::to_lowercase);
    seen.map(|c| match c {
        '\u{430}' => 'a',
        '\u{435}' => 'e',
        '\u{43e}' | '0' => 'o',
        '\u{440}' => 'p',
        '\u{441}' => 'c',
        '\u{445}' => 'x',
        '\u{443}' => 'y',
        '\u{456}' | '1' | 'l' | '|' => 'i',
        c => c,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        for other in ["Read_File", "read-file", "r\u{435}ad_fi1e"] {
            assert_eq!(skeleton("read_file"), skeleton(other), "{other}");
        }
        assert_ne!(skeleton("read_file"), skeleton("read_files"));
    }
}

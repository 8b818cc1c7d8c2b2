//! The known servers, from their sessions and listings, and their definitions, from the listings'
//! bodies.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::base::Origin;
use crate::ledger::{Implementation, Session};
use crate::tui::exchange_stats::ExchangeStats;
use crate::tui::model::Model;
use crate::tui::views::exchanges::detail::answer;

/// Bytes of listings that are read per server, at most: they are read while the user waits, and
/// kept while the server is open.
const MOST_BYTES: u64 = 32 << 20;

/// The kinds of definitions: name in the ledger, singular, and the method that uses one.
pub(super) const KINDS: [(&str, &str, Option<&str>); 4] = [
    ("tools", "tool", Some("tools/call")),
    ("prompts", "prompt", Some("prompts/get")),
    ("resources", "resource", Some("resources/read")),
    // A template is read as a URI derived from it, so its use is not known.
    ("resourceTemplates", "template", None),
];

/// A server.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    /// Name and version of its latest introduction; `None` if none was captured.
    pub(super) info: Option<Implementation>,
    /// Protocol revisions of its sessions, the latest first.
    pub(super) revisions: Vec<String>,
    pub(super) capabilities: Vec<String>,
    /// Number of its sessions with exchanges that pass the filter.
    pub(super) sessions: u64,
    /// Number of completed exchanges, and of the failed ones among them.
    pub(super) exchanges: u64,
    pub(super) failed: u64,
    /// Number of definitions per kind, in the order of [`KINDS`].
    pub(super) offers: [usize; 4],
    /// Number of tools that were called but are in no captured listing.
    pub(super) unlisted: usize,
    /// Length of all definitions in bytes.
    pub(super) bytes: u64,
    /// Its last packet; `None` if no session is known.
    pub(super) last: Option<Origin>,
}

/// Returns the servers with exchanges that pass the filter, by address.
pub(super) fn servers(model: &Model) -> Vec<Server> {
    let mut servers: BTreeMap<SocketAddr, Server> = BTreeMap::new();
    let matching = model.matching();
    let passes = |address: &SocketAddr| matching.is_none_or(|matching| matching.has_server(address));
    for session in model.store().sessions().iter().chain(model.store().open_sessions()) {
        let address = session.session.server;
        if !passes(&address) {
            continue;
        }
        let server = servers.entry(address).or_insert_with(|| Server::new(address));
        server.take(session);
        let number = session.session.number;
        server.sessions += u64::from(matching.is_none_or(|matching| matching.has_session(number)));
        if let Some(stats) = model.totals().session(number) {
            server.exchanges += stats.exchanges();
            server.failed += stats.failed();
        }
    }
    for offer in model.all().summary().offers.iter().filter(|offer| passes(&offer.server)) {
        let server = servers.entry(offer.server).or_insert_with(|| Server::new(offer.server));
        let place = KINDS.iter().position(|(kind, ..)| *kind == offer.kind);
        if let Some(count) = place.and_then(|at| server.offers.get_mut(at)) {
            *count += offer.definitions.len();
        }
        server.bytes += offer.bytes();
    }
    for server in servers.values_mut() {
        server.unlisted = unlisted(server.address, 0, model).count();
    }
    servers.into_values().collect()
}

/// Returns the names of a kind that were used but are in no captured listing.
fn unlisted(server: SocketAddr, kind: usize, model: &Model) -> impl Iterator<Item = (&str, &ExchangeStats)> {
    let (list, _, method) = KINDS.get(kind).copied().unwrap_or(("", "", None));
    let offers =
        model.all().summary().offers.iter().find(|offer| offer.server == server && offer.kind == list);
    // Definitions are sorted by name.
    let listed = offers.map(|offer| offer.definitions.as_slice()).unwrap_or_default();
    let used = method.into_iter().flat_map(move |method| model.catalog().usage(server, method));
    used.filter(|(name, _)| listed.binary_search_by(|known| known.name.as_ref().cmp(name)).is_err())
}

impl Server {
    fn new(address: SocketAddr) -> Self {
        Self {
            address,
            info: None,
            revisions: Vec::new(),
            capabilities: Vec::new(),
            sessions: 0,
            exchanges: 0,
            failed: 0,
            offers: [0; 4],
            unlisted: 0,
            bytes: 0,
            last: None,
        }
    }

    fn take(&mut self, session: &Session) {
        let is_latest = self.last.is_none_or(|last| last <= session.last);
        if is_latest {
            self.last = Some(session.last);
        }
        if session.server_info.is_some() && (is_latest || self.info.is_none()) {
            self.info.clone_from(&session.server_info);
        }
        if let Some(revision) = &session.protocol_version
            && let Err(at) = self.revisions.binary_search_by(|known| revision.as_ref().cmp(known.as_str()))
        {
            self.revisions.insert(at, revision.to_string());
        }
        for capability in &session.server_capabilities {
            if !self.capabilities.iter().any(|known| **known == **capability) {
                self.capabilities.push(capability.to_string());
            }
        }
    }
}

/// A tool, prompt, resource or resource template.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    /// Index into [`KINDS`].
    pub(super) kind: usize,
    pub(super) name: String,
    /// Length of its JSON text in bytes.
    pub(super) bytes: u64,
    /// Number of exchanges that name it; `None` for kinds whose use is not known.
    pub(super) uses: Option<u64>,
    /// Number of those that failed.
    pub(super) failed: u64,
    /// Median of their totals in nanoseconds, within 2 %; `None` if none was answered.
    pub(super) p50_ns: Option<i64>,
    /// Whether it is in a captured listing.
    pub(super) is_listed: bool,
    /// Its title and description.
    pub(super) about: String,
    /// Its JSON text in the latest listing; `None` if the listing was not captured in full.
    pub(super) json: Option<Box<str>>,
}

/// JSON texts of definitions, by index into [`KINDS`] and name.
pub(super) type Texts = HashMap<(usize, String), Box<str>>;

/// Returns the definitions of a server: those in listings, with their JSON text from `texts`, and
/// those that were only used.
pub(super) fn definitions(server: SocketAddr, texts: &Texts, model: &Model) -> Vec<Definition> {
    let mut all = Vec::new();
    for (kind, (list, _, method)) in KINDS.iter().enumerate() {
        let used: HashMap<&str, &ExchangeStats> =
            method.iter().flat_map(|method| model.catalog().usage(server, method)).collect();
        let of_kind =
            model.all().summary().offers.iter().filter(|offer| offer.server == server && offer.kind == *list);
        for offered in of_kind.flat_map(|offer| &offer.definitions) {
            let json = texts.get(&(kind, offered.name.to_string())).cloned();
            let stats = used.get(offered.name.as_ref());
            all.push(Definition {
                bytes: offered.bytes,
                uses: method.map(|_| offered.uses),
                about: json.as_deref().map(about).unwrap_or_default(),
                json,
                is_listed: true,
                ..Definition::of((kind, &offered.name), stats.copied())
            });
        }
        all.extend(
            unlisted(server, kind, model).map(|(name, stats)| Definition::of((kind, name), Some(stats))),
        );
    }
    all
}

impl Definition {
    /// Returns a definition of which only the use is known.
    fn of((kind, name): (usize, &str), stats: Option<&ExchangeStats>) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            bytes: 0,
            uses: stats.map(|stats| stats.exchanges()),
            failed: stats.map_or(0, |stats| stats.failed()),
            p50_ns: stats.and_then(|stats| stats.quantile_ns(500)),
            is_listed: false,
            about: String::new(),
            json: None,
        }
    }
}

/// Reads the definitions of a server from the bodies of its listings, the latest first.
///
/// # Errors
/// A payload could not be stored or cannot be read back.
pub(super) fn texts(server: SocketAddr, model: &mut Model) -> io::Result<Texts> {
    let listings: Vec<u64> = model.catalog().listings(server).rev().collect();
    let (mut texts, mut left) = (Texts::new(), MOST_BYTES);
    for n in listings {
        let exchange = model.store().find(n).and_then(|index| model.store().exchange(index));
        let size = exchange.and_then(|exchange| exchange.response).map_or(0, |response| response.bytes);
        let Some(rest) = left.checked_sub(size) else { break };
        left = rest;
        take(&answer(n, model)?, &mut texts);
    }
    Ok(texts)
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    result: Listed<'a>,
}

/// A page of a listing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    #[serde(borrow, default)]
    tools: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    prompts: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    resources: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    resource_templates: Vec<&'a RawValue>,
}

/// Members that name a definition. A resource is named by its URI, as in the ledger.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    uri: Option<String>,
    uri_template: Option<String>,
    name: Option<String>,
}

/// Members that describe a definition.
#[derive(Deserialize)]
struct About {
    title: Option<String>,
    description: Option<String>,
}

/// Adds the definitions of a page, except those known from a later page.
fn take(body: &[u8], texts: &mut Texts) {
    // Malformed listings are reported as findings; here they are skipped.
    let Ok(Answer { result }) = serde_json::from_slice::<Answer<'_>>(body) else { return };
    let lists = [result.tools, result.prompts, result.resources, result.resource_templates];
    for (kind, list) in lists.into_iter().enumerate() {
        for raw in list {
            let Ok(named) = serde_json::from_str::<Named>(raw.get()) else { continue };
            let name = named.uri.or(named.uri_template).or(named.name).unwrap_or_default();
            texts.entry((kind, name)).or_insert_with(|| raw.get().into());
        }
    }
}

/// Returns title and description in one line.
fn about(json: &str) -> String {
    let Ok(about) = serde_json::from_str::<About>(json) else { return String::new() };
    let both = [about.title, about.description].into_iter().flatten();
    let lines = both.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_definition_is_taken() {
        let mut texts = Texts::new();
        let page = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a","title":"T","description":"x\n  y"},3],
            "resourceTemplates":[{"name":"n","uriTemplate":"u://{x}"}],"nextCursor":"c"}}"#;
        take(page.as_bytes(), &mut texts);
        take(br#"{"result":{"tools":[{"name":"a","old":true},{"name":"b"}]}}"#, &mut texts);
        take(br#"{"error":{"code":1}}"#, &mut texts);
        take(br#"{"result":{"tools":{"no":"list"}}}"#, &mut texts);
        let mut keys: Vec<_> = texts.keys().map(|(kind, name)| (*kind, name.as_str())).collect();
        keys.sort_unstable();
        assert_eq!(keys, [(0, "a"), (0, "b"), (3, "u://{x}")]);
        assert_eq!(about(&texts[&(0, "a".to_owned())]), "T: x y");
        assert_eq!(about(&texts[&(0, "b".to_owned())]), "");
    }
}

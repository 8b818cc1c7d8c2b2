//! What a server says of itself with `initialize` or `server/discover`, and what its Server Card
//! says of it.

use serde_json::Value;

use crate::base::text;
use crate::ledger::{Exchange, Transport, is_stateless};

/// Revisions and capabilities that are kept of a server, each.
const MAX_NAMES: usize = 16;

/// What a server says of itself.
#[derive(Clone, Debug)]
pub(super) struct SelfDescription {
    names: Vec<Box<str>>,
    version: Option<Box<str>>,
    revisions: Revisions,
    /// The names of its capabilities; `None` if it does not list them.
    capabilities: Option<Vec<Box<str>>>,
    transport: Transport,
}

/// The revisions that a server speaks, as far as it says.
#[derive(Clone, Debug)]
enum Revisions {
    /// This one is spoken: the answer to `initialize`.
    Negotiated(Box<str>),
    /// All that have `server/discover`: its answer.
    Listed(Vec<Box<str>>),
    Unknown,
}

impl SelfDescription {
    /// Reads the result of `initialize` or of `server/discover`; `None` for other methods.
    pub(super) fn of(exchange: &Exchange, result: Option<&Value>) -> Option<Self> {
        let result = result?;
        let listed = || names(result.get("supportedVersions")?);
        let negotiated = || result.get("protocolVersion")?.as_str().map(kept);
        let revisions = match &*exchange.method {
            "initialize" => negotiated().map_or(Revisions::Unknown, Revisions::Negotiated),
            "server/discover" => listed().map_or(Revisions::Unknown, Revisions::Listed),
            _ => return None,
        };
        let of_meta = || result.get("_meta")?.get("io.modelcontextprotocol/serverInfo");
        let info = result.get("serverInfo").or_else(of_meta);
        let text = |name: &str| info.and_then(|info| info.get(name)?.as_str()).map(kept);
        Some(Self {
            names: [text("name"), text("title")].into_iter().flatten().collect(),
            version: text("version"),
            revisions,
            capabilities: result.get("capabilities").and_then(keys),
            transport: exchange.session.transport,
        })
    }
}

/// What a Server Card says of the server at one endpoint.
#[derive(Clone, Debug)]
pub(super) struct Card {
    names: Vec<Box<str>>,
    version: Option<Box<str>>,
    /// What it has of the endpoint. One path may be that of several, at other hosts.
    remotes: Vec<Remote>,
    /// The names of the capabilities, which cards of earlier drafts have.
    capabilities: Option<Vec<Box<str>>>,
}

/// A remote of a card.
#[derive(Clone, Debug)]
struct Remote {
    /// `supportedProtocolVersions`; `None` if it does not list them.
    revisions: Option<Vec<Box<str>>>,
    /// `streamable-http` or `sse`; `None` if it does not say it.
    transport: Option<Box<str>>,
}

impl Remote {
    fn of(remote: &Value) -> Self {
        Self {
            revisions: remote.get("supportedProtocolVersions").and_then(names),
            transport: remote.get("type").and_then(Value::as_str).map(kept),
        }
    }

    fn revision_difference(&self, said: &SelfDescription) -> Option<String> {
        let card = self.revisions.as_ref()?;
        let listed = card.join(", ");
        match &said.revisions {
            Revisions::Negotiated(told) if !card.contains(told) => {
                Some(format!("the server card lists MCP {listed}, the server speaks {told}"))
            }
            // A server lists those that have no `initialize`. A draft has no date.
            Revisions::Listed(told) => {
                let lacks = card.iter().find(|one| is_stateless(one) && !told.contains(*one))?;
                Some(format!("the server card lists MCP {lacks}, the server speaks {}", told.join(", ")))
            }
            _ => None,
        }
    }

    fn transport_difference(&self, said: &SelfDescription) -> Option<String> {
        let card = self.transport.as_deref()?;
        let is_it = match said.transport {
            Transport::HttpSse => card == "sse",
            Transport::StreamableHttp => card == "streamable-http",
            Transport::WebSocket | Transport::Stdio => true,
        };
        let told = said.transport.name();
        (!is_it).then(|| format!("the server card has the transport {card}, the server speaks {told}"))
    }
}

impl Card {
    /// Reads what a card says of the endpoint at `path`; `None` if it is no object.
    pub(super) fn of(card: &Value, path: &str) -> Option<Self> {
        card.is_object().then_some(())?;
        // Earlier drafts (SEP-1649) have `serverInfo`, and `version` is that of the card itself.
        let info = card.get("serverInfo").unwrap_or(card);
        let text = |name: &str| info.get(name).and_then(Value::as_str).map(kept);
        let remotes = card.get("remotes").and_then(Value::as_array);
        let is_it = |remote: &&Value| {
            remote.get("url").and_then(Value::as_str).is_some_and(|url| path_of(url) == path)
        };
        let all: Vec<_> = remotes.into_iter().flatten().filter(is_it).take(MAX_NAMES + 1).collect();
        // One that is not kept may be the endpoint.
        let remotes = if all.len() > MAX_NAMES { Vec::new() } else { all };
        // The `protocolVersion` of earlier drafts is no list: a server that speaks another one,
        // too, does not contradict it.
        Some(Self {
            names: [text("name"), text("title")].into_iter().flatten().collect(),
            version: text("version"),
            remotes: remotes.into_iter().map(Remote::of).collect(),
            capabilities: card.get("capabilities").and_then(keys),
        })
    }

    /// What the card says and the server contradicts, each a sentence.
    pub(super) fn differences(&self, said: &SelfDescription) -> Vec<String> {
        let all = [
            self.name_difference(said),
            self.version_difference(said),
            self.remote_difference(|remote| remote.revision_difference(said)),
            self.capability_difference(said),
            self.remote_difference(|remote| remote.transport_difference(said)),
        ];
        all.into_iter().flatten().collect()
    }

    fn name_difference(&self, said: &SelfDescription) -> Option<String> {
        let (card, told) = (self.names.first()?, said.names.first()?);
        // The card has the namespace of its publisher in front, and either may add a word.
        let is_same = |one: &str, other: &str| {
            let (one, other) = (letters(one), letters(other));
            one.contains(&other) || other.contains(&one)
        };
        let is_known = self.names.iter().any(|one| said.names.iter().any(|other| is_same(one, other)));
        (!is_known).then(|| format!("the server card has the name {card}, the server says {told}"))
    }

    fn version_difference(&self, said: &SelfDescription) -> Option<String> {
        let (card, told) = (self.version.as_ref()?, said.version.as_ref()?);
        (card != told).then(|| format!("the server card has version {card}, the server says {told}"))
    }

    /// A difference that every remote of the endpoint has; `None` if one agrees.
    fn remote_difference(&self, difference: impl Fn(&Remote) -> Option<String>) -> Option<String> {
        let all: Option<Vec<_>> = self.remotes.iter().map(difference).collect();
        all?.into_iter().next()
    }

    fn capability_difference(&self, said: &SelfDescription) -> Option<String> {
        let (card, told) = (self.capabilities.as_ref()?, said.capabilities.as_ref()?);
        let lacks = card.iter().find(|one| !told.contains(*one))?;
        Some(format!("the server card has the capability {lacks}, the server does not announce it"))
    }
}

fn kept(text: &str) -> Box<str> {
    text::kept_name(text).into()
}

fn names(list: &Value) -> Option<Vec<Box<str>>> {
    let all = list.as_array()?.iter().filter_map(Value::as_str);
    Some(all.take(MAX_NAMES).map(kept).collect())
}

/// The names of the members of an object that are not `false`.
fn keys(object: &Value) -> Option<Vec<Box<str>>> {
    let all = object.as_object()?.iter().filter(|(_, value)| **value != Value::Bool(false));
    Some(all.take(MAX_NAMES).map(|(name, _)| kept(name)).collect())
}

/// The letters and digits of the last segment of a name, in lower case.
fn letters(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    last.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The path of a URL, without its last slash and its query.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default();
    path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/')
}

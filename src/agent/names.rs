//! Names of tools: clients put the name of a server before that of its tool when they offer it to a
//! model.

use crate::base::limits;
use crate::base::text::beginning;

/// How the name that a model uses fits a tool of a server. The better fit is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// The tool's name stands behind a prefix that says nothing of the server.
    Prefixed,
    /// It stands behind a prefix that names the server.
    Server,
    /// It is the tool's name.
    Exact,
}

/// Prefixes of clients that say nothing: `mcp__server__tool`, `functions.tool`.
const OF_CLIENTS: [&str; 3] = ["mcp", "functions", "default_api"];

/// Least length of a server's name that is recognised as part of another name, in bytes.
const MIN_PART: usize = 3;

/// The most names of a server that are compared: its own and parts of its path.
const MAX_NAMES: usize = 8;

/// The name of a tool in a tool call of a model, ready to be compared.
#[derive(Debug)]
pub(super) struct AskedName(String);

/// The name of a tool in an MCP call, and names of its server, ready to be compared.
#[derive(Debug)]
pub(super) struct ToolName {
    folded: Box<str>,
    /// Bare names of the server, with `/` between them.
    servers: Box<str>,
}

impl AskedName {
    pub(super) fn new(name: &str) -> Self {
        Self(folded(name))
    }

    /// Returns how the name that a model uses fits a tool; `None` if it does not.
    ///
    /// APIs of models allow letters, digits, `_` and `-`: clients replace what else a name holds.
    pub(super) fn fit(&self, tool: &ToolName) -> Option<Fit> {
        if tool.folded.is_empty() {
            return None;
        }
        if *self.0 == *tool.folded {
            return Some(Fit::Exact);
        }
        let prefix = self.0.strip_suffix(&*tool.folded)?.strip_suffix('_')?;
        let mut prefix = prefix.trim_matches('_');
        for of_client in OF_CLIENTS {
            if let Some(rest) = prefix.strip_prefix(of_client)
                && (rest.is_empty() || rest.starts_with('_'))
            {
                prefix = rest.trim_matches('_');
                break;
            }
        }
        let prefix = bare(prefix);
        let is_named = tool.servers.split('/').any(|name| are_alike(&prefix, name));
        Some(if is_named { Fit::Server } else { Fit::Prefixed })
    }
}

impl ToolName {
    /// Prepares the name of a tool of a server that is called by `servers`.
    pub(super) fn new<'a>(name: &str, servers: impl Iterator<Item = &'a str>) -> Self {
        let servers = servers.map(bare).filter(|name| !name.is_empty()).take(MAX_NAMES);
        Self { folded: folded(name).into(), servers: servers.collect::<Vec<_>>().join("/").into() }
    }
}

/// Whether one of two bare names is part of the other.
fn are_alike(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    !short.is_empty() && (short == long || short.len() >= MIN_PART && long.contains(short))
}

/// A name with `_` for everything but letters and digits.
fn folded(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// The letters and digits of a name, in lower case. The rest of a long name is not compared.
fn bare(name: &str) -> String {
    let name = beginning(name, limits::MAX_NAME);
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(asked: &str, tool: &str, servers: &[&str]) -> Option<Fit> {
        AskedName::new(asked).fit(&ToolName::new(tool, servers.iter().copied()))
    }

    #[test]
    fn prefixes_of_clients_are_allowed() {
        let desk = ["Front Desk"];
        for (asked, tool, expected) in [
            ("lookup", "lookup", Some(Fit::Exact)),
            ("get_weather_now", "get.weather/now", Some(Fit::Exact)),
            ("mcp__desk__lookup", "lookup", Some(Fit::Server)),
            ("front_desk_lookup", "lookup", Some(Fit::Server)),
            ("desk.lookup", "lookup", Some(Fit::Server)),
            ("mcp_front-desk_get-it", "get_it", Some(Fit::Server)),
            ("mcp__library__lookup", "lookup", Some(Fit::Prefixed)),
            ("functions.lookup", "lookup", Some(Fit::Prefixed)),
            ("mcp__lookup", "lookup", Some(Fit::Prefixed)),
            ("mcpx_lookup", "lookup", Some(Fit::Prefixed)),
            ("xlookup", "lookup", None),
            ("lookup_desk", "lookup", None),
            ("look", "lookup", None),
            ("lookup", "", None),
        ] {
            assert_eq!(fit(asked, tool, &desk), expected, "{asked} {tool}");
        }
        assert_eq!(fit("a_lookup", "lookup", &["a"]), Some(Fit::Server));
        assert_eq!(fit("a_lookup", "lookup", &["library"]), Some(Fit::Prefixed), "too short to be a part");
    }
}

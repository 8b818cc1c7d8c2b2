//! Names of tools: clients put the name of a server before that of its tool when they offer it to a
//! model.

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

/// Returns how `asked`, the name that a model uses, fits `tool`, a tool of a server that is called
/// by `names`; `None` if it does not.
///
/// APIs of models allow letters, digits, `_` and `-`: clients replace what else a name holds.
pub(super) fn fit(asked: &str, tool: &str, names: &[&str]) -> Option<Fit> {
    if tool.is_empty() {
        return None;
    }
    let (asked, tool) = (folded(asked), folded(tool));
    if asked == tool {
        return Some(Fit::Exact);
    }
    let prefix = asked.strip_suffix(&*tool)?.strip_suffix('_')?;
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
    let is_named = names.iter().map(|name| bare(name)).any(|name| are_alike(&prefix, &name));
    Some(if is_named { Fit::Server } else { Fit::Prefixed })
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

/// The letters and digits of a name, in lower case.
fn bare(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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

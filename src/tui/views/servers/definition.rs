//! The definitions of a server, from the bodies of its listings.

use std::collections::HashMap;
use std::io;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ledger::{OfferRow, ServerRef};
use crate::tui::exchange_stats::ExchangeStats;
use crate::tui::model::Model;
use crate::tui::views::message::read_response;

/// Bytes of listings that are read per server, at most: they are read while the user waits, and
/// kept while the server is open.
const MAX_LISTING_BYTES: u64 = 32 << 20;

/// A kind of definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum DefinitionKind {
    Tool,
    Prompt,
    Resource,
    Template,
}

impl DefinitionKind {
    /// All kinds, in the order in which they are listed.
    pub(super) const ALL: [Self; 4] = [Self::Tool, Self::Prompt, Self::Resource, Self::Template];

    /// Returns the member of a listing that has the definitions, which names the kind in the
    /// ledger.
    pub(super) fn list_name(self) -> &'static str {
        match self {
            Self::Tool => "tools",
            Self::Prompt => "prompts",
            Self::Resource => "resources",
            Self::Template => "resourceTemplates",
        }
    }

    /// Returns the noun for a definition of the kind.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
            Self::Template => "template",
        }
    }

    /// Returns the method that uses a definition; `None` if its use is not known: a template is
    /// read as a URI derived from it.
    pub(super) fn method(self) -> Option<&'static str> {
        match self {
            Self::Tool => Some("tools/call"),
            Self::Prompt => Some("prompts/get"),
            Self::Resource => Some("resources/read"),
            Self::Template => None,
        }
    }
}

/// Returns the names of a kind that were used but are in no captured listing.
pub(super) fn unlisted<'a>(
    server: &'a ServerRef,
    kind: DefinitionKind,
    model: &'a Model,
) -> impl Iterator<Item = (&'a str, &'a ExchangeStats)> {
    let is_it = |offer: &&OfferRow| offer.server == *server && offer.kind == kind.list_name();
    let offers = model.all().summary().offers.iter().find(is_it);
    // Definitions are sorted by name.
    let listed = offers.map(|offer| offer.definitions.as_slice()).unwrap_or_default();
    let used = kind.method().into_iter().flat_map(move |method| model.catalog().usage(server, method));
    used.filter(|(name, _)| listed.binary_search_by(|known| known.name.as_ref().cmp(name)).is_err())
}

/// A tool, prompt, resource or resource template.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    pub(super) kind: DefinitionKind,
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
    pub(super) summary: String,
    /// Its JSON text in the latest listing; `None` if the listing was not captured in full.
    pub(super) json: Option<Box<str>>,
}

/// JSON texts of definitions, by kind and name.
pub(super) type Texts = HashMap<(DefinitionKind, String), Box<str>>;

/// Returns the definitions of a server: those in listings, with their JSON text from `texts`, and
/// those that were only used.
pub(super) fn definitions(server: &ServerRef, texts: &Texts, model: &Model) -> Vec<Definition> {
    let mut all = Vec::new();
    for kind in DefinitionKind::ALL {
        let method = kind.method();
        let used: HashMap<&str, &ExchangeStats> =
            method.iter().flat_map(|method| model.catalog().usage(server, method)).collect();
        let of_kind = model
            .all()
            .summary()
            .offers
            .iter()
            .filter(|offer| offer.server == *server && offer.kind == kind.list_name());
        for offered in of_kind.flat_map(|offer| &offer.definitions) {
            let json = texts.get(&(kind, offered.name.to_string())).cloned();
            let stats = used.get(offered.name.as_ref());
            all.push(Definition {
                bytes: offered.bytes,
                uses: method.map(|_| offered.uses),
                summary: json.as_deref().map(summary).unwrap_or_default(),
                json,
                is_listed: true,
                ..Definition::from_use(kind, &offered.name, stats.copied())
            });
        }
        all.extend(
            unlisted(server, kind, model).map(|(name, stats)| Definition::from_use(kind, name, Some(stats))),
        );
    }
    all
}

impl Definition {
    /// Returns a definition of which only the use is known.
    fn from_use(kind: DefinitionKind, name: &str, stats: Option<&ExchangeStats>) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            bytes: 0,
            uses: stats.map(|stats| stats.exchanges()),
            failed: stats.map_or(0, |stats| stats.failed()),
            p50_ns: stats.and_then(|stats| stats.quantile_ns(500)),
            is_listed: false,
            summary: String::new(),
            json: None,
        }
    }
}

/// Reads the definitions of a server from the bodies of its listings, the latest first.
///
/// # Errors
/// A payload could not be stored or cannot be read back.
pub(super) fn read_texts(server: &ServerRef, model: &mut Model) -> io::Result<Texts> {
    let listings: Vec<u64> = model.catalog().listings(server).rev().collect();
    let (mut texts, mut left) = (Texts::new(), MAX_LISTING_BYTES);
    for n in listings {
        let exchange = model.store().find(n).and_then(|index| model.store().exchange(index));
        let size = exchange.and_then(|exchange| exchange.response).map_or(0, |response| response.bytes);
        let Some(rest) = left.checked_sub(size) else { break };
        left = rest;
        add_page(&read_response(n, model)?, &mut texts);
    }
    Ok(texts)
}

#[derive(Deserialize)]
struct ListResponse<'a> {
    #[serde(borrow)]
    result: ListPage<'a>,
}

/// A page of a listing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListPage<'a> {
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
struct DefinitionName {
    uri: Option<String>,
    uri_template: Option<String>,
    name: Option<String>,
}

/// Members that describe a definition.
#[derive(Deserialize)]
struct DefinitionText {
    title: Option<String>,
    description: Option<String>,
}

/// Adds the definitions of a page, except those known from a later page.
fn add_page(body: &[u8], texts: &mut Texts) {
    // Malformed listings are reported as findings; here they are skipped.
    let Ok(ListResponse { result }) = serde_json::from_slice::<ListResponse<'_>>(body) else { return };
    let lists = [result.tools, result.prompts, result.resources, result.resource_templates];
    for (kind, list) in DefinitionKind::ALL.into_iter().zip(lists) {
        for raw in list {
            let Ok(named) = serde_json::from_str::<DefinitionName>(raw.get()) else { continue };
            let name = named.uri.or(named.uri_template).or(named.name).unwrap_or_default();
            texts.entry((kind, name)).or_insert_with(|| raw.get().into());
        }
    }
}

/// Returns title and description in one line.
fn summary(json: &str) -> String {
    let Ok(text) = serde_json::from_str::<DefinitionText>(json) else { return String::new() };
    let both = [text.title, text.description].into_iter().flatten();
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
        add_page(page.as_bytes(), &mut texts);
        add_page(br#"{"result":{"tools":[{"name":"a","old":true},{"name":"b"}]}}"#, &mut texts);
        add_page(br#"{"error":{"code":1}}"#, &mut texts);
        add_page(br#"{"result":{"tools":{"no":"list"}}}"#, &mut texts);
        let mut keys: Vec<_> = texts.keys().map(|(kind, name)| (*kind, name.as_str())).collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            [(DefinitionKind::Tool, "a"), (DefinitionKind::Tool, "b"), (DefinitionKind::Template, "u://{x}"),]
        );
        assert_eq!(summary(&texts[&(DefinitionKind::Tool, "a".to_owned())]), "T: x y");
        assert_eq!(summary(&texts[&(DefinitionKind::Tool, "b".to_owned())]), "");
    }
}

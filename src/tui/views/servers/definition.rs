//! The definitions of a server, from the bodies of its listings.

use std::collections::HashMap;
use std::io;

use serde::Deserialize;

use crate::ledger::{OfferRow, Percentile, ServerRef};
use crate::tui::exchange_stats::ExchangeStats;
use crate::tui::model::Model;
use crate::tui::views::message::{read_request, read_response};

use super::history::{Audience, DefinitionChange, History, Page, Version};
use crate::ledger::definitions::DefinitionKind;

/// Bytes of listings that are read per server, at most: they are read while the user waits, and
/// kept while the server is open.
const MAX_LISTING_BYTES: u64 = 32 << 20;

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
    /// Median of their totals, within 2 %; `None` if none was answered, or waited for an answer.
    pub(super) p50: Option<Percentile>,
    /// Whether it is in a captured listing.
    pub(super) is_listed: bool,
    /// Its title and description.
    pub(super) summary: String,
    /// Its JSON text in the latest listing; `None` if the listing was not captured in full.
    pub(super) json: Option<Box<str>>,
    /// Its versions in the capture, the latest first.
    pub(super) versions: Vec<Version>,
    /// How it changed within the capture; `None` if it did not.
    pub(super) change: Option<DefinitionChange>,
}

/// Returns the definitions of a server: those in listings, with their texts from `history`, and
/// those that were only used.
pub(super) fn definitions(server: &ServerRef, history: &History, model: &Model) -> Vec<Definition> {
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
            let key = (kind, offered.name.to_string());
            let versions = history.versions(&key).to_vec();
            let json = versions.first().map(|latest| latest.json.clone());
            let stats = used.get(offered.name.as_ref());
            all.push(Definition {
                bytes: offered.bytes,
                uses: method.map(|_| offered.uses),
                summary: json.as_deref().map(summary).unwrap_or_default(),
                json,
                versions,
                change: history.change(&key),
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
            p50: stats.and_then(|stats| stats.quantile(500)),
            is_listed: false,
            summary: String::new(),
            json: None,
            versions: Vec::new(),
            change: None,
        }
    }
}

/// Reads the definitions of a server from the bodies of its listings, the latest first.
///
/// # Errors
/// A payload could not be stored or cannot be read back.
pub(super) fn read_history(server: &ServerRef, model: &mut Model) -> io::Result<History> {
    let listings: Vec<u64> = model.catalog().listings(server).rev().collect();
    let (mut history, mut left) = (History::default(), MAX_LISTING_BYTES);
    for n in listings {
        let Some((exchange, _)) = model.exchange(n) else { continue };
        let Some(response) = exchange.response else { continue };
        let Some(rest) = left.checked_sub(response.bytes) else { break };
        left = rest;
        let request = read_request(n, model)?;
        let has_cursor = serde_json::from_slice::<ListRequest>(&request)
            .is_ok_and(|request| request.params.is_some_and(|params| params.cursor.is_some()));
        let body = read_response(n, model)?;
        let (at, session) = (response.span.end, exchange.session.number);
        let client = exchange.session.client_name.clone();
        let audience = Audience { revision: exchange.protocol_version.clone(), client };
        history.add_earlier(&Page { body: &body, at, session, has_cursor, audience });
    }
    Ok(history)
}

#[derive(Deserialize)]
struct ListRequest {
    params: Option<ListParams>,
}

#[derive(Deserialize)]
struct ListParams {
    cursor: Option<String>,
}

/// Members that describe a definition.
#[derive(Deserialize)]
struct DefinitionText {
    title: Option<String>,
    description: Option<String>,
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
    fn title_and_description_are_one_line() {
        assert_eq!(summary(r#"{"name":"a","title":"T","description":"x\n  y"}"#), "T: x y");
        assert_eq!(summary(r#"{"name":"b"}"#), "");
    }
}

//! The differences between what servers offer in two captures.

use std::collections::{BTreeMap, BTreeSet};

use super::profile::Profile;
use crate::ledger::definitions::{DefinitionKind, MemberChange, Offered, Version, member_changes};

/// Definitions that differ, at most; more are left out.
const MAX_CHANGES: usize = 1000;

/// What became of a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Became {
    /// It is offered now.
    Added,
    /// It is no longer offered.
    Removed,
    /// It is defined in another way.
    Changed(Vec<MemberChange>),
}

/// A definition that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferChange {
    /// The server's name, else its address.
    pub server: String,
    /// The kind.
    pub kind: DefinitionKind,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub became: Became,
}

impl OfferChange {
    /// Whether what worked before may no longer work. Resources are data, which changes.
    #[must_use]
    pub fn is_regression(&self) -> bool {
        let is_code = matches!(self.kind, DefinitionKind::Tool | DefinitionKind::Prompt);
        is_code
            && match &self.became {
                Became::Added => false,
                Became::Removed => true,
                Became::Changed(changes) => changes.iter().any(|change| change.is_breaking),
            }
    }
}

/// Compares what servers offer. The second value names the lists that could not be compared.
pub(super) fn compare(before: &Profile, after: &Profile) -> (Vec<OfferChange>, Vec<(String, &'static str)>) {
    let mut comparison = Comparison::default();
    let (one, other) = (&before.offers, &after.offers);
    // A server that was renamed, or has no name in one capture, is still the only one.
    if let ([(_, before)], [(name, after)]) =
        (one.iter().collect::<Vec<_>>().as_slice(), other.iter().collect::<Vec<_>>().as_slice())
    {
        comparison.servers(name, before, after);
    } else {
        let none = BTreeMap::new();
        for name in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
            comparison.servers(name, one.get(name).unwrap_or(&none), other.get(name).unwrap_or(&none));
        }
    }
    (comparison.changes, comparison.uncompared)
}

#[derive(Debug, Default)]
struct Comparison {
    changes: Vec<OfferChange>,
    uncompared: Vec<(String, &'static str)>,
}

impl Comparison {
    fn servers(
        &mut self,
        server: &str,
        before: &BTreeMap<DefinitionKind, Offered>,
        after: &BTreeMap<DefinitionKind, Offered>,
    ) {
        let none = Offered::default();
        for kind in DefinitionKind::ALL {
            if !before.contains_key(&kind) && !after.contains_key(&kind) {
                continue;
            }
            let (before, after) = (before.get(&kind).unwrap_or(&none), after.get(&kind).unwrap_or(&none));
            if !before.is_whole() || !after.is_whole() {
                self.uncompared.push((server.to_owned(), kind.list_name()));
            }
            self.lists((server, kind), before, after);
        }
    }

    fn lists(&mut self, (server, kind): (&str, DefinitionKind), before: &Offered, after: &Offered) {
        for name in before.names().chain(after.names()).collect::<BTreeSet<_>>() {
            if self.changes.len() >= MAX_CHANGES {
                return;
            }
            let became = match (before.has(name), after.has(name)) {
                (true, true) => changed(before.versions(name), after.versions(name)),
                (true, false) if after.is_whole() => Some(Became::Removed),
                (false, true) if before.is_whole() => Some(Became::Added),
                _ => None,
            };
            let Some(became) = became else { continue };
            let (server, name) = (server.to_owned(), name.clone());
            self.changes.push(OfferChange { server, kind, name, became });
        }
    }
}

/// Compares the latest versions of a definition; `None` if the latest one was offered before.
fn changed(before: &[Version], after: &[Version]) -> Option<Became> {
    let (old, new) = (before.last()?, after.last()?);
    if before.iter().any(|known| known.content == new.content) {
        return None;
    }
    Some(Became::Changed(member_changes(&old.json, &new.json)))
}

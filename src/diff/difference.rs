//! The difference between two captures.

use std::collections::BTreeMap;

use super::call_change::{self, CallChange};
use super::offer_change::{self, OfferChange};
use super::profile::{Profile, Trait};
use crate::base::{Code, Severity};

/// The difference between two captures.
#[derive(Clone, Debug, Default)]
pub struct Difference {
    /// The numbers of exchanges and sessions, before and after.
    pub exchanges: [u64; 2],
    /// The numbers of sessions, before and after.
    pub sessions: [u64; 2],
    /// Why evidence is missing, before and after: names of reasons.
    pub missing: [Vec<&'static str>; 2],
    /// The calls of both captures, and of one of them.
    pub calls: Vec<CallChange>,
    /// Calls that were not compared, because there are too many methods and names.
    pub left_out: u64,
    /// Definitions that differ.
    pub offers: Vec<OfferChange>,
    /// Lists that could not be compared, because one capture does not hold them whole: server and
    /// kind.
    pub uncompared: Vec<(String, &'static str)>,
    /// What servers and clients say of themselves and did not, or no longer.
    pub traits: Vec<TraitChange>,
    /// Findings of which one capture has none.
    pub findings: Vec<FindingChange>,
}

/// A server, client, revision or capability of one capture alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraitChange {
    /// What it is.
    pub of: Trait,
    /// Its name.
    pub value: String,
    /// Whether it is new; else it is gone.
    pub is_new: bool,
}

impl TraitChange {
    /// Whether it breaks what worked.
    #[must_use]
    pub fn is_regression(&self) -> bool {
        !self.is_new && self.of == Trait::ServerCapability
    }
}

/// A finding of one capture alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindingChange {
    /// The code.
    pub code: Code,
    /// How often it was found, before and after. One of them is 0.
    pub counts: [u64; 2],
    /// Whether it may have been in the other capture, too, which is not whole.
    pub is_untold: bool,
}

impl FindingChange {
    /// Whether it is a fault that was not there before.
    #[must_use]
    pub fn is_regression(&self) -> bool {
        let [before, _] = self.counts;
        before == 0
            && !self.is_untold
            && self.code.severity() >= Severity::Warning
            && !self.code.is_about_capture()
    }
}

impl Difference {
    /// Compares two captures.
    #[must_use]
    pub fn between(before: &Profile, after: &Profile) -> Self {
        let (calls, left_out) = call_change::compare(before, after);
        let (offers, uncompared) = offer_change::compare(before, after);
        let both = |of: fn(&Profile) -> u64| [of(before), of(after)];
        Self {
            exchanges: both(|profile| profile.exchanges),
            sessions: both(|profile| profile.sessions),
            missing: [before, after].map(|profile| profile.missing.names().collect()),
            calls,
            left_out,
            offers,
            uncompared,
            traits: traits(before, after),
            findings: findings(before, after),
        }
    }

    /// The number of regressions: what is surely slower or fails more often, what is no longer
    /// offered or no longer fits, faults that are new.
    #[must_use]
    pub fn regressions(&self) -> usize {
        let calls = self.calls.iter().map(CallChange::regressions).sum::<usize>();
        calls
            + self.offers.iter().filter(|change| change.is_regression()).count()
            + self.traits.iter().filter(|change| change.is_regression()).count()
            + self.findings.iter().filter(|change| change.is_regression()).count()
    }

    /// Whether no difference is told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.calls.iter().all(|change| !change.is_told())
            && self.offers.is_empty()
            && self.traits.is_empty()
            && self.findings.is_empty()
    }
}

fn traits(before: &Profile, after: &Profile) -> Vec<TraitChange> {
    let mut changes = Vec::new();
    for of in Trait::ALL {
        let (one, other) = (before.traits.get(&of), after.traits.get(&of));
        // What was not captured is not gone.
        let (Some(one), Some(other)) = (one, other) else { continue };
        let change = |is_new: bool| move |value: &String| TraitChange { of, value: value.clone(), is_new };
        changes.extend(one.difference(other).map(change(false)));
        changes.extend(other.difference(one).map(change(true)));
    }
    changes
}

fn findings(before: &Profile, after: &Profile) -> Vec<FindingChange> {
    let mut counts: BTreeMap<Code, [u64; 2]> = BTreeMap::new();
    for (code, count) in &before.findings {
        counts.entry(*code).or_default()[0] = *count;
    }
    for (code, count) in &after.findings {
        counts.entry(*code).or_default()[1] = *count;
    }
    let change = |(code, counts): (Code, [u64; 2])| {
        let is_untold = match counts {
            [0, _] => before.may_withhold(code),
            [_, 0] => after.may_withhold(code),
            _ => return None,
        };
        Some(FindingChange { code, counts, is_untold })
    };
    let mut changes: Vec<_> = counts.into_iter().filter_map(change).collect();
    changes.sort_by_key(|change| (std::cmp::Reverse(change.code.severity()), change.code));
    changes
}

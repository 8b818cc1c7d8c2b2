//! The rules of `--redact`, applied.

use std::borrow::Cow;

use anyhow::{anyhow, bail};

use super::arguments::redaction::Redaction;
use super::messages;
use super::request::Request;
use crate::base::units;
use crate::check::Issue;
use crate::export::redact::Redactor;
use crate::ledger::Entry;

impl Redaction {
    /// Returns what masks entries; `None` if nothing is to be masked.
    ///
    /// # Errors
    /// There are too many names, or packets would be written as they are.
    pub(super) fn redactor(&self, request: &Request) -> anyhow::Result<Option<Redactor>> {
        if !self.redact.is_empty() && request.keep.is_some() {
            bail!("-w writes packets as they are, which --redact does not mask: leave out one of them");
        }
        Redactor::new(&self.redact).map_err(|error| anyhow!("--redact: {error}"))
    }
}

/// Returns an entry without what the rules mask; the entry itself without rules.
pub(super) fn masked<'a>(redactor: Option<&Redactor>, entry: &'a Entry) -> Cow<'a, Entry> {
    redactor.map_or(Cow::Borrowed(entry), |redactor| Cow::Owned(redactor.redact(entry)))
}

/// Masks what an issue of `check` says.
pub(super) fn mask_issue(redactor: &Redactor, issue: &mut Issue) {
    let Issue { finding, method, name, server, is_known: _ } = issue;
    redactor.redact_finding(finding);
    if let Some(method) = method {
        redactor.redact_call(method, name.as_mut());
    }
    if let Some(server) = server {
        redactor.redact_server(server);
    }
}

/// Prints what was masked.
pub(super) fn report(redactor: Option<&Redactor>) {
    let Some(redactor) = redactor else { return };
    let tally = redactor.tally();
    let counts: Vec<String> = tally.counts().map(|(rule, count)| format!("{rule} {count}")).collect();
    let places = units::several(tally.total(), "place");
    messages::status(&format!("{places} masked: {}", counts.join(", ")));
}

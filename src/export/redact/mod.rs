//! `--redact`: masks what is private before anything is written.
//!
//! Entries are masked before a writer or a ledger takes them, so a format needs to know nothing of
//! it. What records hold of a message (the name of a tool, the text of an error) is masked as its
//! member in the message would be. Filters see what the traffic holds.

mod entry;
mod llm_call;
mod message;
mod path;
mod rules;

use std::sync::Arc;

use self::rules::Rules;
pub use self::rules::{Rule, Tally};
use crate::base::Finding;
use crate::ledger::Entry;

/// Masks parts of entries.
#[derive(Debug)]
pub struct Redactor(Rules);

impl Redactor {
    /// Creates one; `None` without rules.
    ///
    /// # Errors
    /// The rules have too many names.
    pub fn new(rules: &[Rule]) -> Result<Option<Self>, String> {
        if rules.is_empty() { Ok(None) } else { Rules::new(rules).map(|rules| Some(Self(rules))) }
    }

    /// Returns an entry without what the rules mask.
    #[must_use]
    pub fn redact(&self, entry: &Entry) -> Entry {
        let mut entry = entry.clone();
        match &mut entry {
            Entry::LlmCall(call) => llm_call::redact(call, &self.0),
            entry => entry::redact(entry, &self.0),
        }
        entry
    }

    /// Masks the detail of a finding.
    pub fn redact_finding(&self, finding: &mut Finding) {
        entry::finding(finding, &self.0);
    }

    /// Masks the method of a call, and its tool, prompt or resource.
    pub fn redact_call(&self, method: &mut Arc<str>, name: Option<&mut Arc<str>>) {
        entry::call(method, name, &self.0);
    }

    /// Masks the name of a server, which may have its version after it, or its address.
    pub fn redact_server(&self, server: &mut String) {
        entry::server(server, &self.0);
    }

    /// How often each rule masked something. It goes on counting.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.0.tally.clone()
    }
}

#[cfg(test)]
mod tests;

//! The capture that a verdict is about.

use crate::base::{Files, Finding};

/// The capture that a verdict is about.
#[derive(Clone, Debug, Default)]
pub struct Capture<'a> {
    /// Its name: its files.
    pub name: &'a str,
    /// Numbers the packets of several files.
    pub numbering: Files,
}

impl Capture<'_> {
    /// Returns the name of the file that a finding is in, with its directories; the name of the
    /// capture if it is one file, or the finding is about all of it.
    pub(super) fn path_of(&self, finding: &Finding) -> &str {
        finding.at.and_then(|at| self.numbering.path(at.packet)).unwrap_or(self.name)
    }
}

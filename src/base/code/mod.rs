//! The codes of findings, one row each: name, severity, title, why it matters, what the user can
//! do.
//!
//! A new code is a new row in `table`; the enum, its documentation and all look-ups are generated
//! from it.

use std::fmt;

use super::severity::Severity;
use table::TABLE;

pub use rule::{Confidence, Source};
pub use table::{Code, CodeInfo};

impl Code {
    /// Everything known about the code.
    #[must_use]
    pub fn info(self) -> &'static CodeInfo {
        // The macro writes the variants and the rows of TABLE in the same order.
        #[expect(clippy::indexing_slicing, reason = "TABLE has a row for each variant")]
        &TABLE[self as usize]
    }

    /// The stable name, as in `tcp.gap`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// How much it matters.
    #[must_use]
    pub fn severity(self) -> Severity {
        self.info().severity
    }

    /// Every code, in the order of the enum.
    #[must_use]
    pub fn all() -> &'static [CodeInfo] {
        TABLE
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Generates [`Code`] and `TABLE` from the rows.
macro_rules! codes {
    ($($code:ident: $name:literal, $severity:ident,
        title: $title:literal, why: $why:literal, remedy: $remedy:literal;)+) => {
        /// The kind of a finding, with a stable name of the form `layer.what`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = concat!("`", $name, "`: ", $title, ".")] $code,)+
        }

        /// A row for each code, in the order of the enum.
        pub(super) const TABLE: &[CodeInfo] =
            &[$(CodeInfo {
                code: Code::$code,
                name: $name,
                severity: Severity::$severity,
                title: $title,
                why: $why,
                remedy: $remedy,
            }),+];
    };
}

mod rule;
mod table;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_own_row_and_name() {
        for (i, info) in TABLE.iter().enumerate() {
            assert_eq!(info.code as usize, i, "{}", info.name);
            assert!(info.name.split_once('.').is_some(), "{}", info.name);
        }
        let mut names: Vec<_> = TABLE.iter().map(|info| info.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len(), "two codes share a name");
    }

    #[test]
    fn titles_are_phrases_and_the_rest_are_sentences() {
        for info in TABLE {
            assert!(!info.title.ends_with('.'), "{}", info.name);
            assert!(info.why.ends_with('.') && info.remedy.ends_with('.'), "{}", info.name);
        }
    }
}
